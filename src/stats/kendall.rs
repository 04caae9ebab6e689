//! Kendall's rank correlation.

use super::undefined::{Undefined, check_pairs};

/// Kendall's tau-b of the pairs `(x[i], y[i])`, -1 to 1: concordant minus discordant pairs of pairs, over the geometric
/// mean of those that are not tied in `x` and those not tied in `y`.
///
/// Source: Kendall 1945, "The treatment of ties in ranking problems". Takes time with the square of the length.
///
/// # Errors
/// [`Undefined`] if the lengths differ, with less than two pairs, on NaN, and if all of `x` or all of `y` are equal.
pub fn kendall_tau_b(x: &[f64], y: &[f64]) -> Result<f64, Undefined> {
    check_pairs(x, y, 2)?;
    let (mut balance, mut untied_x, mut untied_y) = (0_i64, 0_u64, 0_u64);
    for i in 1..x.len() {
        for j in 0..i {
            let (order_x, order_y) = (direction(x[i], x[j]), direction(y[i], y[j]));
            balance += order_x * order_y;
            untied_x += order_x.unsigned_abs();
            untied_y += order_y.unsigned_abs();
        }
    }
    if untied_x == 0 || untied_y == 0 {
        return Err(Undefined::Constant);
    }
    Ok((balance as f64 / (untied_x as f64 * untied_y as f64).sqrt()).clamp(-1.0, 1.0))
}

/// 1 if `a` is greater than `b`, -1 if less, 0 if they are equal.
fn direction(a: f64, b: f64) -> i64 {
    i64::from(a > b) - i64::from(a < b)
}
