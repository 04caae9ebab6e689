//! What the tests of several files share.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::landscape::Landscape;
use super::ports::{Evaluator, Event, Observer, Proxy, Store, StoreError};
use super::trial::{Failure, Fidelity, Job, Origin, Outcome, Score, Trial};
use crate::arch::{Architecture, Cost};
use crate::space::Space;

/// The space of `tiny.toml` with changes.
pub fn space(overrides: &[&str]) -> Space {
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    Space::parse("tiny.toml", include_str!("../../search_spaces/tiny.toml"), &overrides).unwrap()
}

fn trial(index: usize, macs: u64, outcome: Outcome) -> Trial {
    let job = Job {
        index,
        architecture: Architecture::googlenet(2, false).unwrap(),
        origin: Origin::Random,
        cost: Cost { macs, parameters: 1, activation_bytes: 1 },
        fidelity: Fidelity { resolution: 32, images: 1, epochs: 1 },
        seed: 0,
        inherits: None,
    };
    Trial { job, outcome, seconds: 1.0, screening_seconds: 0.0, latency_ms: None }
}

pub fn done_trial(index: usize, accuracy: f64, macs: u64) -> Trial {
    let score = Score { accuracy, accuracy_se: 0.01, validation_loss: 0.5, training_loss_sum: 0.5 };
    trial(index, macs, Outcome::Done(score))
}

pub fn failed_trial(index: usize, macs: u64) -> Trial {
    trial(index, macs, Outcome::Failed(Failure::Error { message: "broken".into() }))
}

/// Remembers trials in memory; refuses to hold more than it has room for.
pub struct MemoryStore {
    pub trials: Vec<Trial>,
    pub room: usize,
}

impl MemoryStore {
    pub fn new(trials: Vec<Trial>) -> Self {
        Self { trials, room: usize::MAX }
    }
}

impl Store for MemoryStore {
    fn append(&mut self, trial: &Trial) -> Result<(), StoreError> {
        if self.trials.len() >= self.room {
            return Err(StoreError("no space left".into()));
        }
        self.trials.push(trial.clone());
        Ok(())
    }

    fn trials(&self) -> Result<Vec<Trial>, StoreError> {
        let mut trials = self.trials.clone();
        trials.sort_by_key(|trial| trial.job.index);
        Ok(trials)
    }
}

/// Counts what it sees.
#[derive(Default)]
pub struct Counts(Mutex<[usize; 4]>);

impl Counts {
    /// Started, finished, redrawn over a limit, redrawn as duplicates.
    pub fn all(&self) -> [usize; 4] {
        *self.0.lock().unwrap()
    }
}

impl Observer for Counts {
    fn observe(&self, event: Event<'_>) {
        let mut counts = self.0.lock().unwrap();
        match event {
            Event::Started(_) => counts[0] += 1,
            Event::Finished(_) => counts[1] += 1,
            Event::Redrawn { over_limit: true } => counts[2] += 1,
            Event::Redrawn { over_limit: false } => counts[3] += 1,
            Event::Resumed(_) | Event::Progress { .. } | Event::Examined { .. } => {}
        }
    }
}

/// Takes a time that has nothing to do with the job, and breaks everything off after a number of trainings.
pub struct Unsteady<'a> {
    landscape: Landscape,
    stop_after: usize,
    stop: &'a AtomicBool,
    done: AtomicUsize,
}

impl<'a> Unsteady<'a> {
    pub fn new(landscape: Landscape, stop: &'a AtomicBool, stop_after: usize) -> Self {
        Self { landscape, stop_after, stop, done: AtomicUsize::new(0) }
    }
}

impl Evaluator for Unsteady<'_> {
    fn evaluate(&self, job: &Job, progress: &dyn Fn(f64, f64), stop: &AtomicBool) -> Option<(Outcome, f64)> {
        let salt = Instant::now().elapsed().as_nanos() as usize + job.index * 7919;
        std::thread::sleep(Duration::from_micros((salt % 5 * 300) as u64));
        if stop.load(Ordering::SeqCst) {
            return None;
        }
        let result = self.landscape.evaluate(job, progress, &AtomicBool::new(false));
        if self.done.fetch_add(1, Ordering::SeqCst) + 1 == self.stop_after {
            self.stop.store(true, Ordering::SeqCst);
        }
        result
    }

    fn latency(&self, job: &Job, batch: usize) -> (Option<f64>, f64) {
        self.landscape.latency(job, batch)
    }

    fn untrained(&self, job: &Job, proxy: Proxy) -> (Option<f64>, f64) {
        self.landscape.untrained(job, proxy)
    }
}
