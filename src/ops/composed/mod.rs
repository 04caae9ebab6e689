//! The portable engine: every operation composed of dfdx's own, so that it runs wherever dfdx does.
//!
//! It favours clarity and reach over speed; on the CPU [`Gemm`](super::Gemm) is many times faster.

mod batch_norm;
mod constants;
mod conv2d;
mod gather;
mod pool;

use dfdx::prelude::*;
use dfdx::tensor::Synchronize;

use constants::Constants;

use super::{Channels, Engine, Maps, Moments, OpError, Rows, Spans, Window, sizes};

/// Computes on any device of dfdx with dfdx's operations ([`Engine`]).
///
/// Index tensors are made once for each geometry and live as long as the engine: use one engine a network.
pub struct Composed<D: Device<f32>> {
    device: D,
    constants: Constants<D>,
}

impl<D: Device<f32>> Composed<D> {
    /// An engine that computes on `device`.
    pub fn new(device: D) -> Self {
        Self { device, constants: Constants::default() }
    }
}

impl<D: Device<f32> + Synchronize> Engine for Composed<D> {
    type Device = D;

    fn device(&self) -> &D {
        &self.device
    }

    fn conv2d<T: Tape<f32, D>>(&self, x: Maps<D, T>, weight: &Rows<D>, window: Window) -> Result<Maps<D, T>, OpError> {
        conv2d::conv2d(&self.constants, x, weight, window)
    }

    fn batch_norm_train<T: Tape<f32, D>>(
        &self,
        x: Maps<D, T>,
        scale: &Channels<D>,
        shift: &Channels<D>,
        epsilon: f32,
    ) -> Result<(Maps<D, T>, Moments<D>), OpError> {
        batch_norm::train(x, scale, shift, epsilon)
    }

    fn batch_norm<T: Tape<f32, D>>(
        &self,
        x: Maps<D, T>,
        scale: &Channels<D>,
        shift: &Channels<D>,
        moments: &Moments<D>,
        epsilon: f32,
    ) -> Result<Maps<D, T>, OpError> {
        batch_norm::inference(x, scale, shift, moments, epsilon)
    }

    fn max_pool<T: Tape<f32, D>>(&self, x: Maps<D, T>, spans: &Spans) -> Result<Maps<D, T>, OpError> {
        pool::max(&self.constants, x, spans)
    }

    fn avg_pool<T: Tape<f32, D>>(&self, x: Maps<D, T>, spans: &Spans) -> Result<Maps<D, T>, OpError> {
        pool::average(&self.constants, x, spans)
    }

    fn concat<T: Tape<f32, D>>(&self, mut parts: Vec<Maps<D, T>>) -> Result<Maps<D, T>, OpError> {
        // So there is a first one.
        sizes::concat(&parts)?;
        let first = parts.remove(0);
        let join = |joined: Maps<D, T>, part| (joined, part).try_concat_along(Axis::<3>);
        parts.into_iter().try_fold(first, join).map_err(OpError::device)
    }
}
