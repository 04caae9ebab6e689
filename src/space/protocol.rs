//! How every candidate of a run is trained and scored.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::file::Rung;
use super::ranges;

/// How training images are varied. Every image is also flipped left to right with probability 1/2 if `flip` is set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Augmentation {
    /// How the input window is cut.
    pub crop: Crop,
    /// Whether to flip at random.
    pub flip: bool,
}

/// How the input window is cut from a training image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Crop {
    /// The whole image.
    None,
    /// Shifted by up to 1/8 of the side in each direction, edges repeated.
    Shift,
    /// A window of 35 to 100 % of the area and aspect ratio 3/4 to 4/3, resized bilinearly.
    Resized,
}

/// The `[protocol]` section of a space file, checked: the brief training that every candidate gets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// Side of the square input in pixels, from 32: of the paper's network, and of all others unless the space lists several.
    #[schemars(range(min = *ranges::RESOLUTION.start(), max = *ranges::RESOLUTION.end()))]
    pub resolution: usize,
    /// Training images per epoch at the most; the first ones of the training split.
    #[schemars(range(min = *ranges::TRAIN_IMAGES.start(), max = *ranges::TRAIN_IMAGES.end()))]
    pub train_images: usize,
    /// Validation images at the most; the first ones of the validation split.
    #[schemars(range(min = *ranges::VALIDATION_IMAGES.start(), max = *ranges::VALIDATION_IMAGES.end()))]
    pub validation_images: usize,
    /// Passes over the training images.
    #[schemars(range(min = *ranges::EPOCHS.start(), max = *ranges::EPOCHS.end()))]
    pub epochs: usize,
    /// Images a step.
    #[schemars(range(min = *ranges::BATCH.start(), max = *ranges::BATCH.end()))]
    pub batch: usize,
    /// Learning rate at the end of the warm-up.
    #[schemars(range(min = *ranges::LEARNING_RATE.start(), max = *ranges::LEARNING_RATE.end()))]
    pub peak_learning_rate: f64,
    /// Share of all steps spent warming up, 0 to 1.
    #[schemars(range(min = *ranges::SHARE.start(), max = *ranges::SHARE.end()))]
    pub warmup: f64,
    /// Nesterov momentum, 0 to 1.
    #[schemars(range(min = *ranges::BELOW_ONE.start(), max = *ranges::BELOW_ONE.end()))]
    pub momentum: f64,
    /// L2 decay of convolution and linear weights, not of batch norm or biases.
    #[schemars(range(min = *ranges::SHARE.start(), max = *ranges::SHARE.end()))]
    pub weight_decay: f64,
    /// Label smoothing, 0 to 1.
    #[schemars(range(min = *ranges::BELOW_ONE.start(), max = *ranges::BELOW_ONE.end()))]
    pub label_smoothing: f64,
    /// Whether candidates train with the two auxiliary heads.
    pub aux_heads: bool,
    /// How training images are varied.
    pub augmentation: Augmentation,
}

impl Protocol {
    /// How long the training is.
    pub fn rung(&self) -> Rung {
        Rung { train_images: self.train_images, epochs: self.epochs }
    }
}
