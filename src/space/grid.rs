//! The log grid that a gene's choices are taken from.

use crate::arch::{Architecture, round_width};

/// The convolutions whose widths are searched, in network order, with the widths they have in the paper.
pub(super) fn paper_widths() -> Vec<(String, usize)> {
    // Two classes are always allowed, and no width depends on them.
    Architecture::googlenet(2, false).map(|googlenet| googlenet.widths()).unwrap_or_default()
}

/// The widths `paper * 2^(k / steps_per_octave)` for every whole `k` that keeps the ratio between `min_ratio` and
/// `max_ratio`, rounded ([`round_width`]), ascending and without repeats.
///
/// The paper's own width is the step `k = 0`, so it is on the grid whenever the ratio 1 is allowed. Empty if no step
/// falls between the two ratios.
pub(super) fn widths(paper: usize, min_ratio: f64, max_ratio: f64, steps_per_octave: u32) -> Vec<usize> {
    let steps = f64::from(steps_per_octave);
    // A bound written as 0.5 is the step -steps_per_octave however its logarithm is rounded.
    const SLACK: f64 = 1e-9;
    let first = (min_ratio.log2() * steps - SLACK).ceil() as i32;
    let last = (max_ratio.log2() * steps + SLACK).floor() as i32;
    let mut widths: Vec<usize> =
        (first..=last).map(|k| round_width(paper as f64 * (f64::from(k) / steps).exp2())).collect();
    widths.dedup();
    widths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Architecture;

    #[test]
    fn the_grid_around_a_paper_width() {
        assert_eq!(widths(64, 0.1, 1.5, 4), [8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 88]);
        assert_eq!(widths(16, 0.1, 1.5, 4), [4, 8, 12, 16, 20, 24]);
        assert_eq!(widths(192, 0.5, 1.0, 1), [96, 192]);
        assert!(widths(192, 0.6, 0.65, 1).is_empty());
    }

    #[test]
    fn every_paper_width_is_on_its_grid() {
        for (name, width) in Architecture::googlenet(2, false).unwrap().widths() {
            for steps in [1, 2, 3, 4, 8] {
                let grid = widths(width, 0.1, 1.5, steps);
                assert!(grid.contains(&width), "{name}: {grid:?}");
                assert!(grid.windows(2).all(|pair| pair[0] < pair[1]), "{name}: {grid:?}");
                assert!(grid.iter().all(|width| width % 4 == 0 && (*width < 32 || width % 8 == 0)), "{name}: {grid:?}");
            }
        }
    }
}
