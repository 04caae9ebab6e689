//! Convolution on slices: a few hundred output rows at a time are gathered into a small matrix and multiplied.

use super::gemm::{Destination, Matrix, multiply};
use crate::ops::{OpError, Window};

/// Output rows gathered at a time: enough to repay the packing of the weights, few enough to stay in the cache.
const CHUNK: usize = 256;

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
        let output = window.output("conv2d", [height, width])?;
        let expected = window.kernel[0] * window.kernel[1] * c_in;
        if weight.0 != expected {
            return Err(OpError::Shape { op: "conv2d", what: "rows of the weight", got: weight.0, expected });
        }
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

    /// Elements one output pixel depends on.
    fn taps(&self) -> usize {
        self.window.kernel[0] * self.window.kernel[1] * self.c_in
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

    /// Calls `each(first tap of the pixel in the gathered row, offset of the input pixels, number of pixels)` for every run
    /// of input pixels under output pixel `row`'s window, and `gap(range)` for what lies in the padding.
    #[inline(always)]
    fn runs(&self, row: usize, mut each: impl FnMut(usize, usize, usize), mut gap: impl FnMut(usize, usize)) {
        let [kernel_h, kernel_w] = self.window.kernel;
        let column = row % self.output[1];
        let line = row / self.output[1] % self.output[0];
        let image = row / self.output[1] / self.output[0];
        let left = (column * self.window.stride[1]).cast_signed() - self.window.padding[1].cast_signed();
        let first = left.clamp(0, self.input[1].cast_signed()).cast_unsigned();
        let last = (left + kernel_w.cast_signed()).clamp(0, self.input[1].cast_signed()).cast_unsigned();
        let skipped = (first.cast_signed() - left).cast_unsigned().min(kernel_w);
        for ky in 0..kernel_h {
            let taps = ky * kernel_w;
            let y = (line * self.window.stride[0] + ky).cast_signed() - self.window.padding[0].cast_signed();
            if y < 0 || y >= self.input[0].cast_signed() || first >= last {
                gap(taps, kernel_w);
                continue;
            }
            let count = last - first;
            let source = (image * self.input[0] + y.cast_unsigned()) * self.input[1] + first;
            gap(taps, skipped);
            each(taps + skipped, source, count);
            gap(taps + skipped + count, kernel_w - skipped - count);
        }
    }

    /// Gathers the windows of output pixels `rows` into `columns: [rows, taps]`.
    fn gather(&self, x: &[f32], rows: std::ops::Range<usize>, columns: &mut [f32]) {
        let c = self.c_in;
        for (row, columns) in rows.zip(columns.chunks_exact_mut(self.taps())) {
            // Both closures write to the row, one after another.
            let columns = std::cell::RefCell::new(columns);
            self.runs(
                row,
                |tap, source, count| {
                    columns.borrow_mut()[tap * c..][..count * c].copy_from_slice(&x[source * c..][..count * c]);
                },
                |tap, count| columns.borrow_mut()[tap * c..][..count * c].fill(0.0),
            );
        }
    }

    /// Adds `columns: [rows, taps]` to the input pixels they were gathered from.
    fn scatter(&self, columns: &[f32], rows: std::ops::Range<usize>, x: &mut [f32]) {
        let c = self.c_in;
        for (row, columns) in rows.zip(columns.chunks_exact(self.taps())) {
            self.runs(
                row,
                |tap, source, count| {
                    let (x, columns) = (&mut x[source * c..][..count * c], &columns[tap * c..][..count * c]);
                    x.iter_mut().zip(columns).for_each(|(x, column)| *x += column);
                },
                |_, _| {},
            );
        }
    }

    /// The output rows in chunks.
    fn chunks(&self) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
        let rows = self.rows();
        (0..rows).step_by(CHUNK).map(move |start| start..rows.min(start + CHUNK))
    }

    /// A buffer for the gathered windows of one chunk.
    fn column_buffer(&self) -> Vec<f32> {
        vec![0.0; self.rows().min(CHUNK) * self.taps()]
    }
}

/// `y = x * weight`; `y: [rows, c_out]`.
pub fn forward(g: &Geometry, x: &[f32], weight: &[f32], y: &mut [f32]) {
    convolve(g, x, weight, y, Destination::Overwrite);
}

fn convolve(g: &Geometry, x: &[f32], weight: &[f32], y: &mut [f32], destination: Destination) {
    let weight = Matrix::new(weight, g.taps(), g.c_out);
    if g.window.is_pointwise() {
        return multiply(Matrix::new(x, g.rows(), g.c_in), weight, y, g.c_out, destination);
    }
    let mut columns = g.column_buffer();
    for rows in g.chunks() {
        g.gather(x, rows.clone(), &mut columns);
        let y = &mut y[rows.start * g.c_out..rows.end * g.c_out];
        multiply(Matrix::new(&columns, rows.len(), g.taps()), weight, y, g.c_out, destination);
    }
}

/// Adds the gradient of the weight: `dw += x^T dy`, `dw: [taps, c_out]`.
pub fn weight_gradient(g: &Geometry, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    if g.window.is_pointwise() {
        let (x, dy) = (Matrix::new(x, g.rows(), g.c_in), Matrix::new(dy, g.rows(), g.c_out));
        return multiply(x.t(), dy, dw, g.c_out, Destination::Accumulate);
    }
    let mut columns = g.column_buffer();
    for rows in g.chunks() {
        g.gather(x, rows.clone(), &mut columns);
        let dy = Matrix::new(&dy[rows.start * g.c_out..], rows.len(), g.c_out);
        multiply(Matrix::new(&columns, rows.len(), g.taps()).t(), dy, dw, g.c_out, Destination::Accumulate);
    }
}

/// Adds the gradient of the input: `dx += dy * weight^T`, `dx: [N, H, W, c_in]`.
pub fn input_gradient(g: &Geometry, dy: &[f32], weight: &[f32], dx: &mut [f32]) {
    let transposed_weight = Matrix::new(weight, g.taps(), g.c_out).t();
    if g.window.is_pointwise() {
        let dy = Matrix::new(dy, g.rows(), g.c_out);
        return multiply(dy, transposed_weight, dx, g.c_in, Destination::Accumulate);
    }
    if let Some(transposed) = g.transposed() {
        return convolve(&transposed, dy, &turned(g, weight), dx, Destination::Accumulate);
    }
    let mut columns = g.column_buffer();
    for rows in g.chunks() {
        let dy = Matrix::new(&dy[rows.start * g.c_out..], rows.len(), g.c_out);
        multiply(dy, transposed_weight, &mut columns, g.taps(), Destination::Overwrite);
        g.scatter(&columns, rows, dx);
    }
}

/// The kernel turned by 180 degrees with its channels swapped: `[taps of the output, c_in]`.
fn turned(g: &Geometry, weight: &[f32]) -> Vec<f32> {
    let pixels = g.window.kernel[0] * g.window.kernel[1];
    let mut turned = vec![0.0; weight.len()];
    for pixel in 0..pixels {
        let source = &weight[pixel * g.c_in * g.c_out..][..g.c_in * g.c_out];
        let target = &mut turned[(pixels - 1 - pixel) * g.c_out * g.c_in..][..g.c_out * g.c_in];
        for (i, row) in source.chunks_exact(g.c_out).enumerate() {
            for (o, value) in row.iter().enumerate() {
                target[o * g.c_in + i] = *value;
            }
        }
    }
    turned
}
