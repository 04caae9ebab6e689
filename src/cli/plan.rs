//! `inception-nas run --dry-run`: what a search would do, and about how long.

use std::num::NonZeroUsize;

use serde_json::json;

use super::device::{Opened, on_device};
use super::estimate::{Estimate, images};
use super::space::sides;
use super::{Failure, Output, stdout};
use crate::arch::Cost;
use crate::data::Pyramid;
use crate::ops::OneThread;
use crate::report::{counted, duration, si};
use crate::space::{Protocol, Space};
use crate::store::RunName;

/// A search that has not begun.
pub(super) struct Plan<'a> {
    pub(super) name: &'a RunName,
    pub(super) space: &'a Space,
    pub(super) data: &'a Pyramid,
    /// Where it would compute.
    pub(super) device: &'a Opened,
    /// Cost of the paper's network.
    pub(super) baseline: Cost,
    pub(super) workers: NonZeroUsize,
}

/// Prints the plan; times a few training steps, and writes nothing.
///
/// # Errors
/// [`Failure::Failed`] if the timed training fails, or stdout is gone.
pub(super) fn show(plan: &Plan<'_>, output: Output) -> Result<(), Failure> {
    let Plan { name, space, data, device, baseline, workers } = plan;
    let (protocol, trials) = (space.protocol(), space.search().trials);
    let (images, validation) = images(protocol, data);
    let (classes, all) = (data.classes().len(), data.base().len());
    let estimate = on_device!(device, OneThread, engines => Estimate::measure(space, data, engines, *workers)?);
    let cost = estimate.costliest;
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
            "resolutions": space.resolutions(),
            "baseline": baseline,
            "costliest": cost,
            "most_seconds_per_trial": estimate.trial_seconds,
            "most_seconds": estimate.seconds,
        });
        return stdout::print_json(&json);
    }
    let Protocol { epochs, batch, .. } = protocol;
    let resolutions = sides(space);
    let by_time =
        space.search().max_seconds.map(|seconds| format!("; none is started after {}", duration(seconds as f64)));
    let by_cost = space.search().max_training_macs.map(|most| format!("; for at most {} training MACs", si(most)));
    let limit: String = by_time.into_iter().chain(by_cost).collect();
    stdout::print(&format!(
        "run {name}, not begun: nothing is written but decoded images in the cache\n\
         space      10^{:.1} networks; strategy {}, seed {}\n\
         trials     {trials}, {workers} at once{limit}\n\
         data       {all} images of {classes} classes; {images} to train on, {validation} to score on\n\
         training   {} at {resolutions}, {batch} images a step\n\
         networks   up to {} MACs and {} parameters; the paper's: {} and {}\n\
         time       {estimate}\n\
         \n\
         {}\n",
        space.size_log10(),
        json!(space.search().strategy),
        space.search().seed,
        counted(*epochs, "epoch"),
        si(cost.macs),
        si(cost.parameters),
        si(baseline.macs),
        si(baseline.parameters),
        estimate.rule(),
    ))
}
