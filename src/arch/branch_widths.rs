//! The six widths of one Inception block.

use serde::{Deserialize, Serialize};

/// One of the six searched convolutions of an Inception block, in the order of the paper's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Branch {
    /// 1x1 convolution.
    B1x1,
    /// 1x1 convolution before the 3x3.
    B3x3Reduce,
    /// 3x3 convolution.
    B3x3,
    /// 1x1 convolution before the 5x5.
    B5x5Reduce,
    /// 5x5 convolution.
    B5x5,
    /// 1x1 convolution after the 3x3 max pooling.
    PoolProj,
}

impl Branch {
    /// All six, in the order of the paper's table 1.
    pub const ALL: [Branch; 6] =
        [Branch::B1x1, Branch::B3x3Reduce, Branch::B3x3, Branch::B5x5Reduce, Branch::B5x5, Branch::PoolProj];

    /// The name used in files: `b1x1`, `b3x3_reduce`, `b3x3`, `b5x5_reduce`, `b5x5`, `pool_proj`.
    pub const fn name(self) -> &'static str {
        match self {
            Branch::B1x1 => "b1x1",
            Branch::B3x3Reduce => "b3x3_reduce",
            Branch::B3x3 => "b3x3",
            Branch::B5x5Reduce => "b5x5_reduce",
            Branch::B5x5 => "b5x5",
            Branch::PoolProj => "pool_proj",
        }
    }

    /// Position in [`Branch::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// Output channels of the six convolutions of one Inception block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BranchWidths([usize; 6]);

impl BranchWidths {
    /// Widths in the order of [`Branch::ALL`].
    pub const fn new(widths: [usize; 6]) -> Self {
        Self(widths)
    }

    /// Widths in the order of [`Branch::ALL`].
    pub const fn to_array(self) -> [usize; 6] {
        self.0
    }

    /// The width of one branch.
    pub const fn get(self, branch: Branch) -> usize {
        self.0[branch.index()]
    }

    /// The same widths with one replaced.
    #[must_use]
    pub const fn with(mut self, branch: Branch, width: usize) -> Self {
        self.0[branch.index()] = width;
        self
    }

    /// Channels of the concatenated output: 1x1 + 3x3 + 5x5 + pool projection.
    pub const fn output(self) -> usize {
        self.get(Branch::B1x1) + self.get(Branch::B3x3) + self.get(Branch::B5x5) + self.get(Branch::PoolProj)
    }
}
