//! Convolution, batch norm and ReLU as one step, forward and backward, on slices.

use super::buffers::Buffer;
use super::context::Context;
use super::conv::{self, Geometry};
use super::matmul::Destination;
use super::norm::{self, Columns, ColumnsMut, Norm};

/// What the backward pass needs of a forward pass.
pub struct Unit {
    context: Context,
    geometry: Geometry,
    /// The convolution's output, `[rows, c_out]`.
    y: Buffer,
    norm: Norm,
}

/// Mean and unbiased variance of a batch, `[C]` each.
pub struct BatchMoments {
    /// Mean.
    pub mean: Vec<f32>,
    /// Variance with n - 1 (with n if n is 1), as running statistics use it.
    pub variance: Vec<f32>,
}

/// Batch statistics of `y: [rows, channels]` as the norm that applies them and as running statistics want them.
pub fn batch_norm(context: &Context, y: &[f32], scale: &[f32], shift: &[f32], epsilon: f32) -> (Norm, BatchMoments) {
    let channels = scale.len();
    let (mean, variance) = norm::moments(context, y, channels);
    let rows = (y.len() / channels) as f32;
    let correction = if rows > 1.0 { rows / (rows - 1.0) } else { 1.0 };
    let norm = Norm::new(mean.clone(), &variance, scale, shift, epsilon);
    (norm, BatchMoments { mean, variance: variance.iter().map(|variance| variance * correction).collect() })
}

impl Unit {
    /// Convolves and takes the statistics; the output is written by [`Unit::write`].
    pub fn forward(
        context: &Context,
        geometry: Geometry,
        x: &[f32],
        weight: &[f32],
        scale: &[f32],
        shift: &[f32],
        epsilon: f32,
    ) -> (Self, BatchMoments) {
        let mut y = context.buffers.take(geometry.rows() * geometry.c_out());
        conv::forward(context, &geometry, x, weight, &mut y);
        let (norm, moments) = batch_norm(context, &y, scale, shift, epsilon);
        (Self { context: context.clone(), geometry, y, norm }, moments)
    }

    /// Writes the normalised, rectified channels `channels` to `out`.
    pub fn write(&self, channels: std::ops::Range<usize>, out: ColumnsMut<'_>) {
        let x = Columns { data: &self.y, stride: self.geometry.c_out(), offset: channels.start };
        self.norm.slice(channels).apply(&self.context, true, x, out);
    }

    /// Carries the gradient `dout` of the channels `channels` back through ReLU and batch norm.
    ///
    /// Afterwards these channels of the kept output hold the gradient of the convolution's output. Call once for each.
    pub fn backward_norm(&mut self, channels: std::ops::Range<usize>, dout: Columns<'_>) -> norm::NormGradients {
        let x = ColumnsMut { data: &mut self.y, stride: self.geometry.c_out(), offset: channels.start };
        self.norm.slice(channels).backward(&self.context, true, x, dout)
    }

    /// Adds the gradient of the weight, after [`Unit::backward_norm`] of all channels.
    pub fn weight_gradient(&self, x: &[f32], dw: &mut [f32]) {
        conv::weight_gradient(&self.context, &self.geometry, x, &self.y, dw);
    }

    /// Writes or adds the gradient of the input, after [`Unit::backward_norm`] of all channels.
    pub fn input_gradient(&self, weight: &[f32], dx: &mut [f32], destination: Destination) {
        conv::input_gradient(&self.context, &self.geometry, &self.y, weight, dx, destination);
    }
}
