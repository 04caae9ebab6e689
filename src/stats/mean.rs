//! The mean, and how well it is known.

use super::interval::{CONFIDENCE, Interval};
use super::student;
use super::undefined::{Undefined, check_finite};

/// The arithmetic mean.
///
/// # Errors
/// [`Undefined`] without values, and if one is not finite.
pub fn mean(values: &[f64]) -> Result<f64, Undefined> {
    check_finite(values, 1)?;
    Ok(values.iter().sum::<f64>() / values.len() as f64)
}

/// The standard error of the mean: the standard deviation, estimated with `n - 1`, over the square root of `n`.
///
/// # Errors
/// [`Undefined`] with less than two values, and if one is not finite.
pub fn standard_error(values: &[f64]) -> Result<f64, Undefined> {
    check_finite(values, 2)?;
    let (mean, n) = (mean(values)?, values.len() as f64);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Ok((squares / (n - 1.0) / n).sqrt())
}

/// Where the mean of the distribution lies that the values were drawn from, with a confidence of 95 %; for few values
/// of about normal distribution, such as accuracies over seeds.
///
/// Source: Student 1908, "The probable error of a mean".
///
/// # Errors
/// As [`standard_error`].
pub fn mean_interval(values: &[f64]) -> Result<Interval, Undefined> {
    let (mean, error) = (mean(values)?, standard_error(values)?);
    let reach = error * student::central(CONFIDENCE, values.len() - 1);
    Ok(Interval { low: mean - reach, high: mean + reach })
}
