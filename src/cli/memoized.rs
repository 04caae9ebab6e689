//! What is measured of networks before they are trained, once in the life of a run.

use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::search::ports::{Evaluator, Proxy};
use crate::search::trial::{Job, Outcome};
use crate::store::{Error, Measured, Measurements, Quantity};

/// Trains as `inner` does, and asks it once for how fast a network is and how it scores untrained: a search that goes on has
/// to decide as it did, and need not wait for what it knows.
///
/// If an answer cannot be kept, trainings count as broken off from then on: it is the disk that failed.
pub(super) struct Memoized<E> {
    inner: E,
    known: Mutex<Known>,
}

struct Known {
    measurements: Measurements,
    error: Option<Error>,
}

impl<E: Evaluator> Memoized<E> {
    /// What is measured goes to `measurements`.
    pub(super) fn new(inner: E, measurements: Measurements) -> Self {
        Self { inner, known: Mutex::new(Known { measurements, error: None }) }
    }

    /// Who trains.
    ///
    /// # Errors
    /// If an answer could not be kept.
    pub(super) fn into_inner(self) -> Result<E, Error> {
        let known = self.known.into_inner().unwrap_or_else(PoisonError::into_inner);
        known.error.map_or(Ok(self.inner), Err)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value of `quantity` and the seconds it took, by `ask` if it is not known. What has no finite value is asked again.
    fn once(&self, job: &Job, quantity: Quantity, ask: impl FnOnce() -> (Option<f64>, f64)) -> (Option<f64>, f64) {
        let (architecture, resolution) = (job.architecture.clone(), job.fidelity.resolution);
        let measured = Measured { architecture, resolution, quantity };
        if let Some(value) = self.known().measurements.get(&measured) {
            return (Some(value), 0.0);
        }
        // Trainings can begin meanwhile.
        let (value, seconds) = ask();
        if let Some(value) = value.filter(|value| value.is_finite()) {
            let mut known = self.known();
            if let Err(error) = known.measurements.insert(measured, value) {
                known.error.get_or_insert(error);
            }
        }
        (value, seconds)
    }
}

impl<E: Evaluator> Evaluator for Memoized<E> {
    fn evaluate(&self, job: &Job, progress: &dyn Fn(f64, f64), stop: &AtomicBool) -> Option<(Outcome, f64)> {
        if self.known().error.is_some() {
            return None;
        }
        self.inner.evaluate(job, progress, stop)
    }

    fn latency(&self, job: &Job, batch: usize) -> (Option<f64>, f64) {
        self.once(job, Quantity::Latency { batch }, || self.inner.latency(job, batch))
    }

    fn untrained(&self, job: &Job, proxy: Proxy) -> (Option<f64>, f64) {
        self.once(job, Quantity::Score { proxy, seed: job.seed }, || self.inner.untrained(job, proxy))
    }
}
