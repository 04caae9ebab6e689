//! Threads that the trainings of one process share.

use std::hint::spin_loop;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder, Yield};

use crate::ops::OpError;
use crate::ops::budget::{Budget, Promise};

/// How long a thread without work looks out for some before it sleeps: as long as most stretches of a training step that
/// one thread computes alone. To be woken takes a good part of that, and a step has hundreds of such stretches.
const WATCH: Duration = Duration::from_micros(100);

/// What a training takes of main memory at its peak, by what it takes of a GPU's: kernels are given working memory that they
/// keep. From 1.1 to 1.9 times as much was resident in `inception-nas bench` (widths x0.05 to x2, 32 to 299 px, 8 to 512 images
/// a step, one thread and two), most often 1.4 to 1.75; so it is no bound.
const OF_GPU_BYTES: [u64; 2] = [7, 4];

/// The threads of a machine, which the trainings that go on at once share: each computes with an equal part of them, and
/// with more as soon as others have ended. How many there are never changes a bit of a result.
#[derive(Clone, Debug)]
pub struct Crew {
    pool: Arc<ThreadPool>,
    trainings: Arc<AtomicUsize>,
    watches: Arc<AtomicUsize>,
    /// The memory that they share, where it is known.
    budget: Option<Budget>,
}

/// One training's part in a crew.
#[derive(Debug)]
pub struct Member {
    crew: Crew,
    /// Kept for it as long as it takes part.
    _memory: Option<Promise>,
}

impl Crew {
    /// So many threads, beside those that call.
    ///
    /// # Errors
    /// [`ThreadPoolBuildError`] if the system refuses.
    pub fn new(threads: NonZeroUsize) -> Result<Self, ThreadPoolBuildError> {
        Ok(Self::of(ThreadPoolBuilder::new().num_threads(threads.get()).build()?))
    }

    /// So many threads, the calling one among them unless it serves another crew already: it need not be woken when
    /// others have done their part.
    ///
    /// # Errors
    /// [`ThreadPoolBuildError`] if the system refuses.
    pub fn with_caller(threads: NonZeroUsize) -> Result<Self, ThreadPoolBuildError> {
        let pool = ThreadPoolBuilder::new().num_threads(threads.get()).use_current_thread().build();
        pool.map(Self::of).or_else(|_| Self::new(threads))
    }

    fn of(pool: ThreadPool) -> Self {
        Self { pool: Arc::new(pool), trainings: Arc::default(), watches: Arc::default(), budget: None }
    }

    /// The same on a machine with so many bytes of memory: what takes part with a known need of it waits until there is enough.
    pub fn with_memory(self, bytes: u64) -> Self {
        Self { budget: Some(Budget::new(move || Ok(bytes))), ..self }
    }

    /// Sees to it that the threads look out for work for a while, if a training asks for it rather than one of them.
    fn keep_awake(&self) {
        let others = self.pool.current_num_threads() - 1;
        // A calling thread that belongs to the pool is its first.
        if self.pool.current_thread_index().is_some_and(|index| index > 0) {
            return;
        }
        while self.watches.load(Ordering::Relaxed) < others {
            self.watches.fetch_add(1, Ordering::Relaxed);
            let watches = Arc::clone(&self.watches);
            self.pool.spawn(move || {
                // The first thread may be a caller that has come by this while it waited for something else.
                if rayon::current_thread_index() != Some(0) {
                    watch(|| false);
                }
                watches.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }
}

/// Does what work there is until none has come for a while, or `done`.
fn watch(done: impl Fn() -> bool) {
    let mut idle = Instant::now();
    while !done() && idle.elapsed() < WATCH {
        if rayon::yield_now() == Some(Yield::Executed) {
            idle = Instant::now();
        } else {
            (0..20).for_each(|_| spin_loop());
        }
    }
}

impl Member {
    /// Takes part.
    pub fn new(crew: &Crew) -> Self {
        Self::with(crew, None)
    }

    /// Takes part as soon as others leave the memory for it; `gpu_bytes` are those that the training takes on a GPU.
    ///
    /// # Errors
    /// [`OpError::TooLarge`] if the machine has not so much.
    pub fn with_memory(crew: &Crew, gpu_bytes: u64) -> Result<Self, OpError> {
        let [part, whole] = OF_GPU_BYTES;
        let promise = |budget: &Budget| budget.promise(gpu_bytes.saturating_mul(part) / whole, || ());
        Ok(Self::with(crew, crew.budget.as_ref().map(promise).transpose()?))
    }

    fn with(crew: &Crew, memory: Option<Promise>) -> Self {
        crew.trainings.fetch_add(1, Ordering::Relaxed);
        Self { crew: crew.clone(), _memory: memory }
    }

    /// Its part of the threads.
    pub fn threads(&self) -> usize {
        let trainings = self.crew.trainings.load(Ordering::Relaxed);
        (self.crew.pool.current_num_threads() / trainings.max(1)).max(1)
    }

    /// Two pieces of work at the same time.
    pub fn join<A: Send, B: Send>(
        &self,
        first: impl FnOnce() -> A + Send,
        second: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        self.crew.keep_awake();
        self.crew.pool.install(|| join(first, second))
    }

    /// `work` for each of `parts` at the same time; the results in order.
    pub fn map<T: Send, R: Send>(&self, parts: Vec<T>, work: &(impl Fn(T) -> R + Sync)) -> Vec<R> {
        self.crew.keep_awake();
        self.crew.pool.install(|| map(parts, work))
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.crew.trainings.fetch_sub(1, Ordering::Relaxed);
    }
}

fn map<T: Send, R: Send>(mut parts: Vec<T>, work: &(impl Fn(T) -> R + Sync)) -> Vec<R> {
    if parts.len() <= 1 {
        return parts.into_iter().map(work).collect();
    }
    let second = parts.split_off(parts.len() / 2);
    let (mut results, second) = join(|| map(parts, work), || map(second, work));
    results.extend(second);
    results
}

/// [`rayon::join`], but who has to wait for the other is awake when it is done.
fn join<A: Send, B: Send>(first: impl FnOnce() -> A + Send, second: impl FnOnce() -> B + Send) -> (A, B) {
    let (begun, done) = (AtomicBool::new(false), AtomicBool::new(false));
    rayon::join(
        || {
            let result = first();
            // What nobody has begun is for this thread to do.
            if begun.load(Ordering::Relaxed) {
                watch(|| done.load(Ordering::Relaxed));
            }
            result
        },
        || {
            begun.store(true, Ordering::Relaxed);
            let result = second();
            done.store(true, Ordering::Relaxed);
            result
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_on_any_number_of_threads() {
        for threads in 1..5 {
            let member = Member::new(&Crew::new(NonZeroUsize::new(threads).unwrap()).unwrap());
            for parts in [0, 1, 2, 7] {
                let squares = |from: i32| member.map((from..from + parts).collect(), &|i| i * i);
                // Work inside of work, and beside other work.
                let (a, b) = member.join(|| member.join(|| squares(0), || squares(3)), || squares(5));
                let expected = |from: i32| (from..from + parts).map(|i| i * i).collect::<Vec<_>>();
                assert_eq!((a, b), ((expected(0), expected(3)), expected(5)));
            }
        }
    }

    #[test]
    fn a_panic_passes_to_the_caller_and_the_crew_goes_on() {
        let member = Member::new(&Crew::new(NonZeroUsize::new(2).unwrap()).unwrap());
        for panicking in [0, 1] {
            let work = |part: usize| assert!(part != panicking, "part {part}");
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| member.map(vec![0, 1], &work)));
            assert!(outcome.is_err());
        }
        assert_eq!(member.map(vec![1, 2], &|i| i + 1), [2, 3]);
    }

    #[test]
    fn who_takes_much_memory_waits_and_who_takes_too_much_is_refused() {
        let crew = Crew::new(NonZeroUsize::MIN).unwrap().with_memory(1000);
        let too_large = OpError::TooLarge { needed: 1001, there: 1000 };
        assert_eq!(Member::with_memory(&crew, 572).err(), Some(too_large));
        let first = Member::with_memory(&crew, 500).unwrap();
        std::thread::scope(|scope| {
            let second =
                scope.spawn(|| Member::with_memory(&crew, 500).map(|_| crew.trainings.load(Ordering::Relaxed)));
            std::thread::sleep(Duration::from_millis(20));
            assert!(!second.is_finished());
            drop(first);
            // Who waited takes part alone.
            assert_eq!(second.join().unwrap(), Ok(1));
        });
        // What nobody reckons with is not in the way.
        let all = Member::with_memory(&crew, 571).unwrap();
        drop((Member::new(&crew), all));
    }
}
