//! How differently a network sees different images.

use std::cell::RefCell;

use dfdx::prelude::*;

use super::unit::{Unit, WithUnit};
use crate::arch::Architecture;
use crate::net::GoogLeNet;
use crate::ops::{ConvBn, Engine, Maps, Moments, OpError};
use crate::stats::Cholesky;

/// The natural logarithm of the determinant of the matrix that says for each two images at how many ReLUs of the network both
/// are let through or both are not. `None` if it has none: the network cannot tell some of the images apart.
///
/// `images: [N, H, W, 3]`; batch norm uses their own statistics.
///
/// Source: Mellor et al. 2021, "Neural architecture search without training", equation 2 and section 3.
///
/// # Errors
/// [`OpError`] if the images are too small, or the device refuses.
pub fn naswot<E: Engine>(
    engine: E,
    architecture: &Architecture,
    seed: u64,
    images: Maps<E::Device>,
) -> Result<Option<f64>, OpError> {
    log_determinant(WithUnit::network(engine, Watching::default(), architecture, seed)?, images)
}

pub(super) fn log_determinant<E: Engine>(
    mut network: GoogLeNet<WithUnit<E, Watching>>,
    images: Maps<E::Device>,
) -> Result<Option<f64>, OpError> {
    network.forward_train(images.leaky_traced(), None)?;
    let agreements = network.engine().unit.0.take();
    // Exactly; rounding would leave equal rows a determinant.
    if agreements.iter().enumerate().any(|(i, row)| row[..i].contains(&row[i])) {
        return Ok(None);
    }
    let rows = agreements.iter().map(|row| row.iter().map(|&count| count as f64).collect());
    Ok(Cholesky::of(rows.collect()).map(|factor| factor.log_determinant()))
}

/// The usual unit, which counts for each two images of the batch how many ReLUs treat them alike: row `i` has an entry for
/// each image up to `i`, itself included.
#[derive(Default)]
pub(super) struct Watching(RefCell<Vec<Vec<u64>>>);

impl Unit for Watching {
    fn pass<E: Engine, T: Tape<f32, E::Device>>(
        &self,
        engine: &E,
        x: Maps<E::Device, T>,
        layer: &ConvBn<'_, E::Device>,
    ) -> Result<(Maps<E::Device, T>, Moments<E::Device>), OpError> {
        let (y, moments) = engine.conv_bn_relu_train(x, layer)?;
        let (images, height, width, channels) = *y.shape();
        let relus = height * width * channels;
        let codes: Vec<Vec<u64>> = y.as_vec().chunks_exact(relus).map(code).collect();
        let mut agreements = self.0.borrow_mut();
        agreements.resize(images, Vec::new());
        for (i, row) in agreements.iter_mut().enumerate() {
            row.resize(i + 1, 0);
            for (sum, other) in row.iter_mut().zip(&codes) {
                let different: u64 = codes[i].iter().zip(other).map(|(a, b)| u64::from((a ^ b).count_ones())).sum();
                *sum += relus as u64 - different;
            }
        }
        drop(agreements);
        Ok((y, moments))
    }
}

/// A bit for each value: whether it is positive.
fn code(values: &[f32]) -> Vec<u64> {
    let word = |values: &[f32]| values.iter().enumerate().fold(0, |word, (i, &it)| word | u64::from(it > 0.0) << i);
    values.chunks(64).map(word).collect()
}
