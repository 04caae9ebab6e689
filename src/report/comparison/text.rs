//! A comparison as people read it.

use super::curve::POINTS;
use super::{CONTROL, Comparison, Pair, Reached, Standing, StrategyRow, Target};
use crate::report::columns::columns;
use crate::report::units::{counted, duration, p_value, si};
use crate::space::ReferencePoint;

/// Final hypervolumes, the way there, the tests, and what follows from them in words.
pub fn comparison_text(comparison: &Comparison) -> String {
    let Comparison { name, budget_macs, budget_baselines, baseline_macs, reference, seeds, .. } = comparison;
    let ReferencePoint { error, macs_ratio } = reference;
    let mut text = format!(
        "comparison {name}: {}; every search could spend {} training MACs, {budget_baselines:.1} trainings of GoogLeNet\n\
         hypervolume is measured from an error of {error} and {macs_ratio} x GoogLeNet's {} MACs\n\n",
        counted(seeds.len(), "seed"),
        si(*budget_macs),
        si(*baseline_macs),
    );
    text += &finals(comparison);
    text += "\nmedian hypervolume at a share of the budget\n";
    text += &ways(&comparison.strategies);
    if let Some(target) = &comparison.target {
        text += &format!(
            "\nshare of the budget with which half of the searches had the {:.4} that random search ends with\n",
            target.hypervolume
        );
        text += &costs(target, comparison);
    }
    if !comparison.pairs.is_empty() {
        text += "\npaired by seed, Wilcoxon's signed-rank test, Holm's correction\n";
        text += &tests(comparison);
    }
    text.push('\n');
    text += &verdicts(comparison);
    text += "hypervolumes are of the validation scores that each search selected on, so they flatter every strategy; \
             `finals` trains the networks of a front again with fresh seeds\n";
    text
}

fn finals(comparison: &Comparison) -> String {
    let header = ["strategy", "median", "quartiles", "trials", "spent", "training"].map(str::to_owned);
    let rows = comparison.strategies.iter().map(|row| {
        let [low, middle, high] = row.quartiles;
        let sum = |of: fn(&super::SearchRow) -> f64| row.searches.iter().map(of).sum::<f64>();
        let count = row.searches.len() as f64;
        [
            row.strategy.clone(),
            format!("{middle:.4}"),
            format!("{low:.4} to {high:.4}"),
            format!("{:.1}", sum(|it| it.trials as f64) / count),
            format!("{:.0} %", sum(|it| it.training_macs as f64) / count / comparison.budget_macs as f64 * 100.0),
            duration(sum(|it| it.seconds) / count),
        ]
    });
    let table = columns(&std::iter::once(header).chain(rows).collect::<Vec<_>>(), 1);
    format!("hypervolume over seeds; trials, cost spent and training time are means\n{table}")
}

fn ways(strategies: &[StrategyRow]) -> String {
    const COLUMNS: usize = POINTS as usize + 1;
    let cells = |name: String, cell: &dyn Fn(usize) -> String| -> [String; COLUMNS] {
        std::array::from_fn(|column| if column == 0 { name.clone() } else { cell(column - 1) })
    };
    let header = cells("strategy".to_owned(), &|point| format!("{} %", (point + 1) * 100 / POINTS as usize));
    let rows = strategies.iter().map(|row| {
        let cell = |point: usize| row.median_curve.get(point).map_or_else(String::new, |volume| format!("{volume:.3}"));
        cells(row.strategy.clone(), &cell)
    });
    columns(&std::iter::once(header).chain(rows).collect::<Vec<_>>(), 1)
}

fn costs(target: &Target, comparison: &Comparison) -> String {
    let header = ["strategy", "share", "searches that got there"].map(str::to_owned);
    let share = |macs: u64| format!("{:.0} %", macs as f64 / comparison.budget_macs as f64 * 100.0);
    let rows = target.strategies.iter().map(|Reached { strategy, searches, median_macs }| {
        let got_there = format!("{searches} of {}", comparison.seeds.len());
        [strategy.clone(), median_macs.map_or_else(|| "never".to_owned(), share), got_there]
    });
    columns(&std::iter::once(header).chain(rows).collect::<Vec<_>>(), 1)
}

fn tests(comparison: &Comparison) -> String {
    let header = ["pair", "difference", "first better", "p", "p (Holm)", "effect"].map(str::to_owned);
    let rows = comparison.pairs.iter().map(|pair| {
        let Pair { first, second, median_difference, first_better, p, p_holm, effect } = pair;
        [
            format!("{first} - {second}"),
            format!("{median_difference:+.4}"),
            format!("{first_better} of {}", comparison.seeds.len()),
            p_value(*p),
            p_value(*p_holm),
            format!("{effect:+.2}"),
        ]
    });
    columns(&std::iter::once(header).chain(rows).collect::<Vec<_>>(), 1)
}

/// One sentence a strategy against random search, and what the number of seeds cannot show.
fn verdicts(comparison: &Comparison) -> String {
    let mut text = String::new();
    for (strategy, standing) in &comparison.against_random {
        text += &match standing {
            Standing::Better => format!("{strategy} beats random search at equal cost\n"),
            Standing::Worse => format!("{strategy} is worse than random search at equal cost\n"),
            Standing::NoDifference => {
                format!("{strategy} does not beat random search: the difference is not more than chance makes\n")
            }
        };
    }
    if comparison.against_random.is_empty() {
        text += &format!("nothing is said about random search: compare with \"{CONTROL}\" among other strategies\n");
    }
    let Comparison { least_p_holm: least, seeds_needed: needed, seeds, pairs, .. } = comparison;
    if !pairs.is_empty() && seeds.len() < *needed {
        text += &format!(
            "{} cannot show any difference: even if all of them agree, p is {least:.4} after correction for {}; \
             give --seeds {needed} or more, or fewer strategies\n",
            counted(seeds.len(), "seed"),
            counted(pairs.len(), "pair"),
        );
    }
    text
}
