//! Aging evolution over error and cost.

use super::opening::Opening;
use super::population::Populations;
use super::random::drawn;
use super::searcher::{Proposal, Searcher, Turn};
use super::trial::Trial;
use crate::space::{Rng, Space, mutate::mutate};

/// The latest trials are the population. A few of them, drawn at random, compete; the winner is copied with one change.
/// Who falls behind in age falls out, however good its score, so a lucky score does not last.
///
/// Source: Real et al. 2019, "Regularized evolution for image classifier architecture search". There the most accurate
/// wins; here the one of the lowest non-domination rank, and of these the one in the least crowded place (Deb et al.
/// 2002), so that the whole range of costs is kept.
pub struct Evolution {
    opening: Opening,
    populations: Populations,
}

impl Evolution {
    /// A population yet to be filled: up to half of it by scaled copies of the paper's network, the rest at random.
    pub fn new(space: &Space) -> Self {
        Self { opening: Opening::new(space), populations: Populations::new(space) }
    }
}

impl Searcher for Evolution {
    fn ask(&mut self, space: &Space, turn: Turn, rng: &mut Rng) -> Option<Proposal> {
        if let Some(control) = self.opening.control() {
            return Some(control);
        }
        let random = self.opening.is_random(space, turn.candidate, rng);
        match self.populations.parents().tournament(rng, space.search().sample) {
            Some(parent) if !random => {
                let (genotype, operator) = mutate(space, rng, &parent.genotype);
                Some(Proposal::Mutation { parent: parent.index, operators: vec![operator.to_owned()], genotype })
            }
            _ => Some(drawn(space, turn, rng)),
        }
    }

    fn tell(&mut self, space: &Space, trial: &Trial) {
        self.populations.push_aging(space, trial);
    }
}
