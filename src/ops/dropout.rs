//! Dropout on any device.

use dfdx::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{OpError, Rows};

/// Sets each element to zero with probability `rate` (0 to 1, not 1) and divides the others by `1 - rate`.
///
/// `x: [N, C]` -> `[N, C]`. Which elements go depends on `seed` and the shape alone. Source: Srivastava et al. 2014.
///
/// # Errors
/// [`OpError`] if the device refuses.
pub fn dropout<D: Device<f32>, T: Tape<f32, D>>(x: Rows<D, T>, rate: f32, seed: u64) -> Result<Rows<D, T>, OpError> {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    let threshold = (f64::from(rate) * f64::from(u32::MAX)) as u32;
    let kept = 1.0 / (1.0 - rate);
    let (n, c) = *x.shape();
    let mask = (0..n * c).map(|_| if generator.next_u32() < threshold { 0.0 } else { kept }).collect::<Vec<_>>();
    let mask = x.device().try_tensor_from_vec(mask, (n, c)).map_err(OpError::device)?;
    x.try_mul(mask).map_err(OpError::device)
}
