//! Successive halving: a brief training for every candidate, longer ones for those that do well at it.

use super::pareto::{Objectives, crowding, ranks};
use super::trial::{Job, Origin, Trial};
use crate::space::{Rung, Space};

/// Equal parts of the space's range of log MACs. Candidates compete for promotion within one of them only: brief trainings
/// favour networks of some cost over others, and would let no others up.
const BINS: usize = 4;

/// How long the trainings are that a candidate can get, from the briefest to the protocol's own: at least one.
pub fn rungs(space: &Space) -> Vec<Rung> {
    space.ladder().iter().copied().chain([full(space)]).collect()
}

/// How long the protocol's training is. Only scores of such trainings are shown, compared with the baseline, and picked.
pub fn full(space: &Space) -> Rung {
    space.protocol().rung()
}

/// Those of `trials` that were trained for so long.
pub fn trained_for(trials: &[Trial], rung: Rung) -> impl Iterator<Item = &Trial> + Clone {
    trials.iter().filter(move |trial| trial.job.fidelity.rung() == rung)
}

/// Which of `rungs` a trial was trained on.
pub(super) fn rung_of(rungs: &[Rung], trial: &Trial) -> Option<usize> {
    rungs.iter().position(|rung| *rung == trial.job.fidelity.rung())
}

/// Decides who gets a longer training.
///
/// Source: Jamieson & Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter optimization", and Li et
/// al. 2020, "A system for massively parallel hyperparameter tuning", whose promotions also come one by one. Each training
/// begins from scratch and has a learning-rate schedule of its own.
pub(super) struct Ladder {
    rungs: Vec<Rung>,
    eta: usize,
    /// Least and most natural logarithm of the MACs in the space.
    log_macs: (f64, f64),
    /// Candidates that can go up, or could once, by rung and bin.
    entrants: Vec<[Vec<Entrant>; BINS]>,
}

/// A candidate on the rung that it was trained on.
struct Entrant {
    job: Job,
    objectives: Objectives,
    promoted: bool,
}

impl Ladder {
    pub fn new(space: &Space) -> Self {
        let rungs = rungs(space);
        let (least, most) = space.macs_range();
        let entrants = rungs.iter().map(|_| Default::default()).collect();
        Self { rungs, eta: space.search().eta, log_macs: ((least as f64).ln(), (most as f64).ln()), entrants }
    }

    /// How long a training on rung number `rung` is.
    pub fn rung(&self, rung: usize) -> Rung {
        self.rungs[rung]
    }

    /// The highest rung.
    pub fn top(&self) -> usize {
        self.rungs.len() - 1
    }

    /// The rung that turn `turn` is for: 0 for a new candidate, otherwise where one goes up to. After every `eta` trainings
    /// on a rung there is one on the next, so three rungs and an `eta` of 3 give `0 0 0 1 0 0 0 1 0 0 0 1 2`, again and
    /// again.
    pub fn turn(&self, turn: usize) -> usize {
        // Turns from one training on a rung to the next one on it, at the least.
        let periods =
            std::iter::successors(Some(1_usize), |period| Some(period.saturating_mul(self.eta).saturating_add(1)));
        let periods: Vec<usize> = periods.take(self.rungs.len()).collect();
        let mut left = turn;
        for (rung, period) in periods.iter().enumerate().rev() {
            left %= period;
            if left == period - 1 {
                return rung;
            }
        }
        0
    }

    /// Takes note of a trial. Scaled copies of the paper's network are trained on every rung in any case.
    pub fn tell(&mut self, trial: &Trial) {
        let rung = rung_of(&self.rungs, trial);
        let objectives = Objectives::of(trial);
        let control = matches!(trial.job.origin, Origin::Uniform { .. });
        let Some(rung) = rung.filter(|rung| *rung < self.top() && !control && objectives != Objectives::WORST) else {
            return;
        };
        let bin = self.bin(objectives.log_macs);
        self.entrants[rung][bin].push(Entrant { job: trial.job.clone(), objectives, promoted: false });
    }

    /// The job on the rung below of the candidate that goes up to `rung`. `None` if nobody can.
    ///
    /// It is of the bin from which the fewest have gone up so far, of equal ones the cheaper; it has the lowest
    /// non-domination rank within the bin, and then the most room on its front there.
    pub fn promote(&mut self, rung: usize) -> Option<Job> {
        let bins = &mut self.entrants[rung.checked_sub(1)?];
        let waiting = bins.iter_mut().filter(|bin| bin.iter().any(|entrant| !entrant.promoted));
        let bin = waiting.min_by_key(|bin| bin.iter().filter(|entrant| entrant.promoted).count())?;
        let objectives: Vec<Objectives> = bin.iter().map(|entrant| entrant.objectives).collect();
        let ranks = ranks(&objectives);
        let crowding = crowding(&objectives, &ranks);
        let before = |a: &usize, b: &usize| {
            let by_room = crowding[*b].total_cmp(&crowding[*a]);
            ranks[*a].cmp(&ranks[*b]).then(by_room).then(objectives[*a].error.total_cmp(&objectives[*b].error))
        };
        let best = (0..bin.len()).filter(|&i| !bin[i].promoted).min_by(before)?;
        bin[best].promoted = true;
        Some(bin[best].job.clone())
    }

    fn bin(&self, log_macs: f64) -> usize {
        let (least, most) = self.log_macs;
        // A space of one cost has one bin; what lies outside, with many classes, belongs to the ends.
        let share = if most > least { (log_macs - least) / (most - least) } else { 0.0 };
        ((share * BINS as f64) as usize).min(BINS - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::testing::{done_trial, failed_trial, space};
    use crate::search::trial::Fidelity;

    /// Three rungs of 32, 96 and 128 times 3 images.
    const THREE: &str = "ladder=[{train_images=32, epochs=1}, {train_images=96, epochs=1}]";

    fn ladder(overrides: &[&str]) -> Ladder {
        Ladder::new(&space(&[&[THREE, "protocol.epochs=3"], overrides].concat()))
    }

    #[test]
    fn many_rungs_and_a_large_eta_have_turns_too() {
        let rungs: Vec<String> = (32..42).map(|images| format!("{{train_images={images}, epochs=1}}")).collect();
        let ladder = ladder(&["search.eta=100", &format!("ladder=[{}]", rungs.join(", "))]);
        assert_eq!(ladder.top(), 10);
        assert_eq!([99, 100, 200, 10_100, usize::MAX].map(|turn| ladder.turn(turn)), [0, 1, 0, 2, 0]);
    }

    /// A trial of rung 0.
    fn entrant(index: usize, accuracy: f64, macs: u64) -> Trial {
        let mut trial = done_trial(index, accuracy, macs);
        trial.job.fidelity = Fidelity { resolution: 32, images: 32, epochs: 1 };
        trial
    }

    #[test]
    fn the_protocol_is_the_top_rung() {
        let rung = |train_images, epochs| Rung { train_images, epochs };
        assert_eq!(rungs(&space(&[])), [rung(128, 1)]);
        assert_eq!(ladder(&[]).rungs, [rung(32, 1), rung(96, 1), rung(128, 3)]);
    }

    #[test]
    fn turns_follow_a_fixed_pattern() {
        let turns = |ladder: &Ladder, count| (0..count).map(|turn| ladder.turn(turn)).collect::<Vec<_>>();
        let pattern = [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 2];
        assert_eq!(turns(&ladder(&[]), 26), [pattern, pattern].concat());
        assert_eq!(turns(&ladder(&["search.eta=2"]), 8), [0, 0, 1, 0, 0, 1, 2, 0]);
        assert_eq!(turns(&Ladder::new(&space(&[])), 5), [0; 5]);
    }

    #[test]
    fn the_best_of_the_bin_with_the_fewest_promotions_goes_up() {
        let mut ladder = ladder(&[]);
        let (least, most) = ladder.log_macs;
        // MACs in the middle of a bin, a little more with every step.
        let macs = |bin: usize, step: u64| (least + (most - least) * (bin as f64 + 0.5) / 4.0).exp() as u64 + step;
        assert_eq!(ladder.promote(1), None);
        // On the front of the cheapest bin: 0, 1, 2, of which 1 has the least room; 3 is dominated.
        for trial in [
            entrant(0, 0.60, macs(0, 0)),
            entrant(1, 0.61, macs(0, 1)),
            entrant(2, 0.70, macs(0, 9)),
            entrant(3, 0.55, macs(0, 2)),
            entrant(4, 0.90, macs(3, 0)),
            entrant(5, 0.80, macs(3, 1)),
        ] {
            ladder.tell(&trial);
        }
        let mut failed = failed_trial(6, macs(1, 0));
        failed.job.fidelity = Fidelity::new(ladder.rung(0), 32);
        let mut control = entrant(7, 0.99, macs(2, 0));
        control.job.origin = Origin::Uniform { permille: 500 };
        let mut top = entrant(8, 0.99, macs(2, 0));
        top.job.fidelity = Fidelity::new(ladder.rung(2), 32);
        [failed, control, top].iter().for_each(|trial| ladder.tell(trial));
        let promoted: Vec<usize> = std::iter::from_fn(|| ladder.promote(1)).map(|job| job.index).collect();
        assert_eq!(promoted, [2, 4, 0, 5, 1, 3]);
        assert_eq!((ladder.promote(1), ladder.promote(2)), (None, None));
    }

    #[test]
    fn costs_outside_of_the_range_belong_to_the_ends() {
        let mut ladder = ladder(&[]);
        let (least, most) = ladder.log_macs;
        let bins = [least - 1.0, least, (least + most) / 2.0 + 0.01, most, most + 1.0].map(|it| ladder.bin(it));
        assert_eq!(bins, [0, 0, 2, 3, 3]);
        ladder.log_macs = (least, least);
        assert_eq!(ladder.bin(least), 0);
    }
}
