//! A linear layer on any device.

use dfdx::prelude::*;

use super::{Channels, OpError, Rows};

/// `x weight + bias`: `x: [N, I]`, `weight: [I, O]`, `bias: [O]` -> `[N, O]`.
///
/// # Errors
/// [`OpError`] if sizes do not agree or the device refuses.
pub fn linear<D: Device<f32>, T: Tape<f32, D>>(
    x: Rows<D, T>,
    weight: &Rows<D>,
    bias: &Channels<D>,
) -> Result<Rows<D, T>, OpError> {
    let ((_, got), (expected, outputs)) = (*x.shape(), *weight.shape());
    if got != expected {
        return Err(OpError::Shape { op: "linear", what: "features", got, expected });
    }
    if bias.shape().0 != outputs {
        return Err(OpError::Shape { op: "linear", what: "bias", got: bias.shape().0, expected: outputs });
    }
    let y = x.try_matmul(weight.clone()).map_err(OpError::device)?;
    let bias = bias.retaped::<T>().try_broadcast_like::<_, Axis<0>>(y.shape()).map_err(OpError::device)?;
    y.try_add(bias).map_err(OpError::device)
}
