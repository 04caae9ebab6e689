//! `inception-nas run --dry-run`: what a search would do, and about how long.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::anyhow;
use serde_json::json;

use super::{Failure, Output, stdout};
use crate::arch::{Architecture, Cost};
use crate::data::{Dataset, Split};
use crate::evaluate::{TrainEvaluator, job};
use crate::report::{duration, si};
use crate::search::ports::Evaluator;
use crate::search::trial::{Failure as Failed, Origin, Outcome};
use crate::space::{Protocol, Rng, Space, random};
use crate::store::RunName;

/// Steps of the training that is timed.
const TIMED_STEPS: usize = 2;

/// A training step costs about as much as three classifications of its images: once forward, twice backward.
const TRAINING_FACTOR: usize = 3;

/// A search that has not begun.
pub(super) struct Plan<'a> {
    pub(super) name: &'a RunName,
    pub(super) space: &'a Space,
    pub(super) dataset: Arc<Dataset>,
    /// Cost of the paper's network.
    pub(super) baseline: Cost,
    pub(super) workers: NonZeroUsize,
}

/// Prints the plan; times a few training steps, and writes nothing.
///
/// # Errors
/// [`Failure::Failed`] if the timed training fails, or stdout is gone.
pub(super) fn show(plan: &Plan<'_>, output: Output) -> Result<(), Failure> {
    let Plan { name, space, dataset, baseline, workers } = plan;
    let (protocol, trials) = (space.protocol(), space.search().trials);
    let images = dataset.split(Split::Train).len().min(protocol.train_images);
    let validation = dataset.split(Split::Validation).len().min(protocol.validation_images);
    let (classes, all) = (dataset.classes().len(), dataset.len());
    // The one closest to the limits: an upper bound for all.
    let costliest = space.decode(&random(space, &mut Rng::from_seed([0; 32]), 1.0), classes)?;
    let cost = costliest.cost(protocol.resolution)?;
    let step = seconds_per_image(plan, costliest)?;
    let one = step * (TRAINING_FACTOR * images * protocol.epochs + validation) as f64;
    let total = one * trials.div_ceil(workers.get()) as f64;
    if output.json {
        let json = json!({
            "run": name.to_string(),
            "space_size_log10": space.size_log10(),
            "trials": trials,
            "workers": workers,
            "classes": classes,
            "train_images": images,
            "validation_images": validation,
            "protocol": protocol,
            "baseline": baseline,
            "costliest": cost,
            "most_seconds_per_trial": one,
            "most_seconds": total,
        });
        return stdout::print(&(serde_json::to_string_pretty(&json)? + "\n"));
    }
    let Protocol { resolution, epochs, batch, .. } = protocol;
    let by_time =
        space.search().max_seconds.map(|seconds| format!("; none is started after {}", duration(seconds as f64)));
    let by_cost = space.search().max_training_macs.map(|most| format!("; for at most {} training MACs", si(most)));
    let limit: String = by_time.into_iter().chain(by_cost).collect();
    stdout::print(&format!(
        "run {name}, not begun: nothing is written\n\
         space      10^{:.1} networks; strategy {:?}, seed {}\n\
         trials     {trials}, {workers} at once{limit}\n\
         data       {all} images of {classes} classes; {images} to train on, {validation} to score on\n\
         training   {epochs} epochs at {resolution} px, {batch} images a step\n\
         networks   up to {} MACs and {} parameters; the paper's: {} and {}\n\
         time       at most about {} a trial, {} in all\n\
         \n\
         The time is that of the costliest network for every trial, from {TIMED_STEPS} training steps timed just now on \
         one thread.\n",
        space.size_log10(),
        space.search().strategy,
        space.search().seed,
        si(cost.macs),
        si(cost.parameters),
        si(baseline.macs),
        si(baseline.parameters),
        duration(one),
        duration(total),
    ))
}

/// Seconds in which one image is classified, from a training of a few steps.
fn seconds_per_image(plan: &Plan<'_>, architecture: Architecture) -> anyhow::Result<f64> {
    let protocol = *plan.space.protocol();
    let train_images = protocol.batch * TIMED_STEPS;
    let brief = Protocol { train_images, validation_images: protocol.batch, epochs: 1, ..protocol };
    let job = job(architecture, Origin::Random, &brief, 0)?;
    let evaluator = TrainEvaluator::new(Arc::clone(&plan.dataset), brief);
    match evaluator.evaluate(&job, &|_, _| {}, &AtomicBool::new(false)) {
        // So short a training may diverge, and its steps have been timed all the same.
        Some((Outcome::Done(_) | Outcome::Failed(Failed::Diverged { .. }), seconds)) => {
            let trained = plan.dataset.split(Split::Train).len().min(train_images);
            let scored = plan.dataset.split(Split::Validation).len().min(brief.validation_images);
            Ok(seconds / (TRAINING_FACTOR * trained + scored) as f64)
        }
        Some((Outcome::Failed(failure), _)) => Err(anyhow!("the timed training failed: {failure}")),
        None => Err(anyhow!("the timed training was stopped")),
    }
}
