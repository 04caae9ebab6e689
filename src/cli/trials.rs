//! `inception-nas trials`.

use super::runs::{RunArgs, StoredRun};
use super::{Failure, Output, stdout};
use crate::report::trials_csv;

/// Options of `inception-nas trials`.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    run: RunArgs,
}

/// Prints the trials of a run as a table; reads only its text files, so a search that goes on is not disturbed.
///
/// # Errors
/// [`Failure::Usage`] if there is no such run, [`Failure::Failed`] if it cannot be read.
pub fn execute(args: Args, output: Output) -> Result<(), Failure> {
    let run = StoredRun::read(&args.run, output)?;
    if output.json {
        return stdout::print(&(serde_json::to_string_pretty(&run.trials)? + "\n"));
    }
    stdout::print(&trials_csv(&run.trials)?)
}
