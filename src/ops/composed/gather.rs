//! Picking entries along an axis.

use dfdx::prelude::*;

use super::constants::Indices;
use crate::ops::OpError;

/// Picks the same entries of the middle axis for every outer index: `[A, B, C]`, `indices: [Z]` -> `[A, Z, C]`.
pub fn gather<D: Device<f32>, T: Tape<f32, D>>(
    x: Tensor<(usize, usize, usize), f32, D, T>,
    indices: Indices<D>,
) -> Result<Tensor<(usize, usize, usize), f32, D, T>, OpError> {
    let shape = (x.shape().0, indices.shape().0);
    let indices = indices.try_broadcast_like::<_, Axis<0>>(&shape).map_err(OpError::device)?;
    x.try_gather(indices).map_err(OpError::device)
}
