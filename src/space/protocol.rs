//! How every candidate of a run is trained and scored.

use serde::{Deserialize, Serialize};

use super::file::Rung;

/// How training images are varied. Every image is also flipped left to right with probability 1/2 if `flip` is set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augmentation {
    /// How the input window is cut.
    pub crop: Crop,
    /// Whether to flip at random.
    pub flip: bool,
}

/// How the input window is cut from a training image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// Side of the square input in pixels, from 32: of the paper's network, and of all others unless the space lists several.
    pub resolution: usize,
    /// Training images per epoch at the most; the first ones of the training split.
    pub train_images: usize,
    /// Validation images at the most; the first ones of the validation split.
    pub validation_images: usize,
    /// Passes over the training images.
    pub epochs: usize,
    /// Images a step.
    pub batch: usize,
    /// Learning rate at the end of the warm-up.
    pub peak_learning_rate: f64,
    /// Share of all steps spent warming up, 0 to 1.
    pub warmup: f64,
    /// Nesterov momentum, 0 to 1.
    pub momentum: f64,
    /// L2 decay of convolution and linear weights, not of batch norm or biases.
    pub weight_decay: f64,
    /// Label smoothing, 0 to 1.
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
