//! One hash for all that a search found.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::trial::{Failure, Inheritance, Origin, Outcome, Trial};

/// SHA-256 over `trials` in the order given, in lower-case hex: everything about them except their wall time, floats by
/// their bits. Searches with equal digests tried the same things and found the same, to the last bit.
pub fn digest(trials: &[Trial]) -> String {
    let mut hash = Writer(Sha256::new_with_prefix(b"trials/1\0"));
    trials.iter().for_each(|trial| hash.trial(trial));
    HEXLOWER.encode(&hash.0.finalize())
}

struct Writer(Sha256);

impl Writer {
    fn trial(&mut self, Trial { job, outcome, seconds: _, screening_seconds: _, latency_ms: _ }: &Trial) {
        self.number(job.index as u64);
        self.text(&job.architecture.canonical());
        self.origin(&job.origin);
        for number in [job.cost.macs, job.cost.parameters, job.cost.activation_bytes] {
            self.number(number);
        }
        for number in [job.fidelity.resolution, job.fidelity.images, job.fidelity.epochs] {
            self.number(number as u64);
        }
        self.number(job.seed);
        // Nothing where nothing is inherited: such trials are what they were before there was any inheritance.
        if let Some(Inheritance { from, generation }) = job.inherits {
            self.text("inherits");
            self.number(from as u64);
            self.number(generation as u64);
        }
        self.outcome(outcome);
    }

    fn origin(&mut self, origin: &Origin) {
        match origin {
            Origin::Uniform { permille } => {
                self.text("uniform");
                self.number(u64::from(*permille));
            }
            Origin::Random => self.text("random"),
            Origin::Mutation { parent, operators } => {
                self.text("mutation");
                self.number(*parent as u64);
                self.texts(operators);
            }
            Origin::Crossover { parents, operators } => {
                self.text("crossover");
                parents.iter().for_each(|parent| self.number(*parent as u64));
                self.texts(operators);
            }
            Origin::Promotion { from } => {
                self.text("promotion");
                self.number(*from as u64);
            }
        }
    }

    fn outcome(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Done(score) => {
                self.text("done");
                for value in [score.accuracy, score.accuracy_se, score.validation_loss, score.training_loss_sum] {
                    self.number(value.to_bits());
                }
            }
            Outcome::Failed(Failure::Diverged { epoch, loss }) => {
                self.text("diverged");
                self.number(*epoch as u64);
                self.text(loss);
            }
            Outcome::Failed(Failure::Panicked { message }) => {
                self.text("panicked");
                self.text(message);
            }
            Outcome::Failed(Failure::Error { message }) => {
                self.text("error");
                self.text(message);
            }
        }
    }

    fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    fn texts(&mut self, texts: &[String]) {
        self.number(texts.len() as u64);
        texts.iter().for_each(|text| self.text(text));
    }

    /// Behind its length, so that no two sequences of texts run together.
    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::testing::{done_trial, failed_trial};

    #[test]
    fn everything_counts_but_the_time() {
        let trial = done_trial(3, 0.75, 1000);
        let base = digest(std::slice::from_ref(&trial));
        assert_eq!(base.len(), 64);
        let changed = |change: fn(&mut Trial)| {
            let mut other = trial.clone();
            change(&mut other);
            digest(&[other])
        };
        assert_eq!(changed(|trial| trial.seconds += 1.0), base);
        assert_eq!(changed(|trial| trial.screening_seconds += 1.0), base);
        let crossover = |parents| Origin::Crossover { parents, operators: vec!["block".into()] };
        let crossovers = [[1, 2], [2, 1]].map(|parents| {
            let mut other = trial.clone();
            other.job.origin = crossover(parents);
            digest(&[other])
        });
        assert_ne!(crossovers[0], crossovers[1]);
        let changes: [fn(&mut Trial); 12] = [
            |trial| trial.job.index += 1,
            |trial| trial.job.architecture = trial.job.architecture.clone().with_aux_heads(true),
            |trial| trial.job.origin = Origin::Uniform { permille: 500 },
            |trial| trial.job.origin = Origin::Mutation { parent: 1, operators: vec!["block".into()] },
            |trial| trial.job.origin = Origin::Crossover { parents: [1, 2], operators: vec!["block".into()] },
            |trial| trial.job.origin = Origin::Promotion { from: 1 },
            |trial| trial.job.cost.parameters += 1,
            |trial| trial.job.fidelity.epochs += 1,
            |trial| trial.job.seed += 1,
            |trial| trial.job.inherits = Some(Inheritance { from: 1, generation: 2 }),
            |trial| trial.job.inherits = Some(Inheritance { from: 2, generation: 1 }),
            |trial| trial.outcome = failed_trial(0, 0).outcome,
        ];
        let mut all: Vec<String> = changes.into_iter().map(changed).chain([base.clone()]).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), changes.len() + 1, "every change has a digest of its own");
        let score: fn(&mut Trial) = |trial| {
            if let Outcome::Done(score) = &mut trial.outcome {
                score.validation_loss = f64::from_bits(score.validation_loss.to_bits() + 1);
            }
        };
        assert_ne!(changed(score), base);
        assert_ne!(digest(&[trial.clone(), trial]), base);
    }
}
