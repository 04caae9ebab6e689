//! How a network is trained.

use serde::{Deserialize, Serialize};

use crate::data::Augment;

/// Weight of each auxiliary head's loss in training.
///
/// Source: Szegedy et al. 2014, "Going Deeper with Convolutions", section 5.
pub const AUX_WEIGHT: f64 = 0.3;

/// Everything that decides how a network is trained, besides the images and the seed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Passes over the training images.
    pub epochs: usize,
    /// Images a step, at least 2: batch norm needs a variance.
    pub batch: usize,
    /// Learning rate at the end of the warm-up.
    pub peak_learning_rate: f64,
    /// Share of all steps spent warming up, 0 to 1.
    pub warmup: f64,
    /// Nesterov momentum, 0 to 1.
    pub momentum: f64,
    /// L2 decay of convolution and linear weights.
    pub weight_decay: f64,
    /// Share of the target spread evenly over all classes, 0 to 1.
    pub label_smoothing: f64,
    /// How training images are varied.
    pub augment: Augment,
}
