//! Strategies against each other on landscapes, judged by what they found without noise.

use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

use super::drive::{Plan, Stop, drive};
use super::hypervolume::{Reference, hypervolume};
use super::ladder::full;
use super::landscape::{Landscape, Terrain};
use super::pareto::Objectives;
use super::searcher::searcher_for;
use super::testing::{Counts, MemoryStore, space};
use super::trial::{Fidelity, Trial};
use crate::arch::Architecture;
use crate::space::ReferencePoint;

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

/// The trials of a search on a landscape of its own for every seed.
fn found_by(strategy: &str, kind: Kind, budget: Budget, seed: u64) -> (Vec<Trial>, Landscape) {
    let Budget { trials, population, sample } = budget;
    let overrides = [
        format!("search.strategy={strategy}"),
        format!("search.seed={seed}"),
        format!("search.trials={trials}"),
        format!("search.population={population}"),
        format!("search.sample={sample}"),
        "search.window=4".to_owned(),
        "widths.max_ratio=1.5".to_owned(),
        "limits.max_macs=40M".to_owned(),
    ];
    let space = space(&overrides.each_ref().map(String::as_str));
    let around = Architecture::googlenet_scaled(0.5, 2, false).unwrap();
    let landscape = Landscape::with_terrain(kind.terrain, seed, &around, kind.noise);
    let (never, counts) = (AtomicBool::new(false), Counts::default());
    let stop = Stop { proposing: &never, now: &never, deadline: &|| false };
    let plan = Plan { space: &space, classes: 2, workers: NonZeroUsize::MIN };
    let mut store = MemoryStore::new(vec![]);
    let found = drive(plan, &mut *searcher_for(&space), &landscape, &mut store, &counts, stop).unwrap();
    (found.trials, landscape)
}

/// Hypervolume by errors without noise.
fn volume(trials: &[Trial], landscape: &Landscape) -> f64 {
    let googlenet = Architecture::googlenet(2, false).unwrap();
    let points =
        trials.iter().map(|trial| Objectives::new(1.0 - landscape.error(&trial.job.architecture), trial.job.cost.macs));
    hypervolume(points, &Reference::new(&ReferencePoint::default(), &googlenet.cost(32).unwrap()))
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

fn laddered(
    strategy: &str,
    kind: Kind,
    noise: f64,
    bias: f64,
    ladder: bool,
    trials: usize,
    pop: usize,
    seed: u64,
) -> (Vec<Trial>, Landscape, Fidelity) {
    let mut overrides = vec![
        format!("search.strategy={strategy}"),
        format!("search.seed={seed}"),
        format!("search.trials={trials}"),
        format!("search.population={pop}"),
        format!("search.sample=5"),
        "search.window=4".to_owned(),
        "widths.max_ratio=1.5".to_owned(),
        "limits.max_macs=40M".to_owned(),
        "protocol.epochs=9".to_owned(),
    ];
    if ladder {
        overrides.push("ladder=[{train_images=128, epochs=1}, {train_images=128, epochs=3}]".to_owned());
    }
    let o: Vec<&str> = overrides.iter().map(String::as_str).collect();
    let space = space(&o);
    let around = Architecture::googlenet_scaled(0.5, 2, false).unwrap();
    let other = Landscape::with_terrain(kind.terrain, seed + 1000, &around, 0.0);
    let landscape = Landscape::with_terrain(kind.terrain, seed, &around, noise).with_brevity(full(&space), bias, other);
    let (never, counts) = (AtomicBool::new(false), Counts::default());
    let stop = Stop { proposing: &never, now: &never, deadline: &|| false };
    let plan = Plan { space: &space, classes: 2, workers: NonZeroUsize::MIN };
    let mut store = MemoryStore::new(vec![]);
    let found = drive(plan, &mut *searcher_for(&space), &landscape, &mut store, &counts, stop).unwrap();
    (found.trials, landscape, full(&space))
}

#[test]
fn explore_ladder() {
    let seeds: u64 = std::env::var("SEEDS").map_or(50, |s| s.parse().unwrap());
    for strategy in ["random", "evolution", "nsga2"] {
        for n in [60usize, 100, 200] {
            for (noise, bias) in [(0.01, 0.3), (0.02, 0.3), (0.02, 0.6), (0.05, 0.3)] {
                let pairs: Vec<(f64, f64, f64, f64, usize)> = (0..seeds)
                    .into_par_iter()
                    .map(|seed| {
                        let pop = if n < 200 { 20 } else { 40 };
                        let (t, l, f) = laddered(strategy, KINDS[0], noise, bias, false, n, pop, seed);
                        let budget: u64 = t.iter().map(|t| t.job.training_macs()).sum();
                        let without = volume(&t, &l);
                        let sel = |t: &[Trial]| {
                            let fr: Vec<Trial> =
                                super::front::front(super::ladder::trained_for(t, &f)).into_iter().cloned().collect();
                            volume(&fr, &l)
                        };
                        let wsel = sel(&t);
                        let (t, l, f) = laddered(strategy, KINDS[0], noise, bias, true, n * 8, pop, seed);
                        let mut spent = 0;
                        let t: Vec<Trial> = t
                            .into_iter()
                            .take_while(|t| {
                                spent += t.job.training_macs();
                                spent <= budget
                            })
                            .collect();
                        assert!(t.len() < n * 8);
                        let top: Vec<Trial> = super::ladder::trained_for(&t, &f).cloned().collect();
                        (volume(&top, &l), without, sel(&t), wsel, t.len())
                    })
                    .collect();
                let wins = pairs.iter().filter(|(a, b, ..)| a > b).count();
                let swins = pairs.iter().filter(|(_, _, a, b, _)| a > b).count();
                let mean = |f: fn(&(f64, f64, f64, f64, usize)) -> f64| pairs.iter().map(f).sum::<f64>() / seeds as f64;
                println!(
                    "{strategy} n={n} noise {noise} bias {bias}: ladder {:.4} without {:.4} wins {wins}/{seeds} | fronts {:.4} {:.4} wins {swins}  steps {:.0}",
                    mean(|p| p.0),
                    mean(|p| p.1),
                    mean(|p| p.2),
                    mean(|p| p.3),
                    mean(|p| p.4 as f64)
                );
            }
        }
    }
}

#[test]
fn explore() {
    let seeds: u64 = std::env::var("SEEDS").map_or(50, |s| s.parse().unwrap());
    for kind in KINDS {
        for budget in BUDGETS {
            let t = std::time::Instant::now();
            let volumes = |strategy: &str| -> Vec<f64> {
                (0..seeds)
                    .into_par_iter()
                    .map(|seed| {
                        let (t, l) = found_by(strategy, kind, budget, seed);
                        volume(&t, &l)
                    })
                    .collect()
            };
            let random = volumes("random");
            let mut line = format!("{:12} {:5}", kind.name, budget.trials);
            let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
            line += &format!("  random {:.4}", mean(&random));
            for s in ["evolution", "nsga2", "uniform"] {
                let v = volumes(s);
                let wins = v.iter().zip(&random).filter(|(a, b)| a > b).count();
                line += &format!("  {s} {:.4} {wins}/{seeds} p={:.1e}", mean(&v), sign_test(wins, seeds as usize));
            }
            println!("{line}  {:.1}s", t.elapsed().as_secs_f64());
        }
    }
}
