//! What the finals of a run have shown: its best networks beside uniform scalings of about equal cost.

mod compare;
mod table;

use serde::{Deserialize, Serialize};

use crate::search::finals::{Answers, Heats, List, Network};
use crate::search::trial::{Outcome, Trial};
use crate::stats::{mean, standard_error};

pub use compare::{Gap, McNemar, TestGap, Versus};
pub use table::{finals_table, finals_verdict, standings_table};

/// The largest share of an accident that counts as shown, over all finalists together.
pub const SIGNIFICANCE: f64 = 0.05;

/// A finalist may cost so many times what its control does and still count as of equal MACs.
pub const EQUAL_MACS: f64 = 1.05;

/// A mean over seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The mean accuracy, 0 to 1.
    pub mean: f64,
    /// Its standard error over seeds; what the choice of images adds is not in it.
    pub se: f64,
}

/// What came of one network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// What it is called.
    pub name: String,
    /// Index of the trial that found it, of a finalist.
    pub trial: Option<usize>,
    /// Multiply-adds of one image.
    pub macs: u64,
    /// Trainable parameters.
    pub parameters: u64,
    /// The first of its trainings that failed. Such a network is compared with nothing.
    pub failed: Option<String>,
    /// Accuracy on all validation images.
    pub validation: Option<Spread>,
    /// Accuracy on the test images, once they are opened.
    pub test: Option<Spread>,
}

/// One finalist beside what it has to beat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contest {
    /// Position of the finalist in the standings.
    pub finalist: usize,
    /// The uniform scaling of about equal MACs at the same resolution: what the widths are worth.
    pub control: Versus,
    /// That at the protocol's resolution, where it is another: what widths and resolution are worth.
    pub base: Option<Versus>,
    /// The paper's network, if it took part.
    pub paper: Option<Versus>,
}

/// All of it; its JSON form is `report.json` and what `--json` prints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FinalsReport {
    /// Name of the run.
    pub run: String,
    /// SHA-256 of the list that was frozen before its trainings.
    pub list: String,
    /// Trainings of every network.
    pub seeds: usize,
    /// Passes over the training images.
    pub epochs: usize,
    /// Training images.
    pub train_images: usize,
    /// Validation images.
    pub validation_images: usize,
    /// Test images, once they are opened.
    pub test_images: Option<usize>,
    /// Earlier finals of the run that have opened them.
    #[serde(default)]
    pub openings: usize,
    /// How the heats came out that chose the finalists, if there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heats: Option<Heats>,
    /// The paper's network if it took part, then finalists and their controls.
    pub networks: Vec<Standing>,
    /// Every finalist by ascending MACs.
    pub comparisons: Vec<Contest>,
}

impl FinalsReport {
    /// The report of the run `run` whose finals `list` have the trainings `trainings`, all of them, and the answers
    /// `answers` on the test images if these have been opened.
    pub fn new(run: &str, list: &List, trainings: &[Trial], answers: Option<&Answers>) -> Self {
        let results = Results { list, trainings, answers };
        let positions = 0..list.networks.len();
        let networks = positions.map(|position| standing(&list.networks[position], position, &results)).collect();
        let versus = |finalist, other| Versus::new(&results, finalist, other);
        let mut comparisons: Vec<Contest> = list
            .pairs
            .iter()
            .map(|pair| Contest {
                finalist: pair.finalist,
                control: versus(pair.finalist, pair.control),
                base: pair.base.map(|base| versus(pair.finalist, base)),
                paper: list.paper().map(|paper| versus(pair.finalist, paper)),
            })
            .collect();
        // One family: a win over either scaling is called one.
        compare::adjust(comparisons.iter_mut().flat_map(|it| [Some(&mut it.control), it.base.as_mut()]).flatten());
        compare::adjust(comparisons.iter_mut().filter_map(|it| it.paper.as_mut()));
        Self {
            run: run.to_owned(),
            list: list.sha256(),
            seeds: list.settings.seeds,
            epochs: list.settings.epochs,
            train_images: list.protocol.train_images,
            validation_images: list.protocol.validation_images,
            test_images: answers.and_then(|answers| answers.right.iter().flatten().map(String::len).next()),
            openings: list.openings,
            heats: list.heats.clone(),
            networks,
            comparisons,
        }
    }

    /// The finalists that were shown to be more accurate than a uniform scaling of about equal MACs.
    pub fn winners(&self) -> impl Iterator<Item = &Contest> {
        self.comparisons.iter().filter(|comparison| comparison.control.is_won())
    }

    /// The comparison of the finalist that trial `trial` found.
    pub fn of_trial(&self, trial: usize) -> Option<&Contest> {
        self.comparisons.iter().find(|comparison| self.networks[comparison.finalist].trial == Some(trial))
    }

    /// The finalists among `trials`, with the validation accuracy of the finals in place of that which they were selected
    /// on; those of which a training failed left out.
    pub fn rescored(&self, trials: &[Trial]) -> Vec<Trial> {
        let rescore = |trial: &Trial| {
            let comparison = self.of_trial(trial.job.index)?;
            let Spread { mean: accuracy, se: accuracy_se } = self.networks[comparison.finalist].validation?;
            let score = *trial.outcome.score()?;
            let score = crate::search::trial::Score { accuracy, accuracy_se, ..score };
            Some(Trial { outcome: Outcome::Done(score), ..trial.clone() })
        };
        trials.iter().filter_map(rescore).collect()
    }
}

/// What the trainings of a list gave.
struct Results<'a> {
    list: &'a List,
    trainings: &'a [Trial],
    answers: Option<&'a Answers>,
}

impl Results<'_> {
    /// See [`List::accuracies`].
    fn validation(&self, network: usize) -> Option<Vec<f64>> {
        self.list.accuracies(network, self.trainings)
    }

    /// For each seed of a network which test images it got right; nothing if one of its trainings failed, or before the
    /// test images are opened.
    fn test(&self, network: usize) -> Option<Vec<Vec<bool>>> {
        let answers = self.answers?;
        self.list.jobs_of(network).map(|job| answers.of(job)).collect()
    }
}

fn standing(network: &Network, position: usize, results: &Results<'_>) -> Standing {
    let share = |right: Vec<bool>| right.iter().filter(|right| **right).count() as f64 / right.len().max(1) as f64;
    let test = results.test(position).map(|seeds| seeds.into_iter().map(share).collect::<Vec<f64>>());
    Standing {
        name: network.name.clone(),
        trial: network.trial,
        macs: network.cost.macs,
        parameters: network.cost.parameters,
        failed: results.list.failure(position, results.trainings),
        validation: results.validation(position).and_then(|accuracies| spread(&accuracies)),
        test: test.and_then(|accuracies| spread(&accuracies)),
    }
}

/// Nothing for less than two seeds.
fn spread(accuracies: &[f64]) -> Option<Spread> {
    Some(Spread { mean: mean(accuracies).ok()?, se: standard_error(accuracies).ok()? })
}

#[cfg(test)]
pub(super) mod tests;
