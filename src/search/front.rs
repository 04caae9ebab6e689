//! The trials worth having.

use super::pareto::Objectives;
use super::trial::Trial;

/// The done trials that no other done trial dominates (as good in accuracy and MACs, better in one), by ascending MACs.
///
/// Of trials with equal accuracy and MACs only the first is given.
pub fn front<'a>(trials: impl IntoIterator<Item = &'a Trial>) -> Vec<&'a Trial> {
    let mut done: Vec<(Objectives, &Trial)> = done(trials).collect();
    done.sort_by(|(a, left), (b, right)| {
        let by_cost = left.job.cost.macs.cmp(&right.job.cost.macs);
        by_cost.then(a.error.total_cmp(&b.error)).then(left.job.index.cmp(&right.job.index))
    });
    let mut error = f64::INFINITY;
    done.retain(|(objectives, _)| {
        let better = objectives.error < error;
        error = error.min(objectives.error);
        better
    });
    done.into_iter().map(|(_, trial)| trial).collect()
}

/// The most accurate done trial of at most `max_macs` MACs; of equally accurate ones the cheapest, then the first.
pub fn best_within<'a>(trials: impl IntoIterator<Item = &'a Trial>, max_macs: u64) -> Option<&'a Trial> {
    let affordable = done(trials).filter(|(_, trial)| trial.job.cost.macs <= max_macs);
    let best = affordable.min_by(|(a, left), (b, right)| {
        let by_error = a.error.total_cmp(&b.error);
        by_error.then(left.job.cost.macs.cmp(&right.job.cost.macs)).then(left.job.index.cmp(&right.job.index))
    });
    best.map(|(_, trial)| trial)
}

/// Trials with a usable score.
fn done<'a>(trials: impl IntoIterator<Item = &'a Trial>) -> impl Iterator<Item = (Objectives, &'a Trial)> {
    let trials = trials.into_iter().map(|trial| (Objectives::of(trial), trial));
    trials.filter(|(objectives, _)| *objectives != Objectives::WORST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::testing::{done_trial, failed_trial};

    fn trials() -> Vec<Trial> {
        vec![
            done_trial(0, 0.80, 100),
            done_trial(1, 0.70, 50),
            done_trial(2, 0.75, 100),
            done_trial(3, 0.80, 100),
            done_trial(4, 0.60, 70),
            failed_trial(5, 1),
            done_trial(6, f64::NAN, 1),
            done_trial(7, 0.90, 400),
            done_trial(8, 0.70, 60),
        ]
    }

    fn indices(trials: &[&Trial]) -> Vec<usize> {
        trials.iter().map(|trial| trial.job.index).collect()
    }

    #[test]
    fn the_front_holds_what_nothing_beats() {
        let trials = trials();
        assert_eq!(indices(&front(&trials)), [1, 0, 7]);
        assert!(front(&trials[5..7]).is_empty());
    }

    #[test]
    fn the_best_at_a_cost() {
        let trials = trials();
        let best = |macs| best_within(&trials, macs).map(|trial| trial.job.index);
        assert_eq!((best(49), best(50), best(99), best(100), best(1000)), (None, Some(1), Some(1), Some(0), Some(7)));
    }
}
