//! One search in a run folder, shown on the screen: what `run` and `compare` have in common.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::anyhow;

use super::device::{DeviceArgs, Opened, on_device};
use super::filing::Filing;
use super::heirs::Heirs;
use super::load::{DataArgs, SpaceArgs};
use super::memoized::Memoized;
use super::signals::Signals;
use super::threads::{cores, crew};
use super::{Failure, Output, parse, picture};
use crate::arch::Cost;
use crate::data::{Dataset, Pyramid};
use crate::evaluate::TrainEvaluator;
use crate::report::{Progress, RunSummary, Style, counted, front_csv, front_svg, si};
use crate::search::drive::{Ended, Finished, Plan, Stop, drive};
use crate::search::generation::comparable;
use crate::search::ports::Store;
use crate::search::searcher::searcher_for;
use crate::search::trial::Outcome;
use crate::space::Space;
use crate::store::{AuditDir, Error, Manifest, Measurements, RunDir, RunName, write_atomically};

/// The options that say where results go, and how many trainings go on at once.
#[derive(clap::Args, Debug)]
pub(super) struct PlaceArgs {
    /// Name of the folder in the results [default: names of space file, data folder and, but for `run`, command, such as
    /// default-synthetic]
    #[arg(long)]
    name: Option<RunName>,
    /// Trainings at once: on a thread each, or on more where fewer are left, or sharing the GPU; changes nothing but the
    /// time taken [default: number of cores]
    #[arg(long, value_name = "N", value_parser = parse::positive)]
    workers: Option<NonZeroUsize>,
    /// The folder that holds the results.
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub(super) results: PathBuf,
}

impl PlaceArgs {
    /// The name given, else one made of the names of space file and data, and `suffix`.
    pub(super) fn name(&self, space: &SpaceArgs, data: &DataArgs, suffix: &str) -> Result<RunName, Failure> {
        if let Some(name) = &self.name {
            return Ok(name.clone());
        }
        let stem = PathBuf::from(&space.space);
        let stem = stem.file_stem().unwrap_or_default().to_string_lossy();
        let name = format!("{stem}-{}{suffix}", data.label());
        name.parse().map_err(|error: Error| Failure::Usage(anyhow!(error).context("give a name with --name")))
    }

    /// Refuses a name that a run has.
    pub(super) fn refuse_run(&self, name: &RunName) -> Result<(), Failure> {
        let dir = RunDir::new(&self.results, name);
        refuse_begun(dir.path(), &dir.config(), "a run")
    }

    /// Refuses a name that an audit has.
    pub(super) fn refuse_audit(&self, name: &RunName) -> Result<(), Failure> {
        let dir = AuditDir::new(&self.results, name);
        refuse_begun(dir.path(), &dir.journal(), "an audit")
    }

    /// The workers asked for, or one for each core.
    pub(super) fn workers(&self) -> NonZeroUsize {
        self.workers.unwrap_or_else(cores)
    }
}

/// Refuses the folder `dir` if `file`, which `what` begins with, is there.
fn refuse_begun(dir: &Path, file: &Path, what: &str) -> Result<(), Failure> {
    if !file.exists() {
        return Ok(());
    }
    Err(Failure::Usage(anyhow!("{} is {what}: choose another name with --name", dir.display())))
}

/// Of so many threads as many as a search in `space` can use for trainings at once.
pub(super) fn search_workers(threads: NonZeroUsize, space: &Space) -> NonZeroUsize {
    threads.min(NonZeroUsize::new(space.search().window).unwrap_or(NonZeroUsize::MIN))
}

/// What is written down about the data of a run.
pub(super) fn manifest(data: &DataArgs, dataset: &Dataset, device: DeviceArgs) -> Manifest {
    Manifest {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        data: data.name(),
        data_fingerprint: dataset.fingerprint().to_owned(),
        classes: dataset.classes().to_vec(),
        device: device.kind(),
    }
}

/// What the user asked for that the run is not is their mistake; all else is the disk's.
pub(super) fn refused(error: Error) -> Failure {
    match error {
        Error::OtherConfig { .. }
        | Error::OtherData { .. }
        | Error::OtherDevice { .. }
        | Error::Name { .. }
        | Error::Occupied { .. } => Failure::Usage(error.into()),
        other => Failure::Failed(other.into()),
    }
}

/// A search, begun or not, that has a folder of its own.
pub(super) struct Search<'a> {
    /// The folder that holds the run.
    pub(super) results: &'a Path,
    pub(super) name: &'a RunName,
    pub(super) space: &'a Space,
    pub(super) data: &'a Pyramid,
    pub(super) manifest: &'a Manifest,
    /// Cost of the paper's network.
    pub(super) baseline: Cost,
    /// Where it computes.
    pub(super) device: &'a Opened,
    /// Threads that the trainings share.
    pub(super) threads: NonZeroUsize,
}

impl Search<'_> {
    /// Searches, or continues the search, until it ends or somebody stops it, and writes its front. The files are those of its
    /// picture.
    ///
    /// # Errors
    /// [`Failure::Usage`] if the run was begun with other settings or data, [`Failure::Failed`] if its folder cannot be
    /// written or the search cannot go on.
    pub(super) fn conduct(
        &self,
        signals: &Signals,
        output: Output,
    ) -> Result<(Finished, RunSummary, Vec<PathBuf>), Failure> {
        let Self { results, name, space, data, manifest, baseline, device, threads } = *self;
        let dir = RunDir::new(results, name);
        let (mut store, warnings) = dir.open(space, manifest).map_err(refused)?;
        warnings.iter().for_each(|warning| say!("warning: {warning}"));
        self.begin(&dir, store.trials()?.len(), output);

        let progress = Arc::new(Progress::new(Style::for_stderr(output.quiet), space, baseline));
        let screen = Arc::clone(&progress);
        signals.answer_through(move |text| screen.message(text));
        let plan = Plan { space, classes: data.classes().len(), workers: search_workers(threads, space) };
        let started = Instant::now();
        let most = space.search().max_seconds.map(Duration::from_secs);
        let deadline = || most.is_some_and(|most| started.elapsed() >= most);
        let stop = Stop { proposing: &signals.proposing, now: &signals.now, deadline: &deadline };
        let searched = on_device!(device, crew(threads)?, engines => {
            let evaluator = TrainEvaluator::new(data.clone(), *space.protocol(), engines);
            let evaluator = Filing::new(evaluator, Heirs { run: dir.clone(), keep: space.search().inherit });
            let evaluator = Memoized::new(evaluator, Measurements::open(&dir.measurements())?);
            let finished = drive(plan, searcher_for(space).as_mut(), &evaluator, &mut store, &*progress, stop);
            evaluator.into_inner()?.into_error().map_or_else(|| Ok(finished?), Err)
        });
        progress.close();
        // Whoever continues the run need not wait for the report.
        drop(store);
        let finished = searched.map_err(|error: anyhow::Error| {
            error.context("the search stopped; what is stored is kept, and the same command continues it")
        })?;
        let finals = dir.finals().read_spent()?;
        let summary =
            RunSummary::new(name.as_str(), space, &finished.trials, &baseline).with_finals(&finished.trials, &finals);
        write_atomically(&dir.front(), front_csv(&summary).as_bytes())?;
        let pictures = picture::write(&dir.picture(), &front_svg(&summary, comparable(space, &finished.trials)))?;
        Ok((finished, summary, pictures))
    }

    fn begin(&self, dir: &RunDir, stored: usize, output: Output) {
        if output.quiet {
            return;
        }
        let (name, workers) = (self.name, search_workers(self.threads, self.space));
        let settings = self.space.search();
        let whole = match settings.max_training_macs {
            None => counted(settings.trials, "trial"),
            Some(most) => format!("{} training MACs", si(most)),
        };
        let how = match stored {
            0 => whole,
            _ => format!("resumed at trial {stored}, of {whole}"),
        };
        say!("run {name} in {}: {how}, {workers} at once", dir.path().display());
    }
}

/// Why a search ended: a word for programs and a sentence for people.
pub(super) fn reason(ended: &Ended, done: usize) -> (&'static str, String) {
    match ended {
        Ended::TrialsDone => {
            ("trials_done", "ended: all trials are done; --trials N with more of them goes on".to_owned())
        }
        Ended::SpaceExhausted => (
            "space_exhausted",
            format!("ended: after {} no network was found that is new and inside the limits", counted(done, "trial")),
        ),
        Ended::CostReached => (
            "cost_reached",
            "ended: the next trial would cost more than is left of search.max_training_macs; a larger one goes on"
                .to_owned(),
        ),
        Ended::DeadlineReached => ("deadline_reached", "ended: time is up; the same command goes on".to_owned()),
        Ended::Interrupted => ("interrupted", "stopped; the same command goes on".to_owned()),
        Ended::TooManyFailures { first } => {
            let failure = match &first.outcome {
                Outcome::Failed(failure) => failure.to_string(),
                Outcome::Done(_) => String::new(),
            };
            let (index, architecture) = (first.job.index, first.job.architecture.canonical());
            (
                "too_many_failures",
                format!(
                    "ended: too many trainings in a row failed; the first was trial {index}: {failure}\nits network: \
                     {architecture}\nonce the reason is gone, the same command with a larger search.max_failures goes on \
                     behind them"
                ),
            )
        }
    }
}
