//! Wilcoxon's signed-rank test: whether paired differences lie around zero.

use super::alternative::Alternative;
use super::ranks::Ranks;
use super::undefined::{Undefined, check_ordered};

/// Up to this many differences the exact distribution is taken if there are neither zeros nor ties.
const EXACT_UNTIED: usize = 50;

/// Up to this many it is taken always.
const EXACT_ALWAYS: usize = 13;

/// Outcome of a signed-rank test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wilcoxon {
    /// Sum of the ranks of the positive differences.
    pub positive_ranks: f64,
    /// Probability of a sum at least as extreme if differences are symmetric around zero.
    pub p: f64,
    /// Matched-pairs rank-biserial correlation, -1 (all differences negative) to 1 (all positive): the share of the
    /// rank sum for the positive side less that for the negative. 0 if all differences are zero.
    pub effect: f64,
    /// Differences that are not zero.
    pub nonzero: usize,
}

/// Tests paired `differences`. Zeros are left out; differences of equal size share the average of their ranks.
///
/// Up to 50 differences without zeros and ties, and up to 13 of any kind, have the p-value of the exact
/// distribution over all choices of signs; more have that of the normal approximation, with correction for ties and
/// without one for continuity. If all differences are zero, `p` is 1. Ties are seen by exact equality: give
/// differences of counts, not of rounded shares, where it matters.
///
/// Sources: Wilcoxon 1945, "Individual comparisons by ranking methods"; Kerby 2014, "The simple difference formula"
/// (effect). The same as `scipy.stats.wilcoxon` with `zero_method="wilcox"`, `correction=False`, `method="auto"`,
/// but for differences that are all zero, where SciPy's answer depends on how many there are.
///
/// # Errors
/// [`Undefined`] without differences, and on NaN.
pub fn wilcoxon(differences: &[f64], alternative: Alternative) -> Result<Wilcoxon, Undefined> {
    check_ordered(differences, 1)?;
    let nonzero: Vec<f64> = differences.iter().copied().filter(|difference| *difference != 0.0).collect();
    let ranks = Ranks::of(&nonzero.iter().map(|difference| difference.abs()).collect::<Vec<f64>>());
    let positive: f64 = nonzero.iter().zip(&ranks.ranks).filter(|(it, _)| **it > 0.0).map(|(_, rank)| rank).sum();
    let n = nonzero.len() as f64;
    let total = n * (n + 1.0) / 2.0;
    let untied = nonzero.len() == differences.len() && !ranks.tied();
    let p = if nonzero.is_empty() {
        1.0
    } else if differences.len() <= if untied { EXACT_UNTIED } else { EXACT_ALWAYS } {
        let (at_most, at_least) = exact_tails(&ranks.ranks, positive);
        alternative.of_tails(at_most, at_least)
    } else {
        let variance = (n * (n + 1.0) * (2.0 * n + 1.0) - ranks.tie_term() / 2.0) / 24.0;
        alternative.of_normal((positive - total / 2.0) / variance.sqrt())
    };
    let effect = if nonzero.is_empty() { 0.0 } else { (2.0 * positive - total) / total };
    Ok(Wilcoxon { positive_ranks: positive, p, effect, nonzero: nonzero.len() })
}

/// The probabilities that a sum over each rank with probability one half is at most, and at least, `observed`.
fn exact_tails(ranks: &[f64], observed: f64) -> (f64, f64) {
    // Ranks are multiples of one half. Counts of choices of signs are whole numbers up to 2^50: exact.
    let doubled = |rank: f64| (2.0 * rank) as usize;
    let sums: usize = ranks.iter().copied().map(doubled).sum();
    let mut counts = vec![0.0; sums + 1];
    counts[0] = 1.0;
    for &rank in ranks {
        let rank = doubled(rank);
        for sum in (rank..=sums).rev() {
            counts[sum] += counts[sum - rank];
        }
    }
    let (observed, all) = (doubled(observed), (ranks.len() as f64).exp2());
    (counts[..=observed].iter().sum::<f64>() / all, counts[observed..].iter().sum::<f64>() / all)
}
