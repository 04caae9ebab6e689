//! An engine that computes the units of a network in another way.

use dfdx::prelude::*;

use crate::arch::Architecture;
use crate::net::GoogLeNet;
use crate::ops::{Channels, ConvBn, Engine, Maps, Moments, OpError, Rows, Spans, Window};

/// What takes the place of convolution, batch norm and ReLU in a training pass.
pub(super) trait Unit: 'static {
    /// As [`Engine::conv_bn_relu_train`].
    fn pass<E: Engine, T: Tape<f32, E::Device>>(
        &self,
        engine: &E,
        x: Maps<E::Device, T>,
        layer: &ConvBn<'_, E::Device>,
    ) -> Result<(Maps<E::Device, T>, Moments<E::Device>), OpError>;
}

/// An engine, but for its units.
pub(super) struct WithUnit<E, U> {
    pub engine: E,
    pub unit: U,
}

impl<E: Engine, U: Unit> WithUnit<E, U> {
    /// A network of such units, without auxiliary heads, with the initial weights that belong to `seed`.
    pub fn network(engine: E, unit: U, architecture: &Architecture, seed: u64) -> Result<GoogLeNet<Self>, OpError> {
        GoogLeNet::new(Self { engine, unit }, &architecture.clone().with_aux_heads(false), seed)
    }
}

impl<E: Engine, U: Unit> Engine for WithUnit<E, U> {
    type Device = E::Device;

    fn device(&self) -> &E::Device {
        self.engine.device()
    }

    fn conv2d<T: Tape<f32, E::Device>>(
        &self,
        x: Maps<E::Device, T>,
        weight: &Rows<E::Device>,
        window: Window,
    ) -> Result<Maps<E::Device, T>, OpError> {
        self.engine.conv2d(x, weight, window)
    }

    fn batch_norm_train<T: Tape<f32, E::Device>>(
        &self,
        x: Maps<E::Device, T>,
        scale: &Channels<E::Device>,
        shift: &Channels<E::Device>,
        epsilon: f32,
    ) -> Result<(Maps<E::Device, T>, Moments<E::Device>), OpError> {
        self.engine.batch_norm_train(x, scale, shift, epsilon)
    }

    fn batch_norm<T: Tape<f32, E::Device>>(
        &self,
        x: Maps<E::Device, T>,
        scale: &Channels<E::Device>,
        shift: &Channels<E::Device>,
        moments: &Moments<E::Device>,
        epsilon: f32,
    ) -> Result<Maps<E::Device, T>, OpError> {
        self.engine.batch_norm(x, scale, shift, moments, epsilon)
    }

    fn max_pool<T: Tape<f32, E::Device>>(
        &self,
        x: Maps<E::Device, T>,
        spans: &Spans,
    ) -> Result<Maps<E::Device, T>, OpError> {
        self.engine.max_pool(x, spans)
    }

    fn avg_pool<T: Tape<f32, E::Device>>(
        &self,
        x: Maps<E::Device, T>,
        spans: &Spans,
    ) -> Result<Maps<E::Device, T>, OpError> {
        self.engine.avg_pool(x, spans)
    }

    fn concat<T: Tape<f32, E::Device>>(&self, parts: Vec<Maps<E::Device, T>>) -> Result<Maps<E::Device, T>, OpError> {
        self.engine.concat(parts)
    }

    fn conv_bn_relu_train<T: Tape<f32, E::Device>>(
        &self,
        x: Maps<E::Device, T>,
        layer: &ConvBn<'_, E::Device>,
    ) -> Result<(Maps<E::Device, T>, Moments<E::Device>), OpError> {
        self.unit.pass(&self.engine, x, layer)
    }
}
