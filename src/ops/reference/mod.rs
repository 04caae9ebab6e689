//! Slow twins of the operations: plain loops over plain numbers, summed in f64, meant to be obviously right.
//!
//! Tests hold every engine against them.

mod array;
mod batch_norm;
mod concat;
mod conv2d;
mod linear;
mod pool;

pub use array::{Array, random};
pub use batch_norm::{Affine, ChannelMoments, batch_norm, batch_norm_gradients};
pub use batch_norm::{batch_norm_train, batch_norm_train_gradients};
pub use concat::{concat, split};
pub use conv2d::{conv2d, conv2d_data_gradient, conv2d_weight_gradient};
pub use linear::{linear, linear_gradients};
pub use pool::{avg_pool, avg_pool_gradient, max_pool, max_pool_gradient};
