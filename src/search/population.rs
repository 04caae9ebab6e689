//! The trials that parents are chosen from.

use std::collections::VecDeque;

use super::ladder::{rung_of, rungs};
use super::pareto::{Objectives, crowding, ranks};
use super::trial::Trial;
use crate::space::{Genotype, Rng, Rung, Space};

/// A population on every rung of the ladder, and of every generation of weights where these are inherited (there is never
/// both), since only scores of equal trainings can be compared. Parents come from the highest one that is full: few trials
/// are worth less than many briefer ones (as in Falkner et al. 2018, "BOHB", section 3.2, where the highest budget with
/// enough observations is what is learnt from).
pub(super) struct Populations {
    rungs: Vec<Rung>,
    /// One a rung, or one a generation.
    populations: Vec<Population>,
    size: usize,
    /// Whether members leave their weights to their children.
    inherit: bool,
}

impl Populations {
    /// Empty ones, of the size that the space file gives.
    pub fn new(space: &Space) -> Self {
        let rungs = rungs(space);
        let populations = rungs.iter().map(|_| Population::default()).collect();
        Self { rungs, populations, size: space.search().population, inherit: space.search().inherit }
    }

    /// Takes in a trial; of too many of equal training the oldest falls out.
    pub fn push_aging(&mut self, space: &Space, trial: &Trial) {
        let size = self.size;
        if let Some(population) = self.of(trial) {
            population.push_aging(Member::new(space, trial), size);
        }
    }

    /// Takes in a trial; of too many of equal training the last in standing falls out.
    pub fn push_elitist(&mut self, space: &Space, trial: &Trial) {
        let size = self.size;
        if let Some(population) = self.of(trial) {
            population.push_elitist(Member::new(space, trial), size);
        }
    }

    /// Where parents come from.
    pub fn parents(&self) -> &Population {
        let full = self.populations.iter().rev().find(|population| population.members.len() >= self.size);
        // There is always a top rung, so a lowest one.
        full.unwrap_or(&self.populations[0])
    }

    /// The population that a trial is for: none for one that has no weights to leave where children need them.
    fn of(&mut self, trial: &Trial) -> Option<&mut Population> {
        if self.inherit && Objectives::of(trial) == Objectives::WORST {
            return None;
        }
        let level = rung_of(&self.rungs, trial)? + trial.job.generation();
        if self.populations.len() <= level {
            self.populations.resize_with(level + 1, Population::default);
        }
        Some(&mut self.populations[level])
    }
}

/// A trial as a possible parent.
pub(super) struct Member {
    /// Index of the trial.
    pub index: usize,
    /// The genotype nearest to its network and resolution.
    pub genotype: Genotype,
    objectives: Objectives,
}

impl Member {
    pub fn new(space: &Space, trial: &Trial) -> Self {
        let genotype = space.nearest(&trial.job.architecture, trial.job.fidelity.resolution);
        Self { index: trial.job.index, genotype, objectives: Objectives::of(trial) }
    }
}

/// Members, oldest first, with their standing among each other.
#[derive(Default)]
pub(super) struct Population {
    members: VecDeque<Member>,
    ranks: Vec<usize>,
    crowding: Vec<f64>,
}

impl Population {
    /// Takes in a member; of more than `size` the oldest falls out.
    pub fn push_aging(&mut self, member: Member, size: usize) {
        self.members.push_back(member);
        if self.members.len() > size {
            self.members.pop_front();
        }
        self.stand();
    }

    /// Takes in a member; of more than `size` the last in standing falls out, of equal ones the oldest.
    pub fn push_elitist(&mut self, member: Member, size: usize) {
        self.members.push_back(member);
        self.stand();
        if self.members.len() > size
            && let Some(last) = (0..self.members.len()).min_by(|&a, &b| self.compare(b, a))
        {
            self.members.remove(last);
            self.stand();
        }
    }

    /// The first in standing of `sample` members drawn at random; of equal ones any.
    pub fn tournament(&self, rng: &mut Rng, sample: usize) -> Option<&Member> {
        let drawn = rng.distinct(sample, self.members.len());
        // They come in random order.
        let winner = drawn.into_iter().min_by(|&a, &b| self.compare(a, b));
        winner.map(|i| &self.members[i])
    }

    /// By non-domination rank, then the less crowded first (Deb et al. 2002, section III-B).
    fn compare(&self, a: usize, b: usize) -> std::cmp::Ordering {
        self.ranks[a].cmp(&self.ranks[b]).then(self.crowding[b].total_cmp(&self.crowding[a]))
    }

    fn stand(&mut self) {
        let objectives: Vec<Objectives> = self.members.iter().map(|member| member.objectives).collect();
        self.ranks = ranks(&objectives);
        self.crowding = crowding(&objectives, &self.ranks);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::search::seed::step_rng;
    use crate::search::testing::{done_trial, failed_trial, space};
    use crate::search::trial::{Fidelity, Inheritance};

    fn indices(population: &Population) -> Vec<usize> {
        population.members.iter().map(|member| member.index).collect()
    }

    /// Accuracies and MACs of trials 0, 1, ...
    fn trials(scores: &[(f64, u64)]) -> Vec<Trial> {
        scores.iter().enumerate().map(|(i, &(accuracy, macs))| done_trial(i, accuracy, macs)).collect()
    }

    #[test]
    fn the_oldest_or_the_last_in_standing_falls_out() {
        let space = space(&[]);
        // 1 is dominated by all, 4 failed; on the front 0, 2, 3, 5 the most crowded is 2.
        let mut trials = trials(&[(0.60, 100), (0.50, 1000), (0.70, 200), (0.90, 800), (0.0, 1), (0.72, 220)]);
        trials[4] = failed_trial(4, 1);
        let (mut aging, mut elitist) = (Population::default(), Population::default());
        for trial in &trials {
            aging.push_aging(Member::new(&space, trial), 3);
            elitist.push_elitist(Member::new(&space, trial), 3);
        }
        assert_eq!((indices(&aging), indices(&elitist)), (vec![3, 4, 5], vec![0, 3, 5]));
    }

    #[test]
    fn where_weights_are_inherited_every_generation_has_a_population_without_failures() {
        let space = space(&["search.population=2", "search.sample=1", "search.inherit=true"]);
        let mut populations = Populations::new(&space);
        let mut parents = |index, generation, failed: bool| {
            let mut trial = if failed { failed_trial(index, 1) } else { done_trial(index, 0.5, 100) };
            trial.job.fidelity = Fidelity::of(space.protocol());
            trial.job.inherits = (generation > 0).then_some(Inheritance { from: 0, generation });
            populations.push_elitist(&space, &trial);
            indices(populations.parents())
        };
        assert_eq!(parents(0, 0, false), [0]);
        assert_eq!(parents(1, 0, true), [0]);
        // A full population of a lower generation is worth more than one that is not full.
        assert_eq!(parents(2, 1, false), [0]);
        assert_eq!(parents(3, 0, false), [0, 3]);
        assert_eq!(parents(4, 1, true), [0, 3]);
        assert_eq!(parents(5, 1, false), [2, 5]);
        assert_eq!(parents(6, 3, false), [2, 5]);
    }

    #[test]
    fn of_equal_members_the_oldest_falls_out() {
        let space = space(&[]);
        let mut population = Population::default();
        trials(&[(0.5, 100); 6]).iter().for_each(|trial| population.push_elitist(Member::new(&space, trial), 4));
        assert_eq!(population.members.len(), 4);
        assert!(indices(&population).contains(&5));
    }

    #[test]
    fn the_tournament_prefers_rank_then_room() {
        let space = space(&[]);
        let mut population = Population::default();
        // Front: 0, 1, 2, 3, its ends 0 and 3. 4 is dominated, 5 failed.
        for trial in &trials(&[(0.60, 100), (0.61, 110), (0.75, 200), (0.90, 800), (0.59, 100)]) {
            population.push_aging(Member::new(&space, trial), 6);
        }
        population.push_aging(Member::new(&space, &failed_trial(5, 1)), 6);
        let winners = |sample| -> BTreeSet<usize> {
            (0..200).filter_map(|i| population.tournament(&mut step_rng(0, i), sample)).map(|it| it.index).collect()
        };
        assert_eq!(winners(6), [0, 3].into());
        assert_eq!(winners(2), [0, 1, 2, 3, 4].into());
        assert!(Population::default().tournament(&mut step_rng(0, 0), 2).is_none());
    }
}
