//! Strategies against each other on landscapes, judged by what they found without noise.

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
use super::searcher::searcher_for;
use super::testing::{Counts, MemoryStore, space};
use super::trial::Trial;
use crate::arch::Architecture;
use crate::space::{ReferencePoint, Space};

/// A kind of landscape.
#[derive(Clone, Copy, Debug)]
struct Kind {
    name: &'static str,
    terrain: Terrain,
    /// Accuracies are off by up to this much.
    noise: f64,
}

const KINDS: [Kind; 4] = [
    Kind { name: "separable", terrain: Terrain::Separable, noise: 0.01 },
    Kind { name: "interacting", terrain: Terrain::Interacting, noise: 0.01 },
    Kind { name: "noisy", terrain: Terrain::Separable, noise: 0.05 },
    Kind { name: "deceptive", terrain: Terrain::Deceptive, noise: 0.01 },
];

/// Searches that are compared, paired by seed.
const SEEDS: u64 = 50;

/// Trials, and the population and sample that suit so many (Real et al. 2019 have 100 and 25 for 20,000; fewer for fewer).
#[derive(Clone, Copy, Debug)]
struct Budget {
    trials: usize,
    population: usize,
    sample: usize,
}

const BUDGETS: [Budget; 3] = [
    Budget { trials: 100, population: 20, sample: 5 },
    Budget { trials: 300, population: 40, sample: 8 },
    Budget { trials: 1000, population: 64, sample: 10 },
];

/// The trials of a search with these settings.
fn conduct(overrides: &[String], landscape: impl FnOnce(&Space) -> Landscape) -> (Space, Vec<Trial>, Landscape) {
    let common = ["search.window=4", "widths.max_ratio=1.5", "limits.max_macs=40M"];
    let space = space(&common.into_iter().chain(overrides.iter().map(String::as_str)).collect::<Vec<_>>());
    let landscape = landscape(&space);
    let (never, counts) = (AtomicBool::new(false), Counts::default());
    let stop = Stop { proposing: &never, now: &never, deadline: &|| false };
    let plan = Plan { space: &space, classes: 2, workers: NonZeroUsize::MIN };
    let mut store = MemoryStore::new(vec![]);
    let found = drive(plan, &mut *searcher_for(&space), &landscape, &mut store, &counts, stop).unwrap();
    (space, found.trials, landscape)
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

fn around() -> Architecture {
    Architecture::googlenet_scaled(0.5, 2, false).unwrap()
}

/// Hypervolume by errors without noise.
fn volume<'a>(trials: impl IntoIterator<Item = &'a Trial>, landscape: &Landscape) -> f64 {
    let googlenet = Architecture::googlenet(2, false).unwrap();
    let points = trials
        .into_iter()
        .map(|trial| Objectives::new(1.0 - landscape.error(&trial.job.architecture), trial.job.cost.macs));
    hypervolume(points, &Reference::new(ReferencePoint { error: 0.5, macs_ratio: 1.1 }, &googlenet.cost(32).unwrap()))
}

/// What a strategy with `more` settings finds on a landscape of its own for each of `seeds`, by errors without noise.
fn volumes(strategy: &str, more: &[&str], kind: Kind, budget: Budget, seeds: Range<u64>) -> Vec<f64> {
    let found = |seed| {
        let landscape = |_: &Space| Landscape::with_terrain(kind.terrain, seed, &around(), kind.noise);
        let more = more.iter().map(|&setting| setting.to_owned());
        let settings: Vec<String> = settings(strategy, seed, budget).into_iter().chain(more).collect();
        let (_, trials, landscape) = conduct(&settings, landscape);
        volume(&trials, &landscape)
    };
    seeds.into_par_iter().map(found).collect()
}

/// The probability that chance alone lets `ours` be better than `theirs` so often or more often.
fn chance(ours: &[f64], theirs: &[f64]) -> f64 {
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

#[test]
fn the_sign_test_is_exact() {
    assert_eq!((sign_test(0, 3), sign_test(2, 3), sign_test(3, 3)), (1.0, 0.5, 0.125));
    // R: binom.test(34, 50, alternative = "greater").
    assert!((sign_test(34, 50) - 0.007_673_3).abs() < 1e-6, "{}", sign_test(34, 50));
}

/// Chance explains a result that is less likely than this.
const SIGNIFICANT: f64 = 0.01;

#[test]
fn nsga2_finds_more_than_evolution_and_evolution_more_than_the_controls() {
    for kind in KINDS {
        for budget in BUDGETS {
            let [nsga2, evolution, random, uniform] = ["nsga2", "evolution", "random", "uniform"]
                .map(|strategy| volumes(strategy, &[], kind, budget, 0..SEEDS));
            let mut pairs =
                vec![("nsga2 over random", chance(&nsga2, &random)), ("nsga2 over uniform", chance(&nsga2, &uniform))];
            // With 1000 trials both come near the best that there is.
            if budget.trials < 1000 {
                pairs.push(("nsga2 over evolution", chance(&nsga2, &evolution)));
            }
            // A hundred trials of evolution do not show everything: where widths mislead, it takes more to be better than random
            // search, and everywhere to be better than uniform scaling.
            let many = budget.trials > 100;
            if many || kind.terrain != Terrain::Deceptive {
                pairs.push(("evolution over random", chance(&evolution, &random)));
            }
            if many {
                pairs.push(("evolution over uniform", chance(&evolution, &uniform)));
            }
            for (pair, p) in pairs {
                assert!(p < SIGNIFICANT, "{} landscapes, {} trials: {pair}, p {p}", kind.name, budget.trials);
            }
        }
    }
}

#[test]
fn the_surrogate_finds_more_from_as_many_trials() {
    // Learning takes about a second a search, and fewer seeds than elsewhere show it.
    let (kind, budget, seeds) = (KINDS[1], BUDGETS[1], 0..20);
    let without = volumes("nsga2", &[], kind, budget, seeds.clone());
    let with = volumes("nsga2", &["search.candidates=8", "search.screen=surrogate"], kind, budget, seeds);
    assert!(chance(&with, &without) < SIGNIFICANT, "{with:?} {without:?}");
}

#[test]
fn a_score_of_untrained_networks_that_says_something_finds_more_from_as_many_trials() {
    let (kind, budget) = (KINDS[1], BUDGETS[1]);
    let without = volumes("nsga2", &[], kind, budget, 0..SEEDS);
    let with = volumes("nsga2", &["search.candidates=8", "search.screen=naswot"], kind, budget, 0..SEEDS);
    assert!(chance(&with, &without) < SIGNIFICANT, "{with:?} {without:?}");
}

/// What is found for the same training MACs with and without a ladder of three rungs, by the trials of the top rung, if
/// brief trainings measure something else by `bias`.
fn with_and_without_ladder(strategy: &str, noise: f64, bias: f64, budget: Budget, seed: u64) -> (f64, f64) {
    let landscape = |space: &Space| {
        let other = Landscape::new(seed + 1000, &around(), 0.0);
        Landscape::new(seed, &around(), noise).with_brevity(full(space), bias, other)
    };
    let plain = [settings(strategy, seed, budget), vec!["protocol.epochs=9".to_owned()]].concat();
    let (space, trials, truth) = conduct(&plain, landscape);
    let without = volume(trained_for(&trials, full(&space)), &truth);
    let ladder = [
        "search.trials=1000000".to_owned(),
        format!("search.max_training_macs={}", training_macs(&trials)),
        "ladder=[{train_images=128, epochs=1}, {train_images=128, epochs=3}]".to_owned(),
    ];
    let (space, trials, truth) = conduct(&[&plain[..], &ladder].concat(), landscape);
    (volume(trained_for(&trials, full(&space)), &truth), without)
}

#[test]
fn a_ladder_helps_random_search_while_brief_trainings_are_not_noise() {
    let budget = Budget { trials: 200, population: 40, sample: 8 };
    let pairs = |noise| -> (Vec<f64>, Vec<f64>) {
        let pair = |seed| with_and_without_ladder("random", noise, 0.3, budget, seed);
        (0..SEEDS).into_par_iter().map(pair).unzip()
    };
    let (with, without) = pairs(0.01);
    assert!(chance(&with, &without) < SIGNIFICANT);
    // Noise of a ninth of the images is three times as large: who goes up is then decided by luck.
    let (with, without) = pairs(0.05);
    assert!(chance(&without, &with) < SIGNIFICANT);
}
