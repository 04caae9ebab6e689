//! Which numbers a space file may give: what the check holds them against, and what the schema tells editors.
//!
//! Upper bounds without a reason beside them only catch slips of the finger.

use std::ops::RangeInclusive;

use crate::arch::{MAX_RESOLUTION, MIN_RESOLUTION};

/// The paper's widest layer has 384 channels; eight times as many are still an architecture.
pub(super) const RATIO: RangeInclusive<f64> = 0.01..=8.0;
pub(super) const STEPS_PER_OCTAVE: RangeInclusive<u32> = 1..=16;
/// Widths have to be a multiple of this, so that no lane of a vector register is wasted.
pub(super) const WIDTH_UNIT: i64 = 4;

pub(super) const LATENCY_MS: RangeInclusive<f64> = 0.001..=100_000.0;
/// Images that a network may be timed with at once.
pub const LATENCY_BATCH: RangeInclusive<usize> = 1..=1024;

pub(super) const RESOLUTION: RangeInclusive<usize> = MIN_RESOLUTION..=MAX_RESOLUTION;
/// Images of a training.
pub const TRAIN_IMAGES: RangeInclusive<usize> = 1..=1_000_000_000;
pub(super) const VALIDATION_IMAGES: RangeInclusive<usize> = 1..=1_000_000_000;
/// Passes of a training over its images.
pub const EPOCHS: RangeInclusive<usize> = 1..=100_000;
/// Batch norm needs two images to have a variance.
pub(super) const BATCH: RangeInclusive<usize> = 2..=65_536;
pub(super) const LEARNING_RATE: RangeInclusive<f64> = 1e-9..=100.0;
pub(super) const SHARE: RangeInclusive<f64> = 0.0..=1.0;
/// At 1 momentum would never fade, and smoothed labels would say nothing.
pub(super) const BELOW_ONE: RangeInclusive<f64> = 0.0..=0.9999;

/// TOML has no larger integers.
pub const SEED: RangeInclusive<u64> = 0..=i64::MAX as u64;
pub(super) const TRIALS: RangeInclusive<usize> = 1..=1_000_000;
pub(super) const POPULATION: RangeInclusive<usize> = 2..=100_000;
/// Nor more than the population.
pub(super) const SAMPLE: RangeInclusive<usize> = 1..=*POPULATION.end();
pub(super) const CANDIDATES: RangeInclusive<usize> = 1..=100;
pub(super) const ETA: RangeInclusive<usize> = 2..=100;
pub(super) const WINDOW: RangeInclusive<usize> = 1..=1024;
pub(super) const MAX_FAILURES: RangeInclusive<usize> = 1..=1_000_000;
pub(super) const MAX_SECONDS: RangeInclusive<u64> = 1..=1_000_000_000;

pub(super) const ERROR: RangeInclusive<f64> = 0.001..=1.0;
pub(super) const MACS_RATIO: RangeInclusive<f64> = 0.001..=1000.0;
