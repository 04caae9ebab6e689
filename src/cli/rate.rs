//! How fast training steps go on this machine.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use serde::Serialize;

use super::Failure;
use super::profile::Step;
use crate::arch::{Architecture, LayerKind};
use crate::data::{Augment, Crop, synthetic};
use crate::net::GoogLeNet;
use crate::ops::{Engine, Timeline};
use crate::stats::median;
use crate::train::{Recipe, fit};

/// Steps before the timing starts.
const WARM_UP: usize = 2;

/// Steps as long as these are on the mean.
fn even(steps: Vec<Step>) -> Vec<Step> {
    let (Some(first), Some(last)) = (steps.first(), steps.last()) else { return steps };
    let (begin, step) = (first.begin, (last.end - first.begin) / steps.len() as u32);
    let at = |i: usize| begin + step * i as u32;
    (0..steps.len()).map(|i| Step { begin: at(i), end: at(i + 1), marks: Vec::new() }).collect()
}

/// What is timed.
pub(super) struct Workload<'a> {
    pub(super) architecture: &'a Architecture,
    /// Side of the input in pixels.
    pub(super) size: usize,
    /// Images a step, from 2.
    pub(super) batch: usize,
    /// Steps timed, from 1, after some to warm up.
    pub(super) steps: usize,
}

/// The figures, under the names that other programs' benchmarks of the same step use.
#[derive(Debug, Serialize)]
pub(super) struct Rate {
    /// Of whole training steps: forward, loss, backward, update. From the median step.
    pub(super) images_per_s: f64,
    /// Of all convolutions, auxiliary heads included if trained.
    pub(super) macs_per_image: u64,
    /// 6 x MACs x images/s: a multiply-add is two operations, and backward costs twice as much as forward.
    pub(super) gflops: f64,
}

impl Workload<'_> {
    /// The training steps timed on `engine`; with the marks of a timeline if a profile is wanted.
    ///
    /// # Errors
    /// [`Failure::Usage`] if there can be no such images, [`Failure::Failed`] if the training fails.
    pub(super) fn time<E: Engine>(&self, engine: E, profile: bool) -> Result<Vec<Step>, Failure> {
        // Where losses are read for several steps at once, steps go on while the host is ahead, and only the time from one
        // reading to another is one of steps. A timeline waits for every module in any case.
        let ahead = if profile { 1 } else { E::STEPS_AHEAD };
        let warm_up = if ahead > 1 { ahead } else { WARM_UP };
        let steps = warm_up + self.steps;
        let data = synthetic(self.batch, self.size, 0.5, 0).map_err(|error| Failure::Usage(error.into()))?;
        let mut network = GoogLeNet::new(engine, self.architecture, 0)?;
        let (timeline, marks) = Timeline::new();
        if profile {
            network = network.with_timeline(timeline);
        }
        // All steps in one epoch, which ends with a reading, or an epoch a step. The images do not matter, nor what is learnt.
        let (images, epochs) = if ahead > 1 { (data.all().repeat(steps), 1) } else { (data.all(), steps) };
        let recipe = Recipe {
            epochs,
            batch: self.batch,
            peak_learning_rate: 0.01,
            warmup: 0.0,
            momentum: 0.9,
            weight_decay: 1e-4,
            label_smoothing: 0.0,
            augment: Augment { crop: Crop::None, flip: false },
        };
        let mut timed = Vec::with_capacity(steps);
        let mut begin = Instant::now();
        let mut watch = |_| {
            timed.push(Step { begin, end: Instant::now(), marks: marks.try_iter().collect() });
            begin = Instant::now();
        };
        fit(&mut network, &data, &images, &recipe, 0, &AtomicBool::new(false), &mut watch)?;
        let measured = timed.split_off(warm_up);
        Ok(if ahead > 1 { even(measured) } else { measured })
    }

    /// What the timed steps come to.
    ///
    /// # Errors
    /// [`Failure::Failed`] if there is no such network at this resolution, or no step.
    pub(super) fn rate(&self, steps: &[Step]) -> Result<Rate, Failure> {
        let layers = self.architecture.layers(self.size)?;
        let convolutions = layers.iter().filter(|layer| matches!(layer.kind, LayerKind::Conv { .. }));
        let macs_per_image = convolutions.map(|layer| layer.macs()).sum();
        let seconds: Vec<f64> = steps.iter().map(Step::seconds).collect();
        let images_per_s = self.batch as f64 / median(&seconds)?;
        Ok(Rate { images_per_s, macs_per_image, gflops: 6.0 * macs_per_image as f64 * images_per_s / 1e9 })
    }
}
