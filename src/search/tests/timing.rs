//! Searches that time networks before they train them.

use super::*;
use crate::search::ports::Proxy;

#[test]
fn a_search_that_only_times_networks_is_stopped_as_well() {
    /// Times networks, all of them too slow, until somebody asks to stop.
    struct Slow<'a>(&'a AtomicBool, AtomicUsize);
    impl Evaluator for Slow<'_> {
        fn evaluate(&self, _: &Job, _: &dyn Fn(f64, f64), _: &AtomicBool) -> Option<(Outcome, f64)> {
            panic!("nothing is fast enough to be trained")
        }
        fn latency(&self, _: &Job, _: usize) -> (Option<f64>, f64) {
            self.0.store(self.1.fetch_add(1, Ordering::Relaxed) == 2, Ordering::Relaxed);
            (Some(1e9), 1.0)
        }
        fn untrained(&self, _: &Job, _: Proxy) -> (Option<f64>, f64) {
            (None, 0.0)
        }
    }
    let (space, never, asked) = (space(&[FAST]), AtomicBool::new(false), AtomicBool::new(false));
    let slow = Slow(&asked, AtomicUsize::new(0));
    let stop = Stop { proposing: &asked, now: &never, deadline: &|| false };
    let plan = Plan { space: &space, classes: 2, workers: NonZeroUsize::MIN };
    let mut store = MemoryStore::new(vec![]);
    let found = drive(plan, &mut *searcher_for(&space), &slow, &mut store, &Counts::default(), stop).unwrap();
    assert_eq!((found.ended, slow.1.into_inner()), (Ended::Interrupted, 3));
}
