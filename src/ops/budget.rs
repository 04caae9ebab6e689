//! The memory of a device, promised to what computes there at once.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::OpError;

/// Of all memory, the part that may be promised to what stays from training to training.
#[cfg(any(test, feature = "cuda"))]
const KEPT_PART: u64 = 4;

/// Who has been promised how much of a device's memory. Clones keep one account.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Account>);

struct Account {
    /// Bytes that there are, those promised included.
    capacity: Box<Capacity>,
    promised: Mutex<Promised>,
    /// Something is not promised any more.
    returned: Condvar,
}

type Capacity = dyn Fn() -> Result<u64, OpError> + Send + Sync;

/// Bytes promised.
#[derive(Debug, Default)]
struct Promised {
    to_trainings: u64,
    to_what_stays: u64,
}

/// So many bytes, until it is dropped.
#[derive(Debug)]
pub struct Promise {
    bytes: u64,
    account: Arc<Account>,
    of: fn(&mut Promised) -> &mut u64,
}

impl Budget {
    /// Of the bytes that `capacity` says there are, those promised included.
    pub fn new(capacity: impl Fn() -> Result<u64, OpError> + Send + Sync + 'static) -> Self {
        Self(Arc::new(Account { capacity: Box::new(capacity), promised: Mutex::default(), returned: Condvar::new() }))
    }

    /// For a training: waits until `bytes` are promised to nobody else. Where what stays is in its way, and nothing but that,
    /// `make_room` has to let go of it; what a training still uses of it comes back with that training.
    ///
    /// # Errors
    /// [`OpError::TooLarge`] if there are not so many in all.
    pub fn promise(&self, bytes: u64, make_room: impl Fn()) -> Result<Promise, OpError> {
        let mut promised = self.0.promised();
        loop {
            let capacity = (self.0.capacity)()?;
            if bytes > capacity {
                return Err(OpError::TooLarge { needed: bytes, there: capacity });
            }
            if bytes > capacity.saturating_sub(promised.to_what_stays) {
                // What is let go of is told to this account.
                drop(promised);
                make_room();
                promised = self.0.promised();
                if promised.to_what_stays == 0 {
                    continue;
                }
            } else if bytes <= capacity.saturating_sub(promised.to_what_stays + promised.to_trainings) {
                return Ok(self.give(&mut promised, bytes, |promised| &mut promised.to_trainings));
            }
            promised = self.0.returned.wait(promised).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// For what stays: nothing if `bytes` are not to be had at once, or are too large a part of all.
    ///
    /// # Errors
    /// If the device does not say how much memory it has.
    #[cfg(any(test, feature = "cuda"))]
    pub fn promise_to_stay(&self, bytes: u64) -> Result<Option<Promise>, OpError> {
        let mut promised = self.0.promised();
        let capacity = (self.0.capacity)()?;
        let stays = bytes.saturating_add(promised.to_what_stays);
        if stays > capacity / KEPT_PART || stays.saturating_add(promised.to_trainings) > capacity {
            return Ok(None);
        }
        Ok(Some(self.give(&mut promised, bytes, |promised| &mut promised.to_what_stays)))
    }

    fn give(&self, promised: &mut Promised, bytes: u64, of: fn(&mut Promised) -> &mut u64) -> Promise {
        *of(promised) += bytes;
        Promise { bytes, account: self.0.clone(), of }
    }
}

impl Account {
    fn promised(&self) -> MutexGuard<'_, Promised> {
        self.promised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        *(self.of)(&mut self.account.promised()) -= self.bytes;
        self.account.returned.notify_all();
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("promised", &self.promised).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_can_never_fit_is_refused_at_once() {
        let budget = Budget::new(|| Ok(100));
        let _half = budget.promise(50, || ()).unwrap();
        assert_eq!(budget.promise(101, || ()).err(), Some(OpError::TooLarge { needed: 101, there: 100 }));
        assert!(budget.promise(50, || ()).is_ok());
        let lost = OpError::Device("lost".to_owned());
        let error = lost.clone();
        assert_eq!(Budget::new(move || Err(error.clone())).promise(1, || ()).err(), Some(lost));
    }

    #[test]
    fn what_fits_alone_waits_for_its_turn() {
        let (budget, most, now) = (Budget::new(|| Ok(100)), AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let promise = budget.clone().promise(40, || ()).unwrap();
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(20));
                    now.fetch_sub(1, Ordering::SeqCst);
                    drop(promise);
                });
            }
        });
        assert_eq!((most.into_inner(), now.into_inner()), (2, 0));
        assert!(budget.promise(100, || ()).is_ok());
    }

    #[test]
    fn memory_that_is_gone_meanwhile_is_noticed() {
        let left = Arc::new(AtomicU64::new(100));
        let capacity = left.clone();
        let budget = Budget::new(move || Ok(capacity.load(Ordering::SeqCst)));
        let first = budget.promise(60, || ()).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| budget.promise(60, || ()).map(drop));
            std::thread::sleep(Duration::from_millis(20));
            left.store(50, Ordering::SeqCst);
            drop(first);
            assert_eq!(waiting.join().unwrap(), Err(OpError::TooLarge { needed: 60, there: 50 }));
        });
    }

    #[test]
    fn what_stays_never_waits_and_takes_a_part_at_most() {
        let budget = Budget::new(|| Ok(100));
        assert!(budget.promise_to_stay(26).unwrap().is_none());
        let _images = budget.promise_to_stay(20).unwrap().unwrap();
        assert!(budget.promise_to_stay(6).unwrap().is_none());
        let _training = budget.promise(80, || ()).unwrap();
        assert!(budget.promise_to_stay(1).unwrap().is_none());
    }

    #[test]
    fn what_stays_goes_if_that_lets_a_training_fit_and_not_before() {
        let budget = Budget::new(|| Ok(100));
        let images = Mutex::new(budget.promise_to_stay(20).unwrap());
        let in_use = Mutex::new(budget.promise_to_stay(5).unwrap());
        let make_room = || drop(images.lock().unwrap().take());
        assert_eq!(budget.promise(101, make_room).err(), Some(OpError::TooLarge { needed: 101, there: 100 }));
        drop(budget.promise(75, make_room).unwrap());
        assert!(images.lock().unwrap().is_some());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| budget.promise(96, make_room).map(drop));
            std::thread::sleep(Duration::from_millis(20));
            // Somebody else has used it until now.
            drop(in_use.lock().unwrap().take());
            assert_eq!(waiting.join().unwrap(), Ok(()));
        });
        assert!(images.lock().unwrap().is_none());
    }
}
