//! An auxiliary classifier, in training only.

use dfdx::prelude::*;

use super::conv_bn::ConvBnLayer;
use super::init::Init;
use super::linear::LinearLayer;
use super::visitor::Visitor;
use crate::ops::{Engine, Maps, OpError, Rows, Spans, Window, dropout};

/// Side of the pooled maps.
const SIDE: usize = 4;

/// Channels of the 1x1 convolution.
pub(super) const CONV: usize = 128;

/// Features of the hidden linear layer.
const HIDDEN: usize = 1024;

/// Share of hidden features dropped.
const DROPOUT: f32 = 0.7;

/// Average pooling to 4x4, 1x1 convolution, two linear layers. Source: Szegedy et al. 2014, section 5.
///
/// The paper pools 14x14 maps with 5x5 windows at stride 3. Maps of another size are pooled to the same 4x4 adaptively, so
/// that the parameters do not depend on the input's size.
pub struct AuxHead<D: Device<f32>> {
    conv: ConvBnLayer<D>,
    hidden: LinearLayer<D>,
    classifier: LinearLayer<D>,
}

impl<D: Device<f32>> AuxHead<D> {
    /// A new head over `inputs` channels.
    pub fn new(init: &mut Init<'_, D>, inputs: usize, classes: usize) -> Result<Self, OpError> {
        Ok(Self {
            conv: ConvBnLayer::new(init, inputs, CONV, Window::square(1, 1, 0))?,
            hidden: LinearLayer::new(init, [SIDE, SIDE], CONV, HIDDEN)?,
            classifier: LinearLayer::new(init, [1, 1], HIDDEN, classes)?,
        })
    }

    /// `x: [N, H, W, inputs]` -> logits `[N, classes]`.
    pub fn forward_train<E: Engine<Device = D>, T: Tape<f32, D>>(
        &mut self,
        engine: &E,
        x: Maps<D, T>,
        dropout_seed: Option<u64>,
    ) -> Result<Rows<D, T>, OpError> {
        let (images, height, width, _) = *x.shape();
        let x = engine.avg_pool(x, &pooling([height, width]))?;
        let x = self.conv.forward_train(engine, x)?;
        let x = x.try_reshape_like(&(images, SIDE * SIDE * CONV)).map_err(OpError::device)?;
        let mut x = self.hidden.forward(engine, x)?.try_relu().map_err(OpError::device)?;
        if let Some(seed) = dropout_seed {
            x = dropout(x, DROPOUT, seed)?;
        }
        self.classifier.forward(engine, x)
    }

    /// Shows all tensors to `visitor`.
    pub fn visit<V: Visitor<D>>(&mut self, name: &str, visitor: &mut V) -> Result<(), OpError> {
        self.conv.visit(&format!("{name}.conv"), visitor)?;
        self.hidden.visit(&format!("{name}.fc1"), visitor)?;
        self.classifier.visit(&format!("{name}.fc2"), visitor)
    }
}

/// The paper's windows where they give 4x4, otherwise adaptive ones.
fn pooling(extents: [usize; 2]) -> Spans {
    match Spans::sliding("avg_pool", Window::square(5, 3, 0), extents, false) {
        Ok(spans) if spans.output() == [SIDE, SIDE] => spans,
        _ => Spans::adaptive(extents, [SIDE, SIDE]),
    }
}
