//! `inception-nas train`: one architecture, trained fully.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::Context;
use indicatif::ProgressBar;
use serde::Serialize;

use super::bar::bar;
use super::device::{DeviceArgs, on_device};
use super::load::{DataArgs, SpaceArgs, training_set};
use super::stdout::{print, print_json};
use super::threads::ThreadArgs;
use super::{Failure, Output};
use crate::arch::Architecture;
use crate::data::{Dataset, MEAN, STD, Split};
use crate::evaluate::recipe;
use crate::export::architecture_file::resolve;
use crate::export::model_dir::{Model, check_free};
use crate::net::{GoogLeNet, training_engine};
use crate::ops::Engines;
use crate::report::{counted, duration, si};
use crate::space::{MAX_COUNT, Protocol, TRAIN_IMAGES};
use crate::train::{FitError, Measurement, Progress, fit, measure};

/// Passes over the training images of a full training.
const EPOCHS: usize = 30;

/// Options of `inception-nas train`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// What to train: an architecture file such as `best` writes, `googlenet`, or `googlenet:0.25` for that with every width
    /// multiplied by 0.25.
    #[arg(long, value_name = "FILE|NAME")]
    arch: String,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    space: SpaceArgs,
    #[command(flatten)]
    full: FullTraining,
    #[command(flatten)]
    threads: ThreadArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// Folder for the trained model.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// How a full training differs from the brief one of the space file.
#[derive(clap::Args, Debug)]
pub(super) struct FullTraining {
    /// Passes over all training images [default: 30, or protocol.epochs where it is given with --set]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Side of the input in pixels [default: the architecture file's, or protocol.resolution of the space file]
    #[arg(long, value_name = "PX")]
    size: Option<usize>,
    /// Images a step: protocol.batch of the space file.
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
}

impl FullTraining {
    /// A full training of `epochs` epochs, otherwise as the space file has it.
    pub(super) fn of_epochs(epochs: usize, size: Option<usize>) -> Self {
        Self { epochs: Some(epochs), size, batch: None }
    }

    /// The values of the space file that are replaced, beside those of `set`.
    pub(super) fn overrides(&self, set: &[String]) -> Vec<String> {
        let epochs = self
            .epochs
            .or((!sets(set, "protocol.epochs")).then_some(EPOCHS))
            .map(|epochs| format!("protocol.epochs={epochs}"));
        let size = self.size.map(|size| format!("protocol.resolution={size}"));
        let sizes = self.size.map(|size| format!("input.resolutions=[{size}]"));
        let batch = self.batch.map(|batch| format!("protocol.batch={batch}"));
        // One given network on all images: what a search is limited to does not matter.
        let [macs, parameters] = ["macs", "parameters"].map(|what| Some(format!("limits.max_{what}={MAX_COUNT}")));
        let images = Some(format!("protocol.train_images={}", TRAIN_IMAGES.end()));
        [macs, parameters, images, epochs, size, sizes, batch].into_iter().flatten().collect()
    }
}

/// Whether one of the `KEY=VALUE` of `set` is for `key`.
fn sets(set: &[String], key: &str) -> bool {
    set.iter().any(|it| it.trim_start().starts_with(key))
}

/// What came of a full training.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Trained {
    /// Canonical form of the architecture.
    architecture: String,
    /// Multiply-adds of one image at inference.
    macs: u64,
    /// Parameters without auxiliary heads.
    parameters: u64,
    /// Training images.
    images: usize,
    epochs: usize,
    resolution: usize,
    seed: u64,
    validation: Measurement,
    test: Measurement,
    /// Wall time of the training in seconds, measuring left out.
    seconds: f64,
    /// Folder of the model, if it was kept.
    model: Option<String>,
}

/// Runs the command.
pub fn execute(args: Args, output: Output) -> Result<(), Failure> {
    let device = args.device.open()?;
    check_free(&args.out).map_err(|error| Failure::Usage(error.into()))?;
    // A wrong architecture is said before any image is read.
    let own = resolve(&args.arch, None).map_err(|error| Failure::Usage(error.into()))?.resolution;
    let set = &args.space.overrides.set;
    let size = args.full.size.or(own.filter(|_| !sets(set, "protocol.resolution")));
    let space = args.space.load(&FullTraining { size, ..args.full }.overrides(set))?;
    let protocol = space.protocol();
    let data = training_set(args.data.data.as_deref(), protocol.resolution, output)?;
    let architecture =
        resolve(&args.arch, Some(data.classes().len())).map_err(|error| Failure::Usage(error.into()))?.architecture;
    let architecture = architecture.with_aux_heads(protocol.aux_heads);
    let (seed, out) = (space.search().seed, Some(&*args.out));
    let trained = on_device!(device, args.threads.crew()?, engines => {
        train_model(&engines, &architecture, protocol, &data, seed, out, output)?
    });
    show(&trained, output)
}

/// Trains `architecture` from scratch on the whole training split, measures it on the validation and, once, on the test
/// split, and writes a model folder if asked.
pub(super) fn train_model(
    engines: &impl Engines,
    architecture: &Architecture,
    protocol: &Protocol,
    data: &Dataset,
    seed: u64,
    out: Option<&Path>,
    output: Output,
) -> Result<Trained, Failure> {
    let recipe = recipe(protocol);
    let cost = architecture.cost(protocol.resolution).map_err(|error| Failure::Usage(error.into()))?;
    let images = data.split(Split::Train);
    let engine = training_engine(engines, architecture, data.resolution(), recipe.batch.min(images.len()))?;
    let mut network = GoogLeNet::new(engine, architecture, seed)?;
    let watcher = EpochLog::new(images.len(), recipe.epochs, output);
    let start = Instant::now();
    let stop = AtomicBool::new(false);
    fit(&mut network, data, images, &recipe, seed, &stop, &mut |progress| watcher.step(progress))?;
    let seconds = start.elapsed().as_secs_f64();
    watcher.bar.finish_and_clear();
    let measured = |split| measure(&network, data, data.split(split), recipe.batch, |label| label);
    let validation = measured(Split::Validation)?;
    if !validation.loss.is_finite() {
        // The last update can overflow the weights without any later training loss to show it.
        return Err(FitError::Diverged { epoch: recipe.epochs, loss: validation.loss }.into());
    }
    let test = measured(Split::Test)?;
    if let Some(out) = out {
        let model = Model {
            version: Model::VERSION,
            classes: data.classes().to_vec(),
            resolution: data.resolution(),
            mean: MEAN,
            std: STD,
            recipe,
            seed,
            device: engines.device(),
            data_fingerprint: data.fingerprint().to_owned(),
            validation,
            test: Some(test),
            seconds,
        };
        // What was measured is not lost with the model.
        model.write(out, &mut network).with_context(|| {
            let [validation, test] = [validation, test].map(|measured| 100.0 * measured.accuracy);
            format!(
                "trained to {validation:.2} % of the validation and {test:.2} % of the test images, but not written"
            )
        })?;
    }
    Ok(Trained {
        architecture: architecture.canonical(),
        macs: cost.macs,
        parameters: cost.parameters,
        images: images.len(),
        epochs: recipe.epochs,
        resolution: data.resolution(),
        seed,
        validation,
        test,
        seconds,
        model: out.map(|out| out.display().to_string()),
    })
}

/// Prints what came of a training.
pub(super) fn show(trained: &Trained, output: Output) -> Result<(), Failure> {
    if output.json {
        return print_json(trained);
    }
    let Trained { images, epochs, resolution, seconds, .. } = trained;
    let rate = (images * epochs) as f64 / seconds;
    let line = |name: &str, m: &Measurement| {
        format!(
            "{name:10}  {:.2} % ± {:.2}  loss {:.3}  {}\n",
            m.accuracy * 100.0,
            m.accuracy_se * 100.0,
            m.loss,
            counted(m.images, "image")
        )
    };
    let mut text = format!(
        "{} of {images} images at {resolution} px in {} ({rate:.0} images/s); {} MACs, {} parameters\n",
        counted(*epochs, "epoch"),
        duration(*seconds),
        si(trained.macs),
        si(trained.parameters),
    );
    text += &line("validation", &trained.validation);
    text += &line("test", &trained.test);
    if let Some(model) = &trained.model {
        text += &format!("model: {model}\n");
    }
    print(&text)
}

/// Says how a training goes: a bar on a terminal, and a line an epoch.
struct EpochLog {
    bar: ProgressBar,
    start: Instant,
    images: usize,
    epochs: usize,
    quiet: bool,
}

impl EpochLog {
    fn new(images: usize, epochs: usize, output: Output) -> Self {
        let bar = bar(output, 1000, "training {bar:24} {percent} %  loss {msg}  left {eta}");
        Self { bar, start: Instant::now(), images, epochs, quiet: output.quiet }
    }

    fn step(&self, progress: Progress) {
        self.bar.set_position((progress.fraction * 1000.0) as u64);
        self.bar.set_message(format!("{:.3}", progress.loss));
        if let (Some((epoch, loss)), false) = (progress.epoch_done, self.quiet) {
            let rate = (epoch * self.images) as f64 / self.start.elapsed().as_secs_f64();
            let epochs = self.epochs;
            self.bar.suspend(|| say!("epoch {epoch}/{epochs}  training loss {loss:.4}  {rate:.0} images/s"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::load::space;

    #[test]
    fn what_limits_a_search_does_not_limit_a_training_of_one_network() {
        let full = FullTraining { epochs: None, size: Some(512), batch: Some(9000) };
        let narrow = ["limits.max_parameters=40K".to_owned(), "input.resolutions=[48, 64]".to_owned()];
        let set: Vec<String> = narrow.into_iter().chain(full.overrides(&[])).collect();
        let protocol = *space("default.toml", &set).unwrap().protocol();
        assert_eq!((protocol.epochs, protocol.resolution, protocol.batch), (EPOCHS, 512, 9000));
        assert!(!full.overrides(&["protocol.epochs=5".to_owned()]).iter().any(|it| it.starts_with("protocol.epochs")));
    }
}
