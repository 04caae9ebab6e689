//! Spearman's rank correlation.

use super::ranks::Ranks;
use super::undefined::{Undefined, check_pairs};

/// Spearman's rho of the pairs `(x[i], y[i])`, -1 to 1: Pearson's correlation of the ranks, equal values sharing the
/// average of theirs.
///
/// Source: Spearman 1904, "The proof and measurement of association between two things".
///
/// # Errors
/// [`Undefined`] if the lengths differ, with less than two pairs, on NaN, and if all of `x` or all of `y` are equal.
pub fn spearman(x: &[f64], y: &[f64]) -> Result<f64, Undefined> {
    check_pairs(x, y, 2)?;
    let (x, y) = (centred_ranks(x), centred_ranks(y));
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (square_x, square_y) = (product(&x, &x), product(&y, &y));
    // Centred ranks are multiples of one half, so those of equal values are exactly 0.
    if square_x == 0.0 || square_y == 0.0 {
        return Err(Undefined::Constant);
    }
    Ok((product(&x, &y) / (square_x * square_y).sqrt()).clamp(-1.0, 1.0))
}

/// Ranks less their mean.
fn centred_ranks(values: &[f64]) -> Vec<f64> {
    let mean = (values.len() + 1) as f64 / 2.0;
    Ranks::of(values).ranks.into_iter().map(|rank| rank - mean).collect()
}
