//! A score of untrained networks that chooses among mutants.

use super::ports::{Evaluator, Observer, Proxy};
use super::screen::{Choice, Screen};
use super::trial::{Job, Trial};

/// Prefers the mutant whose score is farthest above what its log MACs let expect: such scores grow with the size of a network,
/// and that is known without them.
///
/// What is expected is the least-squares line through all mutants scored so far.
pub(super) struct ProxyScreen<'a> {
    proxy: Proxy,
    evaluator: &'a dyn Evaluator,
    /// Log MACs and score.
    seen: Vec<(f64, f64)>,
}

impl<'a> ProxyScreen<'a> {
    pub fn new(proxy: Proxy, evaluator: &'a dyn Evaluator) -> Self {
        Self { proxy, evaluator, seen: Vec::new() }
    }
}

impl Screen for ProxyScreen<'_> {
    fn choose(&mut self, mutants: &[Job]) -> Choice {
        let mut seconds = 0.0;
        let score = |mutant: &Job| {
            let (score, took) = self.evaluator.untrained(mutant, self.proxy);
            seconds += took;
            Some(((mutant.cost.macs as f64).ln(), score.filter(|score| score.is_finite())?))
        };
        let scores: Vec<Option<(f64, f64)>> = mutants.iter().map(score).collect();
        self.seen.extend(scores.iter().flatten());
        let line = Line::through(&self.seen);
        let excess = |i: usize| scores[i].map_or(f64::NEG_INFINITY, |(x, y)| y - line.at(x));
        // The first of equals.
        let best = (0..mutants.len()).rev().max_by(|&a, &b| excess(a).total_cmp(&excess(b)));
        Choice { index: best.unwrap_or(0), seconds }
    }

    fn tell(&mut self, _trial: &Trial, _observer: &dyn Observer) {}
}

/// The straight line with the least sum of squared distances in `y`.
struct Line {
    x: f64,
    y: f64,
    slope: f64,
}

impl Line {
    /// Level if all points have the same `x`.
    fn through(points: &[(f64, f64)]) -> Self {
        let count = points.len().max(1) as f64;
        let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
        let spread: f64 = points.iter().map(|point| (point.0 - x) * (point.0 - x)).sum();
        let common: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
        Self { x, y, slope: if spread > 0.0 { common / spread } else { 0.0 } }
    }

    fn at(&self, x: f64) -> f64 {
        self.y + self.slope * (x - self.x)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::search::testing::done_trial;
    use crate::search::trial::Outcome;

    /// Scores three times the log MACs and a residual of a job's own, which its seed names; some have no score.
    struct Sized;

    const RESIDUALS: [f64; 4] = [0.1, -0.2, 0.3, 0.0];

    impl Evaluator for Sized {
        fn evaluate(&self, _: &Job, _: &dyn Fn(f64, f64), _: &AtomicBool) -> Option<(Outcome, f64)> {
            None
        }

        fn untrained(&self, job: &Job, _: Proxy) -> (Option<f64>, f64) {
            let score = match job.seed {
                90 => None,
                91 => Some(f64::NEG_INFINITY),
                seed => Some(3.0 * (job.cost.macs as f64).ln() + RESIDUALS[seed as usize]),
            };
            (score, 0.5)
        }
    }

    fn job(seed: u64, macs: u64) -> Job {
        Job { seed, ..done_trial(0, 0.5, macs).job }
    }

    #[test]
    fn it_prefers_what_says_more_than_its_size() {
        let mut screen = ProxyScreen::new(Proxy::Naswot, &Sized);
        // The largest has the highest score, and the third the highest for its size.
        let mutants = [job(3, 4_000_000), job(3, 1_000_000), job(2, 2_000_000), job(1, 2_000_000), job(0, 3_000_000)];
        assert_eq!(screen.choose(&mutants), Choice { index: 2, seconds: 2.5 });
        assert_eq!(screen.choose(&[job(90, 9_000_000), job(91, 9_000_000), job(1, 100_000)]).index, 2);
        let nothing_known = screen.choose(&[job(90, 9_000_000), job(91, 9_000_000)]);
        assert_eq!(nothing_known, Choice { index: 0, seconds: 1.0 }, "the first, and what asking took");
        assert_eq!(screen.seen.len(), 6);
    }

    #[test]
    fn a_line_goes_through_its_points() {
        let line = Line::through(&[(1.0, 3.0), (2.0, 5.0), (4.0, 9.0)]);
        assert!((line.at(3.0) - 7.0).abs() < 1e-12 && (line.slope - 2.0).abs() < 1e-12);
        // numpy.polyfit([0, 1, 2, 3], [1, 3, 2, 5], 1): slope 1.1, intercept 1.1.
        let line = Line::through(&[(0.0, 1.0), (1.0, 3.0), (2.0, 2.0), (3.0, 5.0)]);
        assert!((line.slope - 1.1).abs() < 1e-12 && (line.at(0.0) - 1.1).abs() < 1e-12);
        assert_eq!(Line::through(&[(2.0, 1.0), (2.0, 3.0)]).at(7.0), 2.0);
    }
}
