//! Global average pooling (Lin et al. 2013).

use dfdx::prelude::*;

use super::{Engine, Maps, OpError, Rows, Spans};

/// Mean over height and width.
///
/// `x: [N, H, W, C]` -> `[N, C]`.
///
/// # Errors
/// [`OpError`] as of [`Engine::avg_pool`].
pub fn global_avg_pool<E: Engine, T: Tape<f32, E::Device>>(
    engine: &E,
    x: Maps<E::Device, T>,
) -> Result<Rows<E::Device, T>, OpError> {
    let (images, height, width, channels) = *x.shape();
    let whole = Spans::adaptive([height, width], [1, 1]);
    engine.avg_pool(x, &whole)?.try_reshape_like(&(images, channels)).map_err(OpError::device)
}
