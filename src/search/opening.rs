//! What an evolutionary search tries before it has a population, and besides it.

use std::collections::VecDeque;

use super::searcher::Proposal;
use super::uniform::allowed;
use crate::space::{Rng, Space};

/// Ratios, in thousandths, at which the paper's network starts off the population: steps of a square root of two,
/// ordered so that the first few span the range.
const CONTROLS: [u32; 7] = [1000, 500, 250, 707, 354, 177, 125];

/// The beginning of a search: up to half of a population by scaled copies of the paper's network, the rest at random.
pub(super) struct Opening {
    controls: VecDeque<u32>,
}

impl Opening {
    /// An opening with the ratios that the space allows.
    pub fn new(space: &Space) -> Self {
        let half = space.search().population / 2;
        Self { controls: CONTROLS.into_iter().filter(|permille| allowed(space, *permille)).take(half).collect() }
    }

    /// The next scaled copy, until all have been proposed.
    pub fn control(&mut self) -> Option<Proposal> {
        self.controls.pop_front().map(|permille| Proposal::Uniform { permille })
    }

    /// Whether candidate `number` is to be drawn at random: as long as they fill the first population, and now and then
    /// from then on.
    pub fn is_random(space: &Space, number: usize, rng: &mut Rng) -> bool {
        number < space.search().population || rng.unit() < space.search().immigrants
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::seed::step_rng;
    use crate::search::testing::space;

    #[test]
    fn it_starts_with_the_paper_s_network_where_that_is_allowed() {
        let controls = |overrides: &[&str]| Vec::from(Opening::new(&space(overrides)).controls);
        assert_eq!(controls(&["widths.max_ratio=1", "search.population=20"]), CONTROLS);
        assert_eq!(controls(&["widths.max_ratio=1", "search.population=6"]), [1000, 500, 250]);
        assert_eq!(controls(&["search.population=20"]), [250, 177, 125]);
    }

    #[test]
    fn the_share_of_immigrants_is_kept() {
        let space = space(&["search.population=4", "search.immigrants=0.25"]);
        let random = |indices: std::ops::Range<usize>| {
            indices.filter(|&i| Opening::is_random(&space, i, &mut step_rng(0, i))).count()
        };
        assert_eq!(random(0..4), 4);
        assert!(random(10..1010).abs_diff(250) < 50);
    }
}
