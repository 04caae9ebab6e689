//! `inception-nas man`.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::CommandFactory;

use super::{Cli, Failure, Output, stdout};

/// Options of `inception-nas man`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The folder to write them to.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Writes a manual page for every command.
///
/// # Errors
/// [`Failure::Failed`] if they cannot be written.
pub fn execute(args: Args, output: Output) -> Result<(), Failure> {
    let failed = || format!("cannot write manual pages to {}", args.dir.display());
    fs::create_dir_all(&args.dir).with_context(failed)?;
    clap_mangen::generate_to(Cli::command(), &args.dir).with_context(failed)?;
    if output.json {
        return stdout::print_json(&serde_json::json!({ "dir": args.dir.display().to_string() }));
    }
    stdout::print(&format!("written: {0}; `man {0}/inception-nas.1` shows the first\n", args.dir.display()))
}
