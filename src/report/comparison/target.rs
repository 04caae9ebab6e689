//! What it costs each strategy to get where random search ends.

use serde::Serialize;

use super::curve::cost_to;
use super::{CONTROL, Searched, StrategyRow};
use crate::search::hypervolume::Reference;
use crate::space::Rung;

/// The median hypervolume at the end of random search, and what it cost to reach it. It describes the searches made; whether a
/// strategy is better is what the tests of pairs say.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Target {
    /// That hypervolume.
    pub hypervolume: f64,
    /// One row a strategy, in the order given.
    pub strategies: Vec<Reached>,
}

/// How a strategy got to a hypervolume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reached {
    /// Its name.
    pub strategy: String,
    /// Of its searches, how many got there.
    pub searches: usize,
    /// Multiply-adds of training with which half of its searches (or one more than the lesser half) were there; none if
    /// so many never were.
    pub median_macs: Option<u64>,
}

/// The target of `rows`, the strategies of `searches`, if random search is among them and has found something.
pub(super) fn target(rows: &[StrategyRow], searches: &[Searched], full: Rung, reference: &Reference) -> Option<Target> {
    let [_, hypervolume, _] = rows.iter().find(|row| row.strategy == CONTROL)?.quartiles;
    if hypervolume <= 0.0 {
        // Every search is there before its first training.
        return None;
    }
    let strategies = rows.iter().map(|StrategyRow { strategy, searches: all, .. }| {
        let theirs = searches.iter().filter(|search| search.strategy == *strategy);
        let mut costs: Vec<u64> =
            theirs.filter_map(|search| cost_to(&search.trials, hypervolume, full, reference)).collect();
        costs.sort_unstable();
        let median_macs = costs.get(all.len().saturating_sub(1) / 2).copied();
        Reached { strategy: strategy.clone(), searches: costs.len(), median_macs }
    });
    Some(Target { hypervolume, strategies: strategies.collect() })
}
