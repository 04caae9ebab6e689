//! `inception-nas compare`: strategies beside each other at equal cost, over several seeds.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::anyhow;
use serde::Serialize;

use super::device::DeviceArgs;
use super::load::{self, DataArgs, SpaceArgs};
use super::parse::{self, Budget};
use super::search::{PlaceArgs, Search, manifest, reason};
use super::signals::Signals;
use super::stdout::{self, path};
use super::{Failure, Output, picture};
use crate::arch::Architecture;
use crate::evaluate::job;
use crate::report::{
    CONTROL, Comparison, Searched, Terms, baseline_cost, comparison_csv, comparison_svg, comparison_text, si,
};
use crate::search::drive::Ended;
use crate::search::trial::Origin;
use crate::space::{SEED, Space};
use crate::store::{RunName, write_atomically};

/// No search gets so far: its cost ends it.
const TRIALS: usize = 1_000_000;

/// Options of `inception-nas compare`.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    space: SpaceArgs,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// The strategies, with commas between them.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "evolution,nsga2,random,uniform")]
    strategies: Vec<String>,
    /// Compare the space file with one setting replaced, too, under a name of its own: `screened:search.screen=naswot`.
    /// Only keys of [search] and the ladder; the strategy is that of the space file unless it is what is replaced. The
    /// same name again replaces one more setting.
    #[arg(long = "variant", value_name = "NAME:KEY=VALUE", value_parser = parse::variant)]
    variants: Vec<(String, String)>,
    /// Searches of each strategy and variant; they have the seeds from search.seed of the space file on.
    #[arg(long, value_name = "N", default_value = "6", value_parser = parse::positive)]
    seeds: NonZeroUsize,
    /// What each search may spend on training: MACs (200T), or trainings of the paper's network (20x). Can be raised
    /// to go on with a finished comparison.
    #[arg(long, value_name = "MACS", default_value = "20x", value_parser = parse::budget)]
    budget: Budget,
}

/// Searches with each strategy and seed, or continues such searches, and compares what they found.
///
/// # Errors
/// As those of `run`; [`Failure::Failed`] also if one of the searches ends because too many trainings failed.
pub fn execute(args: Args, output: Output) -> Result<(), Failure> {
    let usage = |text: String| Failure::Usage(anyhow!(text));
    let device = args.device.open()?;
    let arms = arms(&args)?;
    let base = args.space.load(&[])?;
    if let Some(reason) = unequal(&base) {
        return Err(usage(reason.to_owned()));
    }
    let first = base.search().seed;
    let seeds: Vec<u64> = (0..args.seeds.get() as u64).map(|i| first.saturating_add(i)).collect();
    if seeds.last().is_some_and(|last| last > SEED.end()) {
        return Err(usage(format!(
            "{} seeds from {first} on go beyond {}: begin with a smaller --seed",
            seeds.len(),
            SEED.end()
        )));
    }
    // A wrong arm is said before any image is read.
    for (arm, space) in spaces(&args, &arms, &seeds[..1], None)? {
        check(arm, &space, &base)?;
        name_of(arm, first)?;
    }

    let name = args.place.name(&args.space, &args.data, "-compare")?;
    args.place.refuse_run(&name)?;
    args.place.refuse_audit(&name)?;
    let dir = args.place.results.join(name.as_str());
    let data = load::training_sets(args.data.data.as_deref(), &base, output)?;
    let base = load::fitted(base, data.base())?;
    let protocol = base.protocol();
    let classes = data.classes().len();
    let baseline = baseline_cost(classes, protocol.resolution).map_err(usage)?;
    let googlenet = Architecture::googlenet(classes, protocol.aux_heads)?;
    let baseline_training = job(googlenet, Origin::Random, protocol, first)?.training_macs();
    let budget = args.budget.macs(baseline_training);
    let search = |(arm, space): (_, Space)| {
        let name = name_of(arm, space.search().seed)?;
        Ok((arm, name, load::fitted(space, data.base())?))
    };
    let searches: Vec<(&Arm, RunName, Space)> =
        spaces(&args, &arms, &seeds, Some(budget))?.into_iter().map(search).collect::<Result<_, Failure>>()?;

    let manifest = manifest(&args.data, data.base(), args.device);
    let signals = Signals::install()?;
    let mut done = Vec::new();
    for (number, (arm, name, space)) in searches.iter().enumerate() {
        if !output.quiet {
            say!("search {} of {}", number + 1, searches.len());
        }
        let seed = space.search().seed;
        let threads = args.place.workers();
        let search =
            Search { results: &dir, name, space, data: &data, manifest: &manifest, baseline, device: &device, threads };
        let (finished, summary, _) = search.conduct(&signals, output)?;
        if finished.trials.is_empty() && finished.ended == Ended::CostReached {
            return Err(usage(format!(
                "--budget pays for no training: it is {} training MACs, and a training of the paper's network takes {}",
                si(budget),
                si(baseline_training)
            )));
        }
        let (ended, why) = reason(&finished.ended, finished.trials.len());
        match finished.ended {
            Ended::TrialsDone | Ended::SpaceExhausted | Ended::CostReached => {}
            Ended::Interrupted | Ended::DeadlineReached => {
                say!("stopped in search {} of {}; the same command goes on", number + 1, searches.len());
                return Err(Failure::Interrupted);
            }
            Ended::TooManyFailures { .. } => return Err(anyhow!("{why}").context(format!("search {name}")).into()),
        }
        done.push(Searched {
            strategy: arm.name.clone(),
            seed,
            trials: finished.trials,
            digest: summary.digest,
            ended,
        });
    }
    let names: Vec<String> = arms.iter().map(|arm| arm.name.clone()).collect();
    let terms = Terms {
        name: name.as_str(),
        space: &base,
        budget,
        baseline: &baseline,
        baseline_training,
        seeds: &seeds,
        strategies: &names,
    };
    let comparison = Comparison::new(&terms, &done)?;
    let csv = dir.join("compare.csv");
    write_atomically(&csv, comparison_csv(&comparison).as_bytes())?;
    let pictures = picture::write(&dir.join("compare.svg"), &comparison_svg(&comparison))?;
    if output.json {
        let report = Report { comparison: &comparison, results: dir };
        return stdout::print_json(&report);
    }
    let written = picture::names([csv].into_iter().chain(pictures));
    let (text, dir) = (comparison_text(&comparison), dir.display());
    stdout::print(&format!("{text}written: {written}; a search each in {dir}/STRATEGY-SEED\n"))
}

/// The stable machine form.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    comparison: &'a Comparison,
    #[serde(serialize_with = "path")]
    results: PathBuf,
}

/// What is compared: a strategy, or a variant of the space file.
struct Arm {
    /// A strategy is named by itself.
    name: String,
    /// Its settings, `key=value`.
    set: Vec<String>,
}

/// What the search of an arm with that seed is called in the folder of the comparison.
fn name_of(arm: &Arm, seed: u64) -> Result<RunName, Failure> {
    format!("{}-{seed}", arm.name).parse().map_err(|error| Failure::Usage(anyhow!("{error}")))
}

/// The strategies and then the variants, in the order given, each once.
fn arms(args: &Args) -> Result<Vec<Arm>, Failure> {
    let mut arms: Vec<Arm> = Vec::new();
    for name in &args.strategies {
        if !arms.iter().any(|known| known.name == *name) {
            arms.push(Arm { name: name.clone(), set: vec![format!("search.strategy={name}")] });
        }
    }
    let strategies: Vec<String> = arms.iter().map(|arm| arm.name.clone()).chain([CONTROL.to_owned()]).collect();
    for (name, setting) in &args.variants {
        if strategies.contains(name) {
            let text = format!("--variant {name}: that is the name of a strategy, give the variant another name");
            return Err(Failure::Usage(anyhow!(text)));
        }
        match arms.iter().position(|arm| arm.name == *name) {
            Some(at) => arms[at].set.push(setting.clone()),
            None => arms.push(Arm { name: name.clone(), set: vec![setting.clone()] }),
        }
    }
    Ok(arms)
}

/// What the comparison itself sets for every search.
const OWN: [&str; 2] = ["search.seed", "search.trials"];

/// Why a search with these settings is no match for others, if it is none.
fn unequal(space: &Space) -> Option<&'static str> {
    let settings = space.search();
    if settings.max_seconds.is_some() {
        return Some("search.max_seconds would end searches at unequal cost: leave it out, --budget ends them");
    }
    if settings.max_training_macs.is_some() {
        return Some("search.max_training_macs is what --budget gives to every search: leave it out");
    }
    settings.inherit.then_some("search.inherit gives some scores more training than others have: leave it out")
}

/// Whether an arm searches what the others search, and is told from them by its cost alone.
fn check(arm: &Arm, space: &Space, base: &Space) -> Result<(), Failure> {
    let usage = |text: String| Err(Failure::Usage(anyhow!("--variant {}: {text}", arm.name)));
    if let Some(reason) = unequal(space) {
        return usage(reason.to_owned());
    }
    let mut keys = arm.set.iter().filter_map(|setting| setting.split_once('='));
    if let Some((key, _)) = keys.find(|(key, _)| OWN.contains(&key.trim())) {
        return usage(format!("{key} is the same for all that is compared: give --seed, --seeds or --budget"));
    }
    let changes = space.changes_since(base).map_err(anyhow::Error::from)?;
    match changes.iter().find(|change| !change.starts_with("search.") && !change.starts_with("ladder")) {
        Some(change) => usage(format!(
            "{change} makes scores that cannot be compared with the others'; variants are of [search] and of the ladder"
        )),
        None => Ok(()),
    }
}

/// The space of every search with its arm: all arms with the first seed, then with the next one, so that what is stopped
/// has whole pairs.
fn spaces<'a>(
    args: &Args,
    arms: &'a [Arm],
    seeds: &[u64],
    budget: Option<u64>,
) -> Result<Vec<(&'a Arm, Space)>, Failure> {
    let mut spaces = Vec::new();
    for seed in seeds {
        for arm in arms {
            let set = [("seed", seed.to_string()), ("trials", TRIALS.to_string())];
            let budget = budget.map(|budget| ("max_training_macs", budget.to_string()));
            let set = set.into_iter().chain(budget).map(|(key, value)| format!("search.{key}={value}"));
            spaces.push((arm, args.space.load(&arm.set.iter().cloned().chain(set).collect::<Vec<_>>())?));
        }
    }
    Ok(spaces)
}
