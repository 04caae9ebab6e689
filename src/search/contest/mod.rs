//! Strategies against each other on landscapes, judged by what they found without noise.
//!
//! Tests hold what strategies are said to be worth against this, and `cargo bench --bench landscapes` prints how much it is.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

use super::budget::training_macs;
use super::drive::{Plan, Stop, drive};
use super::hypervolume::{Reference, hypervolume};
use super::ladder::{full, trained_for};
use super::landscape::{Landscape, Terrain};
use super::pareto::Objectives;
use super::ports::{Event, Observer, Store, StoreError};
use super::searcher::searcher_for;
use super::trial::Trial;
use crate::arch::Architecture;
use crate::space::{ReferencePoint, Space};

/// A kind of landscape.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// What it is called.
    pub name: &'static str,
    /// How its error depends on the widths.
    pub terrain: Terrain,
    /// Accuracies are off by up to this much.
    pub noise: f64,
}

/// The kinds that strategies are compared on.
pub const KINDS: [Kind; 4] = [
    Kind { name: "separable", terrain: Terrain::Separable, noise: 0.01 },
    Kind { name: "interacting", terrain: Terrain::Interacting, noise: 0.01 },
    Kind { name: "noisy", terrain: Terrain::Separable, noise: 0.05 },
    Kind { name: "deceptive", terrain: Terrain::Deceptive, noise: 0.01 },
];

/// Searches that are compared, paired by seed.
pub const SEEDS: Range<u64> = 0..50;

/// Trials, and the population and sample that suit so many (Real et al. 2019 have 100 and 25 for 20,000; fewer for fewer).
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Trials of a search.
    pub trials: usize,
    /// `search.population`.
    pub population: usize,
    /// `search.sample`.
    pub sample: usize,
}

/// The budgets that strategies are compared at.
pub const BUDGETS: [Budget; 3] = [
    Budget { trials: 100, population: 20, sample: 5 },
    Budget { trials: 300, population: 40, sample: 8 },
    Budget { trials: 1000, population: 64, sample: 10 },
];

/// That at which searches with a ladder are compared with those without one.
pub const LADDER_BUDGET: Budget = Budget { trials: 200, population: 40, sample: 8 };

/// What a strategy with `more` settings (`KEY=VALUE` of a space file) finds on a landscape of its own for each of `seeds`:
/// hypervolumes by errors without noise.
///
/// # Panics
/// If `strategy` or one of `more` is not allowed in a space file.
pub fn volumes(strategy: &str, more: &[&str], kind: Kind, budget: Budget, seeds: Range<u64>) -> Vec<f64> {
    let found = |seed| {
        let landscape = |_: &Space| Landscape::with_terrain(kind.terrain, seed, &around(), kind.noise);
        let more = more.iter().map(|&setting| setting.to_owned());
        let settings: Vec<String> = settings(strategy, seed, budget).into_iter().chain(more).collect();
        let (_, trials, landscape) = conduct(&settings, landscape);
        volume(&trials, &landscape)
    };
    seeds.into_par_iter().map(found).collect()
}

/// What is found for the same training MACs with and without a ladder of three rungs (eta 3), for each of `seeds`, by the
/// trials of the top rung alone, where trainings lean the more to another landscape (by `bias` at most) and are the
/// noisier, the briefer they are.
///
/// # Panics
/// If there is no such strategy.
pub fn volumes_with_and_without_ladder(
    strategy: &str,
    noise: f64,
    bias: f64,
    seeds: Range<u64>,
) -> (Vec<f64>, Vec<f64>) {
    let pair = |seed| {
        let landscape = |space: &Space| {
            let other = Landscape::new(seed + 1000, &around(), 0.0);
            Landscape::new(seed, &around(), noise).with_brevity(full(space), bias, other)
        };
        let plain = [settings(strategy, seed, LADDER_BUDGET), vec!["protocol.epochs=9".to_owned()]].concat();
        let (space, trials, truth) = conduct(&plain, landscape);
        let without = volume(trained_for(&trials, full(&space)), &truth);
        let ladder = [
            "search.trials=1000000".to_owned(),
            format!("search.max_training_macs={}", training_macs(&trials)),
            "ladder=[{train_images=128, epochs=1}, {train_images=128, epochs=3}]".to_owned(),
        ];
        let (space, trials, truth) = conduct(&[&plain[..], &ladder].concat(), landscape);
        (volume(trained_for(&trials, full(&space)), &truth), without)
    };
    seeds.into_par_iter().map(pair).unzip()
}

/// The probability that chance alone lets `ours` be better than `theirs`, paired, so often or more often (one-sided sign
/// test).
pub fn chance(ours: &[f64], theirs: &[f64]) -> f64 {
    sign_test(ours.iter().zip(theirs).filter(|(ours, theirs)| ours > theirs).count(), ours.len())
}

/// The probability that a fair coin shows `wins` heads or more in `throws`.
fn sign_test(wins: usize, throws: usize) -> f64 {
    // One row of Pascal's triangle, scaled.
    let mut row = vec![1.0];
    for _ in 0..throws {
        let halves: Vec<f64> = row.iter().map(|p| p / 2.0).collect();
        row = (0..=halves.len())
            .map(|k| if k > 0 { halves[k - 1] } else { 0.0 } + halves.get(k).unwrap_or(&0.0))
            .collect();
    }
    row[wins..].iter().sum()
}

fn settings(strategy: &str, seed: u64, Budget { trials, population, sample }: Budget) -> Vec<String> {
    let set = |key: &str, value: String| format!("search.{key}={value}");
    vec![
        set("strategy", strategy.to_owned()),
        set("seed", seed.to_string()),
        set("trials", trials.to_string()),
        set("population", population.to_string()),
        set("sample", sample.to_string()),
    ]
}

/// The network that best widths lie around.
fn around() -> Architecture {
    Architecture::googlenet_scaled(0.5, 2, false).expect("an allowed ratio")
}

/// Keeps nothing, and nothing was there before.
struct Nowhere;

impl Store for Nowhere {
    fn append(&mut self, _: &Trial) -> Result<(), StoreError> {
        Ok(())
    }

    fn trials(&self) -> Result<Vec<Trial>, StoreError> {
        Ok(Vec::new())
    }
}

/// Looks away.
struct Unwatched;

impl Observer for Unwatched {
    fn observe(&self, _: Event<'_>) {}
}

/// The trials of a search with these settings.
fn conduct(overrides: &[String], landscape: impl FnOnce(&Space) -> Landscape) -> (Space, Vec<Trial>, Landscape) {
    let common = ["search.window=4", "widths.max_ratio=1.5", "limits.max_macs=40M"].map(str::to_owned);
    let tiny = include_str!("../../../search_spaces/tiny.toml");
    let space = Space::parse("tiny.toml", tiny, &[&common[..], overrides].concat()).expect("settings that are allowed");
    let landscape = landscape(&space);
    let never = AtomicBool::new(false);
    let stop = Stop { proposing: &never, now: &never, deadline: &|| false };
    let plan = Plan { space: &space, classes: 2, workers: NonZeroUsize::MIN };
    let found = drive(plan, &mut *searcher_for(&space), &landscape, &mut Nowhere, &Unwatched, stop)
        .expect("nothing is stored that could fail");
    (space, found.trials, landscape)
}

/// Hypervolume by errors without noise.
fn volume<'a>(trials: impl IntoIterator<Item = &'a Trial>, landscape: &Landscape) -> f64 {
    let googlenet = Architecture::googlenet(2, false).expect("two classes are allowed");
    let cost = googlenet.cost(32).expect("so is this size");
    let points = trials
        .into_iter()
        .map(|trial| Objectives::new(1.0 - landscape.error(&trial.job.architecture), trial.job.cost.macs));
    hypervolume(points, &Reference::new(ReferencePoint { error: 0.5, macs_ratio: 1.1 }, &cost))
}

#[cfg(test)]
mod tests;
