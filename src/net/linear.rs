//! A linear layer with bias.

use dfdx::prelude::*;

use super::init::Init;
use super::visitor::{Role, Visitor};
use crate::ops::{Channels, Engine, OpError, Rows, linear};

/// `[N, pixels * channels]` -> `[N, outputs]`.
pub struct LinearLayer<D: Device<f32>> {
    weight: Rows<D>,
    bias: Channels<D>,
    kernel: [usize; 2],
}

impl<D: Device<f32>> LinearLayer<D> {
    /// A new layer over flattened maps of `kernel` pixels with `channels` channels; `[1, 1]` for plain features.
    pub fn new(init: &mut Init<'_, D>, kernel: [usize; 2], channels: usize, outputs: usize) -> Result<Self, OpError> {
        let inputs = kernel[0] * kernel[1] * channels;
        Ok(Self { weight: init.weight(inputs, outputs)?, bias: init.bias(inputs, outputs)?, kernel })
    }

    /// `x: [N, inputs]` -> `[N, outputs]`.
    pub fn forward<E: Engine<Device = D>, T: Tape<f32, D>>(
        &self,
        engine: &E,
        x: Rows<D, T>,
    ) -> Result<Rows<D, T>, OpError> {
        linear(engine, x, &self.weight, &self.bias)
    }

    /// Shows both tensors to `visitor`.
    pub fn visit<V: Visitor<D>>(&mut self, name: &str, visitor: &mut V) -> Result<(), OpError> {
        let role = Role::Weight { kernel: self.kernel, linear: true };
        visitor.parameter(&format!("{name}.weight"), role, &mut self.weight)?;
        visitor.parameter(&format!("{name}.bias"), Role::Bias, &mut self.bias)
    }
}
