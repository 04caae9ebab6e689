//! `inception-nas best`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, anyhow};

use super::runs::{RunArgs, StoredRun};
use super::{Failure, Output, parse, stdout};
use crate::export::architecture_file;
use crate::report::{Card, Source};
use crate::search::pick::{Wish, pick};
use crate::search::trial::Trial;
use crate::store::write_atomically;

/// Options of `inception-nas best`.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    run: RunArgs,
    /// Most multiply-adds of one image, such as 600M [default without other wishes: those of the paper's network]
    #[arg(long, value_name = "COUNT", value_parser = crate::space::parse_count)]
    max_macs: Option<u64>,
    /// Take the cheapest network with this validation accuracy or more, such as 0.9.
    #[arg(long, value_name = "SHARE", value_parser = parse::share)]
    min_accuracy: Option<f64>,
    /// Take the network of the front after which accuracy gets dear.
    #[arg(long)]
    knee: bool,
    /// Where to write [default: best, in the folder of the run]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Picks a network of a run, and writes its architecture and its card.
///
/// # Errors
/// [`Failure::Usage`] if there is no such run; [`Failure::Failed`] if no network is as wished, or the files cannot be
/// written.
pub fn execute(args: Args, output: Output) -> Result<(), Failure> {
    let run = StoredRun::read(&args.run, output)?;
    let Args { min_accuracy, knee, .. } = args;
    let unbounded = min_accuracy.is_some() || knee;
    let max_macs = args.max_macs.or((!unbounded).then_some(run.baseline.macs));
    let trial =
        pick(&run.trials, Wish { max_macs, min_accuracy, knee }).with_context(|| format!("run {}", run.name))?;
    let out = args.out.clone().unwrap_or_else(|| run.dir.path().join("best"));
    let card = card(&run, trial)?;
    let markdown = card.to_markdown()?;
    let json = serde_json::to_string_pretty(&card)? + "\n";
    fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
    write_atomically(&out.join("architecture.toml"), architecture_file::to_toml(&trial.job.architecture).as_bytes())?;
    write_atomically(&out.join("card.md"), markdown.as_bytes())?;
    write_atomically(&out.join("card.json"), json.as_bytes())?;
    if output.json {
        stdout::print(&json)?;
    } else {
        let out = out.display();
        stdout::print(&format!("{markdown}\nwritten: {out}/architecture.toml, {out}/card.md, {out}/card.json\n"))?;
    }
    Ok(())
}

fn card<'a>(run: &'a StoredRun, trial: &Trial) -> Result<Card<'a>, Failure> {
    let StoredRun { name, space, manifest, trials, baseline, .. } = run;
    let source = Source {
        run: name.as_str(),
        data: &manifest.data,
        data_fingerprint: &manifest.data_fingerprint,
        classes: &manifest.classes,
        program: &manifest.program,
        protocol: space.protocol(),
    };
    Card::new(source, trial, trials, *baseline).ok_or_else(|| anyhow!("trial {} has no score", trial.job.index).into())
}
