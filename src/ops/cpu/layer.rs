//! A layer's parameters on the host, and their way to and from dfdx's gradients.

use dfdx::prelude::*;

use super::norm::NormGradients;
use super::unit::{BatchMoments, Parameters};
use crate::ops::tape::{self, CpuGradients, Slot};
use crate::ops::{ConvBn, Moments, OpError, Window, sizes};

/// A copy of a [`ConvBn`]'s parameters with the identities of their gradients.
pub struct Layer {
    /// `[taps, c_out]`.
    pub weight: Vec<f32>,
    /// Shape of the weight.
    pub shape: (usize, usize),
    /// `[c_out]`.
    pub scale: Vec<f32>,
    /// `[c_out]`.
    pub shift: Vec<f32>,
    /// Kernel, stride and padding.
    pub window: Window,
    /// Added to the variance.
    pub epsilon: f32,
    weight_slot: Slot,
    scale_slot: Slot,
    shift_slot: Slot,
}

impl Layer {
    /// Copies the parameters and checks that their channels agree.
    pub fn read(layer: &ConvBn<'_, Cpu>) -> Result<Self, OpError> {
        sizes::batch_norm(layer.weight.shape().1, &[("scale", layer.scale), ("shift", layer.shift)])?;
        Ok(Self {
            weight: tape::read(layer.weight),
            shape: *layer.weight.shape(),
            scale: tape::read(layer.scale),
            shift: tape::read(layer.shift),
            window: layer.window,
            epsilon: layer.epsilon,
            weight_slot: Slot::of(layer.weight),
            scale_slot: Slot::of(layer.scale),
            shift_slot: Slot::of(layer.shift),
        })
    }

    /// What a forward pass needs of it.
    pub fn parameters(&self) -> Parameters<'_> {
        Parameters { weight: &self.weight, scale: &self.scale, shift: &self.shift, epsilon: self.epsilon }
    }

    /// Output channels.
    pub fn width(&self) -> usize {
        self.shape.1
    }

    /// Adds the gradients of scale and shift.
    pub fn add_norm(&self, gradients: &mut CpuGradients, norm: &NormGradients) -> Result<(), CpuError> {
        self.scale_slot.add(gradients, &norm.scale)?;
        self.shift_slot.add(gradients, &norm.shift)
    }

    /// Moves the gradient of the weight out; all zeros if nothing has been added to it yet.
    pub fn take_weight_gradient(&self, gradients: &mut CpuGradients) -> Result<Vec<f32>, CpuError> {
        self.weight_slot.take(gradients)
    }

    /// Moves the gradient of the weight back.
    pub fn put_weight_gradient(&self, gradients: &mut CpuGradients, dw: Vec<f32>) -> Result<(), CpuError> {
        self.weight_slot.put(gradients, dw)
    }
}

/// Batch statistics as tensors.
pub fn moments(device: &Cpu, moments: BatchMoments) -> Result<Moments<Cpu>, OpError> {
    let channels = (moments.mean.len(),);
    Ok(Moments {
        mean: tape::tensor(device, moments.mean, channels)?,
        variance: tape::tensor(device, moments.variance, channels)?,
    })
}
