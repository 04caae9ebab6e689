//! Networks built from an architecture, on any engine.

mod aux_head;
mod conv_bn;
mod googlenet;
mod inception;
mod init;
mod linear;
mod memory;
#[cfg(test)]
pub(crate) mod tests;
mod transfer;
mod visitor;
mod weights;

pub use conv_bn::EPSILON as BATCH_NORM_EPSILON;
pub use googlenet::{DROPOUT, GoogLeNet, POOLED, TrainOutput};
pub use memory::{training_bytes, training_engine};
pub use visitor::{Role, Visitor};
pub use weights::{StoredTensor, Tensors, WeightsError};
