//! Networks built from an architecture, on any engine.

mod aux_head;
mod conv_bn;
mod googlenet;
mod inception;
mod init;
mod linear;
#[cfg(test)]
mod tests;
mod visitor;
mod weights;

pub use googlenet::{GoogLeNet, TrainOutput};
pub use visitor::{Role, Visitor};
pub use weights::WeightsError;
