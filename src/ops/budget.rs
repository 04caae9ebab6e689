//! The memory of a device, promised to what computes there at once.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::OpError;

/// Who has been promised how much of a device's memory. Clones keep one account.
#[derive(Clone, Debug, Default)]
pub struct Budget(Arc<Account>);

#[derive(Debug, Default)]
struct Account {
    promised: Mutex<u64>,
    /// Something is not promised any more.
    returned: Condvar,
}

/// So many bytes, until it is dropped.
#[derive(Debug)]
pub struct Promise {
    bytes: u64,
    account: Arc<Account>,
}

impl Budget {
    /// Waits until `bytes` of all that `capacity` says there are, those promised included, are promised to nobody else.
    ///
    /// # Errors
    /// [`OpError::TooLarge`] if there are not so many in all; those of `capacity`.
    pub fn promise(&self, bytes: u64, capacity: impl Fn() -> Result<u64, OpError>) -> Result<Promise, OpError> {
        let mut promised = self.0.promised.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let capacity = capacity()?;
            if bytes > capacity {
                return Err(OpError::TooLarge { needed: bytes, free: capacity });
            }
            if bytes <= capacity.saturating_sub(*promised) {
                *promised += bytes;
                return Ok(Promise { bytes, account: self.0.clone() });
            }
            promised = self.0.returned.wait(promised).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        *self.account.promised.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        self.account.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_can_never_fit_is_refused_at_once() {
        let budget = Budget::default();
        let _half = budget.promise(50, || Ok(100)).unwrap();
        let refused = budget.promise(101, || Ok(100)).unwrap_err();
        assert_eq!(refused, OpError::TooLarge { needed: 101, free: 100 });
        assert!(budget.promise(50, || Ok(100)).is_ok());
        let lost = || Err(OpError::Device("lost".to_owned()));
        assert_eq!(budget.promise(1, lost).err(), lost().err());
    }

    #[test]
    fn what_fits_alone_waits_for_its_turn() {
        let (budget, most, now) = (Budget::default(), AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let promise = budget.clone().promise(40, || Ok(100)).unwrap();
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(20));
                    now.fetch_sub(1, Ordering::SeqCst);
                    drop(promise);
                });
            }
        });
        assert_eq!((most.into_inner(), now.into_inner()), (2, 0));
        assert!(budget.promise(100, || Ok(100)).is_ok());
    }

    #[test]
    fn memory_that_is_gone_meanwhile_is_noticed() {
        let (budget, capacity) = (Budget::default(), AtomicU64::new(100));
        let first = budget.promise(60, || Ok(100)).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| budget.promise(60, || Ok(capacity.load(Ordering::SeqCst))).map(drop));
            std::thread::sleep(Duration::from_millis(20));
            capacity.store(50, Ordering::SeqCst);
            drop(first);
            assert_eq!(waiting.join().unwrap(), Err(OpError::TooLarge { needed: 60, free: 50 }));
        });
    }
}
