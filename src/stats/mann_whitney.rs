//! The Mann-Whitney U test: whether one of two independent samples tends to greater values.

use super::alternative::Alternative;
use super::ranks::Ranks;
use super::undefined::{Undefined, check_ordered};

/// The exact distribution is taken if the smaller sample has at most this many values, and no two values are equal.
const EXACT: usize = 8;

/// Outcome of a Mann-Whitney test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MannWhitney {
    /// Pairs of a value of the first sample and one of the second in which the first is greater, ties counting one
    /// half.
    pub u: f64,
    /// Probability of a `u` at least as extreme if both samples come from the same distribution.
    pub p: f64,
}

/// Tests two independent samples, such as the accuracies of two recipes over several seeds.
///
/// The p-value is that of the exact distribution if no two values are equal and a sample has at most 8 values, else
/// that of the normal approximation with corrections for ties and continuity. The exact one takes time with the
/// square of the product of the sizes.
///
/// Source: Mann & Whitney 1947, "On a test of whether one of two random variables is stochastically larger than the
/// other". The same as `scipy.stats.mannwhitneyu` with its defaults.
///
/// # Errors
/// [`Undefined`] if a sample is empty, and on NaN.
pub fn mann_whitney(x: &[f64], y: &[f64], alternative: Alternative) -> Result<MannWhitney, Undefined> {
    check_ordered(x, 1)?;
    check_ordered(y, 1)?;
    let ranks = Ranks::of(&[x, y].concat());
    let (n, m) = (x.len() as f64, y.len() as f64);
    let u = ranks.ranks[..x.len()].iter().sum::<f64>() - n * (n + 1.0) / 2.0;
    let p = if x.len().min(y.len()) <= EXACT && !ranks.tied() {
        // Without ties `u` is a whole number.
        let (distribution, observed) = (distribution(x.len(), y.len()), u as usize);
        let at_most = distribution[..=observed].iter().sum();
        let at_least = distribution[observed..].iter().sum();
        alternative.of_tails(at_most, at_least)
    } else {
        let all = n + m;
        let variance = n * m / 12.0 * (all + 1.0 - ranks.tie_term() / (all * (all - 1.0)));
        let above = match alternative {
            Alternative::TwoSided => (u - n * m / 2.0).abs(),
            Alternative::Greater => u - n * m / 2.0,
        };
        // If all values are equal, this is minus infinity: nothing is less extreme.
        let z = (above - 0.5) / variance.max(0.0).sqrt();
        // A difference of zero would be on the other side after the correction.
        if z < 0.0 && alternative == Alternative::TwoSided { 1.0 } else { alternative.of_normal(z) }
    };
    Ok(MannWhitney { u, p })
}

/// The probability of every value of `u`, from 0 to `n m`, for samples of `n` and `m` values from the same
/// distribution.
fn distribution(n: usize, m: usize) -> Vec<f64> {
    let (few, many) = (n.min(m), n.max(m));
    // The greatest of all values is from the small sample, and above all `many`, with probability few / (few + many).
    let mut rows: Vec<Vec<f64>> = vec![vec![1.0]; few + 1];
    for larger in 1..=many {
        for smaller in 1..=few {
            let share = smaller as f64 / (smaller + larger) as f64;
            let (above, below) = (&rows[smaller - 1], &rows[smaller]);
            let at = |row: &[f64], u: usize| row.get(u).copied().unwrap_or(0.0);
            let next = (0..=smaller * larger).map(|u| {
                let from_few = u.checked_sub(larger).map_or(0.0, |rest| at(above, rest));
                share * from_few + (1.0 - share) * at(below, u)
            });
            rows[smaller] = next.collect();
        }
    }
    rows.swap_remove(few)
}
