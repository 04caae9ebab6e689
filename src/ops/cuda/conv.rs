//! Convolution: what lies under the windows is put side by side, some images at a time, and multiplied by the weights.
//!
//! A window of one pixel needs no such copy. The backward pass makes the copy again, which is cheaper than to keep it.

use std::ops::Range;

use cudarc::driver::CudaSlice;
use dfdx::tensor::CudaError;

use super::context::{Context, countable};
use super::kernels::{FactorValue, Plain};
use super::memory::{View, ViewMut};
use super::operands::{Conv, Matrix};
use super::products::Factor;
use super::values::{Stored, Values, ValuesMut};
use crate::ops::{OpError, Window, sizes, workspace};

/// The sizes of one convolution.
#[derive(Clone, Copy, Debug)]
pub struct Geometry {
    images: usize,
    output: [usize; 2],
    c_out: usize,
    pointwise: bool,
    conv: Conv,
}

impl Geometry {
    /// Sizes of a convolution of `x: [N, H, W, C_in]` by `weight: [kernel_h * kernel_w * C_in, C_out]`.
    pub fn new(x: (usize, usize, usize, usize), weight: (usize, usize), window: Window) -> Result<Self, OpError> {
        let (images, height, width, channels) = x;
        let output = sizes::conv2d(&x, &weight, window)?;
        let pixels = output[0] * output[1];
        let input = height * width * channels;
        countable(
            "conv2d",
            [
                images * input,
                images * pixels * weight.1,
                pixels * workspace::row_of_windows(weight.0),
                weight.0 * weight.1,
            ],
        )?;
        // Smaller than what was counted, or than the input that they fit.
        let [height, width, channels] = [height, width, channels].map(|extent| extent as u32);
        let [out_height, out_width] = output.map(|extent| extent as u32);
        let [kernel, stride, padding] =
            [window.kernel, window.stride, window.padding].map(|sides| sides.map(|side| side as u32));
        let conv = Conv { height, width, channels, out_height, out_width, kernel, stride, padding };
        Ok(Self { images, output, c_out: weight.1, pointwise: window.is_pointwise(), conv })
    }

    /// `[N, H', W', C_out]`.
    pub fn output_shape(&self) -> (usize, usize, usize, usize) {
        (self.images, self.output[0], self.output[1], self.c_out)
    }

    /// Calls `work` with which values of input and output are those of some images, and memory for what lies under their
    /// windows, `row` values for each.
    fn each_part<E: Plain>(
        &self,
        context: &Context,
        row: usize,
        mut work: impl FnMut(Range<usize>, Range<usize>, ViewMut<'_, E>) -> Result<(), CudaError>,
    ) -> Result<(), CudaError> {
        let windows = self.conv.pixels() * row;
        let at_once = workspace::images_at_once(self.images, windows, context.window_values);
        let mut memory: CudaSlice<E> = context.kernels.scratch(at_once * windows)?;
        let mut memory = ViewMut::of(&mut memory);
        for first in (0..self.images).step_by(at_once) {
            let images = first..self.images.min(first + at_once);
            let values = |size: usize| images.start * size..images.end * size;
            let (input, output) = (values(self.conv.input()), values(self.conv.pixels() * self.c_out));
            work(input, output, memory.part(0..images.len() * windows))?;
        }
        Ok(())
    }

    /// Calls `work` with what lies under the windows of some images, a row for each pixel of the output, and which values of
    /// the output these pixels have.
    fn each_windows(
        &self,
        context: &Context,
        x: Values<'_>,
        mut work: impl FnMut(Matrix<'_>, Range<usize>) -> Result<(), CudaError>,
    ) -> Result<(), CudaError> {
        if self.pointwise {
            return work(Matrix::new(x, self.conv.taps()), 0..self.images * self.conv.pixels() * self.c_out);
        }
        match x {
            Values::F32(x) => self.each_windows_of(context, x, work),
            Values::F16(x) => self.each_windows_of(context, x, work),
        }
    }

    fn each_windows_of<E: FactorValue>(
        &self,
        context: &Context,
        x: View<'_, E>,
        mut work: impl FnMut(Matrix<'_>, Range<usize>) -> Result<(), CudaError>,
    ) -> Result<(), CudaError>
    where
        for<'a> View<'a, E>: Into<Values<'a>>,
    {
        let (taps, row) = (self.conv.taps(), workspace::row_of_windows(self.conv.taps()));
        self.each_part::<E>(context, row, |input, output, mut windows| {
            context.kernels.window_rows(self.conv, x.part(input), windows.reborrow(), row)?;
            work(Matrix::new(windows.read(), row).first_columns(taps), output)
        })
    }
}

/// `x: [N, H, W, C_in]`, `weight: [taps, C_out]` -> `y: [N, H', W', C_out]`.
pub fn forward(
    context: &Context,
    geometry: &Geometry,
    x: Values<'_>,
    weight: View<'_>,
    mut y: ValuesMut<'_>,
) -> Result<(), CudaError> {
    let Context { kernels, products, .. } = context;
    let weight = products.factor(kernels, weight)?;
    let weight = weight.all(geometry.c_out);
    geometry.each_windows(context, x, |windows, output| products.multiply(windows, weight, y.part(output), false))
}

/// [`forward`] into memory of its own, in which it is kept.
pub fn output(context: &Context, geometry: &Geometry, x: Values<'_>, weight: View<'_>) -> Result<Stored, OpError> {
    let values = geometry.images * geometry.conv.pixels() * geometry.c_out;
    let mut y = Stored::scratch(&context.kernels, context.products.precision(), values).map_err(OpError::device)?;
    forward(context, geometry, x, weight, y.values_mut()).map_err(OpError::device)?;
    Ok(y)
}

/// Adds the gradient of the weight to `dw`.
pub fn weight_gradient(
    context: &Context,
    geometry: &Geometry,
    x: Values<'_>,
    dy: &Factor<'_>,
    mut dw: ViewMut<'_>,
) -> Result<(), CudaError> {
    geometry.each_windows(context, x, |windows, output| {
        let dy = dy.rows(output, geometry.c_out);
        context.products.multiply(windows.transposed(), dy, dw.reborrow(), true)
    })
}

/// Adds the gradient of the input to `dx`.
pub fn input_gradient(
    context: &Context,
    geometry: &Geometry,
    dy: &Factor<'_>,
    weight: View<'_>,
    mut dx: ViewMut<'_>,
) -> Result<(), CudaError> {
    let Context { kernels, products, .. } = context;
    let (conv, c_out) = (geometry.conv, geometry.c_out);
    let weight = products.factor(kernels, weight)?;
    let weight = weight.all(c_out).transposed();
    if geometry.pointwise {
        return products.multiply(dy.all(c_out), weight, dx, true);
    }
    geometry.each_part::<f32>(context, conv.taps(), |input, output, mut windows| {
        let dy = dy.rows(output, c_out);
        products.multiply(dy, weight, windows.reborrow(), false)?;
        kernels.window_rows_gradient(conv, windows.read(), dx.part(input))
    })
}
