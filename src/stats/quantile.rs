//! Quantiles: values below which given shares of all lie.

use super::undefined::{Undefined, check_finite, check_shares};

/// The values below which the `shares` of all `values` lie, interpolated linearly between the two nearest: the smallest
/// for 0, the greatest for 1.
///
/// Source: Hyndman & Fan 1996, "Sample quantiles in statistical packages", definition 7; NumPy's default.
///
/// # Errors
/// [`Undefined`] without values, if one is not finite, and if a share is not between 0 and 1.
pub fn quantiles<const N: usize>(values: &[f64], shares: [f64; N]) -> Result<[f64; N], Undefined> {
    check_finite(values, 1)?;
    check_shares(&shares)?;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    Ok(shares.map(|share| {
        let position = share * (sorted.len() - 1) as f64;
        let (low, high) = (sorted[position.floor() as usize], sorted[position.ceil() as usize]);
        low + (high - low) * position.fract()
    }))
}

/// The value in the middle; the mean of the middle two of an even number.
///
/// # Errors
/// As [`quantiles`].
pub fn median(values: &[f64]) -> Result<f64, Undefined> {
    quantiles(values, [0.5]).map(|[median]| median)
}

/// Lower quartile, median and upper quartile.
///
/// # Errors
/// As [`quantiles`].
pub fn quartiles(values: &[f64]) -> Result<[f64; 3], Undefined> {
    quantiles(values, [0.25, 0.5, 0.75])
}
