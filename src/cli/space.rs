//! `inception-nas space`: looking at a search space before searching it.

use std::fmt::Write;
use std::num::NonZeroUsize;

use serde_json::json;

use super::estimate::Estimate;
use super::load::{DataArgs, OverrideArgs, fitted, training_sets};
use super::search::search_workers;
use super::threads::cores;
use super::{Failure, Output, stdout};
use crate::arch::Architecture;
use crate::latency::Latency;
use crate::ops::OneThread;
use crate::report::{counted, si};
use crate::search::survey::Survey;
use crate::space::{Limits, Space, schema};
use crate::stats::quantiles;

/// Networks that are drawn at random.
const DRAWS: usize = 2000;

/// Shares of the draws whose MACs are shown.
const SHARES: [f64; 7] = [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0];

/// Options of `inception-nas space`.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: SpaceCommand,
}

#[derive(clap::Subcommand, Debug)]
enum SpaceCommand {
    /// Check a space file, and show what is in the space and about how long its search takes on this machine.
    Check(CheckArgs),
    /// Print the JSON Schema of a space file, with which editors complete and check keys and values.
    ///
    /// With the line `#:schema ./space.schema.json` at the top of a space file, Taplo and Even Better TOML use it.
    Schema,
}

#[derive(clap::Args, Debug)]
struct CheckArgs {
    /// A space file, one in search_spaces/, or a built-in one (default.toml, tiny.toml).
    #[arg(value_name = "FILE", default_value = "default.toml")]
    file: String,
    #[command(flatten)]
    overrides: OverrideArgs,
    #[command(flatten)]
    data: DataArgs,
}

/// Runs the command.
///
/// # Errors
/// [`Failure::Usage`] for a wrong space or data set; [`Failure::Failed`] if the timed training fails or stdout is gone.
pub fn execute(args: Args, output: Output) -> Result<(), Failure> {
    match args.command {
        SpaceCommand::Check(args) => check(&args, output),
        SpaceCommand::Schema => stdout::print_json(&schema()),
    }
}

fn check(args: &CheckArgs, output: Output) -> Result<(), Failure> {
    let space = args.overrides.load(&args.file, &[])?;
    let data = training_sets(args.data.data.as_deref(), &space, output)?;
    let space = fitted(space, data.base())?;
    let workers = search_workers(cores(), &space);
    let limits = space.limits();
    let paper_latency = limits.max_latency_ms.map(|_| {
        let paper = Architecture::googlenet(data.classes().len(), false)?;
        anyhow::Ok(Latency::measure(&paper, space.protocol().resolution, limits.latency_batch())?)
    });
    let check = Check {
        file: &args.file,
        paper_latency: paper_latency.transpose()?,
        survey: Survey::of(&space, data.classes().len(), DRAWS)?,
        estimate: Estimate::measure(&space, &data, OneThread, workers)?,
        space: &space,
        classes: data.classes().len(),
        workers,
    };
    stdout::print(&if output.json { check.to_json()? } else { check.to_text()? })
}

/// The resolutions of a space, for people.
pub(super) fn sides(space: &Space) -> String {
    let sides: Vec<String> = space.resolutions().iter().map(ToString::to_string).collect();
    match &sides[..] {
        [several @ .., last] if !several.is_empty() => format!("{} or {last} px", several.join(", ")),
        _ => format!("{} px", sides.concat()),
    }
}

/// What the command shows.
struct Check<'a> {
    file: &'a str,
    space: &'a Space,
    survey: Survey,
    estimate: Estimate,
    /// How fast the paper's network is, where the space limits that.
    paper_latency: Option<Latency>,
    classes: usize,
    workers: NonZeroUsize,
}

impl Check<'_> {
    /// Widths, and those of them that are searched.
    fn genes(&self) -> (usize, usize) {
        let genes = self.space.widths();
        (genes.len(), genes.iter().filter(|gene| gene.choices().len() > 1).count())
    }

    /// MACs of the draws at [`SHARES`].
    fn quantiles(&self) -> anyhow::Result<[u64; SHARES.len()]> {
        let macs: Vec<f64> = self.survey.macs.iter().map(|macs| *macs as f64).collect();
        Ok(quantiles(&macs, SHARES)?.map(|macs| macs.round() as u64))
    }

    /// The share of the draws that `count` of them are.
    fn share(&self, count: usize) -> f64 {
        count as f64 / self.survey.macs.len() as f64
    }

    /// The stable machine form.
    fn to_json(&self) -> anyhow::Result<String> {
        let Self { survey, estimate, space, .. } = self;
        let (genes, searched) = self.genes();
        let quantiles: Vec<_> =
            SHARES.iter().zip(self.quantiles()?).map(|(share, macs)| json!({ "share": share, "macs": macs })).collect();
        let json = json!({
            "space": self.file,
            "space_size_log10": space.size_log10(),
            "genes": genes,
            "genes_searched": searched,
            "classes": self.classes,
            "resolution": space.protocol().resolution,
            "resolutions": space.resolutions(),
            "smallest": survey.smallest,
            "largest": survey.largest,
            "limits": space.limits(),
            "paper": survey.paper,
            "paper_inside": survey.paper_inside.is_ok(),
            "paper_latency": self.paper_latency,
            "paper_outside_because": survey.paper_inside.as_ref().err().map(ToString::to_string),
            "draws": {
                "count": survey.macs.len(),
                "over_limit": self.share(survey.over_limit),
                "duplicates": self.share(survey.duplicates),
                "macs": quantiles,
            },
            "trials": space.search().trials,
            "workers": self.workers,
            "most_seconds_per_trial": estimate.trial_seconds,
            "most_seconds": estimate.seconds,
        });
        Ok(stdout::json(&json)?)
    }

    fn to_text(&self) -> anyhow::Result<String> {
        let Self { survey, estimate, space, .. } = self;
        let (genes, searched) = self.genes();
        let (smallest, largest, paper) = (survey.smallest, survey.largest, survey.paper);
        let limits = space.limits();
        let Limits { max_macs, max_parameters, max_latency_ms, .. } = *limits;
        let limit = |limit: Option<u64>, of: &str| limit.map(|limit| format!("at most {} {of}", si(limit)));
        let latency = max_latency_ms.map(|most| format!("at most {most} ms for a batch of {}", limits.latency_batch()));
        let limits: Vec<String> =
            [limit(max_macs, "MACs"), limit(max_parameters, "parameters"), latency].into_iter().flatten().collect();
        let inside = match &survey.paper_inside {
            Ok(()) => "inside".to_owned(),
            Err(outside) => format!("outside: {outside}"),
        };
        let paper_latency = self.paper_latency.map_or_else(String::new, |latency| format!("; {} now", latency.text()));
        let mut text = format!(
            "space      {}: 10^{:.1} networks; {searched} of {genes} widths are searched\n\
             range      {} to {} MACs at {}, {} to {} parameters for {} classes, whatever the limits\n\
             limits     {}\n\
             paper's    {} MACs and {} parameters; {inside}{paper_latency}\n\
             draws      {} at random, seed {}: {:.1} % over max_macs or max_parameters, {:.1} % repeats of others\n\
             MACs       of the draws, by the share that has no more:\n",
            self.file,
            space.size_log10(),
            si(smallest.macs),
            si(largest.macs),
            sides(space),
            si(smallest.parameters),
            si(largest.parameters),
            self.classes,
            if limits.is_empty() { "none".to_owned() } else { limits.join(", ") },
            si(paper.macs),
            si(paper.parameters),
            survey.macs.len(),
            space.search().seed,
            100.0 * self.share(survey.over_limit),
            100.0 * self.share(survey.duplicates),
        );
        for (share, macs) in SHARES.iter().zip(self.quantiles()?) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "           {:>3.0} %  {:>5}", 100.0 * share, si(macs));
        }
        let (trials, workers) = (space.search().trials, self.workers);
        text +=
            &format!("time       {estimate}: {}, {workers} at once\n\n{}\n", counted(trials, "trial"), estimate.rule());
        Ok(text)
    }
}
