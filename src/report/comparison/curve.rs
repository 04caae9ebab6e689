//! What a search had found at any cost.

use serde::Serialize;

use crate::search::budget::training_macs;
use crate::search::hypervolume::{Reference, hypervolume_of};
use crate::search::ladder::trained_for;
use crate::search::trial::Trial;
use crate::space::Rung;

/// Costs at which a search is looked at, evenly spread up to its budget.
pub(super) const POINTS: u64 = 10;

/// How far a search was when its cost was reached.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Multiply-adds of training, as planned, that could be spent.
    pub cost_macs: u64,
    /// Seconds that the trainings within this cost took, one after the other.
    pub seconds: f64,
    /// Hypervolume of the trials within this cost, of those with the protocol's own training.
    pub hypervolume: f64,
}

/// The search that made `trials` (by ascending index) at every tenth of `budget`, the last point being all of it. All
/// of them cost something; those trained as `full` says count for the hypervolume.
pub(super) fn curve(trials: &[Trial], budget: u64, full: Rung, reference: &Reference) -> Vec<Point> {
    (1..=POINTS)
        .map(|tenth| {
            // Without overflow, and exactly the budget at the end.
            let cost_macs = (u128::from(budget) * u128::from(tenth) / u128::from(POINTS)) as u64;
            let mut spent = 0_u64;
            let affordable = trials.iter().take_while(|trial| {
                spent = spent.saturating_add(trial.job.training_macs());
                spent <= cost_macs
            });
            let within = &trials[..affordable.count()];
            Point {
                cost_macs,
                // The sum of nothing is a negative zero.
                seconds: within.iter().fold(0.0, |sum, trial| sum + trial.seconds),
                hypervolume: hypervolume_of(trained_for(within, full), reference),
            }
        })
        .collect()
}

/// The cost of the first of `trials` (by ascending index) with which the hypervolume of those trained as `full` says is
/// `target` or more, all trials before it included; none if they never get there.
pub(super) fn cost_to(trials: &[Trial], target: f64, full: Rung, reference: &Reference) -> Option<u64> {
    // A trial more never makes it smaller.
    let counts: Vec<usize> = (0..=trials.len()).collect();
    let short = |count: &usize| hypervolume_of(trained_for(&trials[..*count], full), reference) < target;
    let within = trials.get(..counts.partition_point(short))?;
    Some(training_macs(within))
}

#[cfg(test)]
mod tests {
    use super::super::super::summary::tests::{BASELINE, evolved, failed};
    use super::*;
    use crate::space::ReferencePoint;

    #[test]
    fn a_point_holds_the_trials_that_were_affordable() {
        // 128 images, one epoch: 384 training MACs for each of the network.
        let trials = [evolved(0, 0.8, 10_000_000), failed(1), evolved(2, 0.9, 20_000_000), evolved(3, 0.95, 1_000_000)];
        let reference = Reference::new(ReferencePoint { error: 0.5, macs_ratio: 1.1 }, &BASELINE);
        let full = trials[0].job.fidelity.rung();
        let points = curve(&trials, 12_800_000_000, full, &reference);
        let counts: Vec<f64> = points.iter().map(|point| point.seconds / 2.0).collect();
        // 3.84 G, a failed one of 3.84 K, 7.68 G, 0.384 G.
        assert_eq!(counts, [0.0, 0.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 4.0]);
        assert_eq!(points[9].cost_macs, 12_800_000_000);
        let volume = |point: usize, within: &[Trial]| {
            assert_eq!(points[point].hypervolume, hypervolume_of(within, &reference), "{point}");
        };
        assert!(points[0].seconds.is_sign_positive());
        volume(1, &[]);
        volume(2, &trials[..1]);
        volume(3, &trials[..2]);
        volume(9, &trials);
        assert!(points[9].hypervolume > points[3].hypervolume && points[3].hypervolume > 0.0);
        assert_eq!(curve(&trials, u64::MAX, full, &reference)[9].cost_macs, u64::MAX);
    }

    #[test]
    fn the_cost_of_a_hypervolume_is_that_of_all_trials_up_to_it() {
        let trials = [evolved(0, 0.8, 10_000_000), failed(1), evolved(2, 0.9, 20_000_000), evolved(3, 0.7, 30_000_000)];
        let reference = Reference::new(ReferencePoint { error: 0.5, macs_ratio: 1.1 }, &BASELINE);
        let full = trials[0].job.fidelity.rung();
        let cost = |target: f64| cost_to(&trials, target, full, &reference);
        let after = |count: usize| hypervolume_of(&trials[..count], &reference);
        assert_eq!(cost(0.0), Some(0));
        assert_eq!(cost(after(1)), Some(3_840_000_000));
        // The failed one between them is paid for too; the last adds nothing, so it is not waited for.
        assert_eq!(cost(after(1) + 1e-9), Some(training_macs(&trials[..3])));
        assert_eq!(cost(after(4)), Some(training_macs(&trials[..3])));
        assert_eq!(cost(after(4) + 1e-9), None);
    }
}
