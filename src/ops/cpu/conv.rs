//! Convolution on slices: a plain matrix product where the kernel is one pixel, the fast algorithm for 3x3 kernels where it
//! pays, and otherwise a product whose left factor is read straight from the padded input.

use std::ops::Range;

use super::buffers::{Buffer, Buffers};
use super::context::{Context, cut, cut_mut};
use super::matmul::{
    Destination, Packed, Rows, Runs, add_transposed_product, multiply, pack_range, packed_len, panel_width,
};
use super::winograd::{self, Kernel, Tiling};
use crate::ops::{OpError, Window, sizes};

/// Rows multiplied at a time: enough to repay the loading of the weights. Divisible by all tile heights.
const ROWS: usize = 192;

/// Input elements under the rows multiplied at a time, at most: half of a second-level cache.
const WORKING_SET: usize = 65_536;

/// Elements of a matrix from which on it is packed by several threads.
const SHARED_PACKING: usize = 16_384;

/// Rows of the output's gradient that a weight gradient takes at a time: they stay in the innermost cache, a panel each.
const GRADIENT_ROWS: usize = 128;

/// The sizes of one convolution.
#[derive(Clone, Copy, Debug)]
pub struct Geometry {
    images: usize,
    input: [usize; 2],
    output: [usize; 2],
    c_in: usize,
    c_out: usize,
    window: Window,
}

impl Geometry {
    /// Sizes of a convolution of `x: [N, H, W, C_in]` by `weight: [kernel_h * kernel_w * C_in, C_out]`.
    pub fn new(x: (usize, usize, usize, usize), weight: (usize, usize), window: Window) -> Result<Self, OpError> {
        let (images, height, width, c_in) = x;
        let output = sizes::conv2d(&x, &weight, window)?;
        Ok(Self { images, input: [height, width], output, c_in, c_out: weight.1, window })
    }

    /// `[N, H', W', C_out]`.
    pub fn output_shape(&self) -> (usize, usize, usize, usize) {
        (self.images, self.output[0], self.output[1], self.c_out)
    }

    /// Output pixels of all images.
    pub fn rows(&self) -> usize {
        self.images * self.output[0] * self.output[1]
    }

    /// Output channels.
    pub fn c_out(&self) -> usize {
        self.c_out
    }

    /// Elements of one input image.
    fn input_elements(&self) -> usize {
        self.input[0] * self.input[1] * self.c_in
    }

    /// Elements of one output image.
    fn output_elements(&self) -> usize {
        self.output[0] * self.output[1] * self.c_out
    }

    /// The same convolution over some of the images.
    fn parts(self, shares: impl Iterator<Item = Range<usize>>) -> impl Iterator<Item = Self> {
        shares.map(move |share| Self { images: share.len(), ..self })
    }

    /// Elements one output pixel depends on.
    fn taps(&self) -> usize {
        self.window.kernel[0] * self.window.kernel[1] * self.c_in
    }

    /// Extents of the input with its padding.
    fn padded(&self) -> [usize; 2] {
        std::array::from_fn(|axis| self.input[axis] + 2 * self.window.padding[axis])
    }

    /// How the elements under a window lie in the padded input.
    fn runs(&self) -> Runs {
        let [kernel_h, kernel_w] = self.window.kernel;
        Runs { count: kernel_h, length: kernel_w * self.c_in, stride: self.padded()[1] * self.c_in }
    }

    /// The tiles of the fast algorithm for 3x3 kernels, if it has clearly fewer multiplications to do.
    fn tiling(&self) -> Option<Tiling> {
        let Self { images, output, c_in, c_out, .. } = *self;
        let tiling = Tiling { images, output, c_in, c_out };
        let pays = self.window.kernel == [3, 3] && self.window.stride == [1, 1] && c_in >= 8 && c_out >= 8;
        (pays && 4 * 16 * tiling.tiles() <= 3 * 9 * self.rows()).then_some(tiling)
    }

    /// The convolution that carries the gradient back to the input, if the stride is 1: over the output's gradient, with
    /// the kernel turned by 180 degrees.
    fn transposed(&self) -> Option<Self> {
        let [kernel, padding] = [self.window.kernel, self.window.padding];
        let padding = [kernel[0] - 1 - padding[0], kernel[1] - 1 - padding[1]];
        (self.window.stride == [1, 1]).then_some(Self {
            images: self.images,
            input: self.output,
            output: self.input,
            c_in: self.c_out,
            c_out: self.c_in,
            window: Window { kernel, stride: [1, 1], padding },
        })
    }

    /// The input with zeros around it, so that it has the extents `padded`, on all threads.
    fn pad_shared(&self, context: &Context, x: &[f32], padded: [usize; 2]) -> Buffer {
        let [padded_h, padded_w] = padded;
        let each = padded_h * padded_w * self.c_in;
        let mut buffer = context.buffers.take(self.images * each);
        let shares = context.shares(self.images);
        let parts = cut(x, shares.clone(), self.input_elements()).zip(cut_mut(&mut buffer, shares, each));
        context.each(parts, |(x, buffer)| self.pad_into(x, padded, buffer));
        buffer
    }

    /// The input with zeros around it, so that it has the extents `padded`.
    fn pad(&self, x: &[f32], padded: [usize; 2], buffers: &Buffers) -> Buffer {
        let [padded_h, padded_w] = padded;
        let mut buffer = buffers.take(self.images * padded_h * padded_w * self.c_in);
        self.pad_into(x, padded, &mut buffer);
        buffer
    }

    /// Writes some images with zeros around them.
    fn pad_into(&self, x: &[f32], [padded_h, padded_w]: [usize; 2], padded: &mut [f32]) {
        let ([height, width], [top, left], c) = (self.input, self.window.padding, self.c_in);
        for (to, from) in padded.chunks_exact_mut(padded_h * padded_w * c).zip(x.chunks_exact(height * width * c)) {
            let (above, to) = to.split_at_mut(top * padded_w * c);
            let (inside, below) = to.split_at_mut(height * padded_w * c);
            above.fill(0.0);
            below.fill(0.0);
            for (to, from) in inside.chunks_exact_mut(padded_w * c).zip(from.chunks_exact(width * c)) {
                to[..left * c].fill(0.0);
                to[left * c..][..width * c].copy_from_slice(from);
                to[(left + width) * c..].fill(0.0);
            }
        }
    }

    /// Calls `each` for the output rows, `at_once` at a time, with the start of each one's window in the padded input.
    fn chunks(&self, at_once: usize, mut each: impl FnMut(Range<usize>, &[usize])) {
        let ([padded_h, padded_w], [stride_h, stride_w]) = (self.padded(), self.window.stride);
        let ([height, width], rows) = (self.output, self.rows());
        let mut starts = Vec::with_capacity(at_once);
        let mut done = 0;
        for image in 0..self.images {
            for y in 0..height {
                let line = (image * padded_h + y * stride_h) * padded_w;
                for x in 0..width {
                    starts.push((line + x * stride_w) * self.c_in);
                    if starts.len() == at_once || done + starts.len() == rows {
                        each(done..done + starts.len(), &starts);
                        done += starts.len();
                        starts.clear();
                    }
                }
            }
        }
    }

    /// Rows to multiply at a time.
    fn rows_at_once(&self) -> usize {
        let elements = self.c_in * self.window.stride[0] * self.window.stride[1];
        (WORKING_SET / elements).clamp(24, ROWS) / 24 * 24
    }
}

/// `y = x * weight`; `y: [rows, c_out]`.
pub fn forward(context: &Context, g: &Geometry, x: &[f32], weight: &[f32], y: &mut [f32]) {
    convolve(context, g, x, (weight, Kernel::Upright), y, Destination::Overwrite);
}

fn convolve(
    context: &Context,
    g: &Geometry,
    x: &[f32],
    (weight, kernel): (&[f32], Kernel),
    y: &mut [f32],
    destination: Destination,
) {
    let Context { isa, buffers, .. } = context;
    let (size, c_out) = ([g.taps(), g.c_out], g.c_out);
    // Every output pixel is computed by itself, so images can be shared out.
    let shares = context.fine_shares(g.images);
    let parts = g.parts(shares.clone()).zip(cut(x, shares.clone(), g.input_elements()));
    let parts = parts.zip(cut_mut(y, shares, g.output_elements()));
    if let Some(tiling) = g.tiling() {
        let kernel = winograd::transformed(context, (weight, kernel), [g.c_in, c_out]);
        context.each(parts, |((g, x), y)| {
            let tiling = Tiling { images: g.images, ..tiling };
            let x = g.pad(x, tiling.padded(), buffers);
            winograd::convolve(context, &tiling, &x, &kernel, y, destination);
        });
        return;
    }
    let mut packed = buffers.take(packed_len(*isa, size[0], size[1]));
    let weight = match kernel {
        Kernel::Upright => pack_shared(context, &mut packed, weight, size, [c_out, 1]),
        // One pixel turned around is a transposed matrix.
        Kernel::Turned if g.window.is_pointwise() => pack_shared(context, &mut packed, weight, size, [1, g.c_in]),
        Kernel::Turned => pack_shared(context, &mut packed, &turned(g, weight, buffers), size, [c_out, 1]),
    };
    context.each(parts, |((g, x), y)| {
        let padded = (!g.window.is_pointwise()).then(|| g.pad(x, g.padded(), buffers));
        let data = padded.as_deref().unwrap_or(x);
        g.chunks(g.rows_at_once(), |rows, starts| {
            let y = &mut y[rows.start * c_out..rows.end * c_out];
            multiply(Rows { data, starts, runs: g.runs() }, weight, y, destination);
        });
    });
}

/// [`Packed::pack`] on all threads, if the matrix is large enough to repay sharing it out.
fn pack_shared<'a>(
    context: &Context,
    buffer: &'a mut [f32],
    data: &[f32],
    [rows, columns]: [usize; 2],
    strides: [usize; 2],
) -> Packed<'a> {
    let (isa, width) = (context.isa, panel_width(context.isa, columns));
    if rows * columns < SHARED_PACKING {
        return Packed::pack(isa, buffer, data, [rows, columns], strides);
    }
    let shares = context.shares(columns.div_ceil(width));
    context.each(shares.clone().zip(cut_mut(buffer, shares, rows * width)), |(share, buffer)| {
        let range = share.start * width..columns.min(share.end * width);
        pack_range(isa, buffer, data, [rows, columns], range, strides);
    });
    Packed::of(isa, buffer, [rows, columns])
}

/// Adds the gradient of the weight: `dw += x^T dy`, `dw: [taps, c_out]`.
pub fn weight_gradient(context: &Context, g: &Geometry, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let Context { isa, buffers, .. } = context;
    if let Some(tiling) = g.tiling() {
        let x = g.pad_shared(context, x, tiling.padded());
        return winograd::add_weight_gradient(context, &tiling, &x, dy, dw);
    }
    let padded = (!g.window.is_pointwise()).then(|| g.pad_shared(context, x, g.padded()));
    let data = padded.as_deref().unwrap_or(x);
    // Every tap sums over all rows in their order, so taps can be shared out: by lines of the kernel, or those of one line.
    let runs = g.runs();
    let (count, taps) = if runs.count > 1 { (runs.count, runs.length) } else { (runs.length, 1) };
    let shares = context.shares(count);
    context.each(shares.clone().zip(cut_mut(dw, shares, taps * g.c_out)), |(share, dw)| {
        let (first, runs) = if runs.count > 1 {
            (share.start * runs.stride, Runs { count: share.len(), ..runs })
        } else {
            (share.start, Runs::one(share.len()))
        };
        let mut packed = buffers.take(packed_len(*isa, GRADIENT_ROWS, g.c_out));
        g.chunks(GRADIENT_ROWS, |rows, starts| {
            let dy = &dy[rows.start * g.c_out..rows.end * g.c_out];
            let a = Rows { data: &data[first..], starts, runs };
            add_transposed_product(*isa, a, dy, g.c_out, dw, &mut packed);
        });
    });
}

/// The gradient of the input: `dx = dy * weight^T` or `dx += dy * weight^T`, `dx: [N, H, W, c_in]`.
pub fn input_gradient(
    context: &Context,
    g: &Geometry,
    dy: &[f32],
    weight: &[f32],
    dx: &mut [f32],
    destination: Destination,
) {
    if let Some(transposed) = g.transposed() {
        return convolve(context, &transposed, dy, (weight, Kernel::Turned), dx, destination);
    }
    let Context { isa, buffers, .. } = context;
    if destination == Destination::Overwrite {
        dx.fill(0.0);
    }
    // Every output pixel's share in its window is added there.
    let (taps, [padded_h, padded_w], runs) = (g.taps(), g.padded(), g.runs());
    let mut packed = buffers.take(packed_len(*isa, g.c_out, taps));
    let weight = Packed::pack(*isa, &mut packed, weight, [g.c_out, taps], [1, g.c_out]);
    let mut columns = buffers.take(ROWS * taps);
    let mut padded = buffers.take(g.images * padded_h * padded_w * g.c_in);
    padded.fill(0.0);
    g.chunks(ROWS, |rows, windows| {
        let starts: Vec<usize> = rows.map(|row| row * g.c_out).collect();
        let dy = Rows { data: dy, starts: &starts, runs: Runs::one(g.c_out) };
        multiply(dy, weight, &mut columns, Destination::Overwrite);
        for (columns, start) in columns.chunks_exact(taps).zip(windows) {
            for (run, columns) in columns.chunks_exact(runs.length).enumerate() {
                let pixels = &mut padded[start + run * runs.stride..][..runs.length];
                pixels.iter_mut().zip(columns).for_each(|(pixel, column)| *pixel += column);
            }
        }
    });
    let ([height, width], [top, left], c) = (g.input, g.window.padding, g.c_in);
    for (to, from) in dx.chunks_exact_mut(height * width * c).zip(padded.chunks_exact(padded_h * padded_w * c)) {
        let lines = from.chunks_exact(padded_w * c).skip(top);
        for (to, from) in to.chunks_exact_mut(width * c).zip(lines) {
            to.iter_mut().zip(&from[left * c..]).for_each(|(to, from)| *to += from);
        }
    }
}

/// The kernel turned by 180 degrees with its channels swapped: `[taps, c_out]` of the convolution `g` that takes it, from
/// the weights of the one whose gradient it carries.
fn turned(g: &Geometry, weight: &[f32], buffers: &Buffers) -> Buffer {
    let plane = g.c_in * g.c_out;
    let mut turned = buffers.take(weight.len());
    for (to, from) in turned.chunks_exact_mut(plane).zip(weight.chunks_exact(plane).rev()) {
        for (i, to) in to.chunks_exact_mut(g.c_out).enumerate() {
            for (to, from) in to.iter_mut().zip(from[i..].iter().step_by(g.c_in)) {
                *to = *from;
            }
        }
    }
    turned
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::super::crew::{Crew, Member};
    use super::*;
    use crate::ops::reference::random;

    #[test]
    fn the_number_of_threads_does_not_change_a_bit() {
        let cases = [
            // Weights that are packed by several threads, with a few, half and all columns in their last panel.
            (1, 500, 40, [1, 1]),
            (1, 400, 176, [2, 3]),
            (5, 24, 72, [5, 4]),
            (5, 16, 64, [3, 3]),
            // The fast algorithm, and small ones.
            (3, 24, 40, [8, 8]),
            (3, 8, 12, [4, 6]),
            (1, 8, 4, [2, 2]),
        ];
        for (kernel, c_in, c_out, [height, width]) in cases {
            let (images, window) = (5, Window::square(kernel, 1, kernel / 2));
            let g = Geometry::new((images, height, width, c_in), (kernel * kernel * c_in, c_out), window).unwrap();
            let x = random(images * g.input_elements(), 1);
            let weight = random(g.taps() * c_out, 2);
            let dy = random(images * g.output_elements(), 3);
            let results = |context: &Context| {
                let (mut y, mut dx, mut dw) = (vec![0.0; dy.len()], vec![0.0; x.len()], vec![0.0; weight.len()]);
                forward(context, &g, &x, &weight, &mut y);
                input_gradient(context, &g, &dy, &weight, &mut dx, Destination::Overwrite);
                weight_gradient(context, &g, &x, &dy, &mut dw);
                [y, dx, dw].map(|values| values.into_iter().map(f32::to_bits).collect::<Vec<_>>())
            };
            let alone = results(&Context::default());
            for threads in [2, 3, 8] {
                let crew = Crew::new(NonZeroUsize::new(threads).unwrap()).unwrap();
                let case = format!("{kernel}x{kernel}, {c_in} -> {c_out}, {threads} threads");
                assert!(results(&Context::of(Member::new(&crew))) == alone, "{case}");
            }
        }
    }
}
