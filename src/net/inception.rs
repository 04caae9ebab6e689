//! One Inception block.

use dfdx::prelude::*;

use super::conv_bn::ConvBnLayer;
use super::init::Init;
use super::visitor::Visitor;
use crate::arch::BranchWidths;
use crate::ops::{Engine, Maps, OpError, Window};

/// Names of the six convolutions in torchvision, in the paper's order.
pub(super) const NAMES: [&str; 6] = ["branch1", "branch2.0", "branch2.1", "branch3.0", "branch3.1", "branch4.1"];

/// Four branches over one input, concatenated. Source: Szegedy et al. 2014, figure 2(b).
pub struct InceptionBlock<D: Device<f32>> {
    layers: [ConvBnLayer<D>; 6],
}

impl<D: Device<f32>> InceptionBlock<D> {
    /// A new block over `inputs` channels.
    pub fn new(init: &mut Init<'_, D>, inputs: usize, widths: BranchWidths) -> Result<Self, OpError> {
        let [b1x1, b3x3_reduce, b3x3, b5x5_reduce, b5x5, pool_proj] = widths.to_array();
        let mut layer =
            |inputs, outputs, kernel| ConvBnLayer::new(init, inputs, outputs, Window::square(kernel, 1, kernel / 2));
        Ok(Self {
            layers: [
                layer(inputs, b1x1, 1)?,
                layer(inputs, b3x3_reduce, 1)?,
                layer(b3x3_reduce, b3x3, 3)?,
                layer(inputs, b5x5_reduce, 1)?,
                layer(b5x5_reduce, b5x5, 5)?,
                layer(inputs, pool_proj, 1)?,
            ],
        })
    }

    /// Training: `[N, H, W, inputs]` -> `[N, H, W, outputs]`.
    pub fn forward_train<E: Engine<Device = D>, T: Tape<f32, D>>(
        &mut self,
        engine: &E,
        x: Maps<D, T>,
    ) -> Result<Maps<D, T>, OpError> {
        let parameters = self.layers.each_ref().map(ConvBnLayer::parameters);
        let (y, moments) = engine.inception_train(x, &parameters)?;
        self.layers.iter_mut().zip(&moments).try_for_each(|(layer, moments)| layer.observe(moments))?;
        Ok(y)
    }

    /// Inference: `[N, H, W, inputs]` -> `[N, H, W, outputs]`.
    pub fn forward<E: Engine<Device = D>>(&self, engine: &E, x: Maps<D>) -> Result<Maps<D>, OpError> {
        let parameters = self.layers.each_ref().map(ConvBnLayer::parameters);
        engine.inception(x, &parameters, self.layers.each_ref().map(ConvBnLayer::running))
    }

    /// Shows all tensors to `visitor`.
    pub fn visit<V: Visitor<D>>(&mut self, name: &str, visitor: &mut V) -> Result<(), OpError> {
        let mut layers = self.layers.iter_mut().zip(NAMES);
        layers.try_for_each(|(layer, part)| layer.visit(&format!("{name}.{part}"), visitor))
    }
}
