//! The training loop.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};

use dfdx::prelude::*;

use super::loss::loss;
use super::optimizer::Sgd;
use super::recipe::Recipe;
use super::schedule::learning_rate_share;
use crate::data::{Batch, Dataset, epoch_order};
use crate::net::GoogLeNet;
use crate::ops::{Engine, Maps, OpError};

/// A training has diverged when its loss exceeds that of guessing evenly this many times.
const DIVERGENCE_FACTOR: f64 = 20.0;

/// How far a training has got, after each step.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Share done, 0 to 1.
    pub fraction: f64,
    /// The main head's loss in this step, in nats.
    pub loss: f64,
    /// At the last step of an epoch: that epoch, from 1, and its mean loss.
    pub epoch_done: Option<(usize, f64)>,
}

/// Why a training did not come to its end.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FitError {
    /// The loss became NaN, infinite, or far larger than that of guessing.
    #[error("diverged in epoch {epoch}: loss {loss}; lower the learning rate")]
    Diverged {
        /// Epoch, from 1.
        epoch: usize,
        /// The loss to be minimised, auxiliary heads included.
        loss: f64,
    },
    /// The stop flag was set.
    #[error("stopped")]
    Stopped,
    /// A step would see a single image.
    #[error("{images} training images in batches of {batch}: batch norm needs at least 2 images a step")]
    SingleImage {
        /// Training images.
        images: usize,
        /// Images a step.
        batch: usize,
    },
    /// The network tells apart another number of classes than the data set has.
    #[error("the network has {network} classes, the data set {dataset}")]
    Classes {
        /// Classes of the network.
        network: usize,
        /// Classes of the data set.
        dataset: usize,
    },
    /// An operation failed.
    #[error(transparent)]
    Op(#[from] OpError),
}

/// Fits `network` to the images `images` of `dataset` and returns the mean loss of each epoch, in nats: the main head's,
/// with label smoothing.
///
/// Every epoch visits the images in a new order, in whole batches: an incomplete last batch is left out, unless it is the
/// only one. `seed` decides order, augmentation and dropout. `stop` is read before each step; `watch` hears of each step.
///
/// # Errors
/// [`FitError`].
pub fn fit<E: Engine>(
    network: &mut GoogLeNet<E>,
    dataset: &Dataset,
    images: &[u32],
    recipe: &Recipe,
    seed: u64,
    stop: &AtomicBool,
    watch: &mut dyn FnMut(Progress),
) -> Result<Vec<f64>, FitError> {
    check(network.architecture().classes(), dataset, images, recipe)?;
    let batches = (images.len() / recipe.batch).max(1);
    let steps = recipe.epochs * batches;
    let bound = DIVERGENCE_FACTOR * (dataset.classes().len() as f64).ln();
    let mut sgd = Sgd::new(recipe.momentum, recipe.weight_decay);
    let mut batch = Batch::default();
    let mut epoch_losses = Vec::with_capacity(recipe.epochs);

    for epoch in 0..recipe.epochs {
        let order = epoch_order(images, seed, epoch);
        let mut losses = 0.0;
        for (position, indices) in order.chunks(recipe.batch).take(batches).enumerate() {
            if stop.load(Ordering::Relaxed) {
                return Err(FitError::Stopped);
            }
            let step = epoch * batches + position;
            dataset.fill(indices, Some(&recipe.augment), seed, epoch, &mut batch);
            let pixels = maps(network.device(), &mut batch, dataset.resolution())?;

            let output = network.forward_train(pixels, dropout_seed(seed, step))?;
            let loss = loss(output.logits, output.aux_logits, &batch.labels, recipe.label_smoothing)?;
            if !loss.value.is_finite() || loss.value > bound {
                return Err(FitError::Diverged { epoch: epoch + 1, loss: loss.value });
            }
            let gradients = loss.total.try_backward().map_err(OpError::device)?;
            let rate = recipe.peak_learning_rate * learning_rate_share(step, steps, recipe.warmup);
            network.visit(&mut sgd.step(rate, gradients))?;

            losses += loss.main;
            let last = position + 1 == batches;
            watch(Progress {
                fraction: (step + 1) as f64 / steps as f64,
                loss: loss.main,
                epoch_done: last.then_some((epoch + 1, losses / batches as f64)),
            });
        }
        epoch_losses.push(losses / batches as f64);
    }
    Ok(epoch_losses)
}

fn check(classes: usize, dataset: &Dataset, images: &[u32], recipe: &Recipe) -> Result<(), FitError> {
    if images.len() < 2 || recipe.batch < 2 {
        return Err(FitError::SingleImage { images: images.len(), batch: recipe.batch });
    }
    if classes != dataset.classes().len() {
        return Err(FitError::Classes { network: classes, dataset: dataset.classes().len() });
    }
    Ok(())
}

/// Moves a batch's pixels onto a device: `[N, resolution, resolution, 3]`.
pub(super) fn maps<D: Device<f32>>(device: &D, batch: &mut Batch, resolution: usize) -> Result<Maps<D>, OpError> {
    let shape = (batch.labels.len(), resolution, resolution, 3);
    device.try_tensor_from_vec(mem::take(&mut batch.pixels), shape).map_err(OpError::device)
}

/// Another value for each step of a training: SplitMix64's sequence of states.
fn dropout_seed(seed: u64, step: usize) -> u64 {
    seed.wrapping_add((step as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}
