//! What a search needs from outside: somebody who trains, somebody who remembers, somebody who watches.

use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};

use super::trial::{Job, Outcome, Trial};

/// A score of an untrained network, with the initial weights of its training; a higher one is said to be better. What they
/// measure is said at [`crate::zero_cost`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proxy {
    /// How strongly the loss of a batch pulls at the weights.
    GradNorm,
    /// Logarithm of the signal that can flow through the weights.
    Synflow,
    /// How differently the network sees the images of a batch; minus infinity if it sees two of them alike.
    Naswot,
}

/// Trains candidates. Called from several threads at once.
pub trait Evaluator: Sync {
    /// Runs one job on the calling thread.
    ///
    /// `progress` is called now and then with the share done (0 to 1) and the latest training loss.
    /// Returns the outcome and the wall time in seconds, or `None` if `stop` became true before the end.
    fn evaluate(&self, job: &Job, progress: &dyn Fn(f64, f64), stop: &AtomicBool) -> Option<(Outcome, f64)>;

    /// How many milliseconds the network of a job takes to classify `batch` images on one thread, and the wall time of
    /// finding out, in seconds. The same when asked again, also by a search that goes on; no time if it cannot be had.
    fn latency(&self, _job: &Job, _batch: usize) -> (Option<f64>, f64) {
        (None, 0.0)
    }

    /// What the network of a job says before it is trained, and the wall time of finding out, in seconds. The score is a
    /// function of the job alone; there is none if it cannot be had.
    fn untrained(&self, _job: &Job, _proxy: Proxy) -> (Option<f64>, f64) {
        (None, 0.0)
    }
}

/// An error of a [`Store`], for the loop to pass on.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StoreError(#[from] pub Box<dyn std::error::Error + Send + Sync>);

/// Remembers trials.
pub trait Store {
    /// Puts one trial on stable storage; when this returns `Ok` the trial survives a kill.
    ///
    /// # Errors
    /// [`StoreError`] if the trial could not be made durable.
    fn append(&mut self, trial: &Trial) -> Result<(), StoreError>;

    /// All trials, by ascending index; indices may have holes after an interruption.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    fn trials(&self) -> Result<Vec<Trial>, StoreError>;
}

/// Something worth showing.
#[derive(Debug)]
pub enum Event<'a> {
    /// Stored trials were taken over at the start.
    Resumed(&'a [Trial]),
    /// A training began.
    Started(&'a Job),
    /// A running job got further.
    Progress {
        /// Index of the job.
        index: usize,
        /// Share done, 0 to 1.
        fraction: f64,
        /// Latest training loss.
        loss: f64,
    },
    /// A trial is stored.
    Finished(&'a Trial),
    /// A proposal could not be used and was drawn again.
    Redrawn {
        /// Over a limit of the space; otherwise a duplicate.
        over_limit: bool,
    },
    /// The surrogate's predictions of the latest round of trials were compared with what came of them.
    Examined {
        /// Kendall's tau-b, -1 to 1.
        correlation: f64,
        /// Whether it chooses among the mutants of the next round.
        used: bool,
    },
}

/// Watches a search. Called from several threads at once.
pub trait Observer: Sync {
    /// Takes note of `event`.
    fn observe(&self, event: Event<'_>);
}
