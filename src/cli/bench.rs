//! `inception-nas bench`.

use super::{Failure, Output};

/// Options of `inception-nas bench`.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// Runs the command.
pub fn execute(_args: Args, _output: Output) -> Result<(), Failure> {
    Err(anyhow::anyhow!("not there yet").into())
}
