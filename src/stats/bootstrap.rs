//! The bootstrap: how much a statistic would vary with other data of the same kind.

use super::interval::{CONFIDENCE, Interval};
use super::quantile::quantiles;
use super::undefined::Undefined;

/// A bootstrap interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bootstrap {
    /// The percentile interval.
    pub interval: Interval,
    /// Resamples on which the statistic is defined, and of whose values these are percentiles.
    pub defined: usize,
}

/// The percentile interval of a statistic of `count` items.
///
/// `resamples` times `count` indices are drawn with replacement, one `draw(count)` after the other, and given to
/// `statistic`; the ends are the 2.5th and the 97.5th percentile of what it returns. `draw(n)` is a uniform number
/// below `n` ([`Rng::below`](crate::space::Rng::below)), and the result a function of what it draws. A resample on
/// which the statistic is undefined (`None`, such as a correlation of equal values) is left out.
///
/// Source: Efron 1979, "Bootstrap methods: another look at the jackknife".
///
/// # Errors
/// [`Undefined`] without items, if the statistic is defined on no resample, and if it is not finite on one.
pub fn bootstrap(
    count: usize,
    resamples: usize,
    mut draw: impl FnMut(usize) -> usize,
    mut statistic: impl FnMut(&[usize]) -> Option<f64>,
) -> Result<Bootstrap, Undefined> {
    if count == 0 {
        return Err(Undefined::TooFew { needed: 1, found: 0 });
    }
    let mut drawn = vec![0; count];
    let mut values = Vec::with_capacity(resamples);
    for _ in 0..resamples {
        drawn.iter_mut().for_each(|index| *index = draw(count));
        values.extend(statistic(&drawn));
    }
    let outside = (1.0 - CONFIDENCE) / 2.0;
    let [low, high] = quantiles(&values, [outside, 1.0 - outside])?;
    Ok(Bootstrap { interval: Interval { low, high }, defined: values.len() })
}
