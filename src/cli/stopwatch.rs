//! How fast networks are, for a search that limits it.

use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use crate::search::ports::{Evaluator, Proxy};
use crate::search::trial::{Job, Outcome};
use crate::store::{Error, Latencies, Timed};

/// Trains as `inner` does, and times every network once in the life of a run: a search that goes on has to decide as it did.
///
/// If a time cannot be kept, trainings count as broken off from then on: it is the disk that failed.
pub(super) struct Stopwatch<E> {
    inner: E,
    known: Mutex<Known>,
}

struct Known {
    latencies: Latencies,
    error: Option<Error>,
}

impl<E: Evaluator> Stopwatch<E> {
    /// What is timed goes to `latencies`.
    pub(super) fn new(inner: E, latencies: Latencies) -> Self {
        Self { inner, known: Mutex::new(Known { latencies, error: None }) }
    }

    /// Who trains.
    ///
    /// # Errors
    /// If a time could not be kept.
    pub(super) fn into_inner(self) -> Result<E, Error> {
        let known = self.known.into_inner().unwrap_or_else(PoisonError::into_inner);
        known.error.map_or(Ok(self.inner), Err)
    }
}

impl<E: Evaluator> Evaluator for Stopwatch<E> {
    fn evaluate(&self, job: &Job, progress: &dyn Fn(f64, f64), stop: &AtomicBool) -> Option<(Outcome, f64)> {
        if self.known.lock().unwrap_or_else(PoisonError::into_inner).error.is_some() {
            return None;
        }
        self.inner.evaluate(job, progress, stop)
    }

    fn latency(&self, job: &Job, batch: usize) -> (Option<f64>, f64) {
        let timed = Timed { architecture: job.architecture.clone(), resolution: job.fidelity.resolution, batch };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ms) = known.latencies.get(&timed) {
            return (Some(ms), 0.0);
        }
        let (ms, seconds) = self.inner.latency(job, batch);
        if let Some(ms) = ms
            && let Err(error) = known.latencies.insert(timed, ms)
        {
            known.error.get_or_insert(error);
        }
        (ms, seconds)
    }

    fn untrained(&self, job: &Job, proxy: Proxy) -> (Option<f64>, f64) {
        self.inner.untrained(job, proxy)
    }
}
