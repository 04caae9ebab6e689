//! Aging evolution over error and cost.

use std::collections::VecDeque;

use super::pareto::{Objectives, crowding, ranks};
use super::random::stratified;
use super::searcher::{Proposal, Searcher};
use super::trial::Trial;
use super::uniform::allowed;
use crate::space::{Genotype, Rng, Space, mutate::mutate};

/// Ratios, in thousandths, at which the paper's network starts off the population: steps of a square root of two,
/// ordered so that the first few span the range.
const START: [u32; 7] = [1000, 500, 250, 707, 354, 177, 125];

/// The latest trials are the population. A few of them, drawn at random, compete; the winner is copied with one change.
/// Who falls behind in age falls out, however good its score, so a lucky score does not last.
///
/// Source: Real et al. 2019, "Regularized evolution for image classifier architecture search". There the most accurate
/// wins; here the one of the lowest non-domination rank, and of these the one in the least crowded place (Deb et al.
/// 2002), so that the whole range of costs is kept.
pub struct Evolution {
    start: VecDeque<u32>,
    population: VecDeque<Member>,
}

struct Member {
    index: usize,
    genotype: Genotype,
    objectives: Objectives,
}

impl Evolution {
    /// A population yet to be filled: up to half of it by scaled copies of the paper's network, the rest at random.
    pub fn new(space: &Space) -> Self {
        let half = space.search().population / 2;
        let start = START.into_iter().filter(|permille| allowed(space, *permille)).take(half).collect();
        Self { start, population: VecDeque::new() }
    }

    /// The winner among a few members drawn at random, by their standing in the whole population.
    fn parent(&self, space: &Space, rng: &mut Rng) -> Option<&Member> {
        let objectives: Vec<Objectives> = self.population.iter().map(|member| member.objectives).collect();
        let ranks = ranks(&objectives);
        let crowding = crowding(&objectives, &ranks);
        let drawn = rng.distinct(space.search().sample, self.population.len());
        // They come in random order, so of equals a random one is taken.
        let winner =
            drawn.into_iter().min_by(|&a, &b| ranks[a].cmp(&ranks[b]).then(crowding[b].total_cmp(&crowding[a])));
        winner.map(|i| &self.population[i])
    }
}

impl Searcher for Evolution {
    fn ask(&mut self, space: &Space, index: usize, rng: &mut Rng) -> Option<Proposal> {
        if let Some(permille) = self.start.pop_front() {
            return Some(Proposal::Uniform { permille });
        }
        let settings = space.search();
        let random = index < settings.population || rng.unit() < settings.immigrants;
        match self.parent(space, rng) {
            Some(parent) if !random => {
                let (genotype, operator) = mutate(space, rng, &parent.genotype);
                Some(Proposal::Mutation { parent: parent.index, operators: vec![operator.to_owned()], genotype })
            }
            _ => Some(Proposal::Random(stratified(space, index, rng))),
        }
    }

    fn tell(&mut self, space: &Space, trial: &Trial) {
        if self.population.len() == space.search().population {
            self.population.pop_front();
        }
        self.population.push_back(Member {
            index: trial.job.index,
            genotype: space.nearest(&trial.job.architecture),
            objectives: Objectives::of(trial),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::seed::step_rng;
    use crate::search::testing::{done_trial, failed_trial, space};

    #[test]
    fn it_starts_with_the_paper_s_network_where_that_is_allowed() {
        let start = |overrides: &[&str]| Vec::from(Evolution::new(&space(overrides)).start);
        assert_eq!(start(&["widths.max_ratio=1", "search.population=20"]), START);
        assert_eq!(start(&["widths.max_ratio=1", "search.population=6"]), [1000, 500, 250]);
        assert_eq!(start(&["search.population=20"]), [250, 177, 125]);
    }

    #[test]
    fn the_population_is_the_latest_trials() {
        let space = space(&["search.population=3"]);
        let mut evolution = Evolution::new(&space);
        (0..5).for_each(|i| evolution.tell(&space, &done_trial(i, 0.5, 100)));
        assert_eq!(evolution.population.iter().map(|member| member.index).collect::<Vec<_>>(), [2, 3, 4]);
    }

    #[test]
    fn the_tournament_prefers_rank_then_room() {
        let space = space(&["search.population=6", "search.sample=6"]);
        let mut evolution = Evolution::new(&space);
        // Front: 0, 1, 2, 3, its ends 0 and 3. 4 is dominated, 5 failed.
        let scores = [(0.60, 100), (0.61, 110), (0.75, 200), (0.90, 800), (0.59, 100)];
        for (i, (accuracy, macs)) in scores.into_iter().enumerate() {
            evolution.tell(&space, &done_trial(i, accuracy, macs));
        }
        evolution.tell(&space, &failed_trial(5, 1));
        let winners: std::collections::BTreeSet<usize> =
            (0..50).filter_map(|i| evolution.parent(&space, &mut step_rng(0, i)).map(|member| member.index)).collect();
        assert_eq!(winners, [0, 3].into());
    }

    #[test]
    fn the_share_of_immigrants_is_kept() {
        let space = space(&["search.population=4", "search.immigrants=0.25"]);
        let mut evolution = Evolution::new(&space);
        evolution.start.clear();
        (0..4).for_each(|i| evolution.tell(&space, &done_trial(i, 0.5, 100)));
        let random = (10..1010)
            .filter(|&i| matches!(evolution.ask(&space, i, &mut step_rng(0, i)), Some(Proposal::Random(_))))
            .count();
        assert!(random.abs_diff(250) < 50, "{random}");
    }
}
