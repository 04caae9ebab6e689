//! `inception-nas report`.

use std::path::{Path, PathBuf};

use super::runs::{Findings, RunArgs, StoredRun};
use super::{Failure, Output, live, picture, stdout};
use crate::report::{Page, RunSummary};
use crate::store::write_atomically;

/// Options of `inception-nas report`.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    run: RunArgs,
    /// Where to write [default: report.html, in the folder of the run]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Serve the report to the browsers of this machine instead, and print its address; it follows a search that goes on.
    #[arg(long, conflicts_with = "out")]
    serve: bool,
    /// The port to serve at; 0 is any free one.
    #[arg(long, value_name = "N", default_value = "0", requires = "serve")]
    port: u16,
}

/// Writes all that is known of a run as one HTML file, and a picture of its best network beside the paper's, or serves that
/// page; reads only its text files, so a search that goes on is not disturbed.
///
/// # Errors
/// [`Failure::Usage`] if there is no such run or the port is in use, [`Failure::Failed`] if it cannot be read or the file not
/// be written.
pub fn execute(args: Args, output: Output) -> Result<(), Failure> {
    let run = StoredRun::read(&args.run, output)?;
    if args.serve {
        return live::serve(&run, &args.run, args.port, output);
    }
    let path = args.out.unwrap_or_else(|| run.dir.page());
    let pictures = write(&run, &run.summary()?, &path)?;
    if output.json {
        let [file, architecture] = [Some(&path), pictures.first()].map(|it| it.map(|path| path.display().to_string()));
        let written = serde_json::json!({ "file": file, "architecture": architecture });
        return stdout::print_json(&written);
    }
    stdout::print(&format!("written: {}\n", picture::names(pictures.into_iter().chain([path]))))
}

/// Writes the page of a run that `summary` sums up, and in its folder the pictures of its best network if it
/// has one: their files, SVG first.
///
/// # Errors
/// [`Failure::Failed`] if its finals or its audit cannot be read, or a file not be written.
pub(super) fn write(run: &StoredRun, summary: &RunSummary, path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let findings = run.findings()?;
    let page = page(run, summary, &findings);
    write_atomically(path, page.html()?.as_bytes())?;
    match page.architecture() {
        Some(drawing) => picture::write(&run.dir.architecture_picture(), &drawing),
        None => Ok(Vec::new()),
    }
}

/// The page of a run that `summary` sums up and `findings` belong to.
pub(super) fn page<'a>(run: &'a StoredRun, summary: &'a RunSummary, findings: &'a Findings) -> Page<'a> {
    Page {
        summary,
        space: &run.space,
        trials: &run.trials,
        baseline: &run.baseline,
        finals: findings.finals.as_ref(),
        audit: findings.audit.as_deref(),
        data: &run.manifest.data,
        program: &run.manifest.program,
    }
}
