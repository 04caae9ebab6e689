//! `inception-nas status`.

use serde::Serialize;

use super::runs::{RunArgs, StoredRun};
use super::{Failure, Output, stdout};
use crate::report::{RunSummary, table};
use crate::store::holder;

/// Options of `inception-nas status`.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    run: RunArgs,
}

/// The stable machine form.
#[derive(Serialize)]
struct Status {
    #[serde(flatten)]
    summary: RunSummary,
    /// Who works on the run now.
    holder: Option<String>,
}

/// Shows how far a run has got; reads only its text files, so a search that goes on is not disturbed.
///
/// # Errors
/// [`Failure::Usage`] if there is no such run, [`Failure::Failed`] if it cannot be read.
pub fn execute(args: Args, output: Output) -> Result<(), Failure> {
    let run = StoredRun::read(&args.run, output)?;
    let status = Status { summary: run.summary()?, holder: holder(run.dir.path()) };
    if output.json {
        return stdout::print(&(serde_json::to_string_pretty(&status)? + "\n"));
    }
    let state = match &status.holder {
        Some(holder) => format!("running: {holder}"),
        None if status.summary.max_training_macs.is_some() => {
            "not running; `run` continues it if the next trial fits into search.max_training_macs".to_owned()
        }
        None if status.summary.trials < status.summary.planned => "not running; `run` continues it".to_owned(),
        None => "done".to_owned(),
    };
    stdout::print(&format!("{}digest: {}\n{state}\n", table(&status.summary), status.summary.digest))
}
