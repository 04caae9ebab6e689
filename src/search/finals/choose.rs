//! Which networks of a run go to the finals.

use serde::{Deserialize, Serialize};

use crate::search::front::front;
use crate::search::trial::{Origin, Trial};

/// How many networks are taken from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Ranges of equal width, in log MACs, that the front is divided into.
    pub bins: usize,
    /// The most accurate networks of each range that are taken.
    pub per_bin: usize,
    /// Most networks in all; of more, the most accurate are taken.
    pub max_finalists: usize,
}

/// The searched networks that `choice` takes from the front of `trials`, all of equal training, by ascending MACs.
///
/// Uniform scalings are what finalists are compared with, so the front is that of all other trials.
pub fn finalists<'a>(trials: impl IntoIterator<Item = &'a Trial>, choice: Choice) -> Vec<Trial> {
    let searched = |trial: &&Trial| !matches!(trial.job.origin, Origin::Uniform { .. });
    let front = front(trials.into_iter().filter(searched));
    let (Some(first), Some(last)) = (front.first(), front.last()) else { return Vec::new() };
    let log_macs = |trial: &Trial| (trial.job.cost.macs as f64).ln();
    let (low, high) = (log_macs(first), log_macs(last));
    // `as` makes 0 of the NaN of a front without extent.
    let bin = |trial: &Trial| ((log_macs(trial) - low) / (high - low) * choice.bins as f64) as usize;
    let bins = front.chunk_by(|a, b| bin(a).min(choice.bins - 1) == bin(b).min(choice.bins - 1));
    // On a front the costlier is the more accurate.
    let taken: Vec<&Trial> = bins.flat_map(|bin| &bin[bin.len().saturating_sub(choice.per_bin)..]).copied().collect();
    let surplus = taken.len().saturating_sub(choice.max_finalists);
    taken.into_iter().skip(surplus).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::testing::{done_trial, failed_trial};

    /// A front over two decades, a trial behind it, a failure, and a uniform scaling that beats all.
    fn trials() -> Vec<Trial> {
        let mut trials = vec![
            done_trial(0, 0.60, 1_000),
            done_trial(1, 0.70, 2_000),
            done_trial(2, 0.75, 9_000),
            done_trial(3, 0.74, 9_500),
            done_trial(4, 0.80, 11_000),
            done_trial(5, 0.90, 100_000),
            failed_trial(6, 1),
            done_trial(7, 0.99, 1_000),
        ];
        trials[7].job.origin = Origin::Uniform { permille: 100 };
        trials
    }

    fn chosen(bins: usize, per_bin: usize, max_finalists: usize) -> Vec<usize> {
        let choice = Choice { bins, per_bin, max_finalists };
        finalists(&trials(), choice).iter().map(|trial| trial.job.index).collect()
    }

    #[test]
    fn the_best_of_every_range_of_cost() {
        assert_eq!(chosen(1, 1, 9), [5]);
        assert_eq!(chosen(2, 1, 9), [2, 5]);
        assert_eq!(chosen(2, 2, 9), [1, 2, 4, 5]);
        // A range without a network has no finalist.
        assert_eq!(chosen(20, 1, 9), [0, 1, 2, 4, 5]);
        assert_eq!(chosen(2, 2, 3), [2, 4, 5]);
    }

    #[test]
    fn a_front_of_one_or_none() {
        let choice = Choice { bins: 4, per_bin: 1, max_finalists: 4 };
        assert_eq!(finalists(&trials()[..1], choice).len(), 1);
        assert_eq!(finalists(&trials()[6..], choice), []);
    }
}
