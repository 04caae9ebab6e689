//! Where a value lies with a confidence of 95 %.

/// Confidence of all intervals.
pub(super) const CONFIDENCE: f64 = 0.95;

/// A range that holds the value in 95 % of repetitions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}
