//! Pure domain: what a GoogLeNet-shaped network is, what it costs, and what identifies it.
//!
//! Nothing here trains, reads a file or knows of a tensor.

mod architecture;
mod branch_widths;
mod cost;
mod googlenet;
mod key;

pub use architecture::{Architecture, ArchitectureError, BLOCK_NAMES, BLOCKS, MAX_WIDTH, StemWidths};
pub use branch_widths::{Branch, BranchWidths};
pub use cost::Cost;
pub use key::{ArchitectureKey, ParseError};
