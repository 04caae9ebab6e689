//! `inception-nas verify`.

use anyhow::anyhow;
use serde::Serialize;

use super::device::{DeviceArgs, on_device};
use super::filing::Filing;
use super::heirs::Heirs;
use super::load::DataArgs;
use super::runs::{RunArgs, StoredRun};
use super::signals::Signals;
use super::threads::{ThreadArgs, crew};
use super::trainings::train_side_by_side;
use super::{Failure, Output, stdout};
use crate::device::DeviceKind;
use crate::evaluate::TrainEvaluator;
use crate::report::counted;
use crate::search::digest::digest;
use crate::search::ports::Store;
use crate::search::trial::Trial;
use crate::search::verify::{Difference, differences, sample};
use crate::store::MemoryStore;

/// Options of `inception-nas verify`.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    run: RunArgs,
    /// Trial to train again; can be given several times [default: one that the run's digest draws, and the most accurate]
    #[arg(long = "trial", value_name = "K", conflicts_with = "all")]
    trials: Vec<usize>,
    /// All trials of the run.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    threads: ThreadArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

/// The stable machine form.
#[derive(Serialize)]
struct Report {
    run: String,
    /// Version of the program that began the run, and this one's.
    run_program: String,
    program: &'static str,
    /// The instruction set, or the GPU.
    instruction_set: String,
    same: bool,
    trials: Vec<Verified>,
}

#[derive(Serialize)]
struct Verified {
    trial: usize,
    same: bool,
    differences: Vec<Difference>,
}

/// Trains stored trials again and compares what comes out with what is stored, bit for bit.
///
/// # Errors
/// [`Failure::Usage`] if there is no such run or trial, or the data are not the run's; [`Failure::Failed`] if a trial
/// differs; [`Failure::Interrupted`] if the user stopped it.
pub fn execute(args: Args, output: Output) -> Result<(), Failure> {
    let run = StoredRun::read(&args.run, output)?;
    run.check_device(args.device)?;
    let chosen = choose(&run, &args)?;
    let device = args.device.open()?;
    let program = env!("CARGO_PKG_VERSION");
    if run.manifest.program != program {
        let theirs = &run.manifest.program;
        say!("note: the run was begun by version {theirs} of this program; this is {program}");
    }
    let data = run.data(&args.data, output)?;
    let threads = args.threads.count();
    let jobs = chosen.iter().map(|trial| trial.job.clone()).collect();
    let names = chosen.iter().map(|trial| (trial.job.index, format!("trial {}", trial.job.index))).collect();
    let mut store = MemoryStore::default();
    let signals = Signals::install()?;
    let done = on_device!(&device, crew(threads)?, engines => {
        let inner = TrainEvaluator::new(data, *run.space.protocol(), engines);
        let evaluator = Filing::new(inner, Heirs { run: run.dir.clone(), keep: false });
        let done = train_side_by_side(jobs, names, threads, &evaluator, &mut store, &signals, output);
        if let Some(error) = evaluator.into_error() {
            return Err(error.into());
        }
        done?
    });
    if !done {
        return Err(Failure::Interrupted);
    }
    let again = store.trials()?;
    let verified = |(stored, now): (&&Trial, &Trial)| {
        let differences = differences(stored, run.space.search().seed, &now.outcome);
        Verified { trial: stored.job.index, same: differences.is_empty(), differences }
    };
    // Both are by ascending index.
    let trials: Vec<Verified> = chosen.iter().zip(&again).map(verified).collect();
    let differing = trials.iter().filter(|trial| !trial.same).count();
    let report = Report {
        run: run.name.to_string(),
        run_program: run.manifest.program.clone(),
        program,
        instruction_set: device.processor(),
        same: differing == 0,
        trials,
    };
    stdout::print(&if output.json { stdout::json(&report)? } else { text(&report) })?;
    match differing {
        0 => Ok(()),
        _ => Err(Failure::Failed(anyhow!(
            "{differing} of {} differ. {}",
            counted(report.trials.len(), "trial"),
            expected_differences(args.device.kind(), &report.instruction_set)
        ))),
    }
}

/// What changes bits without anybody having changed a record.
fn expected_differences(device: DeviceKind, processor: &str) -> String {
    if device.is_cpu() {
        format!(
            "Any number of threads gives the same bits, but another version of the program or another instruction set \
             (here: {processor}) need not: differences in the last digits may come from there, others mean that the record \
             was changed"
        )
    } else {
        format!(
            "A GPU (here: {processor}) adds gradients in no fixed order, so that no two trainings give the same bits, and \
             what begins in the last digits grows from step to step"
        )
    }
}

/// The trials to look into, by ascending index.
fn choose<'a>(run: &'a StoredRun, args: &Args) -> Result<Vec<&'a Trial>, Failure> {
    if let Some(missing) = args.trials.iter().find(|index| run.trials.iter().all(|it| it.job.index != **index)) {
        let (name, stored) = (&run.name, run.trials.len());
        return Err(Failure::Usage(anyhow!(
            "run {name} has no trial {missing}; it has {}, from 0 on",
            counted(stored, "trial")
        )));
    }
    let chosen: Vec<&Trial> = match (args.all, args.trials.is_empty()) {
        (true, _) => run.trials.iter().collect(),
        (false, true) => sample(&run.trials, &digest(&run.trials)),
        (false, false) => run.trials.iter().filter(|trial| args.trials.contains(&trial.job.index)).collect(),
    };
    if chosen.is_empty() {
        return Err(Failure::Usage(anyhow!("run {} has no trials yet", run.name)));
    }
    Ok(chosen)
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    for Verified { trial, differences, .. } in &report.trials {
        text += &format!("trial {trial}: {}\n", if differences.is_empty() { "same" } else { "differs" });
        for Difference { field, stored, now } in differences {
            text += &format!("  {field}: stored {stored}, now {now}\n");
        }
    }
    text
}
