//! Do the sizes of operands agree? Checked before dfdx is asked, which would panic.

use dfdx::prelude::*;

use super::{Channels, Maps, OpError, Spans, Window};

/// `Ok` if a size is what it has to be.
pub(super) fn expect(op: &'static str, what: &'static str, got: usize, expected: usize) -> Result<(), OpError> {
    if got == expected { Ok(()) } else { Err(OpError::Shape { op, what, got, expected }) }
}

/// Output extents `[height, width]` of a convolution of `x: [N, H, W, C]` with `weight: [kernel_h * kernel_w * C, C_out]`.
pub(super) fn conv2d(
    x: &(usize, usize, usize, usize),
    weight: &(usize, usize),
    window: Window,
) -> Result<[usize; 2], OpError> {
    let rows = window.kernel[0] * window.kernel[1] * x.3;
    expect("conv2d", "rows of the weight", weight.0, rows)?;
    window.output("conv2d", [x.1, x.2])
}

/// Columns of the product of `x: [N, inputs]` and `weight: [inputs, outputs]`.
pub(super) fn matmul(x: &(usize, usize), weight: &(usize, usize)) -> Result<usize, OpError> {
    expect("matmul", "rows of the weight", weight.0, x.1).map(|()| weight.1)
}

/// Whether every parameter of a batch norm has one value for each of `channels`.
pub(super) fn batch_norm<D: Device<f32>>(
    channels: usize,
    parameters: &[(&'static str, &Channels<D>)],
) -> Result<(), OpError> {
    parameters.iter().try_for_each(|(what, parameter)| expect("batch_norm", what, parameter.shape().0, channels))
}

/// Whether `spans` were made for `x: [N, H, W, C]`.
pub(super) fn pool(op: &'static str, x: &(usize, usize, usize, usize), spans: &Spans) -> Result<(), OpError> {
    expect(op, "height", x.1, spans.input[0])?;
    expect(op, "width", x.2, spans.input[1])
}

/// Shape of the joined parts, and the channels of each.
pub(super) fn concat<D: Device<f32>, T>(
    parts: &[Maps<D, T>],
) -> Result<((usize, usize, usize, usize), Vec<usize>), OpError> {
    let none = OpError::Shape { op: "concat", what: "number of parts", got: 0, expected: 1 };
    let (images, height, width, _) = *parts.first().ok_or(none)?.shape();
    for part in parts {
        let shape = *part.shape();
        expect("concat", "images", shape.0, images)?;
        expect("concat", "height", shape.1, height)?;
        expect("concat", "width", shape.2, width)?;
    }
    let widths: Vec<usize> = parts.iter().map(|part| part.shape().3).collect();
    Ok(((images, height, width, widths.iter().sum()), widths))
}
