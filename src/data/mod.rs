//! Images: folders of files -> packed cache -> splits -> augmented batches; and the built-in synthetic set.

mod dataset;

pub use dataset::{Dataset, Split};
