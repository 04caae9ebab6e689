//! Convolution without bias, batch norm, ReLU.

use dfdx::prelude::*;

use super::init::Init;
use super::visitor::{Role, Visitor};
use crate::ops::{Channels, ConvBn, Engine, Maps, Moments, OpError, Rows, Window};

/// Added to the variance in batch norm, as in Inception networks (PyTorch's own default is 1e-5).
pub const EPSILON: f32 = 1e-3;

/// Weight of a new batch in the running statistics, as in PyTorch.
const MOMENTUM: f32 = 0.1;

/// A convolution with batch norm and ReLU, and its running statistics.
pub struct ConvBnLayer<D: Device<f32>> {
    weight: Rows<D>,
    scale: Channels<D>,
    shift: Channels<D>,
    running: Moments<D>,
    window: Window,
    input_gradient: bool,
}

impl<D: Device<f32>> ConvBnLayer<D> {
    /// A new layer from `inputs` to `outputs` channels.
    pub fn new(init: &mut Init<'_, D>, inputs: usize, outputs: usize, window: Window) -> Result<Self, OpError> {
        let taps = window.kernel[0] * window.kernel[1] * inputs;
        Ok(Self {
            weight: init.weight(taps, outputs)?,
            scale: init.constant(1.0, outputs)?,
            shift: init.constant(0.0, outputs)?,
            running: Moments { mean: init.constant(0.0, outputs)?, variance: init.constant(1.0, outputs)? },
            window,
            input_gradient: true,
        })
    }

    /// The same layer as the first of a network, whose input needs no gradient.
    pub fn first(mut self) -> Self {
        self.input_gradient = false;
        self
    }

    /// The parameters, for an engine.
    pub fn parameters(&self) -> ConvBn<'_, D> {
        ConvBn {
            weight: &self.weight,
            window: self.window,
            scale: &self.scale,
            shift: &self.shift,
            epsilon: EPSILON,
            input_gradient: self.input_gradient,
        }
    }

    /// The running statistics.
    pub fn running(&self) -> &Moments<D> {
        &self.running
    }

    /// Takes a batch's statistics into the running ones.
    pub fn observe(&mut self, batch: &Moments<D>) -> Result<(), OpError> {
        self.running.mean.try_axpy(1.0 - MOMENTUM, &batch.mean, MOMENTUM).map_err(OpError::device)?;
        self.running.variance.try_axpy(1.0 - MOMENTUM, &batch.variance, MOMENTUM).map_err(OpError::device)
    }

    /// Training: normalises with the batch's statistics and observes them. `[N, H, W, inputs]` -> `[N, H', W', outputs]`.
    pub fn forward_train<E: Engine<Device = D>, T: Tape<f32, D>>(
        &mut self,
        engine: &E,
        x: Maps<D, T>,
    ) -> Result<Maps<D, T>, OpError> {
        let (y, moments) = engine.conv_bn_relu_train(x, &self.parameters())?;
        self.observe(&moments)?;
        Ok(y)
    }

    /// Inference: normalises with the running statistics.
    pub fn forward<E: Engine<Device = D>>(&self, engine: &E, x: Maps<D>) -> Result<Maps<D>, OpError> {
        engine.conv_bn_relu(x, &self.parameters(), &self.running)
    }

    /// Shows all tensors to `visitor`.
    pub fn visit<V: Visitor<D>>(&mut self, name: &str, visitor: &mut V) -> Result<(), OpError> {
        let role = Role::Weight { kernel: self.window.kernel, linear: false };
        visitor.parameter(&format!("{name}.conv.weight"), role, &mut self.weight)?;
        visitor.parameter(&format!("{name}.bn.weight"), Role::Norm, &mut self.scale)?;
        visitor.parameter(&format!("{name}.bn.bias"), Role::Norm, &mut self.shift)?;
        visitor.buffer(&format!("{name}.bn.running_mean"), &mut self.running.mean)?;
        visitor.buffer(&format!("{name}.bn.running_var"), &mut self.running.variance)
    }
}
