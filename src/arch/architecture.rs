//! An architecture: a checked value from which a network can always be built.

use serde::{Deserialize, Serialize};

use super::{ArchitectureKey, Branch, BranchWidths};

/// Number of Inception blocks: 3a-3b, 4a-4e, 5a-5b.
pub const BLOCKS: usize = 9;

/// Names of the blocks, in order.
pub const BLOCK_NAMES: [&str; BLOCKS] = ["3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"];

/// The widest convolution an architecture may have.
pub const MAX_WIDTH: usize = 4096;

/// The largest number of classes an architecture may have.
pub const MAX_CLASSES: usize = 65_536;

/// Output channels of the three convolutions before the first Inception block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StemWidths {
    /// 7x7 convolution, stride 2.
    pub conv1: usize,
    /// 1x1 convolution before the 3x3.
    pub conv2_reduce: usize,
    /// 3x3 convolution.
    pub conv2: usize,
}

/// A GoogLeNet with any widths: stem, nine Inception blocks, classifier, auxiliary heads on or off.
///
/// Checked on construction, so a network can be built from every value of this type.
/// Source of the shape: Szegedy et al. 2014, "Going Deeper with Convolutions", table 1 and section 5.
/// In files it is its canonical form, a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Architecture {
    stem: StemWidths,
    blocks: [BranchWidths; BLOCKS],
    classes: usize,
    aux_heads: bool,
}

/// Why a set of widths is not an architecture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchitectureError {
    /// A width is zero or too large.
    #[error("{layer} has width {width}: give a width from 1 to {MAX_WIDTH}")]
    Width {
        /// Which convolution, e.g. `3a.b1x1`.
        layer: String,
        /// The offending width.
        width: usize,
    },
    /// Too few or too many classes.
    #[error("{0} classes: give a number from 2 to {MAX_CLASSES}")]
    Classes(usize),
}

impl Architecture {
    /// Checks the widths and builds the value.
    ///
    /// # Errors
    /// [`ArchitectureError`] if a width is 0 or over [`MAX_WIDTH`], or the classes are not 2 to [`MAX_CLASSES`].
    pub fn new(
        stem: StemWidths,
        blocks: [BranchWidths; BLOCKS],
        classes: usize,
        aux_heads: bool,
    ) -> Result<Self, ArchitectureError> {
        if !(2..=MAX_CLASSES).contains(&classes) {
            return Err(ArchitectureError::Classes(classes));
        }
        let architecture = Self { stem, blocks, classes, aux_heads };
        let out_of_range = |width: usize| !(1..=MAX_WIDTH).contains(&width);
        // A search checks a great many architectures, and names are slow to write.
        if architecture.width_values().any(out_of_range)
            && let Some((layer, width)) = architecture.widths().into_iter().find(|(_, width)| out_of_range(*width))
        {
            return Err(ArchitectureError::Width { layer, width });
        }
        Ok(architecture)
    }

    /// Widths of the stem.
    pub fn stem(&self) -> StemWidths {
        self.stem
    }

    /// Widths of the nine Inception blocks, in the order of [`BLOCK_NAMES`].
    pub fn blocks(&self) -> &[BranchWidths; BLOCKS] {
        &self.blocks
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Whether the two auxiliary heads are trained along.
    pub fn aux_heads(&self) -> bool {
        self.aux_heads
    }

    /// The same network with the auxiliary heads on or off.
    #[must_use]
    pub fn with_aux_heads(mut self, aux_heads: bool) -> Self {
        self.aux_heads = aux_heads;
        self
    }

    /// The same network for another number of classes.
    ///
    /// # Errors
    /// [`ArchitectureError::Classes`] if the number is not 2 to [`MAX_CLASSES`].
    pub fn with_classes(self, classes: usize) -> Result<Self, ArchitectureError> {
        Self::new(self.stem, self.blocks, classes, self.aux_heads)
    }

    /// Every width with its name (`stem.conv1`, `3a.b3x3_reduce`), in network order.
    pub fn widths(&self) -> Vec<(String, usize)> {
        let stem = [("conv1", self.stem.conv1), ("conv2_reduce", self.stem.conv2_reduce), ("conv2", self.stem.conv2)];
        let stem = stem.into_iter().map(|(name, width)| (format!("stem.{name}"), width));
        let blocks = BLOCK_NAMES.iter().zip(&self.blocks).flat_map(|(block, widths)| {
            Branch::ALL.into_iter().map(move |branch| (format!("{block}.{}", branch.name()), widths.get(branch)))
        });
        stem.chain(blocks).collect()
    }

    /// The widths alone, in network order.
    pub fn width_values(&self) -> impl Iterator<Item = usize> {
        let StemWidths { conv1, conv2_reduce, conv2 } = self.stem;
        [conv1, conv2_reduce, conv2].into_iter().chain(self.blocks.iter().flat_map(|widths| widths.to_array()))
    }

    /// The stable identity of this architecture.
    pub fn key(&self) -> ArchitectureKey {
        ArchitectureKey::of(self)
    }
}
