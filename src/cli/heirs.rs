//! A training of a search in which children inherit the weights of their parents.

use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context;

use crate::evaluate::{TrainEvaluator, outcome};
use crate::net::GoogLeNet;
use crate::ops::Engines;
use crate::search::ports::{Evaluator, Proxy};
use crate::search::trial::{Inheritance, Job, Outcome};
use crate::store::RunDir;

/// Trains as [`TrainEvaluator`] does, but from inherited weights where a job has any, which lie in the folder of the run.
pub(super) struct Heirs<G> {
    inner: TrainEvaluator<G>,
    run: RunDir,
    /// Whether what was learned is kept, for children to come.
    keep: bool,
    error: Mutex<Option<anyhow::Error>>,
}

impl<G: Engines> Heirs<G> {
    /// Trainings of `run` by `inner`. With `keep` the weights of each are on the disk before its outcome is known, so also
    /// before its trial is stored.
    pub(super) fn new(inner: TrainEvaluator<G>, run: RunDir, keep: bool) -> Self {
        Self { inner, run, keep, error: Mutex::new(None) }
    }

    /// Why weights could not be read or kept, if they could not.
    pub(super) fn into_error(self) -> Option<anyhow::Error> {
        self.error.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn inherit(&self, job: &Job, network: &mut GoogLeNet<G::Engine>) -> anyhow::Result<()> {
        let Some(Inheritance { from, .. }) = job.inherits else { return Ok(()) };
        network.inherit(&self.run.weights(from), job.seed).with_context(|| {
            format!(
                "trial {} starts from what trial {from} had learned, but that cannot be read: put the file back, or begin a \
                 search under another name",
                job.index
            )
        })
    }

    fn leave(&self, job: &Job, network: &mut GoogLeNet<G::Engine>) -> anyhow::Result<()> {
        if self.keep {
            self.run.keep_weights(job.index, &network.safetensors()?)?;
        }
        Ok(())
    }

    /// It is the disk that failed, not the network: the training counts as broken off.
    fn broken_off(&self, error: anyhow::Error) -> Option<(Outcome, f64)> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        None
    }
}

impl<G: Engines> Evaluator for Heirs<G> {
    fn evaluate(&self, job: &Job, progress: &dyn Fn(f64, f64), stop: &AtomicBool) -> Option<(Outcome, f64)> {
        let start = Instant::now();
        let trained = match self.inner.network(job) {
            Ok(mut network) => {
                if let Err(error) = self.inherit(job, &mut network) {
                    return self.broken_off(error);
                }
                self.inner.train(job, network, progress, stop)
            }
            Err(error) => Err(error),
        };
        let score = match trained {
            Ok((mut network, _, score)) => match self.leave(job, &mut network) {
                Ok(()) => Ok(score),
                Err(error) => return self.broken_off(error),
            },
            Err(error) => Err(error),
        };
        Some((outcome(score)?, start.elapsed().as_secs_f64()))
    }

    fn untrained(&self, job: &Job, proxy: Proxy) -> (Option<f64>, f64) {
        self.inner.untrained(job, proxy)
    }
}
