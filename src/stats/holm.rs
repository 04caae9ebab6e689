//! Several tests at once.

use super::undefined::{Undefined, check_shares};

/// The p-values adjusted for being several, in the order given: those at most `a` are significant with a chance of
/// at most `a` that any of them is so by accident.
///
/// Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
///
/// # Errors
/// [`Undefined::NotAShare`] if a p-value is not between 0 and 1, NaN included.
pub fn holm(p_values: &[f64]) -> Result<Vec<f64>, Undefined> {
    check_shares(p_values)?;
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let (mut adjusted, mut least) = (vec![0.0; p_values.len()], 0.0_f64);
    for (done, i) in order.into_iter().enumerate() {
        least = least.max((p_values.len() - done) as f64 * p_values[i]).min(1.0);
        adjusted[i] = least;
    }
    Ok(adjusted)
}
