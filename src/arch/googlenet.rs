//! The 2014 table, and the table scaled uniformly.

use super::architecture::{Architecture, ArchitectureError, BLOCKS, StemWidths};
use super::branch_widths::BranchWidths;

/// Widths of the stem in the paper.
///
/// Source: Szegedy et al. 2014, "Going Deeper with Convolutions", table 1, rows 1 and 3.
pub(super) const STEM: StemWidths = StemWidths { conv1: 64, conv2_reduce: 64, conv2: 192 };

/// Widths of the blocks in the paper: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection.
///
/// Source: Szegedy et al. 2014, "Going Deeper with Convolutions", table 1, rows 3a to 5b.
pub(super) const INCEPTION: [BranchWidths; BLOCKS] = [
    BranchWidths::new([64, 96, 128, 16, 32, 32]),
    BranchWidths::new([128, 128, 192, 32, 96, 64]),
    BranchWidths::new([192, 96, 208, 16, 48, 64]),
    BranchWidths::new([160, 112, 224, 24, 64, 64]),
    BranchWidths::new([128, 128, 256, 24, 64, 64]),
    BranchWidths::new([112, 144, 288, 32, 64, 64]),
    BranchWidths::new([256, 160, 320, 32, 128, 128]),
    BranchWidths::new([256, 160, 320, 32, 128, 128]),
    BranchWidths::new([384, 192, 384, 48, 128, 128]),
];

/// The paper's "ops" in millions, by the module's name in [`Architecture::layers`]; at 224 px.
///
/// Ours agree to within one million, except 5a (51) and conv1 (118): see [`Architecture::cost`].
/// Source: Szegedy et al. 2014, "Going Deeper with Convolutions", table 1, last column.
pub const PAPER_OPS: [(&str, u64); BLOCKS + 1] = [
    ("conv1", 34),
    ("inception3a", 128),
    ("inception3b", 304),
    ("inception4a", 73),
    ("inception4b", 88),
    ("inception4c", 100),
    ("inception4d", 119),
    ("inception4e", 170),
    ("inception5a", 54),
    ("inception5b", 71),
];

/// The nearest width that searched and scaled networks may have: a multiple of 8, of 4 below 32, at least 4.
pub fn round_width(width: f64) -> usize {
    let unit = if width < 32.0 { 4 } else { 8 };
    // `as` saturates, and makes a NaN 0.
    ((width / unit as f64).round() as usize).max(1).saturating_mul(unit)
}

impl Architecture {
    /// The network of the paper.
    ///
    /// # Errors
    /// [`ArchitectureError::Classes`] if `classes` is out of range.
    pub fn googlenet(classes: usize, aux_heads: bool) -> Result<Self, ArchitectureError> {
        Self::new(STEM, INCEPTION, classes, aux_heads)
    }

    /// The network of the paper with every width multiplied by `ratio` and rounded as the searched ones are
    /// ([`round_width`]): the control against which a searched network has to show its worth.
    ///
    /// # Errors
    /// [`ArchitectureError`] if `classes` or a scaled width is out of range.
    pub fn googlenet_scaled(ratio: f64, classes: usize, aux_heads: bool) -> Result<Self, ArchitectureError> {
        // A negative or NaN ratio gives the least width, a huge one is refused by `new`.
        let scale = |width: usize| round_width(width as f64 * ratio);
        let stem =
            StemWidths { conv1: scale(STEM.conv1), conv2_reduce: scale(STEM.conv2_reduce), conv2: scale(STEM.conv2) };
        Self::new(stem, INCEPTION.map(|block| BranchWidths::new(block.to_array().map(scale))), classes, aux_heads)
    }
}
