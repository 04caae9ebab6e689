//! Which networks of a run go to the finals.

use serde::{Deserialize, Serialize};

use crate::search::front::front;
use crate::search::pareto::Objectives;
use crate::search::trial::{Origin, Trial};

/// How many networks are taken from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Ranges of equal width, in log MACs, that the front is divided into; the last one has no upper end.
    pub bins: usize,
    /// The most accurate networks of each range that are taken.
    pub per_bin: usize,
    /// Most networks in all; of more, the most accurate are taken.
    pub max_finalists: usize,
    /// The most accurate networks of each range that heats decide among; 0 for no heats.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub heats: usize,
}

/// Of what is left out where it is written down.
pub(super) fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// A range of MACs with networks for the finals.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// The networks of its part of the front that the search's own scores send to the finals, by ascending MACs.
    pub finalists: Vec<Trial>,
    /// Its most accurate networks, at least as many as finalists, by descending accuracy, whether another network of the search
    /// is better in everything or not: what they differ by may be luck.
    pub contenders: Vec<Trial>,
}

/// The searched networks that `choice` takes from `trials`, all of equal training, in ranges of ascending MACs.
///
/// Uniform scalings are what finalists are compared with, so the front is that of all other trials.
pub fn ranges<'a>(trials: impl IntoIterator<Item = &'a Trial>, choice: Choice) -> Vec<Range> {
    let searched: Vec<&Trial> =
        trials.into_iter().filter(|trial| !matches!(trial.job.origin, Origin::Uniform { .. })).collect();
    let front = front(searched.iter().copied());
    let (Some(first), Some(last)) = (front.first(), front.last()) else { return Vec::new() };
    let log_macs = |trial: &Trial| (trial.job.cost.macs as f64).ln();
    let (low, high) = (log_macs(first), log_macs(last));
    let bin = |trial: &Trial| {
        let share = (log_macs(trial) - low) / (high - low);
        // All are in one range of a front without extent.
        if high > low { ((share * choice.bins as f64) as usize).min(choice.bins - 1) } else { 0 }
    };
    // Sorted by error: of equally accurate ones the cheaper, then the earlier.
    let mut scored: Vec<(Objectives, &Trial)> = searched.iter().map(|trial| (Objectives::of(trial), *trial)).collect();
    scored.retain(|(objectives, _)| *objectives != Objectives::WORST);
    scored.sort_by(|(a, _), (b, _)| a.error.total_cmp(&b.error).then(a.log_macs.total_cmp(&b.log_macs)));
    let contenders = |of: usize, places: usize| {
        let inside = scored.iter().map(|(_, trial)| *trial).filter(|trial| bin(trial) == of);
        inside.take(choice.heats.max(places)).cloned().collect()
    };
    // On a front the costlier is the more accurate, so the costliest of a range are taken, and the costliest ranges first.
    let mut left = choice.max_finalists;
    let mut ranges = Vec::new();
    for of_front in front.chunk_by(|a, b| bin(a) == bin(b)).rev() {
        let places = of_front.len().min(choice.per_bin).min(left);
        left -= places;
        if places > 0 {
            let finalists = of_front[of_front.len() - places..].iter().map(|trial| (*trial).clone()).collect();
            ranges.push(Range { finalists, contenders: contenders(bin(of_front[0]), places) });
        }
    }
    ranges.reverse();
    ranges
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

    fn indices(trials: &[Trial]) -> Vec<usize> {
        trials.iter().map(|trial| trial.job.index).collect()
    }

    fn chosen(bins: usize, per_bin: usize, max_finalists: usize) -> Vec<usize> {
        let choice = Choice { bins, per_bin, max_finalists, heats: 0 };
        let ranges = ranges(&trials(), choice);
        ranges.iter().flat_map(|range| indices(&range.finalists)).collect()
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
    fn contenders_are_the_most_accurate_whether_on_the_front_or_not() {
        let contenders = |bins, max_finalists, heats| -> Vec<Vec<usize>> {
            let choice = Choice { bins, per_bin: 1, max_finalists, heats };
            ranges(&trials(), choice).iter().map(|range| indices(&range.contenders)).collect()
        };
        // Trial 3 is behind trial 2, and in the same range; trial 7 is a scaling and trial 6 a failure.
        assert_eq!(contenders(2, 9, 3), [vec![2, 3, 1], vec![5, 4]]);
        assert_eq!(contenders(1, 9, 9), [[5, 4, 2, 3, 1, 0]]);
        // Nobody contends where there is no place.
        assert_eq!(contenders(2, 1, 2), [[5, 4]]);
    }

    #[test]
    fn a_front_of_one_or_none() {
        let choice = Choice { bins: 4, per_bin: 1, max_finalists: 4, heats: 2 };
        assert_eq!(ranges(&trials()[..1], choice).len(), 1);
        // The one is better in everything than the other, which contends all the same.
        let [one, mut other] = [0, 1].map(|index| trials()[index].clone());
        other.job.index = 9;
        other.outcome = done_trial(9, 0.5, 0).outcome;
        assert_eq!(indices(&ranges(&[one, other], choice)[0].contenders), [0, 9]);
        assert_eq!(ranges(&trials()[6..], choice), []);
    }
}
