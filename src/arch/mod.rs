//! Pure domain: what a GoogLeNet-shaped network is, what it costs, and what identifies it.
//!
//! Nothing here trains, reads a file or knows of a tensor.

mod architecture;
mod branch_widths;
mod cost;
mod footprint;
mod googlenet;
mod googlenet_layers;
mod key;
mod layers;
mod shape;
mod vgg16;

pub use architecture::{Architecture, ArchitectureError, BLOCK_NAMES, BLOCKS, MAX_CLASSES, MAX_WIDTH, StemWidths};
pub use branch_widths::{Branch, BranchWidths};
pub use cost::Cost;
pub use footprint::Footprint;
pub use googlenet::{PAPER_OPS, round_width};
pub use googlenet_layers::BLOCK_MODULES;
pub use key::{ArchitectureKey, ParseError};
pub use layers::{Layer, LayerKind, LayerName};
pub use shape::{Geometry, MAX_RESOLUTION, MIN_RESOLUTION, ResolutionError, Shape};
pub use vgg16::{Vgg16Error, vgg16_layers};
