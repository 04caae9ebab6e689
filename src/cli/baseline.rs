//! `inception-nas baseline`: the paper's GoogLeNet, trained as every candidate is, or fully.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use serde::Serialize;

use super::device::{DeviceArgs, on_device};
use super::load::{DataArgs, SpaceArgs, fitted, training_set};
use super::stdout::{print, print_json};
use super::threads::ThreadArgs;
use super::train::{FullTraining, show, train_model};
use super::{Failure, Output};
use crate::arch::Architecture;
use crate::data::{Dataset, Pyramid};
use crate::evaluate::{TrainEvaluator, job};
use crate::export::model_dir::check_free;
use crate::ops::Engines;
use crate::report::{counted, duration, si};
use crate::search::ports::Evaluator;
use crate::search::trial::{Origin, Outcome, Trial};
use crate::space::Space;

/// Options of `inception-nas baseline`.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    space: SpaceArgs,
    /// Train for N epochs on all training images instead of briefly, and open the test set at the end.
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Side of the input in pixels: protocol.resolution of the space file.
    #[arg(long, value_name = "PX")]
    size: Option<usize>,
    #[command(flatten)]
    threads: ThreadArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// Folder for the trained model.
    #[arg(long, value_name = "DIR", requires = "epochs")]
    out: Option<PathBuf>,
}

/// Runs the command.
pub fn execute(args: Args, output: Output) -> Result<(), Failure> {
    let device = args.device.open()?;
    let full_training = args.epochs.is_some();
    let full = args.epochs.map(|epochs| FullTraining::of_epochs(epochs, args.size));
    let size = args.size.map(|size| format!("protocol.resolution={size}"));
    let overrides = full.map_or_else(|| size.into_iter().collect(), |full| full.overrides(&[]));
    let space = args.space.load(&overrides)?;
    if let Some(out) = &args.out {
        check_free(out).map_err(|error| Failure::Usage(error.into()))?;
    }
    let data = training_set(args.data.data.as_deref(), space.protocol().resolution, output)?;
    // A full training takes all images, and no ladder.
    let space = if full_training { space } else { fitted(space, &data)? };
    let googlenet = Architecture::googlenet(data.classes().len(), space.protocol().aux_heads)?;
    on_device!(device, args.threads.crew()?, engines => {
        if !full_training {
            return brief(googlenet, &space, data, engines, output);
        }
        let (protocol, seed, out) = (space.protocol(), space.search().seed, args.out.as_deref());
        show(&train_model(&engines, &googlenet, protocol, &data, seed, out, output)?, output)
    })
}

/// What a brief baseline prints as JSON.
#[derive(Serialize)]
struct Brief<'a> {
    #[serde(flatten)]
    trial: &'a Trial,
    data_fingerprint: &'a str,
}

/// The same training, with the same seed, that the network gets as a candidate of a search in this space.
fn brief(
    googlenet: Architecture,
    space: &Space,
    data: Dataset,
    engines: impl Engines,
    output: Output,
) -> Result<(), Failure> {
    let job = job(googlenet, Origin::Uniform { permille: 1000 }, space.protocol(), space.search().seed)
        .map_err(|error| Failure::Usage(error.into()))?;
    let data = Pyramid::from(data);
    let evaluator = TrainEvaluator::new(data.clone(), *space.protocol(), engines);
    let stopped = || anyhow::anyhow!("the training was stopped");
    let (outcome, seconds) = evaluator.evaluate(&job, &|_, _| {}, &AtomicBool::new(false)).ok_or_else(stopped)?;
    let trial = Trial { job, outcome, seconds, screening_seconds: 0.0, latency_ms: None };
    let score = match &trial.outcome {
        Outcome::Done(score) => score,
        Outcome::Failed(failure) => return Err(Failure::Failed(failure.clone().into())),
    };
    if output.json {
        let brief = Brief { trial: &trial, data_fingerprint: data.base().fingerprint() };
        return print_json(&brief);
    }
    let (cost, protocol) = (trial.job.cost, space.protocol());
    print(&format!(
        "GoogLeNet, {} of {} images at {} px in {}; {} MACs, {} parameters\n\
         validation  {:.2} % ± {:.2}  loss {:.3}  {}\n",
        counted(protocol.epochs, "epoch"),
        protocol.train_images,
        protocol.resolution,
        duration(seconds),
        si(cost.macs),
        si(cost.parameters),
        score.accuracy * 100.0,
        score.accuracy_se * 100.0,
        score.validation_loss,
        counted(protocol.validation_images, "image"),
    ))
}
