//! What an evolutionary search tries before it has a population, and besides it.

use std::collections::VecDeque;

use super::searcher::Proposal;
use super::uniform::{allowed, at_all_resolutions};
use crate::space::{Rng, Space};

/// Ratios, in thousandths, at which the paper's network starts off the population: steps of a square root of two,
/// ordered so that the first few span the range; those for spaces of very small networks come last.
const CONTROLS: [u32; 9] = [1000, 500, 250, 707, 354, 177, 125, 88, 63];

/// The beginning of a search: up to half of a population by scaled copies of the paper's network, the rest at random. Where
/// there are several resolutions, as many scaled copies at each of them: they are what the others are compared with.
pub(super) struct Opening {
    controls: VecDeque<Proposal>,
    /// Candidates of the first population.
    first: usize,
}

impl Opening {
    /// An opening with the ratios that the space allows.
    pub fn new(space: &Space) -> Self {
        let population = space.search().population;
        let half = population / 2;
        let inside = |permille| at_all_resolutions(space, permille).filter(|control| is_inside(space, control));
        // What is over the limits at every resolution must not use up the half: a space of small networks would have no
        // control.
        let ratios = CONTROLS.into_iter().filter(|permille| allowed(space, *permille));
        let ratios = ratios.filter(|permille| inside(*permille).next().is_some()).take(half);
        let controls: VecDeque<Proposal> = ratios.flat_map(inside).collect();
        // Those beyond half of a population do not take the place of others.
        let first = population + controls.len().saturating_sub(half);
        Self { controls, first }
    }

    /// The next scaled copy, until all have been proposed.
    pub fn control(&mut self) -> Option<Proposal> {
        self.controls.pop_front()
    }

    /// Whether candidate `number` is to be drawn at random: as long as they fill the first population, and now and then
    /// from then on. Where children inherit weights, not from then on: who has no parent starts from initial weights, and
    /// could not be compared with them.
    pub fn is_random(&self, space: &Space, number: usize, rng: &mut Rng) -> bool {
        let immigrants = if space.search().inherit { 0.0 } else { space.search().immigrants };
        number < self.first || rng.unit() < immigrants
    }
}

/// Whether a control is inside the limits, with the fewest classes.
fn is_inside(space: &Space, control: &Proposal) -> bool {
    control.architecture(space, 2).is_ok_and(|it| space.within_limits(&it, control.resolution(space)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::seed::step_rng;
    use crate::search::testing::{self, space};

    #[test]
    fn it_starts_with_the_paper_s_network_where_that_is_allowed() {
        let all = |overrides: &[&str]| {
            let controls = Opening::new(&space(overrides)).controls.into_iter();
            let pair = |control| match control {
                Proposal::Uniform { permille, resolution } => (permille, resolution),
                other => panic!("{other:?}"),
            };
            controls.map(pair).collect::<Vec<_>>()
        };
        let controls =
            |overrides: &[&str]| all(overrides).into_iter().map(|(permille, _)| permille).collect::<Vec<_>>();
        let large = ["widths.max_ratio=1", "widths.min_ratio=0.0625", "limits.max_macs=1G"];
        let of = |population: &'static str| controls(&[&large[..], &[population]].concat());
        assert_eq!(of("search.population=20"), CONTROLS);
        assert_eq!(of("search.population=6"), [1000, 500, 250]);
        assert_eq!(controls(&["widths.max_ratio=1", "limits.max_macs=1G", "search.population=20"]), CONTROLS[..7]);
        assert_eq!(controls(&["search.population=20"]), [250, 177, 125]);
        // Those over the limits do not take the place of others.
        assert_eq!(controls(&["widths.max_ratio=1", "search.population=6"]), [250, 177, 125]);
        let two = all(&["search.population=4", "input.resolutions=[32, 48]"]);
        // 250 at 48 px is over the limit of 4M MACs.
        assert_eq!(Opening::new(&space(&["search.population=4", "input.resolutions=[32, 48]"])).first, 4 + 1);
        assert_eq!(Opening::new(&space(&["search.population=4"])).first, 4);
        assert_eq!(two, [(250, 32), (177, 32), (177, 48)]);
    }

    #[test]
    fn the_share_of_immigrants_is_kept() {
        let space = space(&["search.population=4", "search.immigrants=0.25"]);
        let opening = Opening::new(&space);
        let random = |indices: std::ops::Range<usize>| {
            indices.filter(|&i| opening.is_random(&space, i, &mut step_rng(0, i))).count()
        };
        assert_eq!(random(0..4), 4);
        assert!(random(10..1010).abs_diff(250) < 50);
        let heirs = testing::space(&["search.population=4", "search.immigrants=0.25", "search.inherit=true"]);
        assert!(!(10..1010).any(|i| opening.is_random(&heirs, i, &mut step_rng(0, i))));
    }
}
