//! NSGA-II: an elitist genetic algorithm over error and cost.

use super::opening::Opening;
use super::population::Populations;
use super::random::drawn;
use super::searcher::{Proposal, Searcher, Turn};
use super::trial::Trial;
use crate::space::crossover::{TWO_POINT, two_point};
use crate::space::{Rng, Space, mutate::mutate};

/// Share of the children that have two parents.
const CROSSOVER: f64 = 0.9;

/// How many members compete for each parent.
const TOURNAMENT: usize = 2;

/// The best trials so far are the population, by non-domination rank and then by room on their front. Each of two parents
/// wins a tournament of two; their genes are put together, and changed once.
///
/// Source: Deb et al. 2002, "A fast and elitist multiobjective genetic algorithm: NSGA-II". There a whole generation is
/// made at once; here each child competes for a place as soon as its trial is known, so that workers never wait for the
/// last of a generation. Mutations and immigrants are those of [`Evolution`](super::evolution::Evolution).
pub struct Nsga2 {
    opening: Opening,
    populations: Populations,
}

impl Nsga2 {
    /// A population yet to be filled: up to half of it by scaled copies of the paper's network, the rest at random.
    pub fn new(space: &Space) -> Self {
        Self { opening: Opening::new(space), populations: Populations::new(space) }
    }

    /// A child of one parent or two. `None` as long as there is nobody.
    fn child(&self, space: &Space, rng: &mut Rng) -> Option<Proposal> {
        let first = self.populations.parents().tournament(rng, TOURNAMENT)?;
        let second = self.populations.parents().tournament(rng, TOURNAMENT)?;
        if first.index == second.index || rng.unit() >= CROSSOVER {
            let (genotype, operator) = mutate(space, rng, &first.genotype);
            return Some(Proposal::Mutation { parent: first.index, operators: vec![operator.to_owned()], genotype });
        }
        let crossed = two_point(rng, &first.genotype, &second.genotype);
        let (genotype, operator) = mutate(space, rng, &crossed);
        let operators = vec![TWO_POINT.to_owned(), operator.to_owned()];
        Some(Proposal::Crossover { parents: [first.index, second.index], operators, genotype })
    }
}

impl Searcher for Nsga2 {
    fn ask(&mut self, space: &Space, turn: Turn, rng: &mut Rng) -> Option<Proposal> {
        if let Some(control) = self.opening.control() {
            return Some(control);
        }
        let child = if self.opening.is_random(space, turn.candidate, rng) { None } else { self.child(space, rng) };
        Some(child.unwrap_or_else(|| drawn(space, turn, rng)))
    }

    fn tell(&mut self, space: &Space, trial: &Trial) {
        self.populations.push_elitist(space, trial);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::seed::step_rng;
    use crate::search::testing::{done_trial, space};
    use crate::search::trial::Fidelity;
    use crate::space::random;

    #[test]
    fn most_children_have_two_parents_and_all_are_changed() {
        let space = space(&["search.population=4", "search.immigrants=0"]);
        let mut nsga2 = Nsga2::new(&space);
        while nsga2.opening.control().is_some() {}
        for i in 0..8 {
            let mut trial = done_trial(i, 0.5 + 0.05 * i as f64, 100 * (i as u64 + 1));
            let genotype = random(&space, &mut step_rng(1, i), 0.5);
            trial.job.fidelity = Fidelity::of(space.protocol());
            trial.job.architecture = space.decode(&genotype, 2).unwrap();
            nsga2.tell(&space, &trial);
        }
        let (mut one, mut two) = (0, 0);
        for i in 8..408 {
            match nsga2.ask(&space, Turn { candidate: i, turned_down: 0 }, &mut step_rng(0, i)) {
                Some(Proposal::Mutation { operators, .. }) if operators.len() == 1 => one += 1,
                Some(Proposal::Crossover { parents: [a, b], operators, .. }) => {
                    assert!(a != b && operators.len() == 2 && operators[0] == "two_point", "{operators:?}");
                    two += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        // Two tournaments of four members have the same winner in up to a third of all cases.
        assert!(two > 200 && one > 40, "{one} {two}");
    }
}
