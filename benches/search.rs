//! `cargo bench --bench search`: what a search costs besides training, with many trials behind it. Every strategy searches
//! the default space on a landscape that costs next to nothing; then single proposals are timed.
//!
//! `--trials N` sets how many trials there are before [default: 10000].

use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use inception_nas::arch::Architecture;
use inception_nas::search::drive::{Plan, Stop, drive};
use inception_nas::search::landscape::Landscape;
use inception_nas::search::ports::{Event, Observer};
use inception_nas::search::searcher::{Turn, searcher_for};
use inception_nas::search::seed::step_rng;
use inception_nas::space::Space;
use inception_nas::store::MemoryStore;

/// Proposals timed one by one.
const TIMED: usize = 1000;

struct Unwatched;

impl Observer for Unwatched {
    fn observe(&self, _: Event<'_>) {}
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let given = arguments.iter().position(|argument| argument == "--trials").and_then(|at| arguments.get(at + 1));
    let trials: usize = given.map_or(10_000, |trials| trials.parse().expect("--trials N"));

    println!("ask and tell after {trials} trials; whole: a trial with everything but its training and the disk");
    println!("{:>10} {:>10} {:>10} {:>10} {:>10}", "strategy", "population", "median ms", "most ms", "whole ms");
    for (strategy, population) in
        [("random", 100), ("evolution", 100), ("evolution", 1000), ("nsga2", 100), ("nsga2", 1000)]
    {
        let overrides = [
            format!("search.strategy={strategy}"),
            format!("search.population={population}"),
            format!("search.trials={trials}"),
        ];
        let space = Space::parse("default.toml", include_str!("../search_spaces/default.toml"), &overrides)
            .expect("a space that its own tests check");
        let around = Architecture::googlenet_scaled(0.5, 2, false).expect("an allowed ratio");
        let landscape = Landscape::new(1, &around, 0.01);
        let never = AtomicBool::new(false);
        let stop = Stop { proposing: &never, now: &never, deadline: &|| false };
        let plan = Plan { space: &space, classes: 2, workers: NonZeroUsize::MIN };
        let mut searcher = searcher_for(&space);
        let start = Instant::now();
        let found = drive(plan, &mut *searcher, &landscape, &mut MemoryStore::default(), &Unwatched, stop)
            .expect("a search in memory");
        let whole = start.elapsed().as_secs_f64() * 1e3 / trials as f64;

        let mut times: Vec<f64> = (0..TIMED)
            .map(|i| {
                let trial = &found.trials[i % found.trials.len()];
                let start = Instant::now();
                let proposal =
                    searcher.ask(&space, Turn { candidate: trials + i, turned_down: 0 }, &mut step_rng(1, trials + i));
                searcher.tell(&space, trial);
                let time = start.elapsed().as_secs_f64() * 1e3;
                assert!(proposal.is_some(), "{strategy} gave up");
                time
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let (median, most) = (times[TIMED / 2], times[TIMED - 1]);
        println!("{strategy:>10} {population:>10} {median:>10.3} {most:>10.3} {whole:>10.3}");
    }
}
