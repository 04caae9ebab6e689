//! Batch norm, with ReLU riding along. The mask of ReLU is computed again in the backward pass, so that no output is kept.

use cudarc::driver::CudaSlice;
use dfdx::tensor::CudaError;

use super::kernels::Kernels;
use super::memory::{View, ViewMut};
use super::operands::Affine;
use super::values::Values;
use crate::ops::workspace;

/// Shards that one thread of a channel adds up.
const SHARDS: usize = 64;

/// The map of a norm, `y = x * gain + offset`, and the moments that it comes from.
pub struct Norm {
    /// `[4, C]`: mean, inverse deviation, gain, offset.
    values: CudaSlice<f32>,
    channels: usize,
    /// What follows the norm.
    relu: bool,
    /// 1 / rows of the batch; 0 if the moments were given.
    inverse_count: f64,
}

impl Norm {
    /// Of the batch `x: [rows, C]`, whose mean and unbiased variance are written to `moments`.
    pub fn of_batch(
        kernels: &Kernels,
        relu: bool,
        x: Values<'_>,
        affine: Affine<'_>,
        moments: [ViewMut<'_>; 2],
    ) -> Result<Self, CudaError> {
        let channels = affine.scale.len();
        let rows = x.len() / channels;
        let sums = sums(kernels, rows, channels, |sums| kernels.norm_sums(channels, x, sums))?;
        let mut values = kernels.scratch(4 * channels)?;
        kernels.norm_of_batch(x, View::of(&sums), affine, ViewMut::of(&mut values), moments)?;
        Ok(Self { values, channels, relu, inverse_count: 1.0 / rows as f64 })
    }

    /// Of given moments, mean and variance.
    pub fn of_moments(
        kernels: &Kernels,
        relu: bool,
        moments: [View<'_>; 2],
        affine: Affine<'_>,
    ) -> Result<Self, CudaError> {
        let channels = affine.scale.len();
        let mut values = kernels.scratch(4 * channels)?;
        kernels.norm_of_moments(moments, affine, ViewMut::of(&mut values))?;
        Ok(Self { values, channels, relu, inverse_count: 0.0 })
    }

    /// `x`, `y`: `[rows, C]`.
    pub fn apply(&self, kernels: &Kernels, x: Values<'_>, y: ViewMut<'_>) -> Result<(), CudaError> {
        kernels.norm_apply(x, View::of(&self.values), self.floor(), y)
    }

    /// Turns the gradient of the output into that of the input `x`, and adds those of the parameters.
    pub fn backward(
        &self,
        kernels: &Kernels,
        x: Values<'_>,
        mut dy: ViewMut<'_>,
        parameters: [ViewMut<'_>; 2],
    ) -> Result<(), CudaError> {
        let (channels, floor, norm) = (self.channels, self.floor(), View::of(&self.values));
        let sums = sums(kernels, x.len() / channels, channels, |sums| {
            kernels.norm_gradient_sums(x, [dy.read(), norm], floor, sums)
        })?;
        let mut map: CudaSlice<f32> = kernels.scratch(2 * channels)?;
        let sums = [View::of(&sums), norm];
        kernels.norm_parameter_gradients(sums, self.inverse_count, parameters, ViewMut::of(&mut map))?;
        kernels.norm_gradient(x, [norm, View::of(&map)], floor, dy.reborrow())
    }

    /// The value under which nothing passes.
    fn floor(&self) -> f32 {
        if self.relu { 0.0 } else { f32::NEG_INFINITY }
    }
}

/// Two sums a channel in at most [`SHARDS`] shards, `[2, shards, C]`, of what `sum` sums up in more.
///
/// How many depends on the sizes alone, so that a sum has the same bits on any GPU.
fn sums(
    kernels: &Kernels,
    rows: usize,
    channels: usize,
    sum: impl FnOnce(ViewMut<'_>) -> Result<(), CudaError>,
) -> Result<CudaSlice<f32>, CudaError> {
    let mut shards = workspace::shards(rows, channels);
    let mut sums = kernels.scratch(2 * shards * channels)?;
    sum(ViewMut::of(&mut sums))?;
    while shards > SHARDS {
        shards = shards.div_ceil(SHARDS);
        let mut folded = kernels.scratch(2 * shards * channels)?;
        kernels.norm_fold(channels, View::of(&sums), ViewMut::of(&mut folded))?;
        sums = folded;
    }
    Ok(sums)
}
