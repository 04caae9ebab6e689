//! About how long a search takes on this machine.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;

use anyhow::anyhow;

use super::threads::cores;
use crate::arch::{Architecture, Cost};
use crate::data::{Pyramid, Split};
use crate::device::DeviceKind;
use crate::evaluate::{TrainEvaluator, job};
use crate::ops::Engines;
use crate::report::duration;
use crate::search::ports::Evaluator;
use crate::search::trial::{Failure, Origin, Outcome, TRAINING_FACTOR};
use crate::space::{Protocol, Rng, Space, random};

/// Steps of the training that is timed.
const TIMED_STEPS: usize = 2;

/// The time of a search if every candidate were the costliest.
pub(super) struct Estimate {
    device: DeviceKind,
    /// Cost of the costliest candidate.
    pub(super) costliest: Cost,
    /// Seconds of its training and scoring.
    pub(super) trial_seconds: f64,
    /// Seconds of all trials.
    pub(super) seconds: f64,
}

impl Estimate {
    /// Times a few training steps. Trainings at once share a GPU, so that there they are taken to be no faster in all.
    ///
    /// # Errors
    /// If the timed training fails.
    pub(super) fn measure<G: Engines>(
        space: &Space,
        data: &Pyramid,
        engines: G,
        workers: NonZeroUsize,
    ) -> anyhow::Result<Self> {
        let (protocol, device) = (space.protocol(), engines.device());
        // The one closest to the limits: an upper bound for all.
        let genotype = random(space, &mut Rng::from_seed([0; 32]), 1.0);
        let costliest = space.decode(&genotype, data.classes().len())?;
        let protocol = &Protocol { resolution: space.resolution(&genotype), ..*protocol };
        let cost = costliest.cost(protocol.resolution)?;
        let (trained, scored) = images(protocol, data);
        let one = seconds_per_image(protocol, data, engines, costliest)?
            * (TRAINING_FACTOR as usize * trained * protocol.epochs + scored) as f64;
        // More trainings at once than cores are no faster.
        let at_once = if device.is_cpu() { workers.min(cores()).get() } else { 1 };
        let rounds = space.search().trials.div_ceil(at_once);
        let (costliest, trial_seconds, seconds) = (cost, one, one * rounds as f64);
        Ok(Self { device, costliest, trial_seconds, seconds })
    }

    /// What the figures are, in a sentence.
    pub(super) fn rule(&self) -> String {
        let place = if self.device.is_cpu() { "on one thread" } else { "on the GPU" };
        format!(
            "The time is that of the costliest network for every trial, from {TIMED_STEPS} training steps timed just now \
             {place}."
        )
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most about {} a trial, {} in all", duration(self.trial_seconds), duration(self.seconds))
    }
}

/// Images that a candidate is trained on in an epoch, and those that it is scored on.
pub(super) fn images(protocol: &Protocol, data: &Pyramid) -> (usize, usize) {
    let of = |split, most| data.split(split).len().min(most);
    (of(Split::Train, protocol.train_images), of(Split::Validation, protocol.validation_images))
}

/// Seconds in which one image is classified, from a training of a few steps.
fn seconds_per_image(
    protocol: &Protocol,
    data: &Pyramid,
    engines: impl Engines,
    architecture: Architecture,
) -> anyhow::Result<f64> {
    let train_images = protocol.batch * TIMED_STEPS;
    let brief = Protocol { train_images, validation_images: protocol.batch, epochs: 1, ..*protocol };
    let job = job(architecture, Origin::Random, &brief, 0)?;
    let evaluator = TrainEvaluator::new(data.clone(), brief, engines);
    match evaluator.evaluate(&job, &|_, _| {}, &AtomicBool::new(false)) {
        // So short a training may diverge, and its steps have been timed all the same.
        Some((Outcome::Done(_) | Outcome::Failed(Failure::Diverged { .. }), seconds)) => {
            let (trained, scored) = images(&brief, data);
            Ok(seconds / (TRAINING_FACTOR as usize * trained + scored) as f64)
        }
        Some((Outcome::Failed(failure), _)) => Err(anyhow!("the timed training failed: {failure}")),
        None => Err(anyhow!("the timed training was stopped")),
    }
}
