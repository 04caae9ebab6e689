//! A model of the error, learnt from the trials, that chooses among mutants.

mod cholesky;
mod climb;
mod gaussian_process;
#[cfg(test)]
mod golden;
mod learner;

use std::collections::HashMap;

use learner::Learner;

use super::ladder::rungs;
use super::pareto::Objectives;
use super::ports::{Event, Observer};
use super::screen::Screen;
use super::trial::{Fidelity, Job, Origin, Trial};
use crate::arch::Architecture;
use crate::space::Space;

/// Prefers the mutant that is expected to gain most on its parents, at equal cost. It is the gain that counts, not the error,
/// since parents are spread over all costs on purpose, and what is taken for the error of a cost is a straight line: where
/// the errors lie below it, mutants would be preferred again and again.
///
/// Every rung of the ladder has a learner of its own. The highest one with enough trials is asked, and only if it has just
/// shown that its predictions are good for something; otherwise the first mutant is taken, as without a screen.
pub(super) struct Surrogate {
    axes: Vec<Axis>,
    learners: Vec<(Fidelity, Learner)>,
    /// Of all trials, by index.
    places: HashMap<usize, Vec<f64>>,
}

impl Surrogate {
    pub fn new(space: &Space) -> Self {
        let axes = Axis::all(space);
        let learners = rungs(space).into_iter().map(|fidelity| (fidelity, Learner::new(axes.len()))).collect();
        Self { axes, learners, places: HashMap::new() }
    }

    /// The rung whose learner is asked, if one has enough trials.
    fn asked(&self) -> Option<usize> {
        self.learners.iter().rposition(|(_, learner)| learner.has_enough())
    }

    /// Logarithms of the widths of a network.
    fn place(&self, architecture: &Architecture) -> Vec<f64> {
        let widths: Vec<usize> = architecture.width_values().collect();
        self.axes.iter().map(|axis| axis.share(widths[axis.gene])).collect()
    }

    /// How much more error a mutant is expected to have, at equal cost, than its parents have on average.
    fn change(&self, learner: &Learner, mutant: &Job) -> f64 {
        let parents = match &mutant.origin {
            Origin::Mutation { parent, .. } => std::slice::from_ref(parent),
            Origin::Crossover { parents, .. } => parents,
            Origin::Uniform { .. } | Origin::Random | Origin::Promotion { .. } => &[],
        };
        let known = parents.iter().filter_map(|parent| self.places.get(parent));
        let excesses: Vec<f64> = known.map(|place| learner.excess(place)).collect();
        learner.excess(&self.place(&mutant.architecture)) - excesses.iter().sum::<f64>() / excesses.len().max(1) as f64
    }
}

impl Screen for Surrogate {
    fn choose(&mut self, mutants: &[Job]) -> usize {
        let learner = self.asked().map(|rung| &self.learners[rung].1);
        let Some(learner) = learner.filter(|learner| learner.is_reliable()) else { return 0 };
        let changes: Vec<f64> = mutants.iter().map(|mutant| self.change(learner, mutant)).collect();
        (0..mutants.len()).min_by(|&a, &b| changes[a].total_cmp(&changes[b])).unwrap_or(0)
    }

    fn tell(&mut self, trial: &Trial, observer: &dyn Observer) {
        let place = self.place(&trial.job.architecture);
        self.places.insert(trial.job.index, place.clone());
        let objectives = Objectives::of(trial);
        let rung = self.learners.iter().position(|(fidelity, _)| *fidelity == trial.job.fidelity);
        let Some(rung) = rung.filter(|_| objectives != Objectives::WORST) else { return };
        let Some(correlation) = self.learners[rung].1.tell(place, objectives) else { return };
        if self.asked() == Some(rung) {
            observer.observe(Event::Examined { correlation, used: self.learners[rung].1.is_reliable() });
        }
    }
}

/// A width of which there is more than one choice.
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

    /// The logarithm of a width: 0 at the least choice, 1 at the largest, beyond for a scaled copy of the paper's network.
    fn share(&self, width: usize) -> f64 {
        ((width as f64).ln() - self.range.0) / (self.range.1 - self.range.0)
    }
}
