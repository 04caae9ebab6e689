//! `inception-nas finals`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Context, anyhow};

use super::device::{DeviceArgs, Opened, on_device};
use super::filing::Filing;
use super::finalist::Models;
use super::load::DataArgs;
use super::runs::{RunArgs, StoredRun};
use super::signals::Signals;
use super::threads::{ThreadArgs, crew};
use super::trainings::train_side_by_side;
use super::{Failure, Output, parse, stdout};
use crate::data::{Pyramid, Split};
use crate::evaluate::TrainEvaluator;
use crate::export::model_dir::Model;
use crate::ops::Engines;
use crate::report::{FinalsReport, Ledger, counted, duration, finals_table, standings_table};
use crate::search::finals::{Answers, Choice, Images, List, NoList, Settings};
use crate::search::ports::{Evaluator, Store};
use crate::search::trial::{Job, Trial};
use crate::store::{FinalsDir, FinalsStore, write_atomically};
use crate::train::right_answers;

/// Epochs of the finals for each one of the search, unless another number is asked for.
const EPOCHS_FACTOR: usize = 4;

/// Options of `inception-nas finals`.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    run: RunArgs,
    /// Trainings of every network, from 3: what seeds differ by is not told from fewer [default: 3]
    #[arg(long, value_name = "N", value_parser = parse::three_or_more)]
    seeds: Option<NonZeroUsize>,
    /// Passes over all training images [default: 4 times protocol.epochs of the run]
    #[arg(long, value_name = "N", value_parser = parse::epochs)]
    epochs: Option<NonZeroUsize>,
    /// Ranges of cost to divide the front into [default: 4]
    #[arg(long, value_name = "N", value_parser = parse::positive)]
    bins: Option<NonZeroUsize>,
    /// Most accurate networks to take from each range [default: 1]
    #[arg(long, value_name = "N", value_parser = parse::positive)]
    per_bin: Option<NonZeroUsize>,
    /// Most networks to take in all, the most accurate ones [default: as many as there are]
    #[arg(long, value_name = "N", value_parser = parse::positive)]
    max_finalists: Option<NonZeroUsize>,
    /// Most accurate networks of each range to train three times first, as long as in the finals; the --per-bin with the best mean
    /// on the validation images go there [default: no such heats, the scores of the search decide]
    #[arg(long, value_name = "N", value_parser = parse::two_or_more)]
    heats: Option<NonZeroUsize>,
    /// Train the paper's network too where it is over the limits of the space
    #[arg(long)]
    baseline: bool,
    #[command(flatten)]
    threads: ThreadArgs,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    data: DataArgs,
}

impl Args {
    /// The settings of finals that begin with these options; `epochs` are those of the search.
    fn settings(&self, epochs: usize) -> Settings {
        let or = |given: Option<NonZeroUsize>, default| given.map_or(default, NonZeroUsize::get);
        let (bins, per_bin) = (or(self.bins, 4), or(self.per_bin, 1));
        let max_finalists = or(self.max_finalists, bins.saturating_mul(per_bin));
        let heats = or(self.heats, 0);
        Settings {
            seeds: or(self.seeds, 3),
            epochs: or(self.epochs, EPOCHS_FACTOR * epochs),
            baseline: self.baseline,
            choice: Choice { bins, per_bin, max_finalists, heats },
        }
    }

    /// The options given that are not those of the frozen settings, one line each.
    fn changes(&self, Settings { seeds, epochs, baseline, choice }: Settings) -> Vec<String> {
        let options = [
            ("--seeds", seeds, self.seeds),
            ("--epochs", epochs, self.epochs),
            ("--bins", choice.bins, self.bins),
            ("--per-bin", choice.per_bin, self.per_bin),
            ("--max-finalists", choice.max_finalists, self.max_finalists),
            ("--heats", choice.heats, self.heats),
        ];
        let given = options.into_iter().filter_map(|(name, frozen, given)| Some((name, frozen, given?.get())));
        let differing = given.filter(|(_, frozen, given)| frozen != given);
        let changed = differing.map(|(name, old, new)| format!("{name}: {old} -> {new}"));
        changed.chain((self.baseline && !baseline).then(|| "--baseline: not given -> given".to_owned())).collect()
    }
}

/// Trains the best networks of a run, their controls and the paper's network from scratch, and compares them on images
/// that nothing was chosen by; or continues where it was stopped, or shows again what came of it.
///
/// # Errors
/// [`Failure::Usage`] if there is no such run, it has no finalist, the data are not the run's, or the options are not
/// those of finals that have begun; [`Failure::Interrupted`] if the user stopped it; [`Failure::Failed`] if results cannot
/// be written.
pub fn execute(args: Args, output: Output) -> Result<(), Failure> {
    let run = StoredRun::read(&args.run, output)?;
    let dir = run.dir.finals();
    let frozen = dir.read_list()?;
    if let Some(list) = &frozen {
        check_unchanged(&args, list, &dir)?;
        let (trainings, _) = dir.read_trainings()?;
        if let Some(answers) = dir.read_answers(list)?
            && trainings.len() == list.jobs().len()
        {
            // Nothing is left to compute, and the models are not needed any more.
            run.data(&args.data, output)?;
            run.tell_of_older_finals(list.trials);
            return show(&run, list, &trainings, &answers, output);
        }
    }
    run.check_device(args.device)?;
    let device = args.device.open()?;
    let data = run.data(&args.data, output)?;
    let workers = args.threads.count();
    let signals = Signals::install()?;
    let setup = Setup { run: &run, dir: &dir, data: &data, device: &device, workers, signals: &signals, output };
    let list = match frozen {
        Some(list) => list,
        None => new_list(&args, &setup)?,
    };
    let (mut store, warnings) = FinalsStore::open(&dir, &list)?;
    warnings.iter().for_each(|warning| say!("warning: {warning}"));
    let title = format!(
        "finals of run {} in {}: {} of {} networks are finalists",
        run.name,
        dir.path().display(),
        list.pairs.len(),
        list.networks.len()
    );
    on_device!(&device, crew(workers)?, engines => {
        let device = engines.device();
        let inner = TrainEvaluator::new(data.clone(), list.protocol, engines);
        let recorded = store.trials()?;
        let jobs = unfinished(&list, &recorded, &dir);
        let models = Models { data: data.clone(), protocol: list.protocol, device, dir: dir.clone(), recorded };
        let evaluator = Filing::new(inner, models);
        let trained = train(&list, jobs, &title, &setup, &evaluator, &mut store);
        if let Some(error) = evaluator.into_error() {
            return Err(Failure::Failed(error.context("the finals stopped; what is trained is kept")));
        }
        if !trained? {
            return Err(stopped());
        }
    });

    let trainings = store.trials()?;
    let answers = match dir.read_answers(&list)? {
        Some(answers) => answers,
        None => {
            if !output.quiet {
                let report = FinalsReport::new(run.name.as_str(), &list, &trainings, None);
                say!("{}\nall trainings are done: opening the test images", standings_table(&report));
            }
            dir.write_opening(&list)?;
            let answers = on_device!(device, args.threads.crew()?, engines => {
                open_test(&list, &trainings, &dir, &data, &engines)?
            });
            dir.write_answers(&answers)?;
            answers
        }
    };
    show(&run, &list, &trainings, &answers, output)
}

/// Writes the report and shows it.
fn show(run: &StoredRun, list: &List, trainings: &[Trial], answers: &Answers, output: Output) -> Result<(), Failure> {
    let report = FinalsReport::new(run.name.as_str(), list, trainings, Some(answers));
    let (json, path) = (stdout::json(&report)?, run.dir.finals().report());
    write_atomically(&path, json.as_bytes())?;
    if output.json {
        return stdout::print(&json);
    }
    stdout::print(&format!("{}written: {}\n", finals_table(&report), path.display()))
}

/// The trainings that are not done yet, or whose models are gone.
fn unfinished(list: &List, trainings: &[Trial], dir: &FinalsDir) -> Vec<Job> {
    let is_done = |job: &Job| {
        let trial = trainings.iter().find(|trial| trial.job.index == job.index);
        trial.is_some_and(|trial| trial.outcome.score().is_none() || dir.model(job.index).is_dir())
    };
    list.jobs().into_iter().filter(|job| !is_done(job)).collect()
}

/// Refuses other options than those that the list was frozen with.
fn check_unchanged(args: &Args, list: &List, dir: &FinalsDir) -> Result<(), Failure> {
    let changes = args.changes(list.settings);
    if changes.is_empty() {
        return Ok(());
    }
    Err(Failure::Usage(anyhow!(
        "the finals in {} were begun with other options (their own -> given now); leave these out, or move the folder away \
         to begin anew:\n  {}",
        dir.path().display(),
        changes.join("\n  ")
    )))
}

/// Where trainings are done.
struct Setup<'a> {
    run: &'a StoredRun,
    dir: &'a FinalsDir,
    data: &'a Pyramid,
    device: &'a Opened,
    workers: NonZeroUsize,
    signals: &'a Signals,
    output: Output,
}

/// The list of the finals, after the heats if there are any.
fn new_list(args: &Args, setup: &Setup<'_>) -> Result<List, Failure> {
    let &Setup { run, dir, data, .. } = setup;
    let images = Images {
        fingerprint: data.base().fingerprint(),
        train: data.split(Split::Train).len(),
        validation: data.split(Split::Validation).len(),
        openings: dir.openings()?,
    };
    let (space, trials, settings) = (&run.space, &run.trials, args.settings(run.space.protocol().epochs));
    let program = env!("CARGO_PKG_VERSION");
    let refused = |error: NoList| Failure::Usage(anyhow!(error).context(format!("run {}", run.name)));
    let Choice { heats, per_bin, .. } = settings.choice;
    if (1..=per_bin).contains(&heats) {
        let advice = format!("give more than the {per_bin} of --per-bin that go to the finals, or leave --heats out");
        return Err(Failure::Usage(anyhow!("--heats {heats} would decide nothing: {advice}")));
    }
    let heats = match dir.heats().read_list()? {
        Some(begun) => {
            check_unchanged(args, &begun, dir)?;
            begun
        }
        None if heats == 0 => {
            return List::new(space, trials, images, program, settings).map_err(refused);
        }
        None => List::heats(space, trials, images, program, settings).map_err(refused)?,
    };
    let trainings = train_heats(&heats, setup)?;
    heats.after_heats(space, &trainings, images.openings, program).map_err(|error| match error {
        NoList::AllFailed(_) => {
            Failure::Failed(anyhow!("{error}; move {} away to begin anew", dir.heats().path().display()))
        }
        other => refused(other),
    })
}

/// Does the trainings of the heats that are not done yet; those of all of them.
fn train_heats(heats: &List, setup: &Setup<'_>) -> Result<Vec<Trial>, Failure> {
    let dir = setup.dir.heats();
    let (mut store, warnings) = FinalsStore::open(&dir, heats)?;
    warnings.iter().for_each(|warning| say!("warning: {warning}"));
    let done = store.trials()?;
    let jobs = heats.jobs().into_iter().filter(|job| done.iter().all(|trial| trial.job.index != job.index)).collect();
    let title = format!(
        "heats of run {} in {}: {} for {}",
        setup.run.name,
        dir.path().display(),
        counted(heats.networks.len(), "network"),
        counted(heats.places.iter().map(|place| place.finalists).sum(), "place"),
    );
    on_device!(setup.device, crew(setup.workers)?, engines => {
        let evaluator = TrainEvaluator::new(setup.data.clone(), heats.protocol, engines);
        if !train(heats, jobs, &title, setup, &evaluator, &mut store)? {
            return Err(stopped());
        }
    });
    Ok(store.trials()?)
}

/// Does the trainings `jobs` of a list. Whether all were done.
fn train(
    list: &List,
    jobs: Vec<Job>,
    title: &str,
    setup: &Setup<'_>,
    evaluator: &dyn Evaluator,
    store: &mut FinalsStore,
) -> Result<bool, Failure> {
    let &Setup { run, workers, signals, output, .. } = setup;
    let all = list.jobs();
    let names = all.iter().map(|job| (job.index, list.name(job.index))).collect();
    if jobs.is_empty() {
        return Ok(true);
    }
    if !output.quiet {
        let (left, all) = (jobs.len(), all.len());
        say!("{title}; {left} of {all} trainings to do, {workers} at once\nlist: {}", list.sha256());
        announce(run, list, &jobs, workers);
    }
    train_side_by_side(jobs, names, workers, evaluator, store, signals, output)
}

/// What it comes to if somebody stopped the trainings.
fn stopped() -> Failure {
    say!("stopped; the same command goes on");
    Failure::Interrupted
}

/// What else there is to know before trainings of the finals.
fn announce(run: &StoredRun, list: &List, jobs: &[Job], workers: NonZeroUsize) {
    run.tell_of_older_finals(list.trials);
    // As fast, by multiply-adds, as the trainings of the search.
    let spent = Ledger::new(&run.trials, &[]).total;
    let macs: f64 = jobs.iter().map(|job| job.training_macs() as f64).sum();
    if spent.macs > 0 {
        let seconds = spent.seconds / spent.macs as f64 * macs / workers.get().min(jobs.len()) as f64;
        say!("about {} at the speed of the search", duration(seconds));
    }
}

/// Which test images each trained network gets right.
fn open_test(
    list: &List,
    trainings: &[Trial],
    dir: &FinalsDir,
    data: &Pyramid,
    engines: &impl Engines,
) -> Result<Answers, Failure> {
    let images = data.split(Split::Test);
    let right = |trial: &Trial| -> Result<Option<String>, Failure> {
        if trial.outcome.score().is_none() {
            return Ok(None);
        }
        let path: PathBuf = dir.model(trial.job.index);
        let (_, network) = Model::read(&path, engines.engine()?)
            .with_context(|| format!("remove {} to have it trained again", path.display()))?;
        let data = data.at(trial.job.fidelity.resolution)?;
        Ok(Some(Answers::text(&right_answers(&network, data, images, list.protocol.batch)?)))
    };
    // By ascending index, without holes: all are done.
    Ok(Answers { list: list.sha256(), right: trainings.iter().map(right).collect::<Result<_, _>>()? })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn args(line: &str) -> Args {
        Line::try_parse_from(std::iter::once("finals").chain(line.split_whitespace())).unwrap().args
    }

    #[test]
    fn only_options_that_are_given_can_differ() {
        let settings = args("--seeds 5 --bins 2 --per-bin 3").settings(3);
        let choice = Choice { bins: 2, per_bin: 3, max_finalists: 6, heats: 0 };
        assert_eq!(settings, Settings { seeds: 5, epochs: 12, baseline: false, choice });
        assert_eq!(args("").changes(settings), Vec::<String>::new());
        assert_eq!(args("--seeds 5 --epochs 12").changes(settings), Vec::<String>::new());
        let changes = args("--seeds 4 --max-finalists 1").changes(settings);
        assert_eq!(changes, ["--seeds: 5 -> 4", "--max-finalists: 6 -> 1"]);
        assert_eq!(args("--heats 4").settings(3).choice.heats, 4);
        assert_eq!(args("--heats 4").changes(settings), ["--heats: 0 -> 4"]);
        assert_eq!(args("--baseline").changes(settings), ["--baseline: not given -> given"]);
        for refused in [["--seeds", "2"], ["--heats", "1"]] {
            assert!(Line::try_parse_from(["finals"].into_iter().chain(refused)).is_err());
        }
    }
}
