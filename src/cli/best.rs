//! `inception-nas best`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::load::{DataArgs, training_set};
use super::runs::{RunArgs, StoredRun};
use super::train::{show, train_model};
use super::{Failure, Output, parse, stdout};
use crate::data::Split;
use crate::export::architecture_file;
use crate::report::{Card, Source};
use crate::search::pick::{Wish, pick};
use crate::search::seed::trial_seed;
use crate::search::trial::{Fidelity, Trial};
use crate::space::Protocol;
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
    /// Train the network fully, from scratch, and write the model.
    #[arg(long)]
    train: bool,
    /// Times it then sees the training images.
    #[arg(long, value_name = "N", requires = "train", default_value_t = 30)]
    epochs: usize,
    #[command(flatten)]
    data: DataArgs,
    /// Where to write [default: best, in the folder of the run]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Picks a network of a run, and writes its architecture and its card.
///
/// # Errors
/// [`Failure::Usage`] if there is no such run, or `--train` is given other data than the run's; [`Failure::Failed`] if
/// no network is as wished, or the files cannot be written.
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
    if args.train {
        train(&run, trial, args.epochs, &args.data, &out.join("model"), output)?;
    }
    Ok(())
}

/// Trains the network of `trial` fully, from scratch and with a seed that the search has not seen.
fn train(
    run: &StoredRun,
    trial: &Trial,
    epochs: usize,
    data: &DataArgs,
    out: &Path,
    output: Output,
) -> Result<(), Failure> {
    let protocol = Protocol { epochs, ..*run.space.protocol() };
    let data = training_set(data.data.as_deref(), protocol.resolution, output)?;
    if data.fingerprint() != run.manifest.data_fingerprint {
        let made_on = &run.manifest.data;
        return Err(Failure::Usage(anyhow!("the run was made on other images: give --data {made_on}")));
    }
    let fidelity = Fidelity { epochs, images: data.split(Split::Train).len(), ..trial.job.fidelity };
    let seed = trial_seed(run.space.search().seed, &trial.job.architecture.key(), &fidelity, 1);
    show(&train_model(&trial.job.architecture, &protocol, &data, seed, Some(out), output)?, output)
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
