//! How strongly a loss pulls at the weights.

use dfdx::prelude::*;

use super::weights::OverWeights;
use crate::arch::Architecture;
use crate::net::GoogLeNet;
use crate::ops::{Engine, Maps, OpError};
use crate::train::loss;

/// The sum over layers of the Euclidean norm of the gradient of the mean cross-entropy by their weights.
///
/// `images: [N, H, W, 3]`, `labels: [N]`; batch norm uses the statistics of the batch.
///
/// # Errors
/// [`OpError`] if the images are too small, labels do not fit, or the device refuses.
pub fn grad_norm<E: Engine>(
    engine: E,
    architecture: &Architecture,
    seed: u64,
    images: Maps<E::Device>,
    labels: &[usize],
) -> Result<f64, OpError> {
    norms(GoogLeNet::new(engine, &architecture.clone().with_aux_heads(false), seed)?, images, labels)
}

pub(super) fn norms<E: Engine>(
    mut network: GoogLeNet<E>,
    images: Maps<E::Device>,
    labels: &[usize],
) -> Result<f64, OpError> {
    let output = network.forward_train(images.leaky_traced(), None)?;
    let loss = loss(output.logits, output.aux_logits, labels, 0.0)?;
    let gradients = loss.total.try_backward().map_err(OpError::device)?;
    let mut norms = OverWeights { gradients: &gradients, score: |_, gradient| norm(gradient), sum: 0.0 };
    network.visit(&mut norms)?;
    Ok(norms.sum)
}

fn norm(values: &[f32]) -> f64 {
    values.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt()
}
