//! An Inception block in training as one step: the input is read once, the three 1x1 convolutions over it are one matrix
//! product, and every branch writes straight into its channels of the output.

use std::ops::Range;

use dfdx::prelude::CpuError;

use super::buffers::Buffer;
use super::context::Context;
use super::conv::{self, Geometry};
use super::layer::Layer;
use super::matmul::Destination;
use super::norm::{self, Columns, Norm, Part};
use super::pool;
use super::unit::{BatchMoments, Parameters, Unit};
use crate::ops::tape::{CpuGradients, Held};
use crate::ops::{OpError, Spans, Window};

/// The window of the 1x1 convolutions.
const POINTWISE: Window = Window::square(1, 1, 0);

/// The window of the pooling before the projection.
const POOL: Window = Window::square(3, 1, 1);

/// What the backward pass needs of a forward pass.
pub struct Inception {
    layers: [Layer; 6],
    images: usize,
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
    let [trio, proj] = [(channels, c5.end), layers[5].shape].map(|weight| Geometry::new(shape, weight, POINTWISE));
    let (trio, proj) = (trio?, proj?);
    let spatial = |width_in, layer| spatial_geometry((images, height, width, width_in), layer);
    let (g3, g5) = (spatial(c3.len(), &layers[2])?, spatial(c5.len(), &layers[4])?);
    let spans = Spans::sliding("max_pool", POOL, [height, width], false)?;
    let convolve = |geometry: &Geometry, x: &[f32], weight: &[f32]| {
        let mut y = context.buffers.take(geometry.rows() * geometry.c_out());
        conv::forward(context, geometry, x, weight, &mut y);
        y
    };
    let part = |norm: &Norm, y, stride, offset, to| {
        let x = Columns { data: y, stride, offset };
        Part { norm: norm.clone(), x, to }
    };
    let [w3, w5, w_pool] = [2, 4, 5].map(|i: usize| &layers[i].weight[..]);

    let (y, y_pool) = context.join(
        || convolve(&trio, x, &weight),
        || {
            let mut pooled = context.buffers.take(rows * channels);
            pool::max(context, &spans, images, channels, x, &mut pooled);
            convolve(&proj, &pooled, w_pool)
        },
    );
    let reduced = |norm: &Norm, channels: &Range<usize>| {
        let mut reduced = context.buffers.take(rows * channels.len());
        norm::apply(context, true, [part(norm, &y, c5.end, channels.start, 0)], &mut reduced, channels.len());
        reduced
    };
    let (y3, y5) =
        context.join(|| convolve(&g3, &reduced(&norms[1], &c3), w3), || convolve(&g5, &reduced(&norms[3], &c5), w5));
    let whole = |layer: usize, y, to| part(&norms[layer], y, layers[layer].width(), 0, to);
    let parts =
        [part(&norms[0], &y, c5.end, 0, at1), whole(2, &y3, at3), whole(4, &y5, at5), whole(5, &y_pool, at_pool)];
    norm::apply(context, true, parts, &mut out, total);
    Ok(out)
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

        let trio_weight = beside(of_trio(&layers, |layer| &layer.weight), [c1.len(), c3.len(), c5.len()]);
        let scale = of_trio(&layers, |layer| &layer.scale).concat();
        let shift = of_trio(&layers, |layer| &layer.shift).concat();
        let trio = Geometry::new(shape, (channels, c5.end), POINTWISE)?;
        let spatial = |width_in, layer| spatial_geometry((images, height, width, width_in), layer);
        let (g3, g5) = (spatial(c3.len(), &layers[2])?, spatial(c5.len(), &layers[4])?);
        let proj = Geometry::new(shape, layers[5].shape, POINTWISE)?;
        let spans = Spans::sliding("max_pool", POOL, [height, width], false)?;
        let trio_parameters =
            Parameters { weight: &trio_weight, scale: &scale, shift: &shift, epsilon: layers[0].epsilon };
        let [p3, p5, p_pool] = [2, 4, 5].map(|i: usize| layers[i].parameters());
        let input = &x[..];

        // The two sides of the block that wait for nothing but its input.
        let ((trio, trio_moments), pooled) = context.join(
            || Unit::forward(context, trio, input, trio_parameters),
            || {
                let mut pooled = context.buffers.take(rows * channels);
                let chosen = pool::max_forward(context, &spans, images, channels, input, &mut pooled)?;
                let (unit, moments) = Unit::forward(context, proj, &pooled, p_pool);
                Ok::<_, OpError>((pooled, chosen, unit, moments))
            },
        );
        let (pooled, chosen, pool_proj, moments_pool) = pooled?;
        let spatial = |channels: &Range<usize>, geometry, parameters| {
            let mut reduced = context.buffers.take(rows * channels.len());
            trio.write(channels.clone(), &mut reduced);
            let (unit, moments) = Unit::forward(context, geometry, &reduced, parameters);
            (reduced, unit, moments)
        };
        let ((reduced3, b3x3, moments3), (reduced5, b5x5, moments5)) =
            context.join(|| spatial(&c3, g3, p3), || spatial(&c5, g5, p5));
        let [y3, y5, y_pool] = [&b3x3, &b5x5, &pool_proj];
        let parts = [trio.part(c1, at1), y3.whole(at3), y5.whole(at5), y_pool.whole(at_pool)];
        norm::apply(context, true, parts, &mut out, total);

        let [moments1, moments3r, moments5r] = trio_channels(&layers).map(|channels| BatchMoments {
            mean: trio_moments.mean[channels.clone()].to_vec(),
            variance: trio_moments.variance[channels].to_vec(),
        });
        let state = Self {
            layers,
            images,
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
    pub fn backward(self, dout: &[f32], dx: &mut [f32], gradients: &mut CpuGradients) -> Result<(), CpuError> {
        let Self { layers, images, spans, context, x, trio_weight, mut trio, chosen, .. } = self;
        let (mut b3x3, mut b5x5, mut pool_proj) = (self.b3x3, self.b5x5, self.pool_proj);
        let [x, reduced3, reduced5, pooled] = [&x[..], &self.reduced3, &self.reduced5, &self.pooled];
        let channels = layers[5].shape.0;
        let [c1, c3, c5] = trio_channels(&layers);
        let ([at1, at3, at5, at_pool], total) = output_channels(&layers);
        let branch = |offset| Columns { data: dout, stride: total, offset };

        // Each branch from its output back to what it read.
        let take = |layer: usize, gradients: &mut _| layers[layer].take_weight_gradient(gradients);
        let back = |unit: &mut Unit, x: &[f32], weight: &[f32], at, mut dw: Vec<f32>| {
            let [norm] = unit.backward_norm([(unit.channels(), branch(at))]);
            let mut dx = context.buffers.take(x.len());
            unit.weight_gradient(x, &mut dw);
            unit.input_gradient(weight, &mut dx, Destination::Overwrite);
            (norm, dw, dx)
        };
        let [dw3, dw5, dw_pool] = [take(2, gradients)?, take(4, gradients)?, take(5, gradients)?];
        let [w3, w5, w_pool] = [2, 4, 5].map(|i: usize| &layers[i].weight[..]);
        let ((norm3, dw3, dreduced3), ((norm5, dw5, dreduced5), (norm_pool, dw_pool, dpooled))) = context.join(
            || back(&mut b3x3, reduced3, w3, at3, dw3),
            || {
                let b5x5 = || back(&mut b5x5, reduced5, w5, at5, dw5);
                context.join(b5x5, || back(&mut pool_proj, pooled, w_pool, at_pool, dw_pool))
            },
        );
        for (layer, norm, dw) in [(2, norm3, dw3), (4, norm5, dw5), (5, norm_pool, dw_pool)] {
            layers[layer].add_norm(gradients, &norm)?;
            layers[layer].put_weight_gradient(gradients, dw)?;
        }

        let all = |data, stride| Columns { data, stride, offset: 0 };
        let norms = trio.backward_norm([
            (c1.clone(), branch(at1)),
            (c3.clone(), all(&dreduced3, c3.len())),
            (c5.clone(), all(&dreduced5, c5.len())),
        ]);
        for (layer, norm) in [0, 1, 3].into_iter().zip(&norms) {
            layers[layer].add_norm(gradients, norm)?;
        }
        let mut dtrio = context.buffers.take(trio_weight.len());
        dtrio.fill(0.0);
        context.join(
            || trio.weight_gradient(x, &mut dtrio),
            || {
                trio.input_gradient(&trio_weight, dx, Destination::Accumulate);
                pool::max_backward(&context, &spans, images, channels, &chosen, &dpooled, dx);
            },
        );
        for (layer, part) in [0, 1, 3].into_iter().zip([c1, c3, c5.clone()]) {
            let mut dw = layers[layer].take_weight_gradient(gradients)?;
            for (dw, dtrio) in dw.chunks_exact_mut(part.len()).zip(dtrio.chunks_exact(c5.end)) {
                dw.iter_mut().zip(&dtrio[part.clone()]).for_each(|(dw, dtrio)| *dw += dtrio);
            }
            layers[layer].put_weight_gradient(gradients, dw)?;
        }
        Ok(())
    }
}
