//! `inception-nas bench`: how fast an architecture trains on this machine.

use std::num::NonZeroUsize;

use anyhow::anyhow;
use serde::Serialize;

use super::device::{DeviceArgs, on_device};
use super::profile::Profile;
use super::rate::{Rate, Workload};
use super::stdout::print;
use super::threads::{cores, crew_with_caller};
use super::{Failure, Output, parse};
use crate::device::DeviceKind;
use crate::export::architecture_file::{GOOGLENET, Written, resolve};
use crate::net::training_bytes;
use crate::ops::Engines;

/// Side of the input unless somebody says another.
const SIZE: usize = 64;

/// Classes of the network that is timed.
const CLASSES: usize = 2;

/// Options of `inception-nas bench`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// What to time: an architecture file, `googlenet`, or `googlenet:0.25` for that with every width multiplied by 0.25.
    #[arg(long, value_name = "FILE|NAME", default_value = GOOGLENET)]
    arch: String,
    /// Side of the input in pixels [default: the file's, or 64]
    #[arg(long, value_name = "PX")]
    size: Option<usize>,
    /// Images a step.
    #[arg(long, default_value_t = 32, value_name = "N")]
    batch: usize,
    /// Threads of the training.
    #[arg(long, default_value = "1", value_name = "N", value_parser = parse::positive)]
    threads: NonZeroUsize,
    #[command(flatten)]
    device: DeviceArgs,
    /// Leave the auxiliary heads out.
    #[arg(long)]
    no_aux: bool,
    /// Steps timed, after some to warm up.
    #[arg(long, default_value = "8", value_name = "N", value_parser = parse::steps)]
    steps: usize,
    /// Show where the time of a step goes, module by module.
    #[arg(long)]
    profile: bool,
}

/// The stable machine form.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    rate: Rate,
    threads: usize,
    #[serde(skip_serializing_if = "DeviceKind::is_cpu")]
    device: DeviceKind,
    /// Peak memory in MiB, resident or on the GPU, where the system tells.
    peak_mib: Option<u64>,
    /// The same of a GPU as it was reckoned before.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_mib: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<Profile>,
}

/// Runs the command.
pub fn execute(args: Args, output: Output) -> Result<(), Failure> {
    let usage = |message: String| Failure::Usage(anyhow!(message));
    let device = args.device.open()?;
    if args.batch < 2 {
        return Err(usage("give at least two images a step".to_owned()));
    }
    let Written { architecture, resolution } =
        resolve(&args.arch, Some(CLASSES)).map_err(|error| Failure::Usage(error.into()))?;
    let size = args.size.or(resolution).unwrap_or(SIZE);
    let aux_heads = architecture.aux_heads() && !args.no_aux;
    let architecture = architecture.with_aux_heads(aux_heads);
    let layers = architecture.layers(size).map_err(|error| usage(error.to_string()))?;
    let (batch, threads, steps) = (args.batch, args.threads.min(cores()), args.steps);
    let expected = training_bytes(&architecture, size, batch, args.device.kind().keeps_f16())?;
    let workload = Workload { architecture: &architecture, size, batch, steps };
    let timed = on_device!(&device, crew_with_caller(threads)?, engines => {
        workload.time(engines.engine_for(expected)?, args.profile)?
    });
    let rate = workload.rate(&timed)?;
    let profile = args.profile.then(|| Profile::new(&timed, &layers, batch)).transpose()?;
    let (kind, peak_mib) = (args.device.kind(), device.peak_mib());
    let expected_mib = (!kind.is_cpu()).then_some(expected.div_ceil(1 << 20));
    let report = Report { rate, threads: threads.get(), device: kind, peak_mib, expected_mib, profile };
    if output.json {
        return print(&(serde_json::to_string(&report)? + "\n"));
    }
    let profile = report.profile.map_or_else(String::new, |profile| format!("\n{}", profile.to_text()));
    let peak = report.peak_mib.map_or_else(|| "unknown".to_owned(), |mib| format!("{mib} MiB"));
    let expected = report.expected_mib.map_or_else(String::new, |mib| format!(", about {mib} MiB expected"));
    let Rate { images_per_s, macs_per_image, gflops } = report.rate;
    let computing =
        if kind.is_cpu() { format!("threads: {threads}") } else { format!("{}, {kind}", device.processor()) };
    print(&format!(
        "images/s  {images_per_s:.2}  ({batch} images a step at {size} px, median of {steps} steps, {computing})\n\
         MACs      {macs_per_image} an image, in convolutions\n\
         GFLOP/s   {gflops:.1}\n\
         memory    {peak} at the peak{expected}\n{profile}",
    ))
}
