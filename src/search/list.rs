//! Trainings that are known beforehand: no strategy, begun as those of a search are.

use std::num::NonZeroUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::thread;

use super::drive::{DriveError, Stop, Work};
use super::ports::{Evaluator, Event, Observer, Store};
use super::trial::Job;

/// Trains `jobs` in their order, `workers` at once, and puts each trial into `store` when it is done. Whether all were
/// trained: not, if somebody stopped it or the evaluator broke one off.
///
/// # Errors
/// [`DriveError::Store`] if a trial cannot be stored, [`DriveError::Thread`] if there is no thread for it; what runs is then
/// broken off.
pub fn train_all(
    jobs: Vec<Job>,
    workers: NonZeroUsize,
    evaluator: &dyn Evaluator,
    store: &mut dyn Store,
    observer: &dyn Observer,
    stop: Stop<'_>,
) -> Result<bool, DriveError> {
    let (sender, receiver) = channel();
    let mut left = jobs.len();
    let mut jobs = jobs.into_iter();
    let mut run = |work: &Work<'_, '_>| -> Result<bool, DriveError> {
        let (mut running, mut stopped) = (0, false);
        loop {
            while running < workers.get() {
                stopped |= stop.proposing.load(Ordering::Relaxed) || stop.now.load(Ordering::Relaxed);
                if stopped || (stop.deadline)() {
                    break;
                }
                let Some(job) = jobs.next() else { break };
                work.start(job.into())?;
                running += 1;
            }
            if running == 0 {
                return Ok(left == 0);
            }
            // Cannot fail: `work` holds a sender. Were it to, the training counts as broken off.
            match receiver.recv().ok().flatten() {
                Some(trial) => {
                    store.append(&trial)?;
                    observer.observe(Event::Finished(&trial));
                    left -= 1;
                }
                None => stopped = true,
            }
            running -= 1;
        }
    };
    thread::scope(|scope| {
        let done = run(&Work { scope, evaluator, observer, stop: stop.now, sender });
        if done.is_err() {
            // Nobody will hear of the trainings that still run.
            stop.now.store(true, Ordering::Relaxed);
        }
        done
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::atomic::{AtomicBool, AtomicUsize};
    use std::time::Duration;

    use super::*;
    use crate::arch::Architecture;
    use crate::search::landscape::{Fault, Landscape};
    use crate::search::testing::{Counts, MemoryStore, done_trial};
    use crate::search::trial::Outcome;

    fn jobs() -> Vec<Job> {
        (0..6).map(|index| Job { seed: index as u64, ..done_trial(index, 0.5, 1000).job }).collect()
    }

    fn sound_landscape() -> Landscape {
        Landscape::new(1, &Architecture::googlenet_scaled(0.5, 2, false).unwrap(), 0.01)
    }

    fn landscape() -> Landscape {
        sound_landscape().with_faults([(1, Fault::Panic), (4, Fault::Diverge)])
    }

    fn train(workers: usize, evaluator: &dyn Evaluator, store: &mut MemoryStore, stop: &AtomicBool) -> Option<bool> {
        let workers = NonZeroUsize::new(workers).unwrap();
        let (now, counts) = (AtomicBool::new(false), Counts::default());
        let stop = Stop { proposing: stop, now: &now, deadline: &|| false };
        let trained = train_all(jobs(), workers, evaluator, store, &counts, stop).ok();
        assert_eq!(counts.all()[1], store.trials.len(), "what is stored is seen");
        trained
    }

    #[test]
    fn all_are_trained_whatever_fails_and_however_many_at_once() {
        let never = AtomicBool::new(false);
        let [one, many] = [1, 4].map(|workers| {
            let mut store = MemoryStore::new(vec![]);
            assert_eq!(train(workers, &landscape(), &mut store, &never), Some(true));
            store.trials().unwrap()
        });
        let outcomes = |trials: &[crate::search::trial::Trial]| trials.iter().map(|it| it.outcome.clone()).collect();
        let (one, many): (Vec<Outcome>, Vec<Outcome>) = (outcomes(&one), outcomes(&many));
        assert_eq!(one, many);
        assert_eq!(one.iter().filter(|it| it.score().is_none()).count(), 2);
    }

    /// Asks for a stop when the third training is done, and breaks the fourth off if it gets that far.
    struct Stopping<'a>(&'a AtomicBool, AtomicUsize);

    impl Evaluator for Stopping<'_> {
        fn evaluate(&self, job: &Job, progress: &dyn Fn(f64, f64), stop: &AtomicBool) -> Option<(Outcome, f64)> {
            let done = self.1.fetch_add(1, Ordering::SeqCst) + 1;
            self.0.fetch_or(done == 3, Ordering::SeqCst);
            if done == 4 { None } else { landscape().evaluate(job, progress, stop) }
        }
    }

    #[test]
    fn what_is_stopped_or_broken_off_says_so() {
        let stop = AtomicBool::new(false);
        let mut store = MemoryStore::new(vec![]);
        assert_eq!(train(1, &Stopping(&stop, AtomicUsize::new(0)), &mut store, &stop), Some(false));
        assert_eq!(store.trials.len(), 3);
        let (never, mut store) = (AtomicBool::new(false), MemoryStore::new(vec![]));
        assert_eq!(train(1, &Stopping(&AtomicBool::new(false), AtomicUsize::new(0)), &mut store, &never), Some(false));
        assert_eq!(store.trials.len(), 3);
    }

    /// Lets another pool of threads work while it waits, as a training does with those of its crew.
    struct Waiting(rayon::ThreadPool);

    impl Evaluator for Waiting {
        fn evaluate(&self, job: &Job, progress: &dyn Fn(f64, f64), stop: &AtomicBool) -> Option<(Outcome, f64)> {
            thread_local!(static BEGUN: Cell<bool> = const { Cell::new(false) });
            assert!(!BEGUN.replace(true), "a training was begun on top of another one");
            self.0.install(|| thread::sleep(Duration::from_millis(1)));
            BEGUN.set(false);
            sound_landscape().evaluate(job, progress, stop)
        }
    }

    #[test]
    fn a_training_that_waits_is_not_given_another_one() {
        let waiting = Waiting(rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap());
        for _ in 0..20 {
            let mut store = MemoryStore::new(vec![]);
            assert_eq!(train(3, &waiting, &mut store, &AtomicBool::new(false)), Some(true));
            assert!(store.trials.iter().all(|trial| trial.outcome.score().is_some()), "{:?}", store.trials);
        }
    }

    #[test]
    fn a_store_without_room_is_an_error() {
        let mut store = MemoryStore { room: 2, ..MemoryStore::new(vec![]) };
        assert_eq!(train(2, &landscape(), &mut store, &AtomicBool::new(false)), None);
        assert_eq!(store.trials.len(), 2);
    }
}
