//! Dropout (Srivastava et al. 2014), scaled in training so that inference needs nothing.

use dfdx::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{OpError, Rows};

/// Sets each value to 0 with probability `rate` and divides the others by `1 - rate`.
///
/// `x: [N, C]` -> `[N, C]`. The mask is a function of `seed` and the shape alone: equal on every device and platform.
/// At a rate of 1 or more everything is dropped.
///
/// # Errors
/// [`OpError::Device`] if the device refuses.
pub fn dropout<D: Device<f32>, T: Tape<f32, D>>(x: Rows<D, T>, rate: f32, seed: u64) -> Result<Rows<D, T>, OpError> {
    let shape = *x.shape();
    let mask =
        x.device().try_tensor_from_vec(mask(shape.num_elements(), rate, seed), shape).map_err(OpError::device)?;
    x.try_mul(mask).map_err(OpError::device)
}

/// What each value is multiplied by: 0 or `1 / (1 - rate)`.
fn mask(count: usize, rate: f32, seed: u64) -> Vec<f32> {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    let keep = 1.0 / (1.0 - rate);
    // 24 bits are as many as an f32 tells apart below 1.
    let uniform = || (generator.next_u64() >> 40) as f32 / (1 << 24) as f32;
    std::iter::repeat_with(uniform).map(|u| if u < rate { 0.0 } else { keep }).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ones(device: &Cpu, shape: (usize, usize)) -> Rows<Cpu> {
        device.ones_like(&shape)
    }

    #[test]
    fn drops_at_the_rate_and_keeps_the_mean() {
        let count = 100_000;
        for rate in [0.0, 0.3, 0.7] {
            let y = dropout(ones(&Cpu::default(), (100, count / 100)), rate, 7).unwrap().as_vec();
            let dropped = y.iter().filter(|&&v| v == 0.0).count() as f32 / count as f32;
            let standard_error = (rate * (1.0 - rate) / count as f32).sqrt();
            assert!((dropped - rate).abs() <= 4.0 * standard_error, "{dropped} dropped at rate {rate}");
            assert!(y.iter().all(|&v| v == 0.0 || v == 1.0 / (1.0 - rate)));
        }
    }

    #[test]
    fn gradient_passes_where_the_value_passed() {
        let device = Cpu::default();
        let x = ones(&device, (8, 16));
        let y = dropout(x.leaky_trace(), 0.5, 3).unwrap();
        let values = y.as_vec();
        let gradients = y.sum().backward();
        assert_eq!(gradients.get(&x).as_vec(), values);
    }

    #[test]
    fn mask_depends_on_the_seed_alone() {
        assert_eq!(mask(8, 0.5, 1), [0.0, 0.0, 2.0, 0.0, 0.0, 2.0, 0.0, 0.0]);
        assert_ne!(mask(64, 0.5, 1), mask(64, 0.5, 2));
    }
}
