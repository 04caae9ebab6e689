//! The training loop.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};

use dfdx::prelude::*;

use super::images::{Varied, keep, load};
use super::loss::{UnreadValues, Values, loss};
use super::optimizer::Sgd;
use super::recipe::Recipe;
use super::schedule::learning_rate_share;
use crate::data::{Batch, Dataset, NotAtHand, epoch_order};
use crate::net::GoogLeNet;
use crate::ops::{Engine, OpError};

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
    /// There are no images of the size that the network is for.
    #[error(transparent)]
    NotAtHand(#[from] NotAtHand),
    /// An operation failed.
    #[error(transparent)]
    Op(#[from] OpError),
}

/// Fits `network` to the images `images` of `dataset` and returns the mean loss of each epoch, in nats: the main head's,
/// with label smoothing.
///
/// Every epoch visits the images in a new order, in whole batches: an incomplete last batch is left out, unless it is the
/// only one. `seed` decides order, augmentation and dropout. `stop` is read before each step; `watch` hears of each step, of several
/// at once where the engine computes ahead.
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
    let (mut batch, mut unread) = (Batch::default(), Vec::new());
    let mut epoch_losses = Vec::new();
    keep(network.engine(), dataset, images)?;

    for epoch in 0..recipe.epochs {
        let order = epoch_order(images, seed, epoch as u64);
        let mut losses = 0.0;
        for (position, indices) in order.chunks(recipe.batch).take(batches).enumerate() {
            if stop.load(Ordering::Relaxed) {
                return Err(FitError::Stopped);
            }
            let step = epoch * batches + position;
            let varied = Varied { augment: &recipe.augment, seed, epoch: epoch as u64 };
            let images = load(network.engine(), dataset, indices, Some(varied), &mut batch)?;

            let output = network.forward_train(images.leaky_traced(), Some(dropout_seed(seed, step)))?;
            let loss = loss(output.logits, output.aux_logits, &batch.labels, recipe.label_smoothing)?;
            unread.push(loss.values());
            let last = position + 1 == batches;
            let read = if last || unread.len() == E::STEPS_AHEAD { mem::take(&mut unread) } else { Vec::new() };
            let read: Vec<Values> = read.into_iter().map(UnreadValues::read).collect();
            if let Some(values) = read.iter().find(|values| !values.total.is_finite() || values.total > bound) {
                return Err(FitError::Diverged { epoch: epoch + 1, loss: values.total });
            }
            let gradients = loss.total.try_backward().map_err(OpError::device)?;
            let rate = recipe.peak_learning_rate * learning_rate_share(step, steps, recipe.warmup);
            network.visit(&mut sgd.step(rate, gradients))?;

            for (values, ahead) in read.iter().zip((0..read.len()).rev()) {
                losses += values.main;
                watch(Progress {
                    fraction: (step + 1 - ahead) as f64 / steps as f64,
                    loss: values.main,
                    epoch_done: (last && ahead == 0).then_some((epoch + 1, losses / batches as f64)),
                });
            }
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

/// Another value for each step of a training: SplitMix64's sequence of states.
fn dropout_seed(seed: u64, step: usize) -> u64 {
    seed.wrapping_add((step as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Architecture;
    use crate::data::{Augment, Crop, Split, synthetic};
    use crate::ops::Gemm;
    use crate::train::measure;

    const RECIPE: Recipe = Recipe {
        epochs: 6,
        batch: 16,
        peak_learning_rate: 0.05,
        warmup: 0.1,
        momentum: 0.9,
        weight_decay: 5e-4,
        label_smoothing: 0.05,
        augment: Augment { crop: Crop::Shift, flip: true },
    };

    fn network(seed: u64) -> GoogLeNet<Gemm> {
        let architecture = Architecture::googlenet_scaled(0.05, 2, true).unwrap();
        GoogLeNet::new(Gemm::new(), &architecture, seed).unwrap()
    }

    /// Fits to the first `images` training images of an easy set; the network and the outcome.
    fn train(recipe: &Recipe, images: usize, seed: u64) -> (GoogLeNet<Gemm>, Dataset, Result<Vec<f64>, FitError>) {
        let (mut network, set) = (network(seed), synthetic(320, 32, 0.0, 1).unwrap());
        let images = set.split(Split::Train)[..images].to_vec();
        let losses = fit(&mut network, &set, &images, recipe, seed, &AtomicBool::new(false), &mut |_| ());
        (network, set, losses)
    }

    #[test]
    fn learns_its_training_images() {
        let set = synthetic(320, 32, 0.0, 1).unwrap();
        let images = &set.split(Split::Train)[..64];
        let architecture = Architecture::googlenet_scaled(0.25, 2, false).unwrap();
        let mut network = GoogLeNet::new(Gemm::new(), &architecture, 1).unwrap();
        let augment = Augment { crop: Crop::None, flip: false };
        let recipe = Recipe { epochs: 60, batch: 32, peak_learning_rate: 0.005, augment, ..RECIPE };
        let losses = fit(&mut network, &set, images, &recipe, 1, &AtomicBool::new(false), &mut |_| ()).unwrap();
        // Dropout and small batches make single epochs noisy.
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
        assert!(mean(&losses[50..]) < mean(&losses[..10]), "{losses:?}");
        let measured = measure(&network, &set, images, 7, |label| label).unwrap();
        assert!(measured.accuracy > 0.7, "{measured:?}");
    }

    #[test]
    fn gives_the_same_bits_every_time_and_others_for_another_seed() {
        let recipe = Recipe { epochs: 2, ..RECIPE };
        let logits = |seed| {
            let (network, set, losses) = train(&recipe, 48, seed);
            let mut batch = Batch::default();
            let images = load(network.engine(), &set, set.split(Split::Validation), None, &mut batch).unwrap();
            let logits: Vec<u32> = network.forward(images).unwrap().as_vec().into_iter().map(f32::to_bits).collect();
            (losses.unwrap(), logits)
        };
        assert_eq!(logits(3), logits(3));
        assert_ne!(logits(3), logits(4));
    }

    #[test]
    fn divergence_is_reported_at_once() {
        let (_, _, losses) = train(&Recipe { peak_learning_rate: 1e9, ..RECIPE }, 200, 1);
        assert!(matches!(losses, Err(FitError::Diverged { epoch: 1, .. })), "{losses:?}");
    }

    #[test]
    fn progress_counts_whole_batches_and_stops_when_told() {
        let (mut network, set) = (network(1), synthetic(80, 32, 0.0, 1).unwrap());
        let images = &set.split(Split::Train)[..40];
        let recipe = Recipe { epochs: 2, ..RECIPE };
        let (stop, mut seen) = (AtomicBool::new(false), Vec::new());
        let losses = fit(&mut network, &set, images, &recipe, 1, &stop, &mut |progress| seen.push(progress)).unwrap();
        assert_eq!(seen.iter().map(|progress| progress.fraction).collect::<Vec<_>>(), [0.25, 0.5, 0.75, 1.0]);
        assert_eq!(seen[0].epoch_done, None);
        assert_eq!(seen[3].epoch_done, Some((2, losses[1])));
        assert_eq!(losses[0], (seen[0].loss + seen[1].loss) / 2.0);

        let mut steps = 0;
        let stopped = fit(&mut network, &set, images, &recipe, 1, &stop, &mut |_| {
            steps += 1;
            stop.store(true, Ordering::Relaxed);
        });
        assert_eq!((stopped, steps), (Err(FitError::Stopped), 1));
    }

    #[test]
    fn a_batch_larger_than_the_set_is_the_whole_set() {
        let (_, _, losses) = train(&Recipe { epochs: 1, batch: 64, ..RECIPE }, 5, 1);
        assert_eq!(losses.unwrap().len(), 1);
    }

    #[test]
    fn refuses_what_cannot_be_trained() {
        let (_, _, losses) = train(&RECIPE, 1, 1);
        assert_eq!(losses, Err(FitError::SingleImage { images: 1, batch: 16 }));
        let (_, _, losses) = train(&Recipe { batch: 1, ..RECIPE }, 20, 1);
        assert_eq!(losses, Err(FitError::SingleImage { images: 20, batch: 1 }));
        let architecture = Architecture::googlenet_scaled(0.05, 3, false).unwrap();
        let mut network = GoogLeNet::new(Gemm::new(), &architecture, 1).unwrap();
        let set = synthetic(40, 32, 0.0, 1).unwrap();
        let losses = fit(&mut network, &set, &set.all(), &RECIPE, 1, &AtomicBool::new(false), &mut |_| ());
        assert_eq!(losses, Err(FitError::Classes { network: 3, dataset: 2 }));
    }
}
