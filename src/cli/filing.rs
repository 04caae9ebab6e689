//! A training that has to do with files of its own: with what it starts from, or with what is kept of it.

use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::evaluate::{TrainEvaluator, outcome};
use crate::net::GoogLeNet;
use crate::ops::Engines;
use crate::search::ports::{Evaluator, Proxy};
use crate::search::trial::{Job, Outcome, Score};
use crate::train::{FitError, Measurement};

/// What a training has to do with files.
pub(super) trait Files<G: Engines>: Sync {
    /// Before it: the network has its initial weights.
    ///
    /// # Errors
    /// If a file cannot be read.
    fn before(&self, job: &Job, network: &mut GoogLeNet<G::Engine>) -> anyhow::Result<()>;

    /// After `seconds` of it, and before anybody hears of its outcome.
    ///
    /// # Errors
    /// If a file cannot be written.
    fn after(
        &self,
        job: &Job,
        network: &mut GoogLeNet<G::Engine>,
        validation: Measurement,
        seconds: f64,
    ) -> anyhow::Result<()>;
}

/// Trains as [`TrainEvaluator`] does, with files. A training whose files cannot be read or written counts as broken off: it
/// is the disk that failed, not the network.
pub(super) struct Filing<G, F> {
    inner: TrainEvaluator<G>,
    files: F,
    error: Mutex<Option<anyhow::Error>>,
}

impl<G: Engines, F: Files<G>> Filing<G, F> {
    /// Trainings by `inner`.
    pub(super) fn new(inner: TrainEvaluator<G>, files: F) -> Self {
        Self { inner, files, error: Mutex::new(None) }
    }

    /// The first thing that was wrong with a file, if anything was.
    pub(super) fn into_error(self) -> Option<anyhow::Error> {
        self.error.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The score, or why the network has none, and the wall time of the training in seconds; an error is of a file.
    fn train(
        &self,
        job: &Job,
        progress: &dyn Fn(f64, f64),
        stop: &AtomicBool,
    ) -> anyhow::Result<(Result<Score, FitError>, f64)> {
        let network = self.inner.network(job);
        // Waiting for memory is no part of it.
        let start = Instant::now();
        let mut network = match network {
            Ok(network) => network,
            Err(error) => return Ok((Err(error), 0.0)),
        };
        self.files.before(job, &mut network)?;
        let trained = self.inner.train(job, network, progress, stop);
        let seconds = start.elapsed().as_secs_f64();
        let (mut network, validation, score) = match trained {
            Ok(trained) => trained,
            Err(error) => return Ok((Err(error), seconds)),
        };
        self.files.after(job, &mut network, validation, seconds)?;
        Ok((Ok(score), seconds))
    }
}

impl<G: Engines, F: Files<G>> Evaluator for Filing<G, F> {
    fn evaluate(&self, job: &Job, progress: &dyn Fn(f64, f64), stop: &AtomicBool) -> Option<(Outcome, f64)> {
        match self.train(job, progress, stop) {
            Ok((trained, seconds)) => Some((outcome(trained)?, seconds)),
            Err(error) => {
                self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                None
            }
        }
    }

    fn latency(&self, job: &Job, batch: usize) -> (Option<f64>, f64) {
        self.inner.latency(job, batch)
    }

    fn untrained(&self, job: &Job, proxy: Proxy) -> (Option<f64>, f64) {
        self.inner.untrained(job, proxy)
    }
}
