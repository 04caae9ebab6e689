//! `inception-nas best`.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use serde::Serialize;

use super::device::{DeviceArgs, on_device};
use super::load::DataArgs;
use super::runs::{RunArgs, StoredRun};
use super::threads::ThreadArgs;
use super::train::{Trained, show, train_model};
use super::{Failure, Output, parse, stdout};
use crate::data::{Pyramid, Split};
use crate::export::architecture_file;
use crate::export::model_dir::check_free;
use crate::latency::Latency;
use crate::ops::{Engines, Gemm};
use crate::report::{Card, Finalist, FinalsReport, Source, si};
use crate::search::front::front;
use crate::search::generation::comparable;
use crate::search::pick::{Wish, pick};
use crate::search::seed::trial_seed;
use crate::search::trial::{Fidelity, Trial};
use crate::space::Protocol;
use crate::store::write_atomically;

/// Options of `inception-nas best`.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    run: RunArgs,
    /// Most multiply-adds of one image, such as 600M [default without other wishes: those of the paper's network]
    #[arg(long, value_name = "COUNT", value_parser = crate::space::parse_count)]
    max_macs: Option<u64>,
    /// Take the cheapest network with this validation accuracy or more, such as 0.9.
    #[arg(long, value_name = "SHARE", value_parser = parse::share)]
    min_accuracy: Option<f64>,
    /// Take the network of the front after which accuracy gets dear.
    #[arg(long)]
    knee: bool,
    /// Take a network that classifies one image in so many milliseconds or less, on one thread of this machine. The networks
    /// of the front are timed now; let nothing else run.
    #[arg(long, value_name = "MS", value_parser = parse::milliseconds)]
    max_latency: Option<f64>,
    /// Images in a pass that --max-latency is about.
    #[arg(long, value_name = "N", default_value = "1", requires = "max_latency", value_parser = parse::latency_batch)]
    latency_batch: NonZeroUsize,
    /// Train the network fully, from scratch and with a new seed, and write the model to the folder `model` in DIR.
    #[arg(long)]
    train: bool,
    /// Passes over all training images.
    #[arg(long, value_name = "N", default_value = "30", requires = "train", value_parser = parse::epochs)]
    epochs: NonZeroUsize,
    #[command(flatten)]
    threads: ThreadArgs,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    data: DataArgs,
    /// Where to write [default: best, in the folder of the run]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// The stable machine form.
#[derive(Serialize)]
struct Picked<'a> {
    #[serde(flatten)]
    card: &'a Card<'a>,
    /// What `--max-latency` has measured of it.
    latency: Option<Latency>,
    /// What came of `--train`.
    trained: Option<Trained>,
}

/// Picks a network of a run, writes its architecture and its card, and trains it if asked.
///
/// # Errors
/// [`Failure::Usage`] if there is no such run, or a training has other data than the run's or foreign files in its way;
/// [`Failure::Failed`] if no network is as wished, the files cannot be written, or the training fails.
pub fn execute(args: Args, output: Output) -> Result<(), Failure> {
    let device = args.device.open()?;
    let run = StoredRun::read(&args.run, output)?;
    let Args { min_accuracy, knee, .. } = args;
    let unbounded = min_accuracy.is_some() || knee || args.max_latency.is_some();
    let max_macs = args.max_macs.or((!unbounded).then_some(run.baseline.macs));
    let finals = run.finals()?;
    if let Some(list) = finals.as_ref().and(run.dir.finals().read_list()?) {
        run.tell_of_older_finals(list.trials);
    }
    let wish = Wish { max_macs, min_accuracy, knee };
    let timed = args.max_latency.map(|most| fast(&run, most, args.latency_batch.get(), output)).transpose()?;
    let trial = choose(&run, finals.as_ref(), timed.as_ref(), wish)?;
    let latency = timed.and_then(|timed| timed.get(&trial.job.index).copied());
    let finalist = finals.as_ref().and_then(|report| Finalist::of(report, trial.job.index));
    let out = args.out.clone().unwrap_or_else(|| run.dir.path().join("best"));
    let data = if args.train {
        check_free(&model_dir(&out)).map_err(|error| Failure::Usage(error.into()))?;
        Some(run.data(&args.data, output)?)
    } else {
        None
    };
    check_out(&out)?;
    let card = card(&run, trial, finalist)?;
    let mut markdown = card.to_markdown()?;
    if let Some(latency) = &latency {
        markdown += &format!(
            "\n## Latency\n\n{}, {}: median and quartiles, measured when this was written.\n",
            latency.text(),
            Gemm::instruction_set()
        );
    }
    fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
    let (architecture, resolution) = (&trial.job.architecture, trial.job.fidelity.resolution);
    let text = architecture_file::to_toml(architecture, Some(resolution));
    write_atomically(&out.join("architecture.toml"), text.as_bytes())?;
    write_atomically(&out.join("card.md"), markdown.as_bytes())?;
    write_atomically(&out.join("card.json"), stdout::json(&card)?.as_bytes())?;
    if !output.json {
        let out = out.display();
        stdout::print(&format!("{markdown}\nwritten: {out}/architecture.toml, {out}/card.md, {out}/card.json\n"))?;
    }
    let fully = |data: Pyramid| {
        on_device!(device, args.threads.crew()?, engines => {
            train(&engines, &run, trial, &data, args.epochs.get(), &out, output)
        })
    };
    let trained = data.map(fully).transpose()?;
    match &trained {
        _ if output.json => stdout::print_json(&Picked { card: &card, latency, trained }),
        Some(trained) => show(trained, output),
        None => Ok(()),
    }
}

/// Refuses a folder with an architecture that is not of an earlier `best`: it would be lost.
///
/// # Errors
/// [`Failure::Usage`].
fn check_out(out: &Path) -> Result<(), Failure> {
    let [architecture, card] = ["architecture.toml", "card.json"].map(|name| out.join(name));
    if architecture.exists() && !card.exists() {
        let architecture = architecture.display();
        return Err(Failure::Usage(anyhow!(
            "{architecture} is not of an earlier `best`: give another --out, or move it away"
        )));
    }
    Ok(())
}

/// Where the trained model goes.
fn model_dir(out: &Path) -> PathBuf {
    out.join("model")
}

/// Trains the network of `trial` as the run did, only for longer and on all training images.
fn train(
    engines: &impl Engines,
    run: &StoredRun,
    trial: &Trial,
    data: &Pyramid,
    epochs: usize,
    out: &Path,
    output: Output,
) -> Result<Trained, Failure> {
    let resolution = trial.job.fidelity.resolution;
    let protocol = Protocol { epochs, resolution, ..*run.space.protocol() };
    let data = data.at(resolution)?;
    let architecture = &trial.job.architecture;
    let images = data.split(Split::Train).len();
    let fidelity = Fidelity { resolution, images, epochs };
    // Replicate 1: never the seed of a trial, so that luck with the seed is not selected along with the network.
    let seed = trial_seed(run.space.search().seed, &architecture.key(), &fidelity, 1);
    train_model(engines, architecture, &protocol, data, seed, Some(&model_dir(out)), output)
}

/// The networks of the front, by trial, that are as fast as wished.
///
/// # Errors
/// [`Failure::Failed`] if none is.
fn fast(run: &StoredRun, most: f64, batch: usize, output: Output) -> Result<BTreeMap<usize, Latency>, Failure> {
    let mut timed = BTreeMap::new();
    for trial in front(comparable(&run.space, &run.trials)) {
        let latency = Latency::measure(&trial.job.architecture, trial.job.fidelity.resolution, batch)?;
        if !output.quiet {
            say!("trial {}, {} MACs: {}", trial.job.index, si(trial.job.cost.macs), latency.text());
        }
        timed.insert(trial.job.index, latency);
    }
    let fastest = timed.iter().map(|(trial, latency)| (latency.median_ms(), *trial)).min_by(|a, b| a.0.total_cmp(&b.0));
    match fastest {
        Some((ms, trial)) if ms > most => Err(Failure::Failed(anyhow!(
            "run {}: no network of the front takes {most} ms or less (batch {batch}); the fastest, trial {trial}, takes {ms:.2} ms",
            run.name
        ))),
        _ => {
            timed.retain(|_, latency| latency.median_ms() <= most);
            Ok(timed)
        }
    }
}

/// A finalist that is as wished, by its validation accuracy in the finals; if there is none, any network of the run, by that
/// which the search has selected on. The test accuracy is for reporting: nothing is chosen by it. Only trials in `timed`, if
/// that is given.
fn choose<'a>(
    run: &'a StoredRun,
    finals: Option<&FinalsReport>,
    timed: Option<&BTreeMap<usize, Latency>>,
    wish: Wish,
) -> Result<&'a Trial, Failure> {
    let allowed = |trial: &Trial| timed.is_none_or(|timed| timed.contains_key(&trial.job.index));
    let mut rescored = finals.map(|report| report.rescored(&run.trials)).unwrap_or_default();
    rescored.retain(allowed);
    let index = pick(&rescored, wish).ok().map(|trial| trial.job.index);
    let finalist = index.and_then(|index| run.trials.iter().find(|trial| trial.job.index == index));
    match finalist {
        Some(trial) => Ok(trial),
        None => {
            let comparable = comparable(&run.space, &run.trials).filter(|trial| allowed(trial));
            Ok(pick(comparable, wish).with_context(|| format!("run {}", run.name))?)
        }
    }
}

fn card<'a>(run: &'a StoredRun, trial: &Trial, finalist: Option<Finalist<'a>>) -> Result<Card<'a>, Failure> {
    let StoredRun { name, space, manifest, trials, baseline, .. } = run;
    let source = Source {
        run: name.as_str(),
        data: &manifest.data,
        data_fingerprint: &manifest.data_fingerprint,
        classes: &manifest.classes,
        program: &manifest.program,
        protocol: space.protocol(),
    };
    let card = Card::new(source, trial, trials, *baseline).map(|card| card.with_finals(finalist));
    card.ok_or_else(|| anyhow!("trial {} has no score", trial.job.index).into())
}
