//! Which trials of a run can be compared with each other.

use super::ladder::full;
use super::pareto::Objectives;
use super::trial::Trial;
use crate::space::{Rung, Space};

/// The trials of equal training that a run is judged by: those with the protocol's own training, and where weights are
/// inherited those of one generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peers {
    rung: Rung,
    /// See [`Job::generation`](super::trial::Job::generation).
    pub generation: usize,
}

impl Peers {
    /// Those among `trials`: of the highest generation that has as many scored ones as a population, which is the one that
    /// parents come from; of generation 0 if none has.
    pub fn of(space: &Space, trials: &[Trial]) -> Self {
        let rung = full(space);
        let scored = trials.iter().filter(|trial| Objectives::of(trial) != Objectives::WORST);
        let counts = by_generation(scored);
        let generation = counts.iter().rposition(|count| *count >= space.search().population).unwrap_or(0);
        Self { rung, generation }
    }

    /// Whether `trial` is one of them.
    pub fn has(&self, trial: &Trial) -> bool {
        trial.job.fidelity.rung() == self.rung && trial.job.generation() == self.generation
    }

    /// Those of `trials` that are.
    pub fn among<'a>(self, trials: &'a [Trial]) -> impl Iterator<Item = &'a Trial> + Clone + use<'a> {
        trials.iter().filter(move |trial| self.has(trial))
    }
}

/// Those of `trials` that a run is judged by.
pub fn comparable<'a>(space: &Space, trials: &'a [Trial]) -> impl Iterator<Item = &'a Trial> + Clone + use<'a> {
    Peers::of(space, trials).among(trials)
}

/// How many trials there are of every generation, from 0 to the last.
pub fn by_generation<'a>(trials: impl IntoIterator<Item = &'a Trial>) -> Vec<usize> {
    let mut counts = Vec::new();
    for trial in trials {
        let generation = trial.job.generation();
        counts.resize(counts.len().max(generation + 1), 0);
        counts[generation] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::testing::{done_trial, failed_trial, space};
    use crate::search::trial::{Fidelity, Inheritance};

    #[test]
    fn the_highest_generation_with_a_full_population_is_shown() {
        let space = space(&["search.population=2", "search.sample=1", "search.inherit=true"]);
        let of = |index: usize, generation: usize| {
            let mut trial = if index == 3 { failed_trial(index, 1) } else { done_trial(index, 0.5, 100) };
            trial.job.fidelity = Fidelity::of(space.protocol());
            trial.job.inherits = (generation > 0).then_some(Inheritance { from: 0, generation });
            trial
        };
        let trials: Vec<Trial> =
            [0, 1, 0, 1, 1, 2].into_iter().enumerate().map(|(index, generation)| of(index, generation)).collect();
        let shown = |count: usize| {
            let indices = comparable(&space, &trials[..count]).map(|trial| trial.job.index).collect::<Vec<_>>();
            (Peers::of(&space, &trials[..count]).generation, indices)
        };
        assert_eq!(shown(0), (0, vec![]));
        assert_eq!(shown(2), (0, vec![0]));
        // The second of generation 1 has failed.
        assert_eq!(shown(4), (0, vec![0, 2]));
        assert_eq!(shown(6), (1, vec![1, 3, 4]));
        assert_eq!((by_generation(&trials), by_generation(&[])), (vec![2, 3, 1], vec![]));
        let mut brief = trials.clone();
        brief[1].job.fidelity.images += 1;
        assert_eq!(comparable(&space, &brief).map(|trial| trial.job.index).collect::<Vec<_>>(), [3, 4]);
    }
}
