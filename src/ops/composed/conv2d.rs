//! Convolution: pixels gathered into patches, then one matrix product.

use dfdx::prelude::*;

use super::constants::Constants;
use super::gather::gather;
use crate::ops::{Maps, OpError, Rows, Window, sizes};

/// See [`Engine::conv2d`](crate::ops::Engine::conv2d).
pub fn conv2d<D: Device<f32>, T: Tape<f32, D>>(
    constants: &Constants<D>,
    x: Maps<D, T>,
    weight: &Rows<D>,
    window: Window,
) -> Result<Maps<D, T>, OpError> {
    let (images, _, _, _) = *x.shape();
    let (_, c_out) = *weight.shape();
    let output = sizes::conv2d(x.shape(), weight.shape(), window)?;
    let y = patches(constants, x, window, output)?.try_matmul(weight.retaped::<T>()).map_err(OpError::device)?;
    y.try_reshape_like(&(images, output[0], output[1], c_out)).map_err(OpError::device)
}

/// The pixels under the window at each output pixel: `[N * H' * W', kernel_h * kernel_w * C]`.
fn patches<D: Device<f32>, T: Tape<f32, D>>(
    constants: &Constants<D>,
    x: Maps<D, T>,
    window: Window,
    output: [usize; 2],
) -> Result<Rows<D, T>, OpError> {
    let (images, height, width, channels) = *x.shape();
    let device = x.device().clone();
    let rows = (images * output[0] * output[1], window.kernel[0] * window.kernel[1] * channels);
    if window.is_pointwise() {
        return x.try_reshape_like(&rows).map_err(OpError::device);
    }
    let pixels = x.try_reshape_like(&(images, height * width, channels)).map_err(OpError::device)?;
    let padding: Tensor<(usize, usize, usize), f32, D> =
        device.try_zeros_like(&(images, 1usize, channels)).map_err(OpError::device)?;
    let padded = (pixels, padding.retaped::<T>()).try_concat_along(Axis::<1>).map_err(OpError::device)?;
    let indices = constants.patches(&device, window, [height, width], output)?;
    gather(padded, indices)?.try_reshape_like(&rows).map_err(OpError::device)
}
