//! Random search: the control for every other strategy.

use super::searcher::{Proposal, Searcher, Turn};
use super::trial::Trial;
use crate::space::{self, Genotype, Rng, Space};

/// Draws every candidate at random, evenly over the logarithm of the MACs.
pub struct RandomSearch;

impl Searcher for RandomSearch {
    fn ask(&mut self, space: &Space, turn: Turn, rng: &mut Rng) -> Option<Proposal> {
        Some(drawn(space, turn, rng))
    }

    fn tell(&mut self, _space: &Space, _trial: &Trial) {}
}

/// A proposal at random.
pub(super) fn drawn(space: &Space, turn: Turn, rng: &mut Rng) -> Proposal {
    Proposal::Random(stratified(space, turn.candidate + turn.turned_down, rng))
}

/// A random genotype for candidate `number`, so that any number of successive ones spread evenly over the log MACs.
pub(super) fn stratified(space: &Space, number: usize, rng: &mut Rng) -> Genotype {
    // Multiples of the golden ratio are spread as evenly as can be, however many there are.
    const GOLDEN: f64 = 0.618_033_988_749_894_8;
    const JITTER: f64 = 0.125;
    let position = (number as f64 * GOLDEN + rng.unit() * JITTER).fract();
    space::random(space, rng, position)
}
