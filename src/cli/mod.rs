//! The command line: one file a command.

/// `eprintln!` that a closed stderr (`2>&1 | head`) does not end.
macro_rules! say {
    ($($text:tt)*) => {
        $crate::report::to_stderr(&format!($($text)*))
    };
}

mod audit;
mod bar;
mod baseline;
mod bench;
mod best;
mod compare;
mod completions;
mod data;
mod device;
mod doctor;
mod estimate;
mod evaluate;
mod export;
mod fetch;
mod filing;
mod finalist;
mod finals;
mod folder;
mod heirs;
mod http;
mod ignored;
mod live;
mod load;
mod machine;
mod man;
mod memoized;
mod parse;
mod picture;
mod plan;
mod profile;
mod rate;
mod report;
mod run;
mod runs;
mod search;
mod signals;
mod space;
mod status;
mod stdout;
mod summary;
mod threads;
mod train;
mod trainings;
mod trials;
mod verify;

use std::fmt;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Searches the branch widths of Inception blocks for your own images and compute budget.
#[derive(Parser)]
#[command(name = "inception-nas", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    output: Output,
}

#[derive(Subcommand)]
enum Command {
    /// Search for better branch widths; continues where an earlier run of the same name stopped.
    Run(run::Args),
    /// Train the paper's GoogLeNet under the same protocol as every candidate.
    Baseline(baseline::Args),
    /// Compare strategies at equal cost, over several seeds.
    Compare(compare::Args),
    /// Find out whether brief trainings rank networks as full ones do, and which rung is enough.
    Audit(audit::Args),
    /// Pick and export a discovered architecture.
    Best(best::Args),
    /// Write a run's report as one HTML file, or serve it to a browser, also while the run goes on.
    Report(report::Args),
    /// Show how far a run has got, also while it is running.
    Status(status::Args),
    /// Print all trials of a run as CSV, with a column for every width, or write them for TensorBoard; also while it is running.
    Trials(trials::Args),
    /// Train the best networks of a run beside uniform scalings of equal cost, and compare them on the test images.
    Finals(finals::Args),
    /// Train stored trials again and compare them bit for bit.
    Verify(verify::Args),
    /// Train one architecture fully and write a model.
    Train(train::Args),
    /// Measure a trained model on a folder of labelled images.
    Evaluate(evaluate::Args),
    /// Write a trained model for other programs: ONNX or PyTorch.
    Export(export::Args),
    /// Print the layers and the cost of an architecture.
    Summary(summary::Args),
    /// Look at a search space before searching it.
    Space(space::Args),
    /// Look at a folder of images before training on it, or fetch one.
    Data(data::Args),
    /// Time training steps of an architecture on this machine.
    Bench(bench::Args),
    /// Show what a report of a bug needs: version, machine, memory, folders, speed; and what stands in the way.
    Doctor,
    /// Print a script for a shell to complete commands and options with.
    Completions(completions::Args),
    /// Write a manual page for every command.
    Man(man::Args),
}

/// How a command talks: options of every command.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct Output {
    /// Print the result as JSON on stdout.
    #[arg(long, global = true)]
    pub json: bool,
    /// No progress, only the result and errors.
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say more on stderr.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// Why a command did not succeed; decides the exit code.
#[derive(Debug)]
pub enum Failure {
    /// A wrong option, file or setting: exit code 2.
    Usage(anyhow::Error),
    /// The work itself failed: exit code 1.
    Failed(anyhow::Error),
    /// Stopped by the user with the state saved: exit code 130.
    Interrupted,
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(error) | Self::Failed(error) => write!(f, "{error:#}"),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

/// Parses the arguments, runs the command, and says how it went.
pub fn main() -> ExitCode {
    let Cli { command, output } = Cli::parse();
    let result = match command {
        Command::Run(args) => run::execute(args, output),
        Command::Baseline(args) => baseline::execute(args, output),
        Command::Compare(args) => compare::execute(args, output),
        Command::Audit(args) => audit::execute(args, output),
        Command::Best(args) => best::execute(args, output),
        Command::Report(args) => report::execute(args, output),
        Command::Status(args) => status::execute(args, output),
        Command::Trials(args) => trials::execute(args, output),
        Command::Finals(args) => finals::execute(args, output),
        Command::Verify(args) => verify::execute(args, output),
        Command::Train(args) => train::execute(args, output),
        Command::Evaluate(args) => evaluate::execute(args, output),
        Command::Export(args) => export::execute(args, output),
        Command::Summary(args) => summary::execute(args, output),
        Command::Space(args) => space::execute(args, output),
        Command::Data(args) => data::execute(args, output),
        Command::Bench(args) => bench::execute(args, output),
        Command::Doctor => doctor::execute(output),
        Command::Completions(args) => completions::execute(args),
        Command::Man(args) => man::execute(args, output),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Interrupted) => ExitCode::from(130),
        Err(failure) => {
            say!("error: {failure}");
            ExitCode::from(if matches!(failure, Failure::Usage(_)) { 2 } else { 1 })
        }
    }
}
