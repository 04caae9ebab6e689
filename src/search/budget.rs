//! How much a search may spend on training.

use super::trial::{Job, Trial};
use crate::space::SearchSettings;

/// Adds up the training MACs of the jobs of a search in the order in which they are proposed.
///
/// Counted is what was planned, not what a machine did: so a search ends with the same trial wherever it runs, and a
/// failed training is as dear as one that succeeds.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    most: Option<u64>,
    spent: u64,
}

impl Budget {
    /// What the settings allow.
    pub fn new(settings: &SearchSettings) -> Self {
        Self { most: settings.max_training_macs, spent: 0 }
    }

    /// Spends what `job` costs. False, and nothing is spent, if that is more than is left.
    pub fn spend(&mut self, job: &Job) -> bool {
        let spent = self.spent.saturating_add(job.training_macs());
        let affordable = self.most.is_none_or(|most| spent <= most);
        if affordable {
            self.spent = spent;
        }
        affordable
    }
}

/// Multiply-adds of all these trainings, as planned; failed ones included.
pub fn training_macs(trials: &[Trial]) -> u64 {
    trials.iter().fold(0, |sum, trial| sum.saturating_add(trial.job.training_macs()))
}

/// Those of the stored trials, by ascending index, that a search with these settings makes: a store may hold more of
/// them if an earlier sitting was allowed to go on for longer.
pub fn within_budget(trials: impl IntoIterator<Item = Trial>, settings: &SearchSettings) -> Vec<Trial> {
    let mut budget = Budget::new(settings);
    trials.into_iter().take_while(|trial| trial.job.index < settings.trials && budget.spend(&trial.job)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::testing::{done_trial, failed_trial, space};

    #[test]
    fn a_training_costs_three_times_its_classifications() {
        let mut trial = done_trial(0, 0.5, 1_000);
        trial.job.fidelity.images = 200;
        trial.job.fidelity.epochs = 4;
        assert_eq!(trial.job.training_macs(), 3 * 1_000 * 200 * 4);
        trial.job.cost.macs = u64::MAX / 2;
        assert_eq!(trial.job.training_macs(), u64::MAX);
    }

    #[test]
    fn what_is_affordable_comes_before_the_first_that_is_not() {
        let trials = [done_trial(0, 0.5, 10), failed_trial(1, 20), done_trial(2, 0.5, 30), done_trial(3, 0.5, 1)];
        let within = |overrides: &[&str]| {
            let kept = within_budget(trials.iter().cloned(), space(overrides).search());
            kept.iter().map(|trial| trial.job.index).collect::<Vec<_>>()
        };
        assert_eq!(within(&[]), [0, 1, 2, 3]);
        assert_eq!(within(&["search.trials=3"]), [0, 1, 2]);
        assert_eq!(within(&["search.max_training_macs=180"]), [0, 1, 2]);
        assert_eq!(within(&["search.max_training_macs=179"]), [0, 1]);
        assert!(within(&["search.max_training_macs=29"]).is_empty());
    }
}
