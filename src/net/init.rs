//! Initial weights.

use dfdx::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::ops::{Channels, OpError, Rows};

/// Makes the tensors of a new network: the same values for the same seed on every device.
pub struct Init<'a, D> {
    device: &'a D,
    generator: ChaCha8Rng,
}

impl<'a, D: Device<f32>> Init<'a, D> {
    /// A source of initial values.
    pub fn new(device: &'a D, seed: u64) -> Self {
        Self { device, generator: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// Uniform between plus and minus `1 / sqrt(fan_in)`, which is PyTorch's default for convolutions and linear layers.
    fn uniform(&mut self, fan_in: usize, count: usize) -> Vec<f32> {
        let bound = 1.0 / (fan_in as f32).sqrt();
        // 24 random bits make every f32 in [0, 1) that is a multiple of 2^-24.
        let unit = |generator: &mut ChaCha8Rng| (generator.next_u32() >> 8) as f32 / (1 << 24) as f32;
        (0..count).map(|_| (2.0 * unit(&mut self.generator) - 1.0) * bound).collect()
    }

    /// Weights `[fan_in, outputs]`.
    pub fn weight(&mut self, fan_in: usize, outputs: usize) -> Result<Rows<D>, OpError> {
        let values = self.uniform(fan_in, fan_in * outputs);
        self.device.try_tensor_from_vec(values, (fan_in, outputs)).map_err(OpError::device)
    }

    /// A bias `[outputs]` of a layer with `fan_in` inputs.
    pub fn bias(&mut self, fan_in: usize, outputs: usize) -> Result<Channels<D>, OpError> {
        let values = self.uniform(fan_in, outputs);
        self.device.try_tensor_from_vec(values, (outputs,)).map_err(OpError::device)
    }

    /// One value for all channels, `[channels]`.
    pub fn constant(&self, value: f32, channels: usize) -> Result<Channels<D>, OpError> {
        self.device.try_tensor_from_vec(vec![value; channels], (channels,)).map_err(OpError::device)
    }
}
