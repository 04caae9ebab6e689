//! A model of the error, learnt from the trials, that chooses among mutants.

mod climb;
mod gaussian_process;
#[cfg(test)]
mod golden;
mod learner;

use learner::Learner;

use super::ladder::{rung_of, rungs};
use super::pareto::Objectives;
use super::ports::{Event, Observer};
use super::screen::{Choice, Screen};
use super::trial::{Job, Origin, Trial};
use crate::space::{Rung, Space};

/// Prefers the mutant that is expected to gain most on its parents, at equal cost. It is the gain that counts, not the error,
/// since parents are spread over all costs on purpose, and what is taken for the error of a cost is a straight line: where
/// the errors lie below it, mutants would be preferred again and again.
///
/// Every rung of the ladder has a learner of its own. The highest one with enough trials is asked, and only if it has just
/// shown that its predictions are good for something; otherwise the first mutant is taken, as without a screen.
///
/// Predictions take exponentials and logarithms, which are not rounded alike on every platform: a run is to be continued on
/// the platform where it began.
pub(super) struct Surrogate {
    axes: Vec<Axis>,
    rungs: Vec<Rung>,
    /// One a rung.
    learners: Vec<Learner>,
    /// Of the networks of all trials told, by index.
    places: Vec<Vec<f64>>,
}

impl Surrogate {
    pub fn new(space: &Space) -> Self {
        let axes = Axis::all(space);
        let rungs = rungs(space);
        let learners = rungs.iter().map(|_| Learner::new(axes.len())).collect();
        Self { axes, rungs, learners, places: Vec::new() }
    }

    /// The rung whose learner is asked, if one has enough trials.
    fn asked(&self) -> Option<usize> {
        self.learners.iter().rposition(Learner::has_enough)
    }

    /// What of a job's network can be chosen, as [`Axis::share`] measures it.
    fn place(&self, job: &Job) -> Vec<f64> {
        let values: Vec<usize> = job.architecture.width_values().chain([job.fidelity.resolution]).collect();
        self.axes.iter().map(|axis| axis.share(values[axis.gene])).collect()
    }

    /// How much more error a mutant is expected to have, at equal cost, than its parents have on average.
    fn change(&self, learner: &Learner, mutant: &Job) -> f64 {
        let parents = match &mutant.origin {
            Origin::Mutation { parent, .. } => std::slice::from_ref(parent),
            Origin::Crossover { parents, .. } => parents,
            Origin::Uniform { .. } | Origin::Random | Origin::Promotion { .. } => &[],
        };
        let known = parents.iter().filter_map(|parent| self.places.get(*parent));
        let excesses: Vec<f64> = known.map(|place| learner.excess(place)).collect();
        learner.excess(&self.place(mutant)) - excesses.iter().sum::<f64>() / excesses.len().max(1) as f64
    }
}

impl Screen for Surrogate {
    fn choose(&mut self, mutants: &[Job]) -> Choice {
        let learner = self.asked().map(|rung| &self.learners[rung]);
        let Some(learner) = learner.filter(|learner| learner.is_reliable()) else { return Choice::free(0) };
        let changes: Vec<f64> = mutants.iter().map(|mutant| self.change(learner, mutant)).collect();
        Choice::free((0..mutants.len()).min_by(|&a, &b| changes[a].total_cmp(&changes[b])).unwrap_or(0))
    }

    fn tell(&mut self, trial: &Trial, observer: &dyn Observer) {
        let place = self.place(&trial.job);
        self.places.push(place.clone());
        let objectives = Objectives::of(trial);
        let rung = rung_of(&self.rungs, trial);
        let Some(rung) = rung.filter(|_| objectives != Objectives::WORST) else { return };
        let Some(correlation) = self.learners[rung].tell(place, objectives) else { return };
        if self.asked() == Some(rung) {
            observer.observe(Event::Examined { correlation, used: self.learners[rung].is_reliable() });
        }
    }
}

/// A width, or the resolution, of which there is more than one choice.
struct Axis {
    gene: usize,
    /// Logarithms of the least and the largest choice.
    range: (f64, f64),
}

impl Axis {
    fn all(space: &Space) -> Vec<Self> {
        let axis = |(gene, choices): (usize, &[usize])| match choices {
            [least, .., most] => Some(Self { gene, range: ((*least as f64).ln(), (*most as f64).ln()) }),
            _ => None,
        };
        space.genes().iter().map(|gene| gene.choices()).enumerate().filter_map(axis).collect()
    }

    /// The logarithm of a value: 0 at the least choice, 1 at the largest, beyond for a scaled copy of the paper's network.
    fn share(&self, value: usize) -> f64 {
        ((value as f64).ln() - self.range.0) / (self.range.1 - self.range.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::seed::step_rng;
    use crate::search::testing::{Counts, done_trial, failed_trial, space};
    use crate::search::trial::Fidelity;
    use crate::space::crossover::two_point;
    use crate::space::random;

    /// A trial of a network put together from narrow and wide pieces, whose accuracy is 0.6 and `weight` times the last of its
    /// widths, which hardly matters to its cost.
    fn trial(space: &Space, index: usize, rung: Rung, weight: f64) -> Trial {
        let mut rng = step_rng(7, index);
        let ends = [0.0, 1.0].map(|position| random(space, &mut rng, position));
        let genotype = (0..40).fold(ends[0].clone(), |it, _| {
            let end = &ends[rng.below(2)];
            two_point(&mut rng, &it, end)
        });
        let architecture = space.decode(&genotype, 2).unwrap();
        let mut trial = done_trial(index, 0.0, architecture.cost(32).unwrap().macs);
        trial.job.architecture = architecture;
        trial.job.fidelity = Fidelity::new(rung, 32);
        let accuracy = 0.6 + weight * last(&Surrogate::new(space).place(&trial.job));
        Trial { outcome: done_trial(index, accuracy, 0).outcome, ..trial }
    }

    fn last(place: &[f64]) -> f64 {
        place[place.len() - 1]
    }

    fn tell(surrogate: &mut Surrogate, trials: impl IntoIterator<Item = Trial>) {
        trials.into_iter().for_each(|trial| surrogate.tell(&trial, &Counts::default()));
    }

    fn mutant(job: &Job, parent: usize) -> Job {
        Job { origin: Origin::Mutation { parent, operators: vec![] }, ..job.clone() }
    }

    /// Trials that suffice to be reliable.
    const MANY: usize = 125;

    #[test]
    fn it_prefers_what_gains_most_on_its_parents() {
        let space = space(&[]);
        let full = rungs(&space)[0];
        let mut surrogate = Surrogate::new(&space);
        let offered: Vec<Trial> = (MANY..MANY + 8).map(|i| trial(&space, i, full, 0.2)).collect();
        let mutants: Vec<Job> = offered.iter().map(|trial| mutant(&trial.job, 0)).collect();
        assert_eq!(surrogate.choose(&mutants), Choice::free(0), "it knows nothing yet");
        tell(&mut surrogate, (0..MANY).map(|i| trial(&space, i, full, 0.2)));

        let accuracy = |trial: &Trial| trial.outcome.score().unwrap().accuracy;
        let chosen = accuracy(&offered[surrogate.choose(&mutants).index]);
        assert!(offered.iter().filter(|trial| accuracy(trial) > chosen).count() <= 1);

        let by_width = |&a: &usize, &b: &usize| last(&surrogate.places[a]).total_cmp(&last(&surrogate.places[b]));
        let (worst, best) = ((0..MANY).min_by(by_width).unwrap(), (0..MANY).max_by(by_width).unwrap());
        let job = &offered[0].job;
        let both = Job { origin: Origin::Crossover { parents: [worst, best], operators: vec![] }, ..job.clone() };
        assert_eq!(surrogate.choose(&[mutant(job, best), both.clone(), mutant(job, worst)]).index, 2);
        assert_eq!(surrogate.choose(&[mutant(job, best), both]).index, 1);
    }

    #[test]
    fn the_highest_rung_with_enough_trials_is_asked() {
        let space = space(&["ladder=[{train_images=32, epochs=1}]"]);
        let rungs = rungs(&space);
        let mut surrogate = Surrogate::new(&space);
        tell(&mut surrogate, (0..MANY).map(|i| trial(&space, i, rungs[0], 0.2)));
        let mutants: Vec<Job> = (MANY..MANY + 8).map(|i| mutant(&trial(&space, i, rungs[0], 0.2).job, 0)).collect();
        let brief = surrogate.choose(&mutants);
        assert_eq!(surrogate.asked(), Some(0));

        // On the higher rung the opposite is true; failed trainings do not count.
        let failed = (0..60).map(|i| {
            let mut trial = failed_trial(i, 1000);
            trial.job.fidelity = Fidelity::new(rungs[1], 32);
            trial
        });
        tell(&mut surrogate, failed);
        assert_eq!((surrogate.asked(), surrogate.choose(&mutants)), (Some(0), brief));
        tell(&mut surrogate, (0..MANY).map(|i| trial(&space, i, rungs[1], -0.2)));
        assert_eq!(surrogate.asked(), Some(1));
        let thorough = surrogate.choose(&mutants);
        let width = |choice: Choice| last(&surrogate.place(&mutants[choice.index]));
        assert!(width(thorough) < width(brief), "{} {}", width(thorough), width(brief));
    }
}
