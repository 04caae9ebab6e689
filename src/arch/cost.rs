//! What an architecture costs, by arithmetic.

use serde::{Deserialize, Serialize};

/// Cost of one image through a network at inference; never measured, always computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cost {
    /// Multiply-adds of convolutions and linear layers. FLOPs are twice as many.
    pub macs: u64,
    /// Trainable parameters.
    pub parameters: u64,
    /// Bytes of all layer outputs in f32.
    pub activation_bytes: u64,
}
