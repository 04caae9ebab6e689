//! `inception-nas audit`: whether brief trainings rank networks as full ones do.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::anyhow;
use serde::Serialize;

use super::device::{DeviceArgs, on_device};
use super::load::{self, DataArgs, SpaceArgs};
use super::parse;
use super::search::{PlaceArgs, manifest, refused};
use super::signals::Signals;
use super::stdout::{self, path};
use super::threads::crew;
use super::trainings::train_side_by_side;
use super::{Failure, Output};
use crate::data::Split;
use crate::evaluate::TrainEvaluator;
use crate::ops::Engines;
use crate::report::{Audit, FEWEST_NETWORKS, audit_csv, audit_text, counted};
use crate::search::audit::{AuditError, AuditPlan, ZeroCost, networks};
use crate::search::ladder::rungs;
use crate::search::ports::Store;
use crate::search::trial::{Job, Trial};
use crate::space::{Rung, Space};
use crate::store::{AuditDir, write_atomically};

/// Options of `inception-nas audit`.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    space: SpaceArgs,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// Networks to train, spread evenly over the logarithm of the MACs that the space allows; 30 or more tell something.
    #[arg(short = 'n', long = "networks", value_name = "N", default_value = "30", value_parser = parse::positive)]
    networks: NonZeroUsize,
    /// Trainings of each network at each rung, with seeds of their own. Can be raised later.
    #[arg(long, value_name = "N", default_value = "2", value_parser = parse::positive)]
    seeds: NonZeroUsize,
    /// Passes over all training images that make a full training.
    #[arg(long, value_name = "N", default_value = "10", value_parser = parse::epochs)]
    full_epochs: NonZeroUsize,
    /// A brief training to look at beside those of the space file, such as 500x2 for 2 epochs of 500 images; can be given
    /// several times, and later ones be added behind.
    #[arg(long = "rung", value_name = "IMAGESxEPOCHS", value_parser = parse::rung)]
    rungs: Vec<(usize, usize)>,
}

/// Trains networks briefly and fully, or continues to, and compares the two orders.
///
/// # Errors
/// [`Failure::Usage`] for a wrong space, data set, name or rung, and for an audit that was begun with others;
/// [`Failure::Interrupted`] if the user stopped it; [`Failure::Failed`] if the results cannot be written, or too few
/// trainings succeed.
pub fn execute(args: Args, output: Output) -> Result<(), Failure> {
    let usage = |text: String| Failure::Usage(anyhow!(text));
    let count = args.networks.get();
    if count < FEWEST_NETWORKS {
        return Err(usage(format!("-n is {count}: give at least {FEWEST_NETWORKS} networks")));
    }
    let device = args.device.open()?;
    let space = args.space.load(&[])?;
    let name = args.place.name(&args.space, &args.data, "-audit")?;
    args.place.refuse_run(&name)?;
    let data = load::training_sets(args.data.data.as_deref(), &space, output)?;
    let space = load::fitted(space, data.base())?;
    let levels = levels(&args, &space, data.split(Split::Train).len())?;
    let networks = networks(&space, data.classes().len(), count).map_err(|error| Failure::Usage(error.into()))?;
    let plan = AuditPlan { networks, levels, replicates: args.seeds.get(), run_seed: space.search().seed };

    let dir = AuditDir::new(&args.place.results, &name);
    let (mut store, warnings) = dir.open(&space, &manifest(&args.data, data.base(), args.device)).map_err(refused)?;
    warnings.iter().for_each(|warning| say!("warning: {warning}"));
    let left = plan.left(&store.trials()?).map_err(|error: AuditError| Failure::Usage(error.into()))?;
    let names = names(&plan);
    if !output.quiet {
        let (all, left, workers) = (names.len(), left.len(), args.place.workers());
        say!("audit {name} in {}: {left} of {all} trainings left, {workers} at once", dir.path().display());
    }
    let workers = args.place.workers();
    let signals = Signals::install()?;
    let (trials, zero_cost) = on_device!(device, crew(workers)?, engines => {
        let evaluator = TrainEvaluator::new(data, *space.protocol(), engines);
        if !train_side_by_side(left, names, workers, &evaluator, &mut store, &signals, output)? {
            say!("stopped; the same command goes on");
            return Err(Failure::Interrupted);
        }
        let trials: BTreeMap<usize, Trial> = store.trials()?.into_iter().map(|trial| (trial.job.index, trial)).collect();
        let zero_cost = zero_cost(&plan, &trials, &evaluator, output)?;
        (trials, zero_cost)
    });
    let audit = Audit::new(name.as_str(), &plan, &trials, &zero_cost).ok_or_else(|| {
        anyhow!(
            "too many trainings failed: less than {FEWEST_NETWORKS} networks were trained fully and at every rung; the \
             reasons are in {}",
            dir.journal().display()
        )
    })?;
    let text = audit_text(&audit);
    write_atomically(&dir.table(), audit_csv(&audit).as_bytes())?;
    write_atomically(&dir.text(), text.as_bytes())?;
    if output.json {
        let report = Report { audit: &audit, results: dir.path().to_owned() };
        return stdout::print_json(&report);
    }
    let [table, journal] = [dir.table(), dir.journal()].map(|path| path.display().to_string());
    let digest = &audit.digest;
    stdout::print(&format!("{text}\ndigest: {digest}\nwritten: {table}, {journal}\n"))
}

/// The stable machine form.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    audit: &'a Audit,
    #[serde(serialize_with = "path")]
    results: PathBuf,
}

/// The scores before training of all networks that could be trained fully, by index of that training.
fn zero_cost(
    plan: &AuditPlan,
    trials: &BTreeMap<usize, Trial>,
    evaluator: &TrainEvaluator<impl Engines>,
    output: Output,
) -> anyhow::Result<BTreeMap<usize, ZeroCost>> {
    let trained = |job: &Job| trials.get(&job.index).is_some_and(|trial| trial.outcome.score().is_some());
    let fully = |job: &Job| job.fidelity.rung() == plan.levels[0] && trained(job);
    let jobs: Vec<Job> = plan.jobs().into_values().filter(fully).collect();
    if !output.quiet {
        say!("scoring {} untrained networks", jobs.len());
    }
    jobs.iter().map(|job| Ok((job.index, evaluator.zero_costs(job)?))).collect()
}

/// The full training, those of the space file, and those of the options, each once.
fn levels(args: &Args, space: &Space, all: usize) -> Result<Vec<Rung>, Failure> {
    let protocol = space.protocol();
    let full = Rung { train_images: all, epochs: args.full_epochs.get() };
    // The space's own training before the ladder's: a ladder can be put below it later.
    let mut brief: Vec<Rung> = rungs(space).into_iter().rev().collect();
    for &(images, epochs) in &args.rungs {
        if images < protocol.batch {
            let batch = protocol.batch;
            return Err(Failure::Usage(anyhow!("--rung {images}x{epochs}: give at least one batch, {batch} images")));
        }
        let rung = Rung { train_images: images.min(all), epochs };
        if !brief.contains(&rung) {
            brief.push(rung);
        }
    }
    for rung in &brief {
        if rung.seen() >= full.seen() {
            return Err(Failure::Usage(anyhow!(
                "{} of {} images are no briefer than the full training, {} of {all}: raise --full-epochs",
                counted(rung.epochs, "epoch"),
                rung.train_images,
                counted(full.epochs, "epoch"),
            )));
        }
    }
    Ok([vec![full], brief].concat())
}

/// What each training is called on the screen.
fn names(plan: &AuditPlan) -> BTreeMap<usize, String> {
    let mut names = BTreeMap::new();
    for network in 0..plan.networks.len() {
        for (level, Rung { train_images: images, epochs }) in plan.levels.iter().enumerate() {
            let how = if level == 0 { "fully".to_owned() } else { format!("{images}x{epochs}") };
            for replicate in 0..plan.replicates {
                let seed = replicate + 1;
                names.insert(plan.index(network, level, replicate), format!("network {network}, {how}, seed {seed}"));
            }
        }
    }
    names
}
