//! `inception-nas bench`: how fast an architecture trains on this machine.

use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::anyhow;
use serde::Serialize;

use super::profile::{Profile, Step};
use super::stdout::print;
use super::{Failure, Output, parse};
use crate::arch::{Architecture, LayerKind};
use crate::data::{Augment, Crop, synthetic};
use crate::export::architecture_file::{GOOGLENET, Written, resolve};
use crate::net::GoogLeNet;
use crate::ops::{Gemm, Timeline};
use crate::train::{Recipe, fit};

/// Steps before the timing starts.
const WARM_UP: usize = 2;

/// Side of the input unless somebody says another.
const SIZE: usize = 64;

/// Classes of the network that is timed.
const CLASSES: usize = 2;

/// Options of `inception-nas bench`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// What to time: `googlenet`, or an architecture file.
    #[arg(long, value_name = "FILE", default_value = GOOGLENET)]
    arch: String,
    /// GoogLeNet with every width multiplied by this, rounded to multiples of 8.
    #[arg(long, conflicts_with = "arch")]
    ratio: Option<f64>,
    /// Side of the input in pixels [default: the file's, or 64]
    #[arg(long, value_name = "PX")]
    size: Option<usize>,
    /// Images a step.
    #[arg(long, default_value_t = 32, value_name = "N")]
    batch: usize,
    /// Threads of the training.
    #[arg(long, default_value = "1", value_name = "N", value_parser = parse::positive)]
    threads: NonZeroUsize,
    /// Leave the auxiliary heads out.
    #[arg(long)]
    no_aux: bool,
    /// Steps timed, after two to warm up.
    #[arg(long, default_value_t = 8, value_name = "N")]
    steps: usize,
    /// Show where the time of a step goes, module by module.
    #[arg(long)]
    profile: bool,
}

/// The figures, under the names that other programs' benchmarks of the same step use.
#[derive(Serialize)]
struct Report {
    /// Of whole training steps: forward, loss, backward, update. From the median step.
    images_per_s: f64,
    /// Of all convolutions, auxiliary heads included if trained.
    macs_per_image: u64,
    /// 6 x MACs x images/s: a multiply-add is two operations, and backward costs twice as much as forward.
    gflops: f64,
    threads: usize,
    /// Peak resident memory in MiB, where the system tells.
    peak_mib: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<Profile>,
}

/// Runs the command.
pub fn execute(args: Args, output: Output) -> Result<(), Failure> {
    let usage = |message: String| Failure::Usage(anyhow!(message));
    if args.steps == 0 || args.batch < 2 {
        return Err(usage("give at least one step and two images a step".to_owned()));
    }
    if args.ratio.is_some_and(|ratio| !(ratio.is_finite() && ratio > 0.0)) {
        return Err(usage("give a --ratio over 0, such as 0.5".to_owned()));
    }
    let Written { architecture, resolution } = match args.ratio {
        Some(ratio) => {
            let scaled = Architecture::googlenet_scaled(ratio, CLASSES, true);
            Written { architecture: scaled.map_err(|error| usage(error.to_string()))?, resolution: None }
        }
        None => resolve(&args.arch, Some(CLASSES)).map_err(|error| Failure::Usage(error.into()))?,
    };
    let size = args.size.or(resolution).unwrap_or(SIZE);
    let aux_heads = architecture.aux_heads() && !args.no_aux;
    let architecture = architecture.with_aux_heads(aux_heads);
    let layers = architecture.layers(size).map_err(|error| usage(error.to_string()))?;
    let convolutions = layers.iter().filter(|layer| matches!(layer.kind, LayerKind::Conv { .. }));
    let macs_per_image = convolutions.map(|layer| layer.macs()).sum();

    let steps = time_steps(&architecture, size, &args)?;
    let seconds = median(steps.iter().map(Step::seconds).collect());
    let images_per_s = args.batch as f64 / seconds;
    let gflops = 6.0 * macs_per_image as f64 * images_per_s / 1e9;
    let profile = args.profile.then(|| Profile::new(&steps, &layers, args.batch));
    let (threads, peak_mib) = (args.threads.get(), peak_mib());
    let report = Report { images_per_s, macs_per_image, gflops, threads, peak_mib, profile };
    if output.json {
        return print(&(serde_json::to_string(&report)? + "\n"));
    }
    let profile = report.profile.map_or_else(String::new, |profile| format!("\n{}", profile.to_text()));
    let peak = report.peak_mib.map_or_else(|| "unknown".to_owned(), |mib| format!("{mib} MiB"));
    print(&format!(
        "images/s  {images_per_s:.2}  ({} images a step at {} px, median of {} steps, threads: {})\n\
         MACs      {macs_per_image} an image, in convolutions\n\
         GFLOP/s   {gflops:.1}\n\
         memory    {peak} at the peak\n{profile}",
        args.batch, size, args.steps, args.threads
    ))
}

/// The timed training steps; with the marks of a timeline if a profile is wanted.
fn time_steps(architecture: &Architecture, size: usize, args: &Args) -> Result<Vec<Step>, Failure> {
    let steps = WARM_UP + args.steps;
    let data = synthetic(args.batch, size, 0.5, 0).map_err(|error| Failure::Usage(error.into()))?;
    let mut network = GoogLeNet::new(Gemm::with_threads(args.threads)?, architecture, 0)?;
    let (timeline, marks) = Timeline::new();
    if args.profile {
        network = network.with_timeline(timeline);
    }
    // One step an epoch. The images do not matter, nor what is learnt.
    let recipe = Recipe {
        epochs: steps,
        batch: args.batch,
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
    fit(&mut network, &data, &data.all(), &recipe, 0, &AtomicBool::new(false), &mut watch)?;
    Ok(timed.split_off(WARM_UP))
}

/// The value in the middle, or the mean of the two there.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0
}

/// Peak resident memory of this process in MiB, on Linux.
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}
