//! The paper's network, which every other one is shown beside.

use crate::arch::Architecture;

/// What the branches of a block are called, in the order of [`crate::arch::Branch::ALL`].
pub(super) const BRANCHES: [&str; 6] = ["1x1", "3x3 reduce", "3x3", "5x5 reduce", "5x5", "pool proj."];

/// The paper's widths in network order; the number of classes does not matter for them.
pub(super) fn paper_widths() -> Vec<usize> {
    Architecture::googlenet(2, false).map(|paper| paper.width_values().collect()).unwrap_or_default()
}
