//! One network against another, on the same images.

use serde::{Deserialize, Serialize};

use super::{EQUAL_MACS, Results, SIGNIFICANCE};
use crate::stats::{Interval, crossed, holm, mcnemar, mean, mean_interval};

/// A finalist beside another network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Versus {
    /// Position of the other network in the standings.
    pub network: usize,
    /// MACs of the finalist divided by those of the other.
    pub macs_ratio: f64,
    /// On the validation images; nothing if a training failed.
    pub validation: Option<Gap>,
    /// On the test images, once they are opened; nothing if a training failed.
    pub test: Option<TestGap>,
}

/// A difference of mean accuracies, finalist minus other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// The difference, -1 to 1.
    pub difference: f64,
    /// Its 95 % interval over seeds (Student's t on the differences of the first seeds, the second, ...): these images,
    /// other seeds.
    pub over_seeds: Interval,
}

/// A difference of mean accuracies on the test images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestGap {
    /// The difference and its interval over seeds.
    #[serde(flatten)]
    pub gap: Gap,
    /// The 95 % interval over images (Student's t on each image's difference, averaged over seeds): these very networks,
    /// other images.
    pub over_images: Interval,
    /// The 95 % interval to believe: other seeds and other images.
    pub interval: Interval,
    /// Two-sided p-value of no difference, from the same estimate as `interval`.
    pub p: f64,
    /// The same after Holm's correction for all finalists and all scalings that they are set against; those with the paper's
    /// network, if it took part, are corrected by themselves.
    pub p_holm: f64,
    /// Another look at the same: the majority of the seeds on each image.
    pub mcnemar: McNemar,
}

/// McNemar's exact test. An answer is right if more than half of the seeds are; so it is about these trained networks,
/// and the spread over seeds is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct McNemar {
    /// Images that only the finalist gets right.
    pub only_finalist: usize,
    /// Images that only the other network gets right.
    pub only_other: usize,
    /// Two-sided p-value, not adjusted.
    pub p: f64,
}

impl Versus {
    pub(super) fn new(results: &Results<'_>, finalist: usize, other: usize) -> Self {
        let macs = |network: usize| results.list.networks[network].cost.macs as f64;
        let validation = || {
            let (ours, theirs) = (results.validation(finalist)?, results.validation(other)?);
            let differences: Vec<f64> = ours.iter().zip(&theirs).map(|(ours, theirs)| ours - theirs).collect();
            gap(&differences)
        };
        let test = || test_gap(&results.test(finalist)?, &results.test(other)?);
        Self { network: other, macs_ratio: macs(finalist) / macs(other), validation: validation(), test: test() }
    }

    /// Whether the finalist is more accurate on the test images at about equal MACs or fewer, by more than an accident.
    pub fn is_won(&self) -> bool {
        self.macs_ratio <= EQUAL_MACS && self.clear().is_some_and(|difference| difference > 0.0)
    }

    /// Whether it is less accurate there at about equal MACs or more, by more than an accident.
    pub fn is_lost(&self) -> bool {
        self.macs_ratio * EQUAL_MACS >= 1.0 && self.clear().is_some_and(|difference| difference < 0.0)
    }

    /// The difference on the test images, if it is more than an accident.
    fn clear(&self) -> Option<f64> {
        self.test.filter(|test| test.p_holm <= SIGNIFICANCE).map(|test| test.gap.difference)
    }
}

/// Adjusts the p-values of a family of comparisons.
pub(super) fn adjust<'a>(versus: impl Iterator<Item = &'a mut Versus>) {
    let mut tests: Vec<&mut TestGap> = versus.filter_map(|versus| versus.test.as_mut()).collect();
    let p_values: Vec<f64> = tests.iter().map(|test| test.p).collect();
    // Cannot fail: they are all between 0 and 1. Were it to, they stay as they are.
    for (test, p) in tests.iter_mut().zip(holm(&p_values).unwrap_or(p_values)) {
        test.p_holm = p;
    }
}

fn gap(differences: &[f64]) -> Option<Gap> {
    Some(Gap { difference: mean(differences).ok()?, over_seeds: mean_interval(differences).ok()? })
}

/// `ours`, `theirs`: for each seed which images were right. Nothing for less than two seeds or images.
fn test_gap(ours: &[Vec<bool>], theirs: &[Vec<bool>]) -> Option<TestGap> {
    let of_image = |(ours, theirs): (&bool, &bool)| f64::from(*ours) - f64::from(*theirs);
    let rows: Vec<Vec<f64>> =
        ours.iter().zip(theirs).map(|(ours, theirs)| ours.iter().zip(theirs).map(of_image).collect()).collect();
    let both = crossed(&rows).ok()?;
    let of_seed: Vec<f64> = rows.iter().map(|row| mean(row)).collect::<Result<_, _>>().ok()?;
    let images = rows.first()?.len();
    let of_image = |i: usize| rows.iter().map(|row| row[i]).sum::<f64>() / rows.len() as f64;
    let of_images: Vec<f64> = (0..images).map(of_image).collect();
    Some(TestGap {
        gap: gap(&of_seed)?,
        over_images: mean_interval(&of_images).ok()?,
        interval: both.interval,
        p: both.p,
        p_holm: both.p,
        mcnemar: by_majority(&majority(ours), &majority(theirs)),
    })
}

/// Whether more than half of the seeds are right, by image.
fn majority(seeds: &[Vec<bool>]) -> Vec<bool> {
    let images = seeds.first().map_or(0, Vec::len);
    (0..images).map(|i| 2 * seeds.iter().filter(|right| right[i]).count() > seeds.len()).collect()
}

fn by_majority(ours: &[bool], theirs: &[bool]) -> McNemar {
    let only =
        |ours: &[bool], theirs: &[bool]| ours.iter().zip(theirs).filter(|(ours, theirs)| **ours && !**theirs).count();
    let (only_finalist, only_other) = (only(ours, theirs), only(theirs, ours));
    McNemar { only_finalist, only_other, p: mcnemar(only_finalist, only_other) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_majority_of_the_seeds_decides() {
        let seeds = |texts: [&str; 3]| texts.map(|text| text.bytes().map(|byte| byte == b'1').collect::<Vec<bool>>());
        let ours = seeds(["1101", "1001", "0101"]);
        let theirs = seeds(["1000", "1000", "1010"]);
        assert_eq!(majority(&ours), [true, true, false, true]);
        // An even number of seeds that disagree is not right.
        assert_eq!(majority(&ours[..2]), [true, false, false, true]);
        let McNemar { only_finalist, only_other, p } = by_majority(&majority(&ours), &majority(&theirs));
        assert_eq!((only_finalist, only_other, p), (2, 0, 0.5));
    }

    #[test]
    fn every_interval_is_about_the_same_difference() {
        let right =
            |seed: usize, share: usize| (0..200).map(|i| (i * 7 + seed * 13) % 100 < share).collect::<Vec<bool>>();
        let ours: Vec<Vec<bool>> = (0..3).map(|seed| right(seed, 90)).collect();
        let theirs: Vec<Vec<bool>> = (0..3).map(|seed| right(seed, 70 + seed)).collect();
        let TestGap { gap, over_images, interval, p, .. } = test_gap(&ours, &theirs).unwrap();
        assert!((gap.difference - 0.19).abs() < 1e-12);
        for interval in [gap.over_seeds, over_images, interval] {
            assert!(((interval.low + interval.high) / 2.0 - gap.difference).abs() < 1e-9);
        }
        let width = |interval: Interval| interval.high - interval.low;
        assert!(width(interval) >= width(gap.over_seeds).min(width(over_images)));
        assert!(p < 0.05, "{p}");
        let same = test_gap(&ours, &ours).unwrap();
        assert_eq!((same.gap.difference, same.p, same.mcnemar.p), (0.0, 1.0, 1.0));
        assert_eq!(test_gap(&ours[..1], &theirs[..1]), None);
    }
}
