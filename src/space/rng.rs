//! The one random generator of the search, and the few samplers it needs.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// A generator whose numbers are the same on every platform and in every version.
///
/// Only the raw stream of ChaCha8 is relied on: the samplers of the rand crates have changed between versions, and a
/// search that is continued after an update must go on as it began.
pub struct Rng(ChaCha8Rng);

impl Rng {
    /// A generator started from a 32-byte seed.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(ChaCha8Rng::from_seed(seed))
    }

    /// A uniform number from 0 to `n - 1`; 0 if `n` is 0 or 1.
    ///
    /// Source: Lemire 2019, "Fast random integer generation in an interval", algorithm 5.
    pub fn below(&mut self, n: usize) -> usize {
        let n = n.max(1) as u64;
        let threshold = n.wrapping_neg() % n;
        loop {
            let product = u128::from(self.0.next_u64()) * u128::from(n);
            if product as u64 >= threshold {
                return (product >> 64) as usize;
            }
        }
    }

    /// A uniform number in `[0, 1)` with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// `count` different numbers from 0 to `n - 1`, in random order; all of them if `count` is `n` or more.
    pub fn distinct(&mut self, count: usize, n: usize) -> Vec<usize> {
        let mut numbers: Vec<usize> = (0..n).collect();
        let count = count.min(n);
        for i in 0..count {
            let j = i + self.below(n - i);
            numbers.swap(i, j);
        }
        numbers.truncate(count);
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_never_changes() {
        let mut rng = Rng::from_seed([7; 32]);
        let drawn: Vec<usize> = (0..8).map(|_| rng.below(1000)).collect();
        assert_eq!(drawn, [223, 831, 290, 353, 704, 110, 649, 587]);
    }

    #[test]
    fn below_is_uniform_and_in_range() {
        let mut rng = Rng::from_seed([1; 32]);
        let mut counts = [0; 7];
        (0..70_000).for_each(|_| counts[rng.below(7)] += 1);
        // Standard deviation of a count is 93.
        assert!(counts.iter().all(|&count: &i32| (count - 10_000).abs() < 500), "{counts:?}");
        assert_eq!((rng.below(0), rng.below(1)), (0, 0));
    }

    #[test]
    fn distinct_numbers_are_distinct() {
        let mut rng = Rng::from_seed([2; 32]);
        for (count, n) in [(0, 0), (0, 5), (3, 5), (5, 5), (9, 5)] {
            let mut drawn = rng.distinct(count, n);
            assert_eq!(drawn.len(), count.min(n));
            drawn.sort_unstable();
            drawn.dedup();
            assert_eq!(drawn.len(), count.min(n));
            assert!(drawn.iter().all(|&number| number < n));
        }
    }

    #[test]
    fn unit_covers_its_interval() {
        let mut rng = Rng::from_seed([3; 32]);
        let drawn: Vec<f64> = (0..10_000).map(|_| rng.unit()).collect();
        assert!(drawn.iter().all(|u| (0.0..1.0).contains(u)));
        assert!((drawn.iter().sum::<f64>() / 10_000.0 - 0.5).abs() < 0.02);
    }
}
