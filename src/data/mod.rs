//! Images: folders of files -> packed cache -> splits -> augmented batches; and the built-in synthetic set.

mod alike;
mod augment;
mod batch;
mod cache;
mod dataset;
mod decode;
mod error;
#[cfg(test)]
mod fixtures;
mod folder;
mod inspect;
mod open;
mod pack;
mod pyramid;
mod random;
mod resize;
mod split;
mod synthetic;

pub use augment::{Augment, Crop};
pub use batch::{Batch, MEAN, STD, epoch_order};
pub use cache::default_cache_dir;
pub use dataset::Dataset;
pub use error::DataError;
pub use folder::LEFT_OUT;
pub use inspect::{Broken, Inspected, Inspection, inspect};
pub use open::{ImportReport, open_folder};
pub use pyramid::{NotAtHand, Pyramid};
pub use split::Split;
pub use synthetic::synthetic;

/// Smallest side of the images of a data set, in pixels.
pub const MIN_RESOLUTION: usize = 8;
/// Largest side of the images of a data set, in pixels.
pub const MAX_RESOLUTION: usize = 2048;
