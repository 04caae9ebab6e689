//! `inception-nas report --serve`: the report in a browser, up to date while the run goes on.

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::anyhow;

use super::http::{self, Reply};
use super::runs::{RunArgs, StoredRun};
use super::{Failure, Output, report, stdout};
use crate::store::RunDir;

/// Serves the report of a run to the browsers of this machine until the process is ended; reads only text files of the run.
///
/// # Errors
/// [`Failure::Usage`] if the port is in use; [`Failure::Failed`] if nothing can be served there, or no longer.
pub(super) fn serve(run: &StoredRun, args: &RunArgs, port: u16, output: Output) -> Result<(), Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => {
            let advice = "give another one, or leave out --port to have a free one found";
            Failure::Usage(anyhow!("port {port} is in use; {advice}"))
        }
        _ => anyhow!(error).context(format!("cannot serve at port {port} of this machine")).into(),
    })?;
    let url = format!("http://{}/", listener.local_addr()?);
    stdout::print(&if output.json { format!("{}\n", serde_json::json!({ "url": url })) } else { format!("{url}\n") })?;
    if !output.quiet {
        say!("the report of run {}, up to date with every trial; Ctrl-C ends it", run.name);
    }
    let error = http::serve(&listener, |path| match path {
        "/" => page(run, args).map_or_else(
            |failure| Reply::text("500 Internal Server Error", format!("error: {failure}\n")),
            Reply::html,
        ),
        // Which the page asks for.
        "/state" => Reply::text("200 OK", state(&run.dir)),
        _ => Reply::text("404 Not Found", "the report is at /\n"),
    });
    Err(anyhow!(error).context("cannot serve any longer").into())
}

/// The page of the run as it is now.
fn page(run: &StoredRun, args: &RunArgs) -> Result<String, Failure> {
    // Before it is read: what is written meanwhile is another state.
    let state = state(&run.dir);
    let run = run.again(args)?;
    let (summary, findings) = (run.summary()?, run.findings()?);
    Ok(report::page(&run, &summary, &findings).live(&state)?)
}

/// Another text whenever there is more to show: the lengths of the files that a page is made of and that grow.
fn state(dir: &RunDir) -> String {
    let finals = dir.finals();
    let lengths = [dir.journal(), finals.heats().journal(), finals.journal(), finals.report()]
        .map(|path| fs::metadata(path).map_or(0, |data| data.len()).to_string());
    lengths.join("-")
}
