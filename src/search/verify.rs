//! Whether a stored trial is what its training gives.

use serde::Serialize;

use super::front::best_within;
use super::seed::search_seed;
use super::trial::{Outcome, Trial};

/// A value of a stored trial that is another one now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Which one, as it is called in `trials.jsonl`.
    pub field: String,
    /// What is stored, with all its digits.
    pub stored: String,
    /// What it is now.
    pub now: String,
}

/// The trials to look into when nobody names any: one drawn by the hash `digest` (hex), and the most accurate one.
pub fn sample<'a>(trials: &'a [Trial], digest: &str) -> Vec<&'a Trial> {
    let best = best_within(trials, u64::MAX);
    let others: Vec<&Trial> = trials.iter().filter(|trial| best.is_none_or(|best| best.job != trial.job)).collect();
    let number = digest.get(..16).and_then(|start| u64::from_str_radix(start, 16).ok()).unwrap_or(0);
    let drawn = others.get((number % others.len().max(1) as u64) as usize).copied();
    let mut sample: Vec<&Trial> = drawn.into_iter().chain(best).collect();
    sample.sort_by_key(|trial| trial.job.index);
    sample
}

/// Where `stored`, of a run with seed `run_seed`, differs from what was found anew for its job: in the values that follow
/// from its architecture, and in any bit of the outcome `now`. Times do not count.
pub fn differences(stored: &Trial, run_seed: u64, now: &Outcome) -> Vec<Difference> {
    let job = &stored.job;
    let mut found = Vec::new();
    let mut compare = |field: &str, stored: String, now: String| {
        if stored != now {
            found.push(Difference { field: field.to_owned(), stored, now });
        }
    };
    let seed = search_seed(run_seed, &job.architecture.key(), &job.fidelity, job.generation());
    compare("seed", job.seed.to_string(), seed.to_string());
    let cost = job.architecture.cost(job.fidelity.resolution);
    compare("cost", format!("{:?}", job.cost), cost.map_or_else(|error| error.to_string(), |cost| format!("{cost:?}")));
    match (&stored.outcome, now) {
        (Outcome::Done(stored), Outcome::Done(now)) => {
            // The shortest digits that give the very bits back: equal texts are equal bits.
            let mut compare = |field, stored: f64, now: f64| compare(field, stored.to_string(), now.to_string());
            compare("accuracy", stored.accuracy, now.accuracy);
            compare("accuracy_se", stored.accuracy_se, now.accuracy_se);
            compare("validation_loss", stored.validation_loss, now.validation_loss);
            compare("training_loss_sum", stored.training_loss_sum, now.training_loss_sum);
        }
        (stored, now) => compare("outcome", words(stored), words(now)),
    }
    found
}

fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done(score) => format!("done, accuracy {}", score.accuracy),
        Outcome::Failed(failure) => failure.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Architecture;
    use crate::search::testing::{done_trial, failed_trial};
    use crate::search::trial::Failure;

    #[test]
    fn the_best_and_another_one_are_looked_into() {
        let trials = [done_trial(0, 0.5, 10), done_trial(1, 0.9, 30), failed_trial(2, 20)];
        let drawn = |digest: &str| sample(&trials, digest).iter().map(|trial| trial.job.index).collect::<Vec<_>>();
        assert_eq!((drawn("0000000000000000ff"), drawn("0000000000000001ff")), (vec![0, 1], vec![1, 2]));
        assert_eq!(sample(&trials[1..2], "0000000000000005").len(), 1);
        assert_eq!(sample(&trials[2..], "").len(), 1);
        assert!(sample(&[], "00").is_empty());
    }

    /// A trial that says nothing but the truth about a run with seed 3.
    fn honest() -> Trial {
        let mut trial = done_trial(4, 0.75, 0);
        trial.job.cost = trial.job.architecture.cost(trial.job.fidelity.resolution).unwrap();
        trial.job.seed = search_seed(3, &trial.job.architecture.key(), &trial.job.fidelity, 0);
        trial
    }

    #[test]
    fn one_bit_is_a_difference_and_time_is_none() {
        let trial = honest();
        assert_eq!(differences(&trial, 3, &trial.outcome), []);
        let late = Trial { seconds: 9.0, ..trial.clone() };
        assert_eq!(differences(&late, 3, &trial.outcome), []);
        let mut other = trial.clone();
        if let Outcome::Done(score) = &mut other.outcome {
            score.validation_loss = f64::from_bits(score.validation_loss.to_bits() + 1);
        }
        let expected = Difference {
            field: "validation_loss".to_owned(),
            stored: "0.5".to_owned(),
            now: "0.5000000000000001".to_owned(),
        };
        assert_eq!(differences(&trial, 3, &other.outcome), [expected]);
    }

    #[test]
    fn a_job_that_is_not_the_runs_is_noticed() {
        let fields = |trial: &Trial, now: &Outcome| {
            differences(trial, 3, now).into_iter().map(|it| it.field).collect::<Vec<_>>()
        };
        let mut trial = honest();
        trial.job.seed += 1;
        assert_eq!(fields(&trial, &trial.outcome), ["seed"]);
        trial = honest();
        trial.job.architecture = Architecture::googlenet_scaled(0.5, 2, false).unwrap();
        assert_eq!(fields(&trial, &trial.outcome), ["seed", "cost"]);
        let diverged = |epoch| Outcome::Failed(Failure::Diverged { epoch, loss: "NaN".to_owned() });
        assert_eq!(fields(&honest(), &diverged(1)), ["outcome"]);
        let failed = Trial { outcome: diverged(1), ..honest() };
        assert_eq!(
            (fields(&failed, &diverged(2)), fields(&failed, &diverged(1))),
            (vec!["outcome".to_owned()], vec![])
        );
    }
}
