//! The paper's network scaled as a whole: the control for the space.

use std::collections::VecDeque;

use super::searcher::{Proposal, Searcher, Turn};
use super::trial::Trial;
use crate::space::{Rng, Space};

/// Proposes GoogLeNet at every ratio of the space's grid, the paper's own first, then from wide to narrow, each at every
/// resolution. Ends when they are used up.
pub struct UniformScaling {
    scalings: VecDeque<Proposal>,
}

impl UniformScaling {
    /// All ratios `2^(k / steps_per_octave)` that the space allows.
    pub fn new(space: &Space) -> Self {
        let (min, max, steps) = space.ratios();
        let steps = f64::from(steps);
        let (first, last) = ((min.log2() * steps).floor() as i32, (max.log2() * steps).ceil() as i32);
        let ratios = (first..=last).rev().map(|k| (f64::from(k) / steps).exp2());
        let mut permilles: VecDeque<u32> = ratios.map(permille).filter(|it| allowed(space, *it)).collect();
        if let Some(paper) = permilles.iter().position(|it| *it == 1000) {
            permilles.remove(paper);
            permilles.push_front(1000);
        }
        Self { scalings: permilles.into_iter().flat_map(|permille| at_all_resolutions(space, permille)).collect() }
    }
}

impl Searcher for UniformScaling {
    fn ask(&mut self, _space: &Space, _turn: Turn, _rng: &mut Rng) -> Option<Proposal> {
        self.scalings.pop_front()
    }

    fn tell(&mut self, _space: &Space, _trial: &Trial) {}
}

/// Whether the space allows this ratio.
pub(super) fn allowed(space: &Space, candidate: u32) -> bool {
    let (min, max, _) = space.ratios();
    (permille(min)..=permille(max)).contains(&candidate)
}

/// The paper's network scaled by `permille`, at every resolution of the space.
pub(super) fn at_all_resolutions(space: &Space, permille: u32) -> impl Iterator<Item = Proposal> + '_ {
    space.resolutions().iter().map(move |&resolution| Proposal::Uniform { permille, resolution })
}

fn permille(ratio: f64) -> u32 {
    (ratio * 1000.0).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::testing::space;

    #[test]
    fn the_paper_first_then_from_wide_to_narrow() {
        let all = |overrides: &[&str]| -> Vec<(u32, usize)> {
            let scalings = UniformScaling::new(&space(overrides)).scalings.into_iter();
            let pair = |scaling| match scaling {
                Proposal::Uniform { permille, resolution } => (permille, resolution),
                other => panic!("{other:?}"),
            };
            scalings.map(pair).collect()
        };
        let permilles =
            |overrides: &[&str]| all(overrides).into_iter().map(|(permille, _)| permille).collect::<Vec<_>>();
        assert_eq!(
            all(&["widths.steps_per_octave=1", "input.resolutions=[32, 48]"]),
            [(250, 32), (250, 48), (125, 32), (125, 48)]
        );
        assert_eq!(
            permilles(&["widths.max_ratio=1.5", "widths.steps_per_octave=2"]),
            [1000, 1414, 707, 500, 354, 250, 177, 125]
        );
        assert_eq!(permilles(&["widths.steps_per_octave=1"]), [250, 125]);
        assert_eq!(permilles(&["widths.min_ratio=1", "widths.max_ratio=1", "limits.max_macs=1G"]), [1000]);
    }
}
