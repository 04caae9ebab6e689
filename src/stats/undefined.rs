//! Why a statistic has no value.

/// What is wrong with the numbers that a statistic was asked for.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Undefined {
    /// The statistic needs more numbers.
    #[error("{found} values are too few: at least {needed} are needed")]
    TooFew {
        /// Least number of values.
        needed: usize,
        /// Values that were given.
        found: usize,
    },
    /// One of the values is NaN, or infinite where sums are formed.
    #[error("one of the values is not a finite number")]
    NotFinite,
    /// Values that belong together in pairs are not as many on both sides.
    #[error("{left} values cannot be paired with {right}")]
    Unpaired {
        /// Values on the one side.
        left: usize,
        /// Values on the other.
        right: usize,
    },
    /// All values of one side are equal, so that they have no order.
    #[error("all values are equal")]
    Constant,
    /// A probability or share outside of 0 to 1.
    #[error("{0} is not between 0 and 1")]
    NotAShare(f64),
}

/// Checks that there are at least `needed` values and that all can be ordered; infinite ones can.
pub(super) fn check_ordered(values: &[f64], needed: usize) -> Result<(), Undefined> {
    check(values, needed, |value| !value.is_nan())
}

/// Checks that there are at least `needed` values and that all are finite.
pub(super) fn check_finite(values: &[f64], needed: usize) -> Result<(), Undefined> {
    check(values, needed, |value| value.is_finite())
}

/// Checks two sides of pairs, each as [`check_ordered`] does.
pub(super) fn check_pairs(x: &[f64], y: &[f64], needed: usize) -> Result<(), Undefined> {
    if x.len() != y.len() {
        return Err(Undefined::Unpaired { left: x.len(), right: y.len() });
    }
    check_ordered(x, needed)?;
    check_ordered(y, needed)
}

/// Checks that every value is between 0 and 1.
pub(super) fn check_shares(values: &[f64]) -> Result<(), Undefined> {
    values.iter().find(|value| !(0.0..=1.0).contains(*value)).map_or(Ok(()), |value| Err(Undefined::NotAShare(*value)))
}

fn check(values: &[f64], needed: usize, good: fn(&f64) -> bool) -> Result<(), Undefined> {
    if values.len() < needed {
        return Err(Undefined::TooFew { needed, found: values.len() });
    }
    if values.iter().all(good) { Ok(()) } else { Err(Undefined::NotFinite) }
}
