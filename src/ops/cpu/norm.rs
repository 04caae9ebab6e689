//! Batch norm on slices, with ReLU riding along.

use std::ops::Range;

use super::context::{Context, cut_mut};
use super::simd::{for_each_stretch, vectorised};

/// Rows summed in f32 before their sum joins an f64 total.
const CHUNK: usize = 256;

/// Some channels of rows `stride` apart: those from `offset` on, as many as the norm has that reads them.
#[derive(Clone, Copy)]
pub struct Columns<'a> {
    /// All rows.
    pub data: &'a [f32],
    /// Distance between rows.
    pub stride: usize,
    /// First channel.
    pub offset: usize,
}

impl Columns<'_> {
    /// The same channels of some of the rows.
    fn rows(self, rows: &Range<usize>) -> Self {
        Self { data: &self.data[rows.start * self.stride..rows.end * self.stride], ..self }
    }
}

/// Some channels of rows `stride` apart, to be written.
pub struct ColumnsMut<'a> {
    /// All rows.
    pub data: &'a mut [f32],
    /// Distance between rows.
    pub stride: usize,
    /// First channel.
    pub offset: usize,
}

/// The statistics of a batch and the affine map they make: `y = x * gain + offset`.
#[derive(Clone)]
pub struct Norm {
    mean: Vec<f32>,
    inverse_deviation: Vec<f32>,
    gain: Vec<f32>,
    offset: Vec<f32>,
}

/// Gradients of a norm's parameters, `[C]` each.
pub struct NormGradients {
    /// Of the scale.
    pub scale: Vec<f32>,
    /// Of the shift.
    pub shift: Vec<f32>,
}

/// Parts of the rows that are summed by themselves. Their number does not depend on that of the threads, nor do the sums.
const SHARDS: usize = 8;

/// Rows of a part: whole chunks.
fn shard(rows: usize) -> usize {
    rows.div_ceil(SHARDS).next_multiple_of(CHUNK)
}

/// Two sums a channel.
struct Sums {
    /// Of the rows of a chunk.
    chunk: [Vec<f32>; 2],
    /// Of the chunks so far.
    total: [Vec<f64>; 2],
}

impl Sums {
    fn new(channels: usize) -> Self {
        Self { chunk: [vec![0.0; channels], vec![0.0; channels]], total: [vec![0.0; channels], vec![0.0; channels]] }
    }

    /// Adds a chunk, whose sums `sum` writes.
    fn add_chunk(&mut self, sum: impl FnOnce(&mut [f32], &mut [f32])) {
        let [a, b] = &mut self.chunk;
        sum(a, b);
        for (total, chunk) in self.total.iter_mut().zip(&self.chunk) {
            total.iter_mut().zip(chunk).for_each(|(total, &sum)| *total += f64::from(sum));
        }
    }

    /// The sums of shards, added in their order.
    fn of_shards(shards: Vec<Self>, channels: usize) -> [Vec<f64>; 2] {
        shards.into_iter().fold(Self::new(channels).total, |mut total, shard| {
            for (total, sum) in total.iter_mut().zip(&shard.total) {
                total.iter_mut().zip(sum).for_each(|(total, sum)| *total += sum);
            }
            total
        })
    }
}

/// Mean and biased variance of each of `channels` channels over the rows of `x`.
pub fn moments(context: &Context, x: &[f32], channels: usize) -> (Vec<f32>, Vec<f32>) {
    // Deviations from the first row: squares of values far from 0 would cancel.
    let pivot = &x[..channels];
    let shards = context.map(x.chunks(shard(x.len() / channels) * channels), |x| {
        let mut sums = Sums::new(channels);
        for chunk in x.chunks(CHUNK * channels) {
            sums.add_chunk(|sum, squares| sum_deviations(chunk, pivot, sum, squares));
        }
        sums
    });
    let [sum, squares] = Sums::of_shards(shards, channels);
    let n = (x.len() / channels) as f64;
    let mean = sum.iter().zip(pivot).map(|(sum, &pivot)| (f64::from(pivot) + sum / n) as f32).collect();
    let variance = sum.iter().zip(&squares).map(|(sum, squares)| {
        let mean = sum / n;
        // NaN has to stay NaN, so that a divergence is seen.
        let variance = (squares / n - mean * mean) as f32;
        if variance < 0.0 { 0.0 } else { variance }
    });
    (mean, variance.collect())
}

vectorised! {
    /// Each channel's sums of the deviations from the pivot, and of their squares.
    fn sum_deviations(x: &[f32], pivot: &[f32], sum: &mut [f32], squares: &mut [f32]) {
        let channels = pivot.len();
        macro_rules! stretch {
            ($at:expr, $count:literal) => {{
                let (mut sums, mut products, mut pivots) = ([0.0; $count], [0.0; $count], [0.0; $count]);
                pivots.copy_from_slice(&pivot[$at..][..$count]);
                for row in x.chunks_exact(channels) {
                    let row = &row[$at..][..$count];
                    for lane in 0..$count {
                        let deviation = row[lane] - pivots[lane];
                        sums[lane] += deviation;
                        products[lane] += deviation * deviation;
                    }
                }
                sum[$at..][..$count].copy_from_slice(&sums);
                squares[$at..][..$count].copy_from_slice(&products);
            }};
        }
        for_each_stretch!(channels, stretch);
    }

    /// `out = x * gain + offset`, but not under `floor`. NaN stays NaN, so that a divergence is seen.
    fn affine(x: Columns<'_>, out: ColumnsMut<'_>, norm: &Norm, floor: f32) {
        let channels = norm.gain.len();
        let (gain, offset) = (&norm.gain[..channels], &norm.offset[..channels]);
        for (x_row, out_row) in x.data.chunks_exact(x.stride).zip(out.data.chunks_exact_mut(out.stride)) {
            let (x_row, out_row) = (&x_row[x.offset..][..channels], &mut out_row[out.offset..][..channels]);
            for j in 0..channels {
                let y = x_row[j] * gain[j] + offset[j];
                out_row[j] = if y < floor { floor } else { y };
            }
        }
    }

    /// [`affine`] in place, over rows of exactly the norm's channels.
    fn affine_in_place(x: &mut [f32], norm: &Norm, floor: f32) {
        let channels = norm.gain.len();
        let (gain, offset) = (&norm.gain[..channels], &norm.offset[..channels]);
        for row in x.chunks_exact_mut(channels) {
            for j in 0..channels {
                let y = row[j] * gain[j] + offset[j];
                row[j] = if y < floor { floor } else { y };
            }
        }
    }

    /// Each channel's sums of `dy` and `dy * (x - mean)`, where `x * gain + offset` is over `floor`.
    fn sum_gradients(x: Columns<'_>, dy: Columns<'_>, norm: &Norm, floor: f32, sum: &mut [f32], product: &mut [f32]) {
        let channels = norm.gain.len();
        macro_rules! stretch {
            ($at:expr, $count:literal) => {{
                let part = |values: &[f32]| -> [f32; $count] { std::array::from_fn(|lane| values[$at + lane]) };
                let (gain, offset, mean) = (part(&norm.gain), part(&norm.offset), part(&norm.mean));
                let (mut sums, mut products) = ([0.0; $count], [0.0; $count]);
                for (x_row, dy_row) in x.data.chunks_exact(x.stride).zip(dy.data.chunks_exact(dy.stride)) {
                    let (x_row, dy_row) = (&x_row[x.offset + $at..][..$count], &dy_row[dy.offset + $at..][..$count]);
                    for lane in 0..$count {
                        let (x, dy) = (x_row[lane], dy_row[lane]);
                        let dy = if x * gain[lane] + offset[lane] > floor { dy } else { 0.0 };
                        sums[lane] += dy;
                        products[lane] += dy * (x - mean[lane]);
                    }
                }
                sum[$at..][..$count].copy_from_slice(&sums);
                product[$at..][..$count].copy_from_slice(&products);
            }};
        }
        for_each_stretch!(channels, stretch);
    }

    /// `x = gain * dy - constant - x * slope`, with `dy` masked as in [`sum_gradients`].
    fn replace_by_gradient(
        x: ColumnsMut<'_>,
        dy: Columns<'_>,
        norm: &Norm,
        floor: f32,
        constant: &[f32],
        slope: &[f32],
    ) {
        let channels = norm.gain.len();
        let (gain, offset) = (&norm.gain[..channels], &norm.offset[..channels]);
        let (constant, slope) = (&constant[..channels], &slope[..channels]);
        for (x_row, dy_row) in x.data.chunks_exact_mut(x.stride).zip(dy.data.chunks_exact(dy.stride)) {
            let (x_row, dy_row) = (&mut x_row[x.offset..][..channels], &dy_row[dy.offset..][..channels]);
            for j in 0..channels {
                let (x, dy) = (x_row[j], dy_row[j]);
                let dy = if x * gain[j] + offset[j] > floor { dy } else { 0.0 };
                x_row[j] = gain[j] * dy - constant[j] - x * slope[j];
            }
        }
    }
}

/// The value under which nothing passes.
const fn floor(relu: bool) -> f32 {
    if relu { 0.0 } else { f32::NEG_INFINITY }
}

impl Norm {
    /// The map for given statistics; `variance` is the biased one for a batch, the running one at inference.
    pub fn new(mean: Vec<f32>, variance: &[f32], scale: &[f32], shift: &[f32], epsilon: f32) -> Self {
        let inverse_deviation: Vec<f32> = variance.iter().map(|variance| 1.0 / (variance + epsilon).sqrt()).collect();
        let gain: Vec<f32> = scale.iter().zip(&inverse_deviation).map(|(scale, inverse)| scale * inverse).collect();
        let offset = shift.iter().zip(&mean).zip(&gain).map(|((shift, mean), gain)| shift - mean * gain).collect();
        Self { mean, inverse_deviation, gain, offset }
    }

    /// The norm of some of the channels.
    pub fn slice(&self, channels: Range<usize>) -> Self {
        let part = |values: &Vec<f32>| values[channels.clone()].to_vec();
        Self {
            mean: part(&self.mean),
            inverse_deviation: part(&self.inverse_deviation),
            gain: part(&self.gain),
            offset: part(&self.offset),
        }
    }

    /// `x = x * gain + offset`, through ReLU if `relu`, over rows of exactly these channels.
    pub fn apply_in_place(&self, relu: bool, x: &mut [f32]) {
        affine_in_place(x, self, floor(relu));
    }

    /// The gradient of [`Norm::apply_in_place`] without ReLU and with fixed statistics: `dx += gain * dy`.
    pub fn backward_fixed(&self, context: &Context, x: &[f32], dy: &[f32], dx: &mut [f32]) -> NormGradients {
        let channels = self.gain.len();
        let rows = |data| Columns { data, stride: channels, offset: 0 };
        let [(shift, scale)] = parameter_gradients(context, false, [(self, rows(x), rows(dy))]);
        for (dx, dy) in dx.chunks_exact_mut(channels).zip(dy.chunks_exact(channels)) {
            dx.iter_mut().zip(dy).zip(&self.gain).for_each(|((dx, dy), gain)| *dx += gain * dy);
        }
        NormGradients::new(&scale, &shift)
    }
}

/// Some channels of a matrix, and the norm that is theirs.
pub struct Part<'a> {
    /// As many channels as the columns have.
    pub norm: Norm,
    /// What the norm is applied to.
    pub x: Columns<'a>,
    /// First channel of the output.
    pub to: usize,
}

/// `out = x * gain + offset` for every part, through ReLU if `relu`; all with as many rows as `out`, which lie `stride` apart.
pub fn apply<const N: usize>(context: &Context, relu: bool, parts: [Part<'_>; N], out: &mut [f32], stride: usize) {
    let shares = context.shares(out.len() / stride);
    context.each(shares.clone().zip(cut_mut(out, shares, stride)), |(share, out)| {
        for Part { norm, x, to } in &parts {
            let out = ColumnsMut { data: &mut *out, stride, offset: *to };
            affine(x.rows(&share), out, norm, floor(relu));
        }
    });
}

/// The gradients of [`apply`] with the statistics of the batch, for parts of one matrix `x`, whose rows lie `stride` apart:
/// each part of `x`, from channel `at` on, becomes its gradient.
///
/// Source: Ioffe and Szegedy 2015, section 3. The mask of ReLU is computed again from `x`, so that no output is kept.
pub fn backward<const N: usize>(
    context: &Context,
    relu: bool,
    x: &mut [f32],
    stride: usize,
    parts: [(Norm, usize, Columns<'_>); N],
) -> [NormGradients; N] {
    let columns = |at: usize| Columns { data: x, stride, offset: at };
    let sums = parameter_gradients(context, relu, parts.each_ref().map(|(norm, at, dy)| (norm, columns(*at), *dy)));
    let n = (x.len() / stride) as f64;
    // dx = gain * (dy - mean(dy) - z * mean(dy * z)) for the normalised z, gathered into one multiple of x.
    let maps: [(Vec<f32>, Vec<f32>); N] = std::array::from_fn(|part| {
        let (norm, (shift, scale)) = (&parts[part].0, &sums[part]);
        let map = |j: usize| {
            let gain = f64::from(norm.gain[j]);
            let slope = gain * scale[j] / n * f64::from(norm.inverse_deviation[j]);
            (slope as f32, (gain * shift[j] / n - f64::from(norm.mean[j]) * slope) as f32)
        };
        (0..norm.gain.len()).map(map).unzip()
    });
    let shares = context.shares(x.len() / stride);
    context.each(shares.clone().zip(cut_mut(x, shares, stride)), |(share, data)| {
        for ((norm, at, dy), (slope, constant)) in parts.iter().zip(&maps) {
            let x = ColumnsMut { data: &mut *data, stride, offset: *at };
            replace_by_gradient(x, dy.rows(&share), norm, floor(relu), constant, slope);
        }
    });
    sums.map(|(shift, scale)| NormGradients::new(&scale, &shift))
}

/// Gradients of shift and scale for every norm: the sums of `dy` and of `dy` times the normalised input.
fn parameter_gradients<const N: usize>(
    context: &Context,
    relu: bool,
    parts: [(&Norm, Columns<'_>, Columns<'_>); N],
) -> [(Vec<f64>, Vec<f64>); N] {
    let rows = parts.first().map_or(0, |(_, x, _)| x.data.len() / x.stride);
    let shard = shard(rows);
    let shards = context.map((0..rows).step_by(shard), |first| {
        let rows = first..rows.min(first + shard);
        parts.map(|(norm, x, dy)| {
            let mut sums = Sums::new(norm.gain.len());
            for first in rows.clone().step_by(CHUNK) {
                let rows = first..rows.end.min(first + CHUNK);
                let (x, dy) = (x.rows(&rows), dy.rows(&rows));
                sums.add_chunk(|sum, product| sum_gradients(x, dy, norm, floor(relu), sum, product));
            }
            sums
        })
    });
    let mut of_parts: [Vec<Sums>; N] = std::array::from_fn(|_| Vec::with_capacity(shards.len()));
    for shard in shards {
        of_parts.iter_mut().zip(shard).for_each(|(sums, shard)| sums.push(shard));
    }
    let mut part = parts.iter();
    of_parts.map(|shards| {
        let inverse = part.next().map_or(&[][..], |(norm, ..)| &norm.inverse_deviation);
        let [shift, mut scale] = Sums::of_shards(shards, inverse.len());
        scale.iter_mut().zip(inverse).for_each(|(scale, &inverse)| *scale *= f64::from(inverse));
        (shift, scale)
    })
}

impl NormGradients {
    fn new(scale: &[f64], shift: &[f64]) -> Self {
        let narrow = |values: &[f64]| values.iter().map(|&value| value as f32).collect();
        Self { scale: narrow(scale), shift: narrow(shift) }
    }
}
