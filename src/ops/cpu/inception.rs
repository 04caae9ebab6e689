//! An Inception block in training as one step: the input is read once, the three 1x1 convolutions over it are one matrix
//! product, and every branch writes straight into its channels of the output.

use std::ops::Range;

use dfdx::prelude::CpuError;

use super::buffers::Buffer;
use super::context::Context;
use super::conv::{self, Geometry};
use super::layer::Layer;
use super::matmul::Destination;
use super::norm::{Columns, ColumnsMut, Norm};
use super::pool;
use super::unit::{BatchMoments, Unit};
use crate::ops::tape::{CpuGradients, Held};
use crate::ops::{OpError, Spans, Window};

/// What the backward pass needs of a forward pass.
pub struct Inception {
    layers: [Layer; 6],
    extents: (usize, usize, usize),
    spans: Spans,
    context: Context,
    x: Held<(usize, usize, usize, usize)>,
    /// The weights of the 1x1 convolutions over `x` side by side: `[c_in, 1x1 + 3x3 reduce + 5x5 reduce]`.
    trio_weight: Vec<f32>,
    trio: Unit,
    reduced3: Buffer,
    b3x3: Unit,
    reduced5: Buffer,
    b5x5: Unit,
    pooled: Buffer,
    chosen: Vec<u8>,
    pool_proj: Unit,
}

/// Channels of the trio that belong to the 1x1, the 3x3 reduce and the 5x5 reduce.
fn trio_channels(layers: &[Layer; 6]) -> [Range<usize>; 3] {
    let [a, b, c] = [layers[0].width(), layers[1].width(), layers[3].width()];
    [0..a, a..a + b, a + b..a + b + c]
}

/// First channels of the four branches in the output, and the number of output channels.
fn output_channels(layers: &[Layer; 6]) -> ([usize; 4], usize) {
    let [b1x1, b3x3, b5x5, pool] = [0, 2, 4, 5].map(|i: usize| layers[i].width());
    ([0, b1x1, b1x1 + b3x3, b1x1 + b3x3 + b5x5], b1x1 + b3x3 + b5x5 + pool)
}

/// Matrices of equal height side by side.
fn beside(parts: [&[f32]; 3], widths: [usize; 3]) -> Vec<f32> {
    let rows = parts[0].len() / widths[0];
    let mut joined = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
    for row in 0..rows {
        for (part, width) in parts.iter().zip(widths) {
            joined.extend_from_slice(&part[row * width..][..width]);
        }
    }
    joined
}

/// Checks that the 1x1 convolutions are that.
fn check(layers: &[Layer; 6], height: usize) -> Result<(), OpError> {
    if let Some(layer) = [0, 1, 3, 5].map(|i: usize| &layers[i]).iter().find(|layer| !layer.window.is_pointwise()) {
        let Window { kernel: [kernel, _], stride: [stride, _], padding: [padding, _] } = layer.window;
        return Err(OpError::Window { op: "inception", kernel, stride, padding, input: height });
    }
    Ok(())
}

/// The sizes of a spatial convolution, whose output must have the extents of its input.
fn spatial_geometry(x: (usize, usize, usize, usize), layer: &Layer) -> Result<Geometry, OpError> {
    let geometry = Geometry::new(x, layer.shape, layer.window)?;
    let (_, height, width, _) = geometry.output_shape();
    if (height, width) != (x.1, x.2) {
        return Err(OpError::Shape { op: "inception", what: "height of a branch", got: height, expected: x.1 });
    }
    Ok(geometry)
}

/// Something of each of the three 1x1 convolutions over the block's input.
fn of_trio(layers: &[Layer; 6], part: fn(&Layer) -> &[f32]) -> [&[f32]; 3] {
    [0, 1, 3].map(|i: usize| part(&layers[i]))
}

/// Runs the block over `x: [N, H, W, C]` with the norms of its six convolutions, and keeps nothing for a backward pass.
///
/// Returns the output, `[N, H, W, sum of the branches]`.
pub fn infer(
    context: &Context,
    x: &[f32],
    shape: (usize, usize, usize, usize),
    layers: &[Layer; 6],
    norms: &[Norm; 6],
) -> Result<Vec<f32>, OpError> {
    let (images, height, width, channels) = shape;
    check(layers, height)?;
    let rows = images * height * width;
    let [c1, c3, c5] = trio_channels(layers);
    let ([at1, at3, at5, at_pool], total) = output_channels(layers);
    let mut out = context.buffers.take_vec(rows * total);

    let weight = beside(of_trio(layers, |layer| &layer.weight), [c1.len(), c3.len(), c5.len()]);
    let stride = c5.end;
    let mut y = context.buffers.take(rows * stride);
    let geometry = Geometry::new(shape, (channels, stride), Window::square(1, 1, 0))?;
    conv::forward(context, &geometry, x, &weight, &mut y);
    let part = |range: &Range<usize>| Columns { data: &y, stride, offset: range.start };
    norms[0].apply(context, true, part(&c1), ColumnsMut { data: &mut out, stride: total, offset: at1 });
    for (reduce, spatial, range, offset) in [(1, 2, c3, at3), (3, 4, c5, at5)] {
        let mut reduced = context.buffers.take(rows * range.len());
        let to = ColumnsMut { data: &mut reduced, stride: range.len(), offset: 0 };
        norms[reduce].apply(context, true, part(&range), to);
        let geometry = spatial_geometry((images, height, width, range.len()), &layers[spatial])?;
        let to = ColumnsMut { data: &mut out, stride: total, offset };
        infer_layer(context, &geometry, &reduced, &layers[spatial], &norms[spatial], to);
    }

    let spans = Spans::sliding("max_pool", Window::square(3, 1, 1), [height, width], false)?;
    let mut pooled = context.buffers.take(rows * channels);
    pool::max(context, &spans, images, channels, x, &mut pooled);
    let geometry = Geometry::new(shape, layers[5].shape, layers[5].window)?;
    let to = ColumnsMut { data: &mut out, stride: total, offset: at_pool };
    infer_layer(context, &geometry, &pooled, &layers[5], &norms[5], to);
    Ok(out)
}

/// Convolves, normalises, rectifies, and writes to some columns of the output.
fn infer_layer(context: &Context, geometry: &Geometry, x: &[f32], layer: &Layer, norm: &Norm, out: ColumnsMut<'_>) {
    let mut y = context.buffers.take(geometry.rows() * layer.width());
    conv::forward(context, geometry, x, &layer.weight, &mut y);
    norm.apply(context, true, Columns { data: &y, stride: layer.width(), offset: 0 }, out);
}

impl Inception {
    /// Runs the block over `x: [N, H, W, C]`.
    ///
    /// Returns the state for the backward pass, the output `[N, H, W, sum of the branches]`, and the moments of the six
    /// convolutions.
    pub fn forward(
        context: &Context,
        x: Held<(usize, usize, usize, usize)>,
        shape: (usize, usize, usize, usize),
        layers: [Layer; 6],
    ) -> Result<(Self, Vec<f32>, [BatchMoments; 6]), OpError> {
        let (images, height, width, channels) = shape;
        check(&layers, height)?;
        let rows = images * height * width;
        let [c1, c3, c5] = trio_channels(&layers);
        let ([at1, at3, at5, at_pool], total) = output_channels(&layers);
        let mut out = context.buffers.take_vec(rows * total);

        let trio_widths = [c1.len(), c3.len(), c5.len()];
        let trio_weight = beside(of_trio(&layers, |layer| &layer.weight), trio_widths);
        let scale = of_trio(&layers, |layer| &layer.scale).concat();
        let shift = of_trio(&layers, |layer| &layer.shift).concat();
        let geometry = Geometry::new(shape, (channels, c5.end), Window::square(1, 1, 0))?;
        let (trio, trio_moments) =
            Unit::forward(context, geometry, &x, &trio_weight, &scale, &shift, layers[0].epsilon);
        trio.write(c1, ColumnsMut { data: &mut out, stride: total, offset: at1 });

        let mut spatial = |channels: Range<usize>, layer: &Layer, at| -> Result<_, OpError> {
            let width_in = channels.len();
            let mut reduced = context.buffers.take(rows * width_in);
            trio.write(channels, ColumnsMut { data: &mut reduced, stride: width_in, offset: 0 });
            let geometry = spatial_geometry((images, height, width, width_in), layer)?;
            let unit =
                Unit::forward(context, geometry, &reduced, &layer.weight, &layer.scale, &layer.shift, layer.epsilon);
            let (unit, moments) = unit;
            unit.write(0..layer.width(), ColumnsMut { data: &mut out, stride: total, offset: at });
            Ok((reduced, unit, moments))
        };
        let (reduced3, b3x3, moments3) = spatial(c3, &layers[2], at3)?;
        let (reduced5, b5x5, moments5) = spatial(c5, &layers[4], at5)?;

        let spans = Spans::sliding("max_pool", Window::square(3, 1, 1), [height, width], false)?;
        let mut pooled = context.buffers.take(rows * channels);
        let chosen = pool::max_forward(context, &spans, images, channels, &x, &mut pooled)?;
        let proj = &layers[5];
        let geometry = Geometry::new(shape, proj.shape, proj.window)?;
        let (pool_proj, moments_pool) =
            Unit::forward(context, geometry, &pooled, &proj.weight, &proj.scale, &proj.shift, proj.epsilon);
        pool_proj.write(0..proj.width(), ColumnsMut { data: &mut out, stride: total, offset: at_pool });

        let [moments1, moments3r, moments5r] = trio_channels(&layers).map(|channels| BatchMoments {
            mean: trio_moments.mean[channels.clone()].to_vec(),
            variance: trio_moments.variance[channels].to_vec(),
        });
        let extents = (images, rows, channels);
        let state = Self {
            layers,
            extents,
            spans,
            context: context.clone(),
            x,
            trio_weight,
            trio,
            reduced3,
            b3x3,
            reduced5,
            b5x5,
            pooled,
            chosen,
            pool_proj,
        };
        Ok((state, out, [moments1, moments3r, moments3, moments5r, moments5, moments_pool]))
    }

    /// Adds the gradients of the input to `dx` and those of the parameters to `gradients`.
    pub fn backward(mut self, dout: &[f32], dx: &mut [f32], gradients: &mut CpuGradients) -> Result<(), CpuError> {
        let (images, rows, channels) = self.extents;
        let [c1, c3, c5] = trio_channels(&self.layers);
        let ([at1, at3, at5, at_pool], total) = output_channels(&self.layers);
        let branch = |offset| Columns { data: dout, stride: total, offset };

        let norm = self.trio.backward_norm(c1.clone(), branch(at1));
        self.layers[0].add_norm(gradients, &norm)?;
        let spatial = [
            (c3.clone(), &self.layers[1], &self.layers[2], &mut self.b3x3, &self.reduced3, at3),
            (c5.clone(), &self.layers[3], &self.layers[4], &mut self.b5x5, &self.reduced5, at5),
        ];
        for (channels, reduce, layer, unit, reduced, at) in spatial {
            let norm = unit.backward_norm(0..layer.width(), branch(at));
            layer.add_norm(gradients, &norm)?;
            layer.weight_gradient(gradients, |dw| unit.weight_gradient(reduced, dw))?;
            let mut dreduced = self.context.buffers.take(rows * channels.len());
            unit.input_gradient(&layer.weight, &mut dreduced, Destination::Overwrite);
            let stride = channels.len();
            let norm = self.trio.backward_norm(channels, Columns { data: &dreduced, stride, offset: 0 });
            reduce.add_norm(gradients, &norm)?;
        }
        let mut dtrio = self.context.buffers.take(self.trio_weight.len());
        dtrio.fill(0.0);
        self.trio.weight_gradient(&self.x, &mut dtrio);
        for (layer, part) in [0, 1, 3].map(|i: usize| &self.layers[i]).into_iter().zip([c1, c3, c5.clone()]) {
            layer.weight_gradient(gradients, |dw| {
                for (dw, dtrio) in dw.chunks_exact_mut(part.len()).zip(dtrio.chunks_exact(c5.end)) {
                    dw.iter_mut().zip(&dtrio[part.clone()]).for_each(|(dw, dtrio)| *dw += dtrio);
                }
            })?;
        }
        self.trio.input_gradient(&self.trio_weight, dx, Destination::Accumulate);

        let proj = &self.layers[5];
        let norm = self.pool_proj.backward_norm(0..proj.width(), branch(at_pool));
        proj.add_norm(gradients, &norm)?;
        proj.weight_gradient(gradients, |dw| self.pool_proj.weight_gradient(&self.pooled, dw))?;
        let mut dpooled = self.context.buffers.take(rows * channels);
        self.pool_proj.input_gradient(&proj.weight, &mut dpooled, Destination::Overwrite);
        pool::max_backward(&self.context, &self.spans, images, channels, &self.chosen, &dpooled, dx);
        Ok(())
    }
}
