//! Pooling over spans.

use dfdx::prelude::*;

use super::constants::Constants;
use super::gather::gather;
use crate::ops::{Maps, OpError, Spans, sizes};

/// See [`Engine::max_pool`](crate::ops::Engine::max_pool).
///
/// First along the rows, then along the columns: so the first maximum of the first row that has one wins, which is the
/// first in row-major order. dfdx's own `max` and `maximum` would give gradient to every maximum of a tie.
pub fn max<D: Device<f32>, T: Tape<f32, D>>(
    constants: &Constants<D>,
    x: Maps<D, T>,
    spans: &Spans,
) -> Result<Maps<D, T>, OpError> {
    let (images, height, _, channels) = *x.shape();
    sizes::pool("max_pool", x.shape(), spans)?;
    let [out_h, out_w] = spans.output();
    let x = x.try_reshape_like(&(images * height, spans.input[1], channels)).map_err(OpError::device)?;
    let x = max_along_middle(constants, x, &spans.columns)?;
    let x = x.try_reshape_like(&(images, height, out_w * channels)).map_err(OpError::device)?;
    let x = max_along_middle(constants, x, &spans.rows)?;
    x.try_reshape_like(&(images, out_h, out_w, channels)).map_err(OpError::device)
}

/// `x: [A, B, C]`, spans of the middle axis -> `[A, spans, C]`; the first of equal maxima gets the whole gradient.
fn max_along_middle<D: Device<f32>, T: Tape<f32, D>>(
    constants: &Constants<D>,
    x: Tensor<(usize, usize, usize), f32, D, T>,
    spans: &[(usize, usize)],
) -> Result<Tensor<(usize, usize, usize), f32, D, T>, OpError> {
    let device = x.device().clone();
    let taps = spans.iter().map(|(start, end)| end - start).max().unwrap_or(1);
    let source = x.retaped::<T>();
    let mut best = gather(x, constants.tap(&device, spans, 0)?)?;
    for tap in 1..taps {
        // A span shorter than the longest repeats its last element, which is not greater than itself.
        let candidate = gather(source.retaped::<T>(), constants.tap(&device, spans, tap)?)?;
        let greater = candidate.try_gt(&best).map_err(OpError::device)?;
        best = greater.try_choose(candidate, best).map_err(OpError::device)?;
    }
    Ok(best)
}

/// See [`Engine::avg_pool`](crate::ops::Engine::avg_pool).
///
/// A matrix product over the pixels, so that spans of any length cost the same.
pub fn average<D: Device<f32>, T: Tape<f32, D>>(
    constants: &Constants<D>,
    x: Maps<D, T>,
    spans: &Spans,
) -> Result<Maps<D, T>, OpError> {
    let (images, height, width, channels) = *x.shape();
    sizes::pool("avg_pool", x.shape(), spans)?;
    let averages = constants.averages(x.device(), spans)?;
    let [out_h, out_w] = spans.output();
    let x = x.try_reshape_like(&(images, height * width, channels)).map_err(OpError::device)?;
    let x = swap_inner(x)?.try_reshape_like(&(images * channels, height * width)).map_err(OpError::device)?;
    let y = x.try_matmul(averages.retaped::<T>()).map_err(OpError::device)?;
    let y = y.try_reshape_like(&(images, channels, out_h * out_w)).map_err(OpError::device)?;
    swap_inner(y)?.try_reshape_like(&(images, out_h, out_w, channels)).map_err(OpError::device)
}

/// `[A, B, C]` -> `[A, C, B]`.
fn swap_inner<D: Device<f32>, T: Tape<f32, D>>(
    x: Tensor<(usize, usize, usize), f32, D, T>,
) -> Result<Tensor<(usize, usize, usize), f32, D, T>, OpError> {
    x.try_permute::<(usize, usize, usize), Axes3<0, 2, 1>>().map_err(OpError::device)
}
