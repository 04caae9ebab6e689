//! A linear layer.

use dfdx::prelude::*;

use super::sizes::expect;
use super::{Channels, Engine, OpError, Rows};

/// Multiplies by a matrix and adds a bias.
///
/// `x: [N, inputs]`, `weight: [inputs, outputs]`, `bias: [outputs]` -> `[N, outputs]`.
///
/// # Errors
/// [`OpError::Shape`] if sizes do not agree, [`OpError::Device`] if the device refuses.
pub fn linear<E: Engine, T: Tape<f32, E::Device>>(
    engine: &E,
    x: Rows<E::Device, T>,
    weight: &Rows<E::Device>,
    bias: &Channels<E::Device>,
) -> Result<Rows<E::Device, T>, OpError> {
    expect("linear", "bias", bias.shape().0, weight.shape().1)?;
    let y = engine.matmul(x, weight)?;
    let bias = bias.retaped::<T>().try_broadcast_like::<_, Axis<0>>(y.shape()).map_err(OpError::device)?;
    y.try_add(bias).map_err(OpError::device)
}
