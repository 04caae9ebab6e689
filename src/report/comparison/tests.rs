//! Comparisons of searches on the landscape and of made-up ones.

use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::arch::Architecture;
use crate::report::summary::baseline_cost;
use crate::report::summary::tests::{BASELINE, evolved, space};
use crate::search::drive::{Ended, Plan, Stop, drive};
use crate::search::landscape::Landscape;
use crate::search::ports::{Event, Observer};
use crate::search::searcher::searcher_for;
use crate::space::Space;
use crate::store::MemoryStore;

struct Unwatched;

impl Observer for Unwatched {
    fn observe(&self, _: Event<'_>) {}
}

/// A search on the landscape of its seed, ended by its cost or at the end of its strategy.
fn searched(strategy: &str, seed: u64, budget: u64) -> Searched {
    let overrides = [
        format!("search.strategy={strategy}"),
        format!("search.seed={seed}"),
        format!("search.max_training_macs={budget}"),
        "search.trials=1000000".to_owned(),
        "search.population=12".to_owned(),
    ];
    let space = Space::parse("tiny.toml", include_str!("../../../search_spaces/tiny.toml"), &overrides).unwrap();
    let landscape = Landscape::new(seed, &Architecture::googlenet_scaled(0.25, 2, false).unwrap(), 0.005);
    let never = AtomicBool::new(false);
    let stop = Stop { proposing: &never, now: &never, deadline: &|| false };
    let plan = Plan { space: &space, classes: 2, workers: NonZeroUsize::MIN };
    let mut store = MemoryStore::default();
    let found = drive(plan, &mut *searcher_for(&space), &landscape, &mut store, &Unwatched, stop).unwrap();
    let ended = if found.ended == Ended::CostReached { "cost_reached" } else { "space_exhausted" };
    Searched { strategy: strategy.to_owned(), seed, trials: found.trials, digest: String::new(), ended }
}

#[test]
fn searches_at_equal_cost_side_by_side() {
    let baseline = baseline_cost(2, 32).unwrap();
    let baseline_training = 3 * baseline.macs * 128;
    let budget = 4 * baseline_training;
    let seeds: Vec<u64> = (0..7).collect();
    let strategies = ["nsga2", "random", "uniform"].map(str::to_owned);
    let searches: Vec<Searched> = strategies
        .iter()
        .flat_map(|strategy| seeds.iter().map(move |seed| searched(strategy, *seed, budget)))
        .collect();
    let terms = Terms {
        name: "pets",
        space: &space(1),
        budget,
        baseline: &baseline,
        baseline_training,
        seeds: &seeds,
        strategies: &strategies,
    };
    let comparison = Comparison::new(&terms, &searches).unwrap();
    let [nsga2, random, uniform] = &comparison.strategies[..] else { panic!("{comparison:?}") };
    // Equal cost: what is left would not have paid for the next trial, and so is less than the dearest network's.
    for row in [nsga2, random] {
        for search in &row.searches {
            assert!(search.training_macs <= budget && search.training_macs + 3 * 4_000_000 * 128 > budget);
            assert_eq!(search.ended, "cost_reached");
        }
    }
    assert!(uniform.searches.iter().all(|search| search.ended == "space_exhausted"));
    assert!(nsga2.quartiles[1] > random.quartiles[1], "{comparison:?}");
    let [pair, ..] = &comparison.pairs[..] else { panic!("{comparison:?}") };
    assert_eq!((pair.first.as_str(), pair.second.as_str()), ("nsga2", "random"));
    assert_eq!(comparison.pairs.len(), 3);
    assert!(comparison.pairs.iter().all(|pair| pair.p_holm >= pair.p));
    for row in &comparison.strategies {
        assert!(row.median_curve.windows(2).all(|pair| pair[0] <= pair[1]), "a front never shrinks");
        assert_eq!(row.median_curve[9], row.quartiles[1]);
    }
    let target = comparison.target.as_ref().unwrap();
    let cost = |row: usize| target.strategies[row].median_macs.unwrap();
    assert!(target.strategies[1].searches >= 4 && cost(0) < cost(1) && cost(1) <= budget, "{target:?}");
    let text = comparison_text(&comparison);
    assert!(text.contains("comparison pets: 7 seeds; every search could spend "), "{text}");
    assert!(text.contains("4.0 trainings of GoogLeNet"), "{text}");
    let csv = comparison_csv(&comparison);
    assert_eq!(csv.lines().count(), 1 + 3 * 7 * 10);
    assert!(csv.lines().nth(10).unwrap().starts_with(&format!("nsga2,0,{budget},0,")), "{csv}");
}

/// Searches of one trial each, whose accuracies are given by strategy and seed.
fn made_up(accuracies: &[(&str, &[f64])]) -> Comparison {
    let strategies: Vec<String> = accuracies.iter().map(|(strategy, _)| (*strategy).to_owned()).collect();
    let seeds: Vec<u64> = (0..accuracies[0].1.len() as u64).collect();
    let searches: Vec<Searched> = accuracies
        .iter()
        .flat_map(|(strategy, values)| {
            values.iter().zip(&seeds).map(move |(accuracy, seed)| (strategy, accuracy, seed))
        })
        .map(|(strategy, accuracy, seed)| Searched {
            strategy: (*strategy).to_owned(),
            seed: *seed,
            trials: vec![evolved(0, *accuracy, 10_000_000)],
            digest: String::new(),
            ended: "cost_reached",
        })
        .collect();
    let terms = Terms {
        name: "pets",
        space: &space(1),
        budget: 3_840_000_000,
        baseline: &BASELINE,
        baseline_training: 38_400_000_000,
        seeds: &seeds,
        strategies: &strategies,
    };
    Comparison::new(&terms, &searches).unwrap()
}

const LOW: [f64; 6] = [0.70, 0.71, 0.72, 0.70, 0.69, 0.71];
const HIGH: [f64; 6] = [0.80, 0.82, 0.84, 0.83, 0.85, 0.86];

#[test]
fn six_seeds_that_agree_are_significant_for_one_pair_only() {
    let one = made_up(&[("evolution", &HIGH), ("random", &LOW)]);
    assert_eq!((one.pairs[0].p, one.pairs[0].p_holm, one.pairs[0].effect), (2.0 / 64.0, 2.0 / 64.0, 1.0));
    assert_eq!(one.pairs[0].first_better, 6);
    assert_eq!(one.against_random, [("evolution".to_owned(), Standing::Better)]);
    assert_eq!((one.least_p_holm, one.seeds_needed), (2.0 / 64.0, 6));
    let text = comparison_text(&one);
    assert!(text.contains("evolution beats random search at equal cost\n") && !text.contains("cannot show"), "{text}");

    let three = made_up(&[("evolution", &HIGH), ("random", &LOW), ("uniform", &LOW)]);
    assert_eq!(three.against_random[0], ("evolution".to_owned(), Standing::NoDifference));
    assert_eq!((three.pairs[0].p_holm, three.seeds_needed), (6.0 / 64.0, 7));
    // Uniform scaling found the very same.
    assert_eq!((three.pairs[2].p_holm, three.pairs[2].effect), (1.0, 0.0));
    let text = comparison_text(&three);
    for expected in [
        "evolution does not beat random search: the difference is not more than chance makes\n",
        "uniform does not beat random search",
        "6 seeds cannot show any difference: even if all of them agree, p is 0.0938 after correction for 3 pairs; \
         give --seeds 7 or more",
    ] {
        assert!(text.contains(expected), "no {expected:?} in\n{text}");
    }
}

#[test]
fn a_strategy_that_is_worse_than_chance_is_called_so() {
    let worse = made_up(&[("random", &HIGH), ("evolution", &LOW)]);
    assert_eq!(worse.against_random, [("evolution".to_owned(), Standing::Worse)]);
    let reached =
        |strategy: &str, searches, median_macs| Reached { strategy: strategy.to_owned(), searches, median_macs };
    let target = worse.target.as_ref().unwrap();
    assert_eq!(target.hypervolume, worse.strategies[0].quartiles[1]);
    assert_eq!(target.strategies, [reached("random", 3, Some(3_840_000_000)), reached("evolution", 0, None)]);
    assert!(comparison_text(&worse).contains("evolution  never                   0 of 6\n"));
    assert!(comparison_text(&worse).contains("evolution is worse than random search at equal cost\n"));
    let alone = made_up(&[("evolution", &HIGH)]);
    assert_eq!((alone.pairs.len(), alone.against_random.len()), (0, 0));
    assert_eq!(alone.target, None);
    assert!(comparison_text(&alone).contains("nothing is said about random search"));
}

#[test]
fn a_missing_search_is_no_comparison() {
    let strategies = ["evolution", "random"].map(str::to_owned);
    let terms = Terms {
        name: "pets",
        space: &space(1),
        budget: 1,
        baseline: &BASELINE,
        baseline_training: 1,
        seeds: &[0, 1],
        strategies: &strategies,
    };
    let search = |strategy: &str, seed| Searched {
        strategy: strategy.to_owned(),
        seed,
        trials: vec![],
        digest: String::new(),
        ended: "",
    };
    let searches = [search("evolution", 0), search("evolution", 1), search("random", 0)];
    assert_eq!(Comparison::new(&terms, &searches), Err(Undefined::Unpaired { left: 2, right: 1 }));
}

#[test]
fn a_whole_table() {
    let text = comparison_text(&made_up(&[("evolution", &HIGH[..2]), ("random", &LOW[..2])]));
    let expected = "\
comparison pets: 2 seeds; every search could spend 3.84G training MACs, 0.1 trainings of GoogLeNet
hypervolume is measured from an error of 0.5 and 1.1 x GoogLeNet's 100M MACs

hypervolume over seeds; trials, cost spent and training time are means
strategy   median         quartiles  trials  spent  training
evolution  0.7433  0.7314 to 0.7553     1.0  100 %        2s
random     0.4916  0.4856 to 0.4976     1.0  100 %        2s

median hypervolume at a share of the budget
strategy    10 %   20 %   30 %   40 %   50 %   60 %   70 %   80 %   90 %  100 %
evolution  0.000  0.000  0.000  0.000  0.000  0.000  0.000  0.000  0.000  0.743
random     0.000  0.000  0.000  0.000  0.000  0.000  0.000  0.000  0.000  0.492

share of the budget with which half of the searches had the 0.4916 that random search ends with
strategy   share  searches that got there
evolution  100 %                   2 of 2
random     100 %                   1 of 2

paired by seed, Wilcoxon's signed-rank test, Holm's correction
pair                difference  first better      p  p (Holm)  effect
evolution - random     +0.2518        2 of 2  0.500     0.500   +1.00

evolution does not beat random search: the difference is not more than chance makes
2 seeds cannot show any difference: even if all of them agree, p is 0.5000 after correction for 1 pair; give \
--seeds 6 or more, or fewer strategies
hypervolumes are of the validation scores that each search selected on, so they flatter every strategy; `finals` \
trains the networks of a front again with fresh seeds
";
    assert_eq!(text, expected);
}
