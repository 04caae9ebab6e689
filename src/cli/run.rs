//! `inception-nas run`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use serde::Serialize;

use super::load::{self, DataArgs, SpaceArgs};
use super::signals::Signals;
use super::{Failure, Output, parse, plan, stdout};
use crate::arch::Cost;
use crate::data::Dataset;
use crate::evaluate::TrainEvaluator;
use crate::report::{Progress, RunSummary, Style, baseline_cost, front_csv, table};
use crate::search::drive::{Ended, Finished, Plan, Stop, drive};
use crate::search::ports::Store;
use crate::search::searcher::searcher_for;
use crate::space::Space;
use crate::store::{Error, Manifest, RunDir, RunName, RunStore, write_atomically};

/// Options of `inception-nas run`.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    space: SpaceArgs,
    #[command(flatten)]
    data: DataArgs,
    /// Name of the run, and of its folder in the results [default: names of space file and data folder, such as
    /// default-synthetic]
    #[arg(long)]
    name: Option<RunName>,
    /// Candidates trained at once, on one thread each; changes nothing but the time taken [default: number of cores]
    #[arg(long, value_name = "N", value_parser = parse::positive)]
    workers: Option<NonZeroUsize>,
    /// Candidates to train: search.trials of the space file. Can be raised to go on with a finished run.
    #[arg(long, value_name = "N")]
    trials: Option<u64>,
    /// Start no training after this time, such as 20m or 1h30m; what is done is kept, and the run can go on later.
    #[arg(long, value_name = "TIME", value_parser = parse::seconds)]
    max_time: Option<u64>,
    /// How candidates are chosen, evolution, nsga2, random or uniform: search.strategy of the space file.
    #[arg(long)]
    strategy: Option<String>,
    /// The folder that holds the runs.
    #[arg(long, value_name = "DIR", default_value = "results")]
    results: PathBuf,
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

    fn name(&self) -> Result<RunName, Failure> {
        if let Some(name) = &self.name {
            return Ok(name.clone());
        }
        let stem = PathBuf::from(&self.space.space);
        let stem = stem.file_stem().unwrap_or_default().to_string_lossy();
        let name = format!("{stem}-{}", self.data.label());
        name.parse().map_err(|error: Error| Failure::Usage(anyhow!(error).context("give the run a name with --name")))
    }
}

/// Searches, or continues a search.
///
/// # Errors
/// [`Failure::Usage`] for a wrong space, data set or name, and for a run that was begun with others;
/// [`Failure::Interrupted`] if the user stopped it; [`Failure::Failed`] if the results cannot be written or too many
/// trainings failed.
pub fn execute(args: Args, output: Output) -> Result<(), Failure> {
    let space = args.space.load(&args.overrides())?;
    let name = args.name()?;
    let dataset = load::training_set(args.data.data.as_deref(), space.protocol().resolution, output)?;
    let dataset = Arc::new(dataset);
    let baseline = baseline_cost(dataset.classes().len(), space.protocol().resolution)
        .map_err(|error| Failure::Usage(anyhow!(error)))?;
    let workers = workers(args.workers, &space);
    if args.dry_run {
        return plan::show(&plan::Plan { name: &name, space: &space, dataset, baseline, workers }, output);
    }
    let dir = RunDir::new(&args.results, &name);
    let (mut store, warnings) = dir.open(&space, &manifest(&args.data, &dataset)).map_err(refused)?;
    warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    begin(&name, &dir, store.trials()?.len(), &space, workers, output);

    let progress = Arc::new(Progress::new(Style::for_stderr(output.quiet), &space, baseline));
    let searched = search(&space, dataset, workers, &mut store, &progress);
    progress.close();
    // Whoever continues the run need not wait for the report.
    drop(store);
    let searched = searched
        .map_err(|error| error.context("the search stopped; what is stored is kept, and `run` continues it"))?;
    finish(&name, &dir, &space, baseline, &searched, output)
}

/// At most so many as the search can use.
fn workers(asked: Option<NonZeroUsize>, space: &Space) -> NonZeroUsize {
    let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let window = NonZeroUsize::new(space.search().window).unwrap_or(NonZeroUsize::MIN);
    asked.unwrap_or_else(cores).min(window)
}

fn manifest(data: &DataArgs, dataset: &Dataset) -> Manifest {
    let words = |dir: &PathBuf| dir.canonicalize().unwrap_or_else(|_| dir.clone()).display().to_string();
    Manifest {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        data: data.data.as_ref().map_or_else(|| "the built-in drawn cats and dogs".to_owned(), words),
        data_fingerprint: dataset.fingerprint().to_owned(),
        classes: dataset.classes().to_vec(),
    }
}

/// What the user asked for that the run is not is their mistake; all else is the disk's.
fn refused(error: Error) -> Failure {
    match error {
        Error::OtherConfig { .. } | Error::OtherData { .. } | Error::Name { .. } => Failure::Usage(error.into()),
        other => Failure::Failed(other.into()),
    }
}

fn begin(name: &RunName, dir: &RunDir, stored: usize, space: &Space, workers: NonZeroUsize, output: Output) {
    if output.quiet {
        return;
    }
    let trials = space.search().trials;
    let how = match stored {
        0 => format!("{trials} trials"),
        _ => format!("resumed at trial {stored} of {trials}"),
    };
    eprintln!("run {name} in {}: {how}, {workers} at once", dir.path().display());
}

fn search(
    space: &Space,
    dataset: Arc<Dataset>,
    workers: NonZeroUsize,
    store: &mut RunStore,
    progress: &Arc<Progress>,
) -> anyhow::Result<Finished> {
    let signals = Signals::install(Arc::clone(progress))?;
    let plan = Plan { space, classes: dataset.classes().len(), workers };
    let evaluator = TrainEvaluator::new(dataset, *space.protocol());
    let started = Instant::now();
    let most = space.search().max_seconds.map(Duration::from_secs);
    let deadline = || most.is_some_and(|most| started.elapsed() >= most);
    let stop = Stop { proposing: &signals.proposing, now: &signals.now, deadline: &deadline };
    Ok(drive(plan, searcher_for(space).as_mut(), &evaluator, store, &**progress, stop)?)
}

/// The stable machine form.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    summary: &'a RunSummary,
    ended: &'static str,
    results: PathBuf,
}

fn finish(
    name: &RunName,
    dir: &RunDir,
    space: &Space,
    baseline: Cost,
    Finished { trials, ended }: &Finished,
    output: Output,
) -> Result<(), Failure> {
    let summary = RunSummary::new(name.as_str(), space, trials, &baseline);
    let front = dir.path().join("front.csv");
    write_atomically(&front, front_csv(&summary).as_bytes())?;
    let (key, why) = reason(ended, trials.len());
    if output.json {
        let report = Report { summary: &summary, ended: key, results: dir.path().to_owned() };
        stdout::print(&(serde_json::to_string_pretty(&report)? + "\n"))?;
    } else {
        let [front, journal, config] = [front, dir.journal(), dir.config()].map(|path| path.display().to_string());
        let text = table(&summary);
        let digest = &summary.digest;
        stdout::print(&format!("{text}\ndigest: {digest}\n{why}\nwritten: {front}, {journal}, {config}\n"))?;
    }
    match ended {
        Ended::TrialsDone | Ended::SpaceExhausted | Ended::DeadlineReached => Ok(()),
        Ended::Interrupted => Err(Failure::Interrupted),
        Ended::TooManyFailures { .. } => Err(anyhow!(why).into()),
    }
}

/// Why a search ended: a word for programs and a sentence for people.
fn reason(ended: &Ended, done: usize) -> (&'static str, String) {
    match ended {
        Ended::TrialsDone => {
            ("trials_done", "ended: all trials are done; --trials N with more of them goes on".to_owned())
        }
        Ended::SpaceExhausted => {
            ("space_exhausted", format!("ended: after {done} trials there is nothing left to try in this space"))
        }
        Ended::DeadlineReached => ("deadline_reached", "ended: time is up; the same command goes on".to_owned()),
        Ended::Interrupted => ("interrupted", "stopped; the same command goes on".to_owned()),
        Ended::TooManyFailures { first } => {
            let failure = match &first.outcome {
                crate::search::trial::Outcome::Failed(failure) => failure.to_string(),
                crate::search::trial::Outcome::Done(_) => String::new(),
            };
            let (index, architecture) = (first.job.index, first.job.architecture.canonical());
            (
                "too_many_failures",
                format!(
                    "ended: too many trainings in a row failed (search.max_failures); the first was trial {index}: \
                     {failure}\nits network: {architecture}"
                ),
            )
        }
    }
}
