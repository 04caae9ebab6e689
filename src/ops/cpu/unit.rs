//! Convolution, batch norm and ReLU as one step, forward and backward, on slices.

use std::ops::Range;

use super::buffers::Buffer;
use super::context::Context;
use super::conv::{self, Geometry};
use super::matmul::Destination;
use super::norm::{self, Columns, Norm, NormGradients, Part};

/// What the backward pass needs of a forward pass.
pub struct Unit {
    context: Context,
    geometry: Geometry,
    /// The convolution's output, `[rows, c_out]`.
    y: Buffer,
    norm: Norm,
}

/// The parameters of a convolution with batch norm.
#[derive(Clone, Copy)]
pub struct Parameters<'a> {
    /// `[taps, c_out]`.
    pub weight: &'a [f32],
    /// Gain of batch norm, `[c_out]`.
    pub scale: &'a [f32],
    /// Offset of batch norm, `[c_out]`.
    pub shift: &'a [f32],
    /// Added to the variance.
    pub epsilon: f32,
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
    /// Convolves and takes the statistics; the output is written by [`Unit::write`], or from [`Unit::part`].
    pub fn forward(
        context: &Context,
        geometry: Geometry,
        x: &[f32],
        Parameters { weight, scale, shift, epsilon }: Parameters<'_>,
    ) -> (Self, BatchMoments) {
        let mut y = context.buffers.take(geometry.rows() * geometry.c_out());
        conv::forward(context, &geometry, x, weight, &mut y);
        let (norm, moments) = batch_norm(context, &y, scale, shift, epsilon);
        (Self { context: context.clone(), geometry, y, norm }, moments)
    }

    /// All channels.
    pub fn channels(&self) -> Range<usize> {
        0..self.geometry.c_out()
    }

    /// Channels `channels` of the convolution's output with their norm, to be written from channel `to` on.
    pub fn part(&self, channels: Range<usize>, to: usize) -> Part<'_> {
        let x = Columns { data: &self.y, stride: self.geometry.c_out(), offset: channels.start };
        Part { norm: self.norm.slice(channels), x, to }
    }

    /// [`Unit::part`] with all channels.
    pub fn whole(&self, to: usize) -> Part<'_> {
        self.part(self.channels(), to)
    }

    /// Writes the normalised, rectified channels `channels` to `out`, which has these channels only.
    pub fn write(&self, channels: Range<usize>, out: &mut [f32]) {
        let width = channels.len();
        norm::apply(&self.context, true, [self.part(channels, 0)], out, width);
    }

    /// Carries the gradients of some channels back through ReLU and batch norm.
    ///
    /// Afterwards these channels of the kept output hold the gradient of the convolution's output. Call once for each.
    pub fn backward_norm<const N: usize>(&mut self, parts: [(Range<usize>, Columns<'_>); N]) -> [NormGradients; N] {
        let parts = parts.map(|(channels, dout)| (self.norm.slice(channels.clone()), channels.start, dout));
        norm::backward(&self.context, true, &mut self.y, self.geometry.c_out(), parts)
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
