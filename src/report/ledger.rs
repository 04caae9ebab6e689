//! What a run cost, by what it was spent on: every training counts, failed ones and controls included, and everything that was
//! asked of untrained networks.

use serde::Serialize;

use super::columns::indented;
use super::units::{duration, si};
use crate::search::trial::{Failure, Origin, Outcome, Trial};

/// What time was spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A searched network that got a score.
    Candidates,
    /// A training of the search without a score, whatever its network.
    Failed,
    /// Scores and times of untrained networks, by which candidates were chosen. No training.
    Screening,
    /// The paper's network scaled as a whole.
    Controls,
    /// The paper's network.
    Baseline,
    /// A training from scratch of the finals or their heats, failed ones and controls included.
    Finals,
}

impl Purpose {
    const ALL: [Self; 6] =
        [Self::Candidates, Self::Failed, Self::Screening, Self::Controls, Self::Baseline, Self::Finals];

    /// What the training of a trial of the search was for.
    fn of(trial: &Trial) -> Self {
        match (&trial.outcome, &trial.job.origin) {
            (Outcome::Failed(_), _) => Self::Failed,
            (_, Origin::Uniform { permille: 1000 }) => Self::Baseline,
            (_, Origin::Uniform { .. }) => Self::Controls,
            _ => Self::Candidates,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Candidates => "candidates",
            Self::Failed => "failed",
            Self::Screening => "untrained networks",
            Self::Controls => "uniform scalings",
            Self::Baseline => "baseline",
            Self::Finals => "finals",
        }
    }
}

/// What was spent on a purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spent {
    /// How many trainings there were.
    pub trainings: usize,
    /// Wall times together, on as many threads as each had, in seconds.
    pub seconds: f64,
    /// Training images seen, repeats included: at most images x epochs of each. A training that diverged counts the
    /// epochs that it began; one that failed in another way counts none.
    pub images: u64,
    /// Multiply-adds for these images: 3 x the MACs of one, without auxiliary heads.
    pub macs: u64,
}

impl Spent {
    /// The cost of a trial's training.
    fn training(trial: &Trial) -> Self {
        let epochs = match &trial.outcome {
            Outcome::Done(_) => trial.job.fidelity.epochs,
            Outcome::Failed(Failure::Diverged { epoch, .. }) => trial.job.fidelity.epochs.min(*epoch),
            Outcome::Failed(_) => 0,
        };
        let images = (trial.job.fidelity.images as u64).saturating_mul(epochs as u64);
        Self { trainings: 1, seconds: trial.seconds, images, macs: trial.job.macs_of_epochs(epochs) }
    }

    /// The cost of asking the networks that a trial's was chosen among.
    fn screening(trial: &Trial) -> Self {
        Self { seconds: trial.screening_seconds, ..Self::default() }
    }

    fn add(&mut self, more: Self) {
        self.trainings += more.trainings;
        self.seconds += more.seconds;
        self.images = self.images.saturating_add(more.images);
        self.macs = self.macs.saturating_add(more.macs);
    }
}

/// What one purpose took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Item {
    /// The purpose.
    pub purpose: Purpose,
    /// What was spent on it.
    #[serde(flatten)]
    pub spent: Spent,
    /// Share of all seconds, 0 to 1.
    pub share: f64,
}

/// All that a run cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Ledger {
    /// Everything together.
    pub total: Spent,
    /// The purposes that anything was spent on.
    pub items: Vec<Item>,
}

impl Ledger {
    /// The cost of the trials of a search and of the trainings of its finals.
    pub fn new(trials: &[Trial], finals: &[Trial]) -> Self {
        let mut spent = Purpose::ALL.map(|purpose| (purpose, Spent::default()));
        let mut total = Spent::default();
        let of_search = trials.iter().flat_map(|trial| {
            [(Purpose::of(trial), Spent::training(trial)), (Purpose::Screening, Spent::screening(trial))]
        });
        let of_finals = finals.iter().map(|trial| (Purpose::Finals, Spent::training(trial)));
        for (purpose, cost) in of_search.chain(of_finals) {
            spent.iter_mut().filter(|(it, _)| *it == purpose).for_each(|(_, spent)| spent.add(cost));
            total.add(cost);
        }
        let share = |spent: &Spent| if total.seconds > 0.0 { spent.seconds / total.seconds } else { 0.0 };
        let items = spent.into_iter().filter(|(_, spent)| spent.trainings > 0 || spent.seconds > 0.0);
        Self { items: items.map(|(purpose, spent)| Item { purpose, spent, share: share(&spent) }).collect(), total }
    }
}

/// What the cells of a row are.
pub(super) const HEADER: [&str; 6] = ["spent on", "trainings", "time", "share", "images", "training MACs"];

impl Ledger {
    /// The ledger in words: a row a purpose, and the last one for all of it.
    pub(super) fn rows(&self) -> Vec<[String; 6]> {
        let row = |name: &str, share: f64, Spent { trainings, seconds, images, macs }: &Spent| {
            let share = format!("{:.0} %", share * 100.0);
            [name.to_owned(), trainings.to_string(), duration(*seconds), share, si(*images), si(*macs)]
        };
        let items = self.items.iter().map(|item| row(item.purpose.name(), item.share, &item.spent));
        items.chain([row("all", 1.0, &self.total)]).collect()
    }
}

/// The ledger for a terminal; nothing if nothing was spent.
pub fn ledger_table(ledger: &Ledger) -> String {
    if ledger.items.is_empty() {
        return String::new();
    }
    let rows = std::iter::once(HEADER.map(str::to_owned)).chain(ledger.rows()).collect();
    format!("\ncost\n{}", indented(rows))
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::{example, trial};
    use super::*;

    #[test]
    fn every_training_is_counted_once_under_its_purpose() {
        let trials = example();
        let mut failed = trials[3].clone();
        failed.job.fidelity.epochs = 7;
        failed.outcome = Outcome::Failed(Failure::Diverged { epoch: 2, loss: "NaN".to_owned() });
        let mut panicked = failed.clone();
        panicked.outcome = Outcome::Failed(Failure::Panicked { message: "oh".to_owned() });
        let all = [&trials[..3], &trials[4..], &[failed, panicked]].concat();
        let finals = [trial(0, Origin::Uniform { permille: 500 }, 0.8, 1000)];
        let ledger = Ledger::new(&all, &finals);
        let items: Vec<_> = ledger.items.iter().map(|item| (item.purpose, item.spent.trainings)).collect();
        use Purpose::{Baseline, Candidates, Controls, Failed, Finals};
        assert_eq!(items, [(Candidates, 2), (Failed, 2), (Controls, 1), (Baseline, 1), (Finals, 1)]);
        assert_eq!((ledger.total.trainings, ledger.total.seconds), (7, 14.0));
        assert_eq!(ledger.items.iter().map(|item| item.spent.macs).sum::<u64>(), ledger.total.macs);
        assert!((ledger.items.iter().map(|item| item.share).sum::<f64>() - 1.0).abs() < 1e-12);
        // 128 images an epoch of 20 and 90 M MACs; two of the failed training's epochs were begun, none of the other's.
        let spent = |index: usize| (ledger.items[index].spent.images, ledger.items[index].spent.macs);
        assert_eq!(spent(0), (256, 3 * 128 * 110_000_000));
        assert_eq!(spent(1), (256, 3 * 256 * 10));
        assert_eq!(spent(4), (128, 3 * 128 * 1000));
    }

    #[test]
    fn choosing_among_untrained_networks_costs_time() {
        let mut trials = example();
        trials[3].screening_seconds = 1.5;
        trials[4].screening_seconds = 0.5;
        let (without, ledger) = (Ledger::new(&example(), &[]), Ledger::new(&trials, &[]));
        let item = ledger.items.iter().find(|item| item.purpose == Purpose::Screening).unwrap();
        assert_eq!(item.spent, Spent { seconds: 2.0, ..Spent::default() });
        assert_eq!(ledger.total, Spent { seconds: without.total.seconds + 2.0, ..without.total });
        assert_eq!(ledger.items.len(), without.items.len() + 1);
        assert!(ledger_table(&ledger).contains("untrained networks          0    2s"), "{}", ledger_table(&ledger));
    }

    #[test]
    fn nothing_spent_is_nothing_to_show() {
        assert_eq!(Ledger::new(&[], &[]), Ledger::default());
        assert_eq!(ledger_table(&Ledger::default()), "");
    }

    #[test]
    fn costs_beyond_counting_do_not_overflow() {
        let mut trials = [trial(0, Origin::Random, 0.5, u64::MAX)];
        trials[0].job.fidelity.images = usize::MAX;
        assert_eq!(Ledger::new(&trials, &trials).total.macs, u64::MAX);
    }
}
