//! `inception-nas status`.

use std::io::{self, IsTerminal};
use std::time::Duration;
use std::{fs, thread};

use serde::Serialize;

use super::runs::{RunArgs, StoredRun};
use super::{Failure, Output, stdout};
use crate::report::{RunSummary, front_text, table};
use crate::search::generation::comparable;
use crate::store::holder;

/// Between two looks at a run.
const PAUSE: Duration = Duration::from_millis(500);

/// Options of `inception-nas status`.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    run: RunArgs,
    /// Show it again whenever a trial is done, until nobody works on the run, or reads this, any more.
    #[arg(long)]
    watch: bool,
    /// Also plot accuracy over MACs, as plain characters.
    #[arg(long, conflicts_with = "json")]
    plot: bool,
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
    let mut run = StoredRun::read(&args.run, output)?;
    let (dir, journal) = (run.dir.path().to_owned(), run.dir.journal());
    let written = || fs::metadata(&journal).map_or(0, |data| data.len());
    loop {
        // Before it is read: what is written meanwhile is shown next time.
        let seen = written();
        if args.watch {
            run = run.again(&args.run)?;
        }
        let status = Status { summary: run.summary()?, holder: holder(&dir) };
        let plot = args.plot.then(|| {
            let comparable = comparable(&run.space, &run.trials);
            format!("{}\n", front_text(&status.summary, comparable, columns()))
        });
        let read = stdout::print_while_read(&text(&status, &plot.unwrap_or_default(), args.watch, output)?)?;
        if !args.watch || status.holder.is_none() || !read {
            return Ok(());
        }
        while written() == seen && holder(&dir).is_some() {
            thread::sleep(PAUSE);
        }
    }
}

/// The width of the terminal, or what most have where there is none.
fn columns() -> usize {
    terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0))
}

fn text(status: &Status, plot: &str, over: bool, output: Output) -> anyhow::Result<String> {
    if output.json {
        return Ok(stdout::json(status)?);
    }
    let state = match &status.holder {
        Some(holder) => format!("running: {holder}"),
        None if status.summary.max_training_macs.is_some() => {
            "not running; `run` continues it if the next trial fits into search.max_training_macs".to_owned()
        }
        None if status.summary.trials < status.summary.planned => "not running; `run` continues it".to_owned(),
        None => "done".to_owned(),
    };
    // Over what was shown before.
    let clear = if over && io::stdout().is_terminal() { "\x1b[2J\x1b[H" } else { "" };
    let Status { summary, .. } = status;
    Ok(format!("{clear}{plot}{}digest: {}\n{state}\n", table(summary), summary.digest))
}
