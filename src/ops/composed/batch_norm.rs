//! Batch norm.

use dfdx::prelude::*;

use crate::ops::{Channels, Maps, Moments, OpError, sizes};

/// One value a channel, on a tape: `[C]`.
type TapedChannels<D, T> = Tensor<(usize,), f32, D, T>;

/// Every axis but the channel.
type Positions = Axes3<0, 1, 2>;

/// See [`Engine::batch_norm_train`](crate::ops::Engine::batch_norm_train).
pub fn train<D: Device<f32>, T: Tape<f32, D>>(
    x: Maps<D, T>,
    scale: &Channels<D>,
    shift: &Channels<D>,
    epsilon: f32,
) -> Result<(Maps<D, T>, Moments<D>), OpError> {
    let shape = *x.shape();
    sizes::batch_norm(shape.3, &[("scale", scale), ("shift", shift)])?;
    normalize_with_own_statistics(x, scale, shift, epsilon).map_err(OpError::device)
}

fn normalize_with_own_statistics<D: Device<f32>, T: Tape<f32, D>>(
    x: Maps<D, T>,
    scale: &Channels<D>,
    shift: &Channels<D>,
    epsilon: f32,
) -> Result<(Maps<D, T>, Moments<D>), D::Err> {
    let shape = *x.shape();
    let count = (shape.0 * shape.1 * shape.2) as f32;
    let mean: TapedChannels<D, T> = x.retaped::<T>().try_mean::<_, Positions>()?;
    let batch_mean = mean.retaped();
    let centered = x.try_sub(mean.try_broadcast_like::<_, Positions>(&shape)?)?;
    let variance: TapedChannels<D, T> = centered.retaped::<T>().try_square()?.try_mean::<_, Positions>()?;
    // With n - 1; with n for a single value, whose variance is 0 either way.
    let unbiased = variance.retaped::<NoneTape>().try_mul(count / (count - 1.0).max(1.0))?;
    let gain = scale.retaped::<T>().try_div(variance.try_add(epsilon)?.try_sqrt()?)?;
    let y = affine(centered, gain, shift.retaped::<T>())?;
    Ok((y, Moments { mean: batch_mean, variance: unbiased }))
}

/// See [`Engine::batch_norm`](crate::ops::Engine::batch_norm).
pub fn inference<D: Device<f32>, T: Tape<f32, D>>(
    x: Maps<D, T>,
    scale: &Channels<D>,
    shift: &Channels<D>,
    moments: &Moments<D>,
    epsilon: f32,
) -> Result<Maps<D, T>, OpError> {
    let parameters = [("scale", scale), ("shift", shift), ("mean", &moments.mean), ("variance", &moments.variance)];
    sizes::batch_norm(x.shape().3, &parameters)?;
    normalize_with_given_statistics(x, scale, shift, moments, epsilon).map_err(OpError::device)
}

fn normalize_with_given_statistics<D: Device<f32>, T: Tape<f32, D>>(
    x: Maps<D, T>,
    scale: &Channels<D>,
    shift: &Channels<D>,
    moments: &Moments<D>,
    epsilon: f32,
) -> Result<Maps<D, T>, D::Err> {
    let shape = *x.shape();
    let mean = moments.mean.retaped::<T>().try_broadcast_like::<_, Positions>(&shape)?;
    let deviation = moments.variance.clone().try_add(epsilon)?.try_sqrt()?;
    let gain = scale.retaped::<T>().try_div(deviation)?;
    affine(x.try_sub(mean)?, gain, shift.retaped::<T>())
}

/// `x * gain + shift`, channel by channel.
fn affine<D: Device<f32>, T: Tape<f32, D>>(
    x: Maps<D, T>,
    gain: TapedChannels<D, T>,
    shift: TapedChannels<D, T>,
) -> Result<Maps<D, T>, D::Err> {
    let shape = *x.shape();
    let scaled = x.try_mul(gain.try_broadcast_like::<_, Positions>(&shape)?)?;
    scaled.try_add(shift.try_broadcast_like::<_, Positions>(&shape)?)
}
