//! A made-up task that scores a network without training it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use super::ports::Evaluator;
use super::trial::{Failure, Job, Outcome, Score};
use crate::arch::Architecture;
use crate::space::Rng;

/// What goes wrong with a job on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The training reports an error.
    Error,
    /// The training diverges in its first epoch.
    Diverge,
    /// The training panics.
    Panic,
}

/// Stands in for training, in microseconds: every width has a best value, and the error grows with the distance of the
/// widths from their best values. Some widths matter a lot and some hardly at all, so that networks of equal cost differ
/// and there is something to be found that uniform scaling cannot find.
///
/// Only exactly rounded operations are used, so scores are the same on every platform.
#[derive(Clone, Debug)]
pub struct Landscape {
    optimum: Vec<f64>,
    weights: Vec<f64>,
    noise: f64,
    faults: BTreeMap<usize, Fault>,
}

impl Landscape {
    /// The error at the best widths.
    pub const LEAST_ERROR: f64 = 0.05;

    /// A landscape drawn from `seed`, whose best widths are 0.5 to 1.5 times those of `around`. A measured accuracy is
    /// off by up to `noise` either way, as a function of the job's seed.
    pub fn new(seed: u64, around: &Architecture, noise: f64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = Rng::from_seed(bytes);
        let widths = around.widths();
        let optimum = widths.iter().map(|(_, width)| *width as f64 * (0.5 + rng.unit())).collect();
        // The cube makes most weights small and a few large.
        let raw: Vec<f64> = widths.iter().map(|_| rng.unit()).map(|u| u * u * u).collect();
        let sum: f64 = raw.iter().sum();
        Self { optimum, weights: raw.iter().map(|weight| weight / sum).collect(), noise, faults: BTreeMap::new() }
    }

    /// The same with a fault in the job of each given index.
    #[must_use]
    pub fn with_faults(mut self, faults: impl IntoIterator<Item = (usize, Fault)>) -> Self {
        self.faults.extend(faults);
        self
    }

    /// The error of a network without noise: [`Self::LEAST_ERROR`] at the best widths, towards 0.5 far from them.
    pub fn error(&self, architecture: &Architecture) -> f64 {
        let widths = architecture.widths();
        let terms = widths.iter().zip(&self.optimum).zip(&self.weights).map(|(((_, width), best), weight)| {
            // About half the logarithm of their ratio.
            let distance = (*width as f64 - best) / (*width as f64 + best);
            weight * distance * distance
        });
        let distance: f64 = terms.sum::<f64>() * 8.0;
        Self::LEAST_ERROR + (0.5 - Self::LEAST_ERROR) * distance / (1.0 + distance)
    }
}

impl Evaluator for Landscape {
    fn evaluate(&self, job: &Job, progress: &dyn Fn(f64, f64), stop: &AtomicBool) -> Option<(Outcome, f64)> {
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        let failure = match self.faults.get(&job.index) {
            None => None,
            Some(Fault::Error) => Some(Failure::Error { message: format!("fault in trial {}", job.index) }),
            Some(Fault::Diverge) => Some(Failure::Diverged { epoch: 1, loss: "NaN".to_owned() }),
            Some(Fault::Panic) => panic!("fault in trial {}", job.index),
        };
        if let Some(failure) = failure {
            return Some((Outcome::Failed(failure), 0.0));
        }
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&job.seed.to_le_bytes());
        let luck = self.noise * (2.0 * Rng::from_seed(bytes).unit() - 1.0);
        let error = (self.error(&job.architecture) + luck).clamp(0.0, 1.0);
        progress(1.0, error);
        let score = Score {
            accuracy: 1.0 - error,
            accuracy_se: (error * (1.0 - error) / 1000.0).sqrt(),
            validation_loss: error,
            training_loss_sum: error * job.fidelity.epochs as f64,
        };
        Some((Outcome::Done(score), 0.0))
    }
}
