//! What the trials of one rung say about networks not tried yet.

use std::collections::VecDeque;

use super::climb::Climb;
use super::gaussian_process::GaussianProcess;
use crate::search::pareto::Objectives;
use crate::stats::kendall_tau_b;

/// The latest trials that are learnt from: the time of a lesson grows with the cube of their number.
const REMEMBERED: usize = 300;

/// Trials from one lesson to the next.
pub(super) const ROUND: usize = 25;

/// Fewer trials than this say too little.
const LEAST: usize = 50;

/// Rank correlation from which predictions are better than none.
const RELIABLE: f64 = 0.3;

/// Learns the error of networks from trials of one fidelity, and is examined in every round: by its predictions of the
/// round's trials, each made without knowing it or any other of the round.
///
/// What is learnt is the excess: the error less what a straight line over log MACs gives. So networks are ranked as if they
/// cost the same.
pub(super) struct Learner {
    latest: VecDeque<Seen>,
    count: usize,
    climb: Climb,
    model: Option<Model>,
    /// Of the trials of this round, in order.
    exam: Exam,
    correlation: f64,
}

/// A trial.
struct Seen {
    place: Vec<f64>,
    objectives: Objectives,
}

struct Model {
    trend: Trend,
    process: GaussianProcess,
}

#[derive(Default)]
struct Exam {
    predicted: Vec<f64>,
    measured: Vec<f64>,
}

impl Learner {
    /// One that knows nothing, of places with so many `axes`.
    pub fn new(axes: usize) -> Self {
        let (latest, exam) = (VecDeque::new(), Exam::default());
        Self { latest, count: 0, climb: Climb::new(axes), model: None, exam, correlation: 0.0 }
    }

    /// Takes in a finished trial. At the end of a round gives Kendall's tau-b of predicted and measured excess; 0 after the
    /// first, which nothing was known before.
    pub fn tell(&mut self, place: Vec<f64>, objectives: Objectives) -> Option<f64> {
        if let Some(Model { trend, process }) = &self.model {
            self.exam.predicted.push(process.mean(&place));
            self.exam.measured.push(trend.excess(&objectives));
        }
        self.latest.push_back(Seen { place, objectives });
        if self.latest.len() > REMEMBERED {
            self.latest.pop_front();
        }
        self.count += 1;
        if !self.count.is_multiple_of(ROUND) {
            return None;
        }
        let Exam { predicted, measured } = std::mem::take(&mut self.exam);
        // No predictions, or predictions without an order, are worth nothing.
        self.correlation = kendall_tau_b(&predicted, &measured).unwrap_or(0.0);
        self.model = learn(self.latest.make_contiguous(), &mut self.climb);
        Some(self.correlation)
    }

    /// Whether there are enough trials to judge by.
    pub fn has_enough(&self) -> bool {
        self.count >= LEAST
    }

    /// Whether the latest round's predictions were good enough to be used.
    pub fn is_reliable(&self) -> bool {
        self.has_enough() && self.model.is_some() && self.correlation >= RELIABLE
    }

    /// The excess that a network is expected to have; 0 if nothing is known.
    pub fn excess(&self, place: &[f64]) -> f64 {
        self.model.as_ref().map_or(0.0, |model| model.process.mean(place))
    }
}

fn learn(seen: &[Seen], climb: &mut Climb) -> Option<Model> {
    let trend = Trend::of(seen);
    let places: Vec<Vec<f64>> = seen.iter().map(|trial| trial.place.clone()).collect();
    let excesses: Vec<f64> = seen.iter().map(|trial| trend.excess(&trial.objectives)).collect();
    Some(Model { trend, process: climb.go_on(&places, &excesses)? })
}

/// The line of least squares through errors over log MACs.
struct Trend {
    center: Objectives,
    slope: f64,
}

impl Trend {
    fn of(seen: &[Seen]) -> Self {
        let mean = |value: fn(&Objectives) -> f64| {
            seen.iter().map(|trial| value(&trial.objectives)).sum::<f64>() / seen.len() as f64
        };
        let center = Objectives { error: mean(|it| it.error), log_macs: mean(|it| it.log_macs) };
        let (mut both, mut square) = (0.0, 0.0);
        for Seen { objectives, .. } in seen {
            let distance = objectives.log_macs - center.log_macs;
            both += distance * (objectives.error - center.error);
            square += distance * distance;
        }
        // Networks of one cost have no trend.
        Self { center, slope: if square > 0.0 { both / square } else { 0.0 } }
    }

    fn excess(&self, objectives: &Objectives) -> f64 {
        objectives.error - self.center.error - self.slope * (objectives.log_macs - self.center.log_macs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Error 0.3 - 0.05 ln MACs + `weight` x place + `noise` x something that has nothing to do with the place.
    fn correlations(weight: f64, noise: f64) -> (Vec<Option<f64>>, Learner) {
        let mut learner = Learner::new(3);
        let told = (0..100).map(|i| {
            let [x, y, z] = [0.618_034, 0.754_878, 0.569_840].map(|step| (f64::from(i) * step).fract());
            let luck = (f64::from(i * i) * 0.414_214).fract();
            let error = 0.3 - 0.05 * (10.0 + 4.0 * z) + weight * x + noise * luck;
            learner.tell(vec![x, y, z], Objectives { error, log_macs: 10.0 + 4.0 * z })
        });
        (told.collect(), learner)
    }

    #[test]
    fn it_is_examined_after_every_round() {
        let (correlations, learner) = correlations(0.2, 0.01);
        let rounds: Vec<usize> = (0..100).filter(|&i| correlations[i].is_some()).collect();
        assert_eq!(rounds, [24, 49, 74, 99]);
        assert_eq!(correlations[24], Some(0.0));
        assert!(correlations.iter().flatten().skip(1).all(|it| *it > 0.7), "{correlations:?}");
        assert!(learner.is_reliable());
        // The trend is taken off: x matters, the cost, in z, does not.
        let [low, high, costly] = [[0.1, 0.5, 0.5], [0.9, 0.5, 0.5], [0.1, 0.5, 0.9]].map(|it| learner.excess(&it));
        assert!(high - low > 0.12 && (costly - low).abs() < 0.03, "{low} {high} {costly}");
    }

    #[test]
    fn what_it_cannot_predict_it_does_not_answer_for() {
        let (correlations, learner) = correlations(0.0, 0.2);
        assert!(!learner.is_reliable(), "{correlations:?}");
        let mut learner = Learner::new(1);
        let told = (0..50).map(|i| learner.tell(vec![f64::from(i) / 50.0], Objectives { error: 0.25, log_macs: 10.0 }));
        assert_eq!((told.last(), learner.is_reliable(), learner.excess(&[0.5])), (Some(Some(0.0)), false, 0.0));
    }
}
