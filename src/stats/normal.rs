//! The standard normal distribution.

use std::f64::consts::TAU;

/// Where the continued fraction takes over from the series, which loses digits of ever smaller tails.
const FAR: f64 = 3.0;

/// Enough terms for full precision from [`FAR`] on.
const TERMS: usize = 200;

/// The probability of a value above `z` in the standard normal distribution, with a relative error below 1e-12.
///
/// Source: Abramowitz & Stegun, "Handbook of Mathematical Functions", 26.2.11 (series) and 26.2.14 (continued
/// fraction).
pub fn above(z: f64) -> f64 {
    let density = (-0.5 * z * z).exp() / TAU.sqrt();
    if z < -FAR {
        return 1.0 - above(-z);
    }
    if z > FAR {
        // Infinity gives 0 / infinity.
        return density / (1..=TERMS).rev().fold(z, |below, term| z + term as f64 / below);
    }
    let (mut term, mut sum, mut odd) = (z, z, 1.0);
    while term.abs() > f64::EPSILON * sum.abs() {
        odd += 2.0;
        term *= z * z / odd;
        sum += term;
    }
    0.5 - density * sum
}
