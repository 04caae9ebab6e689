//! `inception-nas completions`.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, Failure, stdout};

/// Options of `inception-nas completions`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The shell to complete in.
    shell: Shell,
}

/// Prints the script that makes a shell complete commands and options.
///
/// # Errors
/// [`Failure::Failed`] if it cannot be written.
pub fn execute(args: Args) -> Result<(), Failure> {
    let mut command = Cli::command();
    let (name, mut script) = (command.get_name().to_owned(), Vec::new());
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    stdout::print(&String::from_utf8_lossy(&script))
}
