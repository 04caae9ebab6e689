//! Random numbers that are the same on every machine and in every version: raw ChaCha8 draws and own samplers.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a stream is for, so that no two uses of one seed share numbers.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    /// The order of images in an epoch.
    Order = 1,
    /// The variation of one image.
    Augment = 2,
    /// The drawing of one synthetic image.
    Draw = 3,
}

/// A stream of random numbers that is a function of a purpose and three integers.
pub(super) struct Stream(ChaCha8Rng);

impl Stream {
    pub(super) fn new(purpose: Purpose, key: [u64; 3]) -> Self {
        let mut seed = [0; 32];
        for (bytes, part) in seed.chunks_exact_mut(8).zip([purpose as u64, key[0], key[1], key[2]]) {
            bytes.copy_from_slice(&part.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(seed))
    }

    pub(super) fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in `0..n`, by multiply and shift; the bias, below n / 2^64, is beyond measuring.
    pub(super) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next_u64()) * n as u128) >> 64) as usize
    }

    /// Uniform in [0, 1), a multiple of 2^-24.
    pub(super) fn unit(&mut self) -> f32 {
        (self.next_u64() >> 40) as f32 / (1_u32 << 24) as f32
    }

    /// Uniform between `low` and `high`.
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// True with probability `p`.
    pub(super) fn chance(&mut self, p: f32) -> bool {
        self.unit() < p
    }

    /// Minus one or one.
    pub(super) fn sign(&mut self) -> f32 {
        if self.chance(0.5) { 1.0 } else { -1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guards the generator itself: a new version that changed these would silently change every result.
    #[test]
    fn streams_are_what_they_were() {
        let mut stream = Stream::new(Purpose::Order, [1, 2, 3]);
        let drawn = [stream.next_u64(), stream.below(1000) as u64, stream.below(1000) as u64];
        assert_eq!(drawn, [14_483_171_256_779_454_040, 761, 382]);
        assert_ne!(Stream::new(Purpose::Augment, [1, 2, 3]).next_u64(), drawn[0]);
    }

    #[test]
    fn samples_stay_in_range_and_reach_both_ends() {
        let mut stream = Stream::new(Purpose::Order, [0; 3]);
        let mut counts = [0; 5];
        for _ in 0..5000 {
            counts[stream.below(5)] += 1;
            assert!((0.0..1.0).contains(&stream.unit()));
        }
        assert!(counts.iter().all(|&count| (900..1100).contains(&count)), "{counts:?}");
    }
}
