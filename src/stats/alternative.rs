//! What a test is asked: whether there is a difference, or one in a given direction.

use super::normal;

/// What the null hypothesis of no difference is tested against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alternative {
    /// The values of the one side are greater or less.
    TwoSided,
    /// The values of the first side, or the differences, are greater.
    Greater,
}

impl Alternative {
    /// The p-value if the statistic is at most what was observed with probability `at_most` under the null hypothesis,
    /// and at least that with probability `at_least`.
    pub(super) fn of_tails(self, at_most: f64, at_least: f64) -> f64 {
        match self {
            // Both tails hold the observed value, so that twice the smaller may exceed 1.
            Self::TwoSided => (2.0 * at_most.min(at_least)).min(1.0),
            Self::Greater => at_least,
        }
    }

    /// The p-value of a statistic that is standard normal under the null hypothesis.
    pub(super) fn of_normal(self, z: f64) -> f64 {
        self.of_tails(normal::above(-z), normal::above(z))
    }
}
