//! The parameters of a norm, and their gradients.

use dfdx::prelude::*;
use dfdx::tensor::CudaError;

use super::context::Context;
use super::memory::{CudaGradients, Output, Source, ViewMut};
use super::norm::Norm;
use super::operands::Affine;
use super::values::Values;
use crate::ops::tape::Slot;
use crate::ops::{Channels, Moments, OpError, sizes};

/// The parameters of a norm.
pub struct Parameters {
    /// `[C]`.
    scale: Source<(usize,)>,
    /// `[C]`.
    shift: Source<(usize,)>,
    epsilon: f32,
    scale_slot: Slot<Cuda>,
    shift_slot: Slot<Cuda>,
}

impl Parameters {
    /// Of a norm of so many channels.
    pub fn new(channels: usize, scale: &Channels<Cuda>, shift: &Channels<Cuda>, epsilon: f32) -> Result<Self, OpError> {
        sizes::batch_norm(channels, &[("scale", scale), ("shift", shift)])?;
        Ok(Self {
            scale: Source::of(scale)?,
            shift: Source::of(shift)?,
            epsilon,
            scale_slot: Slot::of(scale),
            shift_slot: Slot::of(shift),
        })
    }

    /// The norm of the batch `x: [rows, C]`, and its moments.
    pub fn norm_of_batch(
        &self,
        context: &Context,
        relu: bool,
        x: Values<'_>,
    ) -> Result<(Norm, Moments<Cuda>), OpError> {
        let output = || Output::new(&context.device, (self.scale.view().len(),));
        let (mut mean, mut variance) = (output()?, output()?);
        let norm = Norm::of_batch(&context.kernels, relu, x, self.affine(), [mean.view(), variance.view()]);
        let moments = Moments { mean: mean.finish(), variance: variance.finish() };
        Ok((norm.map_err(OpError::device)?, moments))
    }

    /// The norm of given moments.
    pub fn norm_of_moments(&self, context: &Context, relu: bool, moments: &Moments<Cuda>) -> Result<Norm, OpError> {
        let Moments { mean, variance } = moments;
        sizes::batch_norm(self.scale.view().len(), &[("mean", mean), ("variance", variance)])?;
        let (mean, variance) = (Source::of(mean)?, Source::of(variance)?);
        let given = [mean.view(), variance.view()];
        Norm::of_moments(&context.kernels, relu, given, self.affine()).map_err(OpError::device)
    }

    /// Turns the gradient of the norm's output into that of its input `x`, and adds those of scale and shift.
    pub fn backward(
        &self,
        context: &Context,
        norm: &Norm,
        x: Values<'_>,
        dy: ViewMut<'_>,
        gradients: &mut CudaGradients,
    ) -> Result<(), CudaError> {
        // Both at once, which the map of gradients does not lend.
        let mut scale = self.scale_slot.take(&context.device, gradients)?;
        let mut shift = self.shift_slot.take(&context.device, gradients)?;
        norm.backward(&context.kernels, x, dy, [ViewMut::of(&mut scale), ViewMut::of(&mut shift)])?;
        self.scale_slot.put(gradients, scale)?;
        self.shift_slot.put(gradients, shift)
    }

    fn affine(&self) -> Affine<'_> {
        Affine { scale: self.scale.view(), shift: self.shift.view(), epsilon: self.epsilon }
    }
}
