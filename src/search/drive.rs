//! The one loop that drives every search.

use std::any::Any;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, Scope};

use super::budget::{Budget, within_budget};
use super::ports::{Evaluator, Event, Observer, Store, StoreError};
use super::propose::{Proposed, Proposer};
use super::searcher::Searcher;
use super::trial::{Failure, Outcome, Trial};
use crate::arch::ArchitectureError;
use crate::space::Space;

/// What to search, and with how many hands.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The space, with the settings of the search.
    pub space: &'a Space,
    /// Classes of the data.
    pub classes: usize,
    /// Candidates trained at once. More than the window of the search settings has no effect, and the number never
    /// changes what is found.
    pub workers: NonZeroUsize,
}

/// How a search is stopped from outside.
#[derive(Clone, Copy)]
pub struct Stop<'a> {
    /// Start no more trainings; finish and store those that run.
    pub proposing: &'a AtomicBool,
    /// Break off the running trainings; nothing of them is stored. Set by the loop itself when it ends in an error.
    pub now: &'a AtomicBool,
    /// Asked before each training: whether time is up.
    pub deadline: &'a dyn Fn() -> bool,
}

impl Stop<'_> {
    /// Why nothing more is to be begun, if it is not.
    fn why(&self) -> Option<Ended> {
        if self.now.load(Ordering::Relaxed) || self.proposing.load(Ordering::Relaxed) {
            return Some(Ended::Interrupted);
        }
        (self.deadline)().then_some(Ended::DeadlineReached)
    }
}

/// Why a search ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// All trials asked for are done.
    TrialsDone,
    /// There is nothing left to try inside the limits, or the strategy has no more candidates.
    SpaceExhausted,
    /// The next trial would cost more than is left of `search.max_training_macs`.
    CostReached,
    /// Time was up.
    DeadlineReached,
    /// Somebody stopped it; it can be continued.
    Interrupted,
    /// Too many trainings in a row failed; `first` is the first of them.
    TooManyFailures {
        /// The trial with its failure.
        first: Box<Trial>,
    },
}

/// A search that came to an end without an error.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// All trials by ascending index, those of earlier sittings included. Without holes, unless broken off.
    pub trials: Vec<Trial>,
    /// Why it ended.
    pub ended: Ended,
}

/// Why a search could not go on.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// A trial could not be stored or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored trials were made by a search with other settings or by another version of this program.
    #[error(
        "trial {index} in the store is not the one that this search makes, so the store belongs to another search: \
         start under another name (stored: {stored}; expected: {expected})"
    )]
    AnotherSearch {
        /// Index of the first trial that differs.
        index: usize,
        /// The stored job.
        stored: String,
        /// The job of this search.
        expected: String,
    },
    /// The number of classes makes no network.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// No thread to be had.
    #[error("cannot start a training: {0}")]
    Thread(String),
}

/// Searches until the trials are done, the space is exhausted, the cost is reached, time is up, too much fails, or somebody stops it.
///
/// Proposal `i` is made from the outcomes of the trials `0 ..= i - window`, told in this order, and from a generator
/// that depends on `i`. So the trials are the same for any number of workers. Stored trials take the place of their
/// training, and everything else is made anew; so a search that was broken off ends like one that was not.
///
/// # Errors
/// [`DriveError`]; what was stored until then stays.
pub fn drive(
    plan: Plan<'_>,
    searcher: &mut dyn Searcher,
    evaluator: &dyn Evaluator,
    store: &mut dyn Store,
    observer: &dyn Observer,
    stop: Stop<'_>,
) -> Result<Finished, DriveError> {
    let stored = store.trials()?;
    observer.observe(Event::Resumed(&stored));
    let workers = plan.workers.get().min(plan.space.search().window);
    // To think of a network takes no time, unless it has to be timed.
    let wanted = || plan.space.limits().max_latency_ms.is_none() || stop.why().is_none();
    let (sender, receiver) = channel();
    let mut course = Course {
        space: plan.space,
        proposer: Proposer::new(plan.space, plan.classes, evaluator, &wanted),
        budget: Budget::new(plan.space.search()),
        searcher,
        observer,
        stop,
        stored: stored.into_iter().map(|trial| (trial.job.index, trial)).collect(),
        outcomes: BTreeMap::new(),
        next: 0,
        told: 0,
        failures: 0,
        exhausted: false,
    };
    let ended = thread::scope(|scope| {
        let work = Work { scope, evaluator, observer, stop: stop.now, sender };
        let ended = course.run(&work, &receiver, workers, store);
        if ended.is_err() {
            // Nobody will hear of the trainings that still run.
            stop.now.store(true, Ordering::Relaxed);
        }
        ended
    })?;
    Ok(Finished { trials: course.into_trials(), ended })
}

/// The state of a search, all of it a consequence of the settings and the outcomes so far.
struct Course<'a> {
    space: &'a Space,
    proposer: Proposer<'a>,
    budget: Budget,
    searcher: &'a mut dyn Searcher,
    observer: &'a dyn Observer,
    stop: Stop<'a>,
    /// Trials of earlier sittings that have not been reached yet.
    stored: BTreeMap<usize, Trial>,
    /// Trials that are done, by index.
    outcomes: BTreeMap<usize, Trial>,
    /// Index of the next proposal.
    next: usize,
    /// Trials `0..told` have been told to the searcher.
    told: usize,
    /// How many of the latest told trials failed without a success between them.
    failures: usize,
    /// Whether there was nothing left to propose from what a proposal may know: from then on it may know all before it, since
    /// the last trials may still go up the ladder.
    exhausted: bool,
}

/// What to do next.
enum Step {
    /// Train this.
    Train(Box<Proposed>),
    /// There is nothing to train; ask for the next step.
    Again,
    /// Nothing can be proposed before a running training ends.
    Wait,
    /// Propose no more.
    End(Ended),
}

impl Course<'_> {
    fn run(
        &mut self,
        work: &Work<'_, '_>,
        receiver: &Receiver<Option<Trial>>,
        workers: usize,
        store: &mut dyn Store,
    ) -> Result<Ended, DriveError> {
        let mut running = 0;
        let mut ended = None;
        loop {
            while ended.is_none() && running < workers {
                match self.step()? {
                    Step::Train(proposed) => {
                        work.start(*proposed)?;
                        running += 1;
                    }
                    Step::Again => {}
                    Step::Wait => break,
                    Step::End(why) => ended = Some(why),
                }
            }
            if running == 0 {
                break;
            }
            // Cannot fail: `work` holds a sender. Were it to, the search counts as interrupted.
            match receiver.recv().ok().flatten() {
                Some(trial) => {
                    store.append(&trial)?;
                    self.observer.observe(Event::Finished(&trial));
                    self.outcomes.insert(trial.job.index, trial);
                }
                None => ended = Some(Ended::Interrupted),
            }
            running -= 1;
        }
        if let Some(too_many) = self.tell_before(usize::MAX) {
            return Ok(too_many);
        }
        Ok(ended.unwrap_or(Ended::Interrupted))
    }

    /// Makes the next proposal, if the trials it may know are done.
    fn step(&mut self) -> Result<Step, DriveError> {
        let index = self.next;
        let settings = self.space.search();
        if index >= settings.trials {
            return Ok(Step::End(Ended::TrialsDone));
        }
        let known = if self.exhausted { index } else { (index + 1).saturating_sub(settings.window) };
        if let Some(too_many) = self.tell_before(known) {
            return Ok(Step::End(too_many));
        }
        if self.told < known {
            return Ok(Step::Wait);
        }
        let Some(proposed) = self.proposer.next(index, self.searcher, self.observer)? else {
            if let Some(why) = self.stop.why() {
                return Ok(Step::End(why));
            }
            if known == index {
                return Ok(Step::End(Ended::SpaceExhausted));
            }
            self.exhausted = true;
            return Ok(Step::Again);
        };
        let job = &proposed.job;
        if !self.budget.spend(job) {
            return Ok(Step::End(Ended::CostReached));
        }
        self.next += 1;
        if let Some(trial) = self.stored.remove(&index) {
            if trial.job != *job {
                let (stored, expected) = (format!("{:?}", trial.job), format!("{job:?}"));
                return Err(DriveError::AnotherSearch { index, stored, expected });
            }
            self.outcomes.insert(index, trial);
            return Ok(Step::Again);
        }
        Ok(self.stop.why().map_or_else(|| Step::Train(Box::new(proposed)), Step::End))
    }

    /// Tells the searcher the trials before `end`, as far as they are done without a hole. Gives the reason to end if
    /// so many of them failed in a row.
    fn tell_before(&mut self, end: usize) -> Option<Ended> {
        let most = self.space.search().max_failures;
        while self.failures < most && self.told < end {
            let trial = self.outcomes.get(&self.told)?;
            self.searcher.tell(self.space, trial);
            self.proposer.tell(trial, self.observer);
            self.failures = if trial.outcome.score().is_some() { 0 } else { self.failures + 1 };
            self.told += 1;
        }
        if self.failures < most {
            return None;
        }
        let first = self.outcomes.get(&(self.told - self.failures))?;
        Some(Ended::TooManyFailures { first: Box::new(first.clone()) })
    }

    fn into_trials(mut self) -> Vec<Trial> {
        self.outcomes.append(&mut self.stored);
        within_budget(self.outcomes.into_values(), self.space.search())
    }
}

/// Where trainings run: each on a thread of its own. A pool would give a training that waits for its share of the processor
/// another one to do meanwhile, on top of it: it would stand still until that ends, and hold what that may wait for.
pub(super) struct Work<'scope, 'env> {
    pub(super) scope: &'scope Scope<'scope, 'env>,
    pub(super) evaluator: &'scope dyn Evaluator,
    pub(super) observer: &'scope dyn Observer,
    pub(super) stop: &'scope AtomicBool,
    pub(super) sender: Sender<Option<Trial>>,
}

impl Work<'_, '_> {
    /// Begins a training, and sends the trial when it is done, or `None` if it was broken off.
    ///
    /// # Errors
    /// [`DriveError::Thread`] if the system refuses a thread.
    pub(super) fn start(&self, Proposed { job, screening_seconds, latency_ms }: Proposed) -> Result<(), DriveError> {
        let (evaluator, observer, stop, sender) = (self.evaluator, self.observer, self.stop, self.sender.clone());
        let train = move || {
            observer.observe(Event::Started(&job));
            let progress = |fraction, loss| observer.observe(Event::Progress { index: job.index, fraction, loss });
            // Nothing is used afterwards that a panic could have left half-changed: the evaluator is shared as `&` by
            // several threads in any case, and the job is only read.
            let result = catch_unwind(AssertUnwindSafe(|| evaluator.evaluate(&job, &progress, stop)));
            let result = result.unwrap_or_else(|panic| {
                // How long it took is known to the evaluator alone.
                Some((Outcome::Failed(Failure::Panicked { message: panic_message(&*panic) }), 0.0))
            });
            let trial = result.map(|(outcome, seconds)| Trial { job, outcome, seconds, screening_seconds, latency_ms });
            // The loop has gone only if it ended in an error.
            drop(sender.send(trial));
        };
        let begun = thread::Builder::new().spawn_scoped(self.scope, train);
        begun.map(drop).map_err(|error| DriveError::Thread(error.to_string()))
    }
}

/// The text that a panic was raised with.
fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
