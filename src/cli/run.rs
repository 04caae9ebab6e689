//! `inception-nas run`.

use std::path::PathBuf;

use anyhow::anyhow;
use serde::Serialize;

use super::device::DeviceArgs;
use super::load::{self, DataArgs, SpaceArgs};
use super::runs::StoredRun;
use super::search::{PlaceArgs, Search, manifest, reason, search_workers};
use super::signals::Signals;
use super::stdout::{self, path};
use super::{Failure, Output, parse, picture, plan, report};
use crate::report::{RunSummary, baseline_cost, table};
use crate::search::drive::{Ended, Finished};
use crate::store::RunDir;

/// Options of `inception-nas run`.
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
    /// Candidates to train: search.trials of the space file. Can be raised to go on with a finished run.
    #[arg(long, value_name = "N")]
    trials: Option<u64>,
    /// Start no training after this time, such as 20m or 1h30m; what is done is kept, and the run can go on later.
    #[arg(long, value_name = "TIME", value_parser = parse::seconds)]
    max_time: Option<u64>,
    /// How candidates are chosen, evolution, nsga2, random or uniform: search.strategy of the space file.
    #[arg(long)]
    strategy: Option<String>,
    /// Show what would be done and about how long it would take, and do nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Args {
    /// Values of the space file that have options of their own.
    fn overrides(&self) -> Vec<String> {
        let set = |key: &str, value: Option<String>| value.map(|value| format!("search.{key}={value}"));
        let trials = set("trials", self.trials.map(|it| it.to_string()));
        let seconds = set("max_seconds", self.max_time.map(|it| it.to_string()));
        [trials, seconds, set("strategy", self.strategy.clone())].into_iter().flatten().collect()
    }
}

/// Searches, or continues a search.
///
/// # Errors
/// [`Failure::Usage`] for a wrong space, data set or name, and for a run that was begun with others;
/// [`Failure::Interrupted`] if the user stopped it; [`Failure::Failed`] if the results cannot be written or too many
/// trainings failed.
pub fn execute(args: Args, output: Output) -> Result<(), Failure> {
    let device = args.device.open()?;
    let space = args.space.load(&args.overrides())?;
    let name = args.place.name(&args.space, &args.data, "")?;
    let data = load::training_sets(args.data.data.as_deref(), &space, output)?;
    let space = load::fitted(space, data.base())?;
    let baseline = baseline_cost(data.classes().len(), space.protocol().resolution)
        .map_err(|error| Failure::Usage(anyhow!(error)))?;
    let threads = args.place.workers();
    if args.dry_run {
        let workers = search_workers(threads, &space);
        let plan = plan::Plan { name: &name, space: &space, data: &data, device: &device, baseline, workers };
        return plan::show(&plan, output);
    }
    let manifest = manifest(&args.data, data.base(), args.device);
    let results = &args.place.results;
    let search = Search {
        results,
        name: &name,
        space: &space,
        data: &data,
        manifest: &manifest,
        baseline,
        device: &device,
        threads,
    };
    let signals = Signals::install()?;
    let (finished, summary, front) = search.conduct(&signals, output)?;
    let dir = RunDir::new(results, &name);
    let architecture = report::write(&StoredRun::named(results, name)?, &summary, &dir.page())?;
    finish(&dir, [front, architecture].concat(), &finished, &summary, output)
}

/// The stable machine form.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    summary: &'a RunSummary,
    ended: &'static str,
    #[serde(serialize_with = "path")]
    results: PathBuf,
}

fn finish(
    dir: &RunDir,
    pictures: Vec<PathBuf>,
    Finished { trials, ended }: &Finished,
    summary: &RunSummary,
    output: Output,
) -> Result<(), Failure> {
    let (key, why) = reason(ended, trials.len());
    if output.json {
        let report = Report { summary, ended: key, results: dir.path().to_owned() };
        stdout::print_json(&report)?;
    } else {
        let written = [dir.page(), dir.front()].into_iter().chain(pictures).chain([dir.journal(), dir.config()]);
        let (text, digest, written) = (table(summary), &summary.digest, picture::names(written));
        stdout::print(&format!("{text}\ndigest: {digest}\n{why}\nwritten: {written}\n"))?;
    }
    match ended {
        Ended::TrialsDone | Ended::SpaceExhausted | Ended::CostReached | Ended::DeadlineReached => Ok(()),
        Ended::Interrupted => Err(Failure::Interrupted),
        Ended::TooManyFailures { .. } => Err(anyhow!(why).into()),
    }
}
