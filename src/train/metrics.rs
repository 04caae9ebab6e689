//! How good a network is on images it was not fitted to.

use serde::{Deserialize, Serialize};

use super::images::load;
use crate::data::{Batch, Dataset};
use crate::net::GoogLeNet;
use crate::ops::{Engine, OpError};

/// What was measured on a set of labelled images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Number of images.
    pub images: usize,
    /// Share classified right, 0 to 1.
    pub accuracy: f64,
    /// Binomial standard error of `accuracy`.
    pub accuracy_se: f64,
    /// Mean cross-entropy in nats, without label smoothing.
    pub loss: f64,
}

/// Measures `network` on the images `indices` of `dataset`, `batch` at a time, without augmentation.
///
/// `class_of` turns a label of the data set into a class of the network; where both count alike it is `|label| label`.
///
/// # Errors
/// [`OpError`] if the images are too small for the network, or the device refuses.
pub fn measure<E: Engine>(
    network: &GoogLeNet<E>,
    dataset: &Dataset,
    indices: &[u32],
    batch: usize,
    class_of: impl Fn(usize) -> usize,
) -> Result<Measurement, OpError> {
    Ok(tally(network, dataset, indices, batch, class_of)?.measurement())
}

/// For each of the images `indices` of `dataset` whether `network` classifies it right; as [`measure`].
///
/// # Errors
/// As [`measure`].
pub fn right_answers<E: Engine>(
    network: &GoogLeNet<E>,
    dataset: &Dataset,
    indices: &[u32],
    batch: usize,
) -> Result<Vec<bool>, OpError> {
    Ok(tally(network, dataset, indices, batch, |label| label)?.right)
}

fn tally<E: Engine>(
    network: &GoogLeNet<E>,
    dataset: &Dataset,
    indices: &[u32],
    batch: usize,
    class_of: impl Fn(usize) -> usize,
) -> Result<Tally, OpError> {
    let mut tally = Tally::default();
    let mut images = Batch::default();
    for indices in indices.chunks(batch.max(1)) {
        let maps = load(network.engine(), dataset, indices, None, &mut images)?;
        let labels: Vec<usize> = images.labels.iter().map(|&label| class_of(label)).collect();
        let logits = network.forward(maps)?;
        tally.add(&logits.as_vec(), &labels);
    }
    Ok(tally)
}

/// Binomial standard error of a share measured on `images` images.
///
/// As the formula has it, 0 for a share of exactly 0 or 1.
pub fn standard_error(share: f64, images: usize) -> f64 {
    (share * (1.0 - share) / images.max(1) as f64).sqrt()
}

/// Running totals over batches.
#[derive(Default)]
struct Tally {
    /// Whether each image was classified right.
    right: Vec<bool>,
    loss: f64,
}

impl Tally {
    /// Counts a batch: `logits: [N, classes]`, `labels: [N]`.
    fn add(&mut self, logits: &[f32], labels: &[usize]) {
        let classes = logits.len() / labels.len().max(1);
        for (logits, &label) in logits.chunks_exact(classes.max(1)).zip(labels) {
            self.right.push(is_right(logits, label));
            self.loss += cross_entropy(logits, label);
        }
    }

    fn measurement(&self) -> Measurement {
        let images = self.right.len();
        let share = |total: f64| total / images.max(1) as f64;
        let accuracy = share(self.right.iter().filter(|right| **right).count() as f64);
        Measurement { images, accuracy, accuracy_se: standard_error(accuracy, images), loss: share(self.loss) }
    }
}

/// Whether the label's logit is larger than every other. A tie is an error, and so is NaN: a network that answers the same
/// for everything must not score by the order of the classes.
fn is_right(logits: &[f32], label: usize) -> bool {
    logits.iter().enumerate().all(|(class, &logit)| class == label || logits[label] > logit)
}

/// `ln(sum exp(logits)) - logits[label]`, in f64 and without overflow.
fn cross_entropy(logits: &[f32], label: usize) -> f64 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&logit| f64::from(logit - largest).exp()).sum();
    sum.ln() + f64::from(largest) - f64::from(logits[label])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_averages_over_batches_of_any_size() {
        let mut tally = Tally::default();
        tally.add(&[0.0, 3.0f32.ln(), 2.0f32.ln(), 0.0], &[1, 1]);
        tally.add(&[1000.0, 0.0], &[0]);
        let measured = tally.measurement();
        assert_eq!((measured.images, tally.right), (3, vec![true, false, true]));
        assert!((measured.accuracy - 2.0 / 3.0).abs() < 1e-12);
        let expected = ((4.0f64 / 3.0).ln() + 3.0f64.ln() + 0.0) / 3.0;
        assert!((measured.loss - expected).abs() < 1e-6, "{}", measured.loss);
        assert!((measured.accuracy_se - (2.0f64 / 27.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn the_standard_error_is_the_binomial_one() {
        assert!((standard_error(0.85, 2000) - 0.00798).abs() < 1e-5);
        assert_eq!(standard_error(1.0, 10), 0.0);
    }

    #[test]
    fn ties_and_nan_are_not_right() {
        assert!(!is_right(&[0.5, 0.5], 0));
        assert!(!is_right(&[f32::NAN, 0.0], 0));
        assert!(!is_right(&[f32::NAN, 0.0], 1));
        assert!(cross_entropy(&[f32::NAN, 0.0], 1).is_nan());
        assert!(cross_entropy(&[f32::INFINITY, 0.0], 1).is_nan());
    }
}
