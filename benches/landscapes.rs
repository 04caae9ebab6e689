//! `cargo bench --bench landscapes`: what strategies, a ladder and the surrogate are worth on made-up landscapes.
//!
//! The table of the surrogate takes most of an hour, so it has to be asked for: `cargo bench --bench landscapes -- surrogate`.

use std::ops::Range;

use clap::{Parser, ValueEnum};
use inception_nas::search::contest::{
    BUDGETS, Budget, KINDS, LADDER_BUDGET, SEEDS, chance, volumes, volumes_with_and_without_ladder,
};
use inception_nas::stats::mean;

/// Those that the surrogate is judged by: others than it was made with.
const OTHER_SEEDS: Range<u64> = 1000..1050;

/// How far brief trainings lean to another landscape.
const BIAS: f64 = 0.3;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Table {
    Strategies,
    Ladder,
    Surrogate,
}

/// Prints what searches find on landscapes, as mean hypervolumes over fifty seeds by errors without noise.
#[derive(Parser)]
struct Args {
    /// The tables to print.
    #[arg(value_enum, default_values = ["strategies", "ladder"])]
    tables: Vec<Table>,
    /// Trials of a search, for strategies and surrogate.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "100,300,1000")]
    trials: Vec<usize>,
    /// What cargo says to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let args = Args::parse();
    for table in &args.tables {
        let budgets = BUDGETS.into_iter().filter(|budget| args.trials.contains(&budget.trials));
        match table {
            Table::Strategies => strategies(budgets),
            Table::Ladder => ladder(),
            Table::Surrogate => surrogate(budgets),
        }
    }
}

fn average(volumes: &[f64]) -> f64 {
    mean(volumes).expect("there are seeds")
}

/// A cell for each kind of landscape, `width` characters wide.
fn columns(cell: impl FnMut(usize) -> String, width: usize) -> String {
    (0..KINDS.len()).map(cell).map(|cell| format!("{cell:>width$}")).collect()
}

fn strategies(budgets: impl Iterator<Item = Budget>) {
    println!("strategies: mean hypervolume");
    println!("{:>8} {:>10}{}", "trials", "strategy", columns(|kind| KINDS[kind].name.to_owned(), 13));
    for budget in budgets {
        for strategy in ["nsga2", "evolution", "random", "uniform"] {
            let cell = |kind: usize| format!("{:.3}", average(&volumes(strategy, &[], KINDS[kind], budget, SEEDS)));
            println!("{:>8} {strategy:>10}{}", budget.trials, columns(cell, 13));
        }
    }
}

fn ladder() {
    println!(
        "ladder of three rungs at the training MACs of {} full trainings, brief ones leaning to another landscape by {BIAS}: \
         mean hypervolume, and p of a one-sided sign test that the ladder finds more, or less",
        LADDER_BUDGET.trials
    );
    println!("{:>10} {:>6} {:>8} {:>8} {:>9} {:>9}", "strategy", "noise", "with", "without", "p more", "p less");
    for strategy in ["nsga2", "evolution", "random"] {
        for noise in [0.01, 0.02, 0.05] {
            let (with, without) = volumes_with_and_without_ladder(strategy, noise, BIAS, SEEDS);
            let (more, less) = (chance(&with, &without), chance(&without, &with));
            let (with, without) = (average(&with), average(&without));
            println!("{strategy:>10} {noise:>6} {with:>8.3} {without:>8.3} {more:>9.1e} {less:>9.1e}");
        }
    }
}

fn surrogate(budgets: impl Iterator<Item = Budget>) {
    println!(
        "surrogate, 16 candidates: what it adds to the mean hypervolume, and p of a one-sided sign test that it adds"
    );
    println!("{:>8} {:>10}{}", "trials", "strategy", columns(|kind| KINDS[kind].name.to_owned(), 18));
    for budget in budgets {
        for strategy in ["nsga2", "evolution"] {
            let cell = |kind: usize| {
                let volumes = |more: &[&str]| volumes(strategy, more, KINDS[kind], budget, OTHER_SEEDS);
                let without = volumes(&[]);
                let with = volumes(&["search.candidates=16", "search.screen=surrogate"]);
                format!("{:+.3} ({:.0e})", average(&with) - average(&without), chance(&with, &without))
            };
            println!("{:>8} {strategy:>10}{}", budget.trials, columns(cell, 18));
        }
    }
}
