//! `inception-nas trials`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::runs::{RunArgs, StoredRun};
use super::{Failure, Output, stdout};
use crate::report::{counted, tensorboard_events, trials_csv, trials_parquet};
use crate::store::{journal_schema, write_atomically};

/// Options of `inception-nas trials`.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    run: RunArgs,
    /// Write the trials for TensorBoard instead: its scalars, and its plugin hparams with every width. Several runs may go to
    /// one DIR, to be compared there; `tensorboard --logdir DIR` shows them.
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<PathBuf>,
    /// Write the table as a Parquet file instead, for pandas, Polars and DuckDB.
    #[arg(long, value_name = "FILE", conflicts_with = "tensorboard")]
    parquet: Option<PathBuf>,
    /// Print the JSON Schema of a line of trials.jsonl instead; `--json` prints the same without `record` and `crc`.
    #[arg(long, conflicts_with_all = ["tensorboard", "parquet"])]
    schema: bool,
}

/// Prints the trials of a run as a table, or writes them as Parquet or for TensorBoard; reads only its text files, so a
/// search that goes on is not disturbed.
///
/// # Errors
/// [`Failure::Usage`] if there is no such run, [`Failure::Failed`] if it cannot be read or the files not be written.
pub fn execute(args: Args, output: Output) -> Result<(), Failure> {
    if args.schema {
        return stdout::print_json(&journal_schema());
    }
    let run = StoredRun::read(&args.run, output)?;
    if let Some(logs) = args.tensorboard {
        let dir = logs.join(run.name.as_str());
        write_events(&run, &dir)?;
        let trials = run.trials.len();
        return stdout::print(&if output.json {
            stdout::json(&serde_json::json!({ "dir": dir.display().to_string(), "trials": trials }))?
        } else {
            format!(
                "written: {}, {}; `tensorboard --logdir {}` shows them\n",
                dir.display(),
                counted(trials, "trial"),
                logs.display()
            )
        });
    }
    if let Some(file) = args.parquet {
        write_atomically(&file, &trials_parquet(&run.trials)?)?;
        let trials = run.trials.len();
        return stdout::print(&if output.json {
            stdout::json(&serde_json::json!({ "file": file.display().to_string(), "trials": trials }))?
        } else {
            format!("written: {}, {}\n", file.display(), counted(trials, "trial"))
        });
    }
    if output.json {
        return stdout::print_json(&run.trials);
    }
    stdout::print(&trials_csv(&run.trials)?)
}

/// A folder and an event file for every trial. The same trials give the same files, so that writing a run again after more
/// trials only adds to what there is.
fn write_events(run: &StoredRun, dir: &Path) -> anyhow::Result<()> {
    let mut began = 0.0;
    for trial in &run.trials {
        let folder = dir.join(format!("trial-{:04}", trial.job.index));
        // TensorBoard knows event files by the middle of their name.
        let file = folder.join("events.out.tfevents.trial");
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&file, tensorboard_events(trial, began)))
            .with_context(|| format!("cannot write {}", file.display()))?;
        began += trial.seconds;
    }
    Ok(())
}
