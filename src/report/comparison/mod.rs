//! Strategies beside each other at equal cost, over several seeds.

mod csv;
mod curve;
mod plot;
mod target;
mod text;

use serde::Serialize;

pub use csv::comparison_csv;
pub use curve::Point;
pub use plot::comparison_svg;
pub use target::{Reached, Target};
pub use text::comparison_text;

use crate::arch::Cost;
use crate::search::budget::training_macs;
use crate::search::hypervolume::Reference;
use crate::search::ladder::full;
use crate::search::trial::Trial;
use crate::space::{ReferencePoint, Rung, Space};
use crate::stats::{Alternative, Undefined, holm, median, quartiles, wilcoxon};

/// The strategy that every other one is measured by.
pub const CONTROL: &str = "random";

/// Differences that chance makes more often than this are not called differences.
const SIGNIFICANCE: f64 = 0.05;

/// One finished search.
#[derive(Clone, Debug)]
pub struct Searched {
    /// Name of its strategy.
    pub strategy: String,
    /// Its seed.
    pub seed: u64,
    /// All its trials by ascending index.
    pub trials: Vec<Trial>,
    /// Hash over them.
    pub digest: String,
    /// Why it ended, in a word.
    pub ended: &'static str,
}

/// One search, summed up.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SearchRow {
    /// Its seed.
    pub seed: u64,
    /// Trials, failed ones included.
    pub trials: usize,
    /// Their multiply-adds as planned.
    pub training_macs: u64,
    /// Seconds that its trainings took, one after the other.
    pub seconds: f64,
    /// Hypervolume of all its trials, by the scores that it selected on.
    pub hypervolume: f64,
    /// Hash over its trials, except their times.
    pub digest: String,
    /// Why it ended.
    pub ended: &'static str,
    /// The way there.
    pub curve: Vec<Point>,
}

/// All searches of one strategy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StrategyRow {
    /// Its name.
    pub strategy: String,
    /// Lower quartile, median and upper quartile of the hypervolume over seeds.
    pub quartiles: [f64; 3],
    /// Median hypervolume at each point of the curves.
    pub median_curve: Vec<f64>,
    /// One search a seed, in the order of [`Comparison::seeds`].
    pub searches: Vec<SearchRow>,
}

/// Two strategies, paired by seed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// The one.
    pub first: String,
    /// The other.
    pub second: String,
    /// Median over seeds of the hypervolume of the first less that of the second.
    pub median_difference: f64,
    /// Seeds with which the first covers more.
    pub first_better: usize,
    /// Two-sided p-value of Wilcoxon's signed-rank test.
    pub p: f64,
    /// The same, corrected by Holm's method for the number of pairs.
    pub p_holm: f64,
    /// Rank-biserial correlation, -1 to 1: 1 if the first covers more with every seed.
    pub effect: f64,
}

/// How a strategy does against random search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It covers more, by more than chance makes.
    Better,
    /// No difference that chance would not make.
    NoDifference,
    /// It covers less, by more than chance makes.
    Worse,
}

/// The whole comparison; its JSON form is what `--json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Its name.
    pub name: String,
    /// Multiply-adds of training that every search could spend.
    pub budget_macs: u64,
    /// The budget in trainings of the paper's network.
    pub budget_baselines: f64,
    /// Multiply-adds of the paper's network for one image.
    pub baseline_macs: u64,
    /// The corner that hypervolumes are measured from.
    pub reference: ReferencePoint,
    /// The seeds of the searches.
    pub seeds: Vec<u64>,
    /// One row a strategy, in the order given.
    pub strategies: Vec<StrategyRow>,
    /// Each strategy with each one behind it.
    pub pairs: Vec<Pair>,
    /// The least corrected p-value that so many pairs and seeds can give: if every seed says the same.
    pub least_p_holm: f64,
    /// How many seeds so many pairs need for a difference to be significant at all.
    pub seeds_needed: usize,
    /// Each strategy but random search against it; empty if that is not among them.
    pub against_random: Vec<(String, Standing)>,
    /// What it cost to get where random search ends; none if that is not among them.
    pub target: Option<Target>,
}

/// What was compared, and how far it could go.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Name of the comparison.
    pub name: &'a str,
    /// The space that all of them searched.
    pub space: &'a Space,
    /// Multiply-adds of training that every search could spend.
    pub budget: u64,
    /// Cost of the paper's network.
    pub baseline: &'a Cost,
    /// Multiply-adds of a training of the paper's network.
    pub baseline_training: u64,
    /// The seeds.
    pub seeds: &'a [u64],
    /// The strategies.
    pub strategies: &'a [String],
}

impl Comparison {
    /// Compares `searches`, one for each strategy and seed of `terms`.
    ///
    /// # Errors
    /// [`Undefined`] if there are no seeds, or a search is missing so that not all can be paired.
    pub fn new(terms: &Terms<'_>, searches: &[Searched]) -> Result<Self, Undefined> {
        let Terms { name, space, budget, baseline, baseline_training, seeds, strategies } = *terms;
        let reference = Reference::new(space.reference(), baseline);
        let strategies = strategies
            .iter()
            .map(|strategy| {
                let theirs = |seed: &u64| searches.iter().find(|it| it.strategy == *strategy && it.seed == *seed);
                let rows = seeds.iter().filter_map(theirs).map(|it| row(it, budget, full(space), &reference));
                StrategyRow::new(strategy, rows.collect())
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut pairs = Vec::new();
        for (i, first) in strategies.iter().enumerate() {
            for second in &strategies[i + 1..] {
                pairs.push(pair(first, second)?);
            }
        }
        let corrected = holm(&pairs.iter().map(|pair| pair.p).collect::<Vec<_>>())?;
        pairs.iter_mut().zip(corrected).for_each(|(pair, p)| pair.p_holm = p);
        let against_random = pairs.iter().filter_map(standing).collect();
        // The two outcomes in which every seed says the same, of all 2^n.
        let least = |count: usize| (pairs.len() as f64 * 2.0 * 0.5_f64.powi(count as i32)).min(1.0);
        let seeds_needed = (1..64).find(|count| least(*count) < SIGNIFICANCE).unwrap_or(64);
        Ok(Self {
            name: name.to_owned(),
            budget_macs: budget,
            budget_baselines: budget as f64 / baseline_training as f64,
            baseline_macs: baseline.macs,
            reference: space.reference(),
            seeds: seeds.to_vec(),
            least_p_holm: least(seeds.len()),
            seeds_needed,
            target: target::target(&strategies, searches, full(space), &reference),
            strategies,
            pairs,
            against_random,
        })
    }
}

impl StrategyRow {
    fn new(strategy: &str, searches: Vec<SearchRow>) -> Result<Self, Undefined> {
        let points = (0..curve::POINTS as usize).map(|point| median(&volumes_at(&searches, point)));
        let median_curve = points.collect::<Result<_, _>>()?;
        let quartiles = quartiles(&volumes(&searches))?;
        Ok(Self { strategy: strategy.to_owned(), quartiles, median_curve, searches })
    }
}

fn row(
    Searched { strategy: _, seed, trials, digest, ended }: &Searched,
    budget: u64,
    full: Rung,
    reference: &Reference,
) -> SearchRow {
    let curve = curve::curve(trials, budget, full, reference);
    let (seconds, hypervolume) = curve.last().map_or((0.0, 0.0), |end| (end.seconds, end.hypervolume));
    SearchRow {
        seed: *seed,
        trials: trials.len(),
        training_macs: training_macs(trials),
        seconds,
        hypervolume,
        digest: digest.clone(),
        ended,
        curve,
    }
}

fn volumes(searches: &[SearchRow]) -> Vec<f64> {
    searches.iter().map(|search| search.hypervolume).collect()
}

/// Where the searches were at a point of their curves.
fn volumes_at(searches: &[SearchRow], point: usize) -> Vec<f64> {
    searches.iter().map(|search| search.curve[point].hypervolume).collect()
}

/// Not yet corrected for the number of pairs.
fn pair(first: &StrategyRow, second: &StrategyRow) -> Result<Pair, Undefined> {
    let (ours, theirs) = (volumes(&first.searches), volumes(&second.searches));
    if ours.len() != theirs.len() {
        return Err(Undefined::Unpaired { left: ours.len(), right: theirs.len() });
    }
    let differences: Vec<f64> = ours.iter().zip(&theirs).map(|(ours, theirs)| ours - theirs).collect();
    let test = wilcoxon(&differences, Alternative::TwoSided)?;
    Ok(Pair {
        first: first.strategy.clone(),
        second: second.strategy.clone(),
        median_difference: median(&differences)?,
        first_better: differences.iter().filter(|difference| **difference > 0.0).count(),
        p: test.p,
        p_holm: test.p,
        effect: test.effect,
    })
}

/// The strategy that a pair compares with random search, and how it does.
fn standing(pair: &Pair) -> Option<(String, Standing)> {
    let (strategy, effect) = match (pair.first.as_str(), pair.second.as_str()) {
        (strategy, CONTROL) => (strategy, pair.effect),
        (CONTROL, strategy) => (strategy, -pair.effect),
        _ => return None,
    };
    let standing = match pair.p_holm < SIGNIFICANCE {
        true if effect > 0.0 => Standing::Better,
        true if effect < 0.0 => Standing::Worse,
        _ => Standing::NoDifference,
    };
    Some((strategy.to_owned(), standing))
}

#[cfg(test)]
mod tests;
