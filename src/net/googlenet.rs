//! GoogLeNet of any widths.

use dfdx::prelude::*;

use super::aux_head::AuxHead;
use super::conv_bn::ConvBnLayer;
use super::inception::InceptionBlock;
use super::init::Init;
use super::linear::LinearLayer;
use super::visitor::Visitor;
use crate::arch::{Architecture, BLOCK_MODULES};
use crate::ops::{Engine, Maps, OpError, Rows, Spans, Timeline, Window, dropout, global_avg_pool};

/// Share of features dropped before the classifier. Source: Szegedy et al. 2014, table 1.
pub const DROPOUT: f32 = 0.4;

/// Blocks behind which the maps are pooled to half their side: 3b and 4e.
pub const POOLED: [(usize, &str); 2] = [(1, "maxpool3"), (6, "maxpool4")];

/// Blocks whose output feeds an auxiliary head: 4a and 4d.
pub(super) const AUX: [(usize, &str); 2] = [(2, "aux1"), (5, "aux2")];

/// A network built from an [`Architecture`], on one engine.
pub struct GoogLeNet<E: Engine> {
    architecture: Architecture,
    stem: [ConvBnLayer<E::Device>; 3],
    blocks: Vec<InceptionBlock<E::Device>>,
    aux_heads: Vec<AuxHead<E::Device>>,
    classifier: LinearLayer<E::Device>,
    timeline: Timeline,
    /// Goes last, when the memory of the tensors has gone.
    engine: E,
}

/// What a training pass gives: logits `[N, classes]` of the classifier and of the auxiliary heads, if there are any.
pub struct TrainOutput<D: Device<f32>> {
    /// Of the classifier.
    pub logits: Rows<D, OwnedTape<f32, D>>,
    /// Of the auxiliary heads, from the input to the output.
    pub aux_logits: Vec<Rows<D, OwnedTape<f32, D>>>,
}

impl<E: Engine> GoogLeNet<E> {
    /// A network with initial weights drawn from `seed`.
    ///
    /// # Errors
    /// [`OpError::Device`] if the device has not enough memory.
    pub fn new(engine: E, architecture: &Architecture, seed: u64) -> Result<Self, OpError> {
        let mut init = Init::new(engine.device(), seed);
        let stem = architecture.stem();
        let stem_layers = [
            ConvBnLayer::new(&mut init, 3, stem.conv1, Window::square(7, 2, 3))?.first(),
            ConvBnLayer::new(&mut init, stem.conv1, stem.conv2_reduce, Window::square(1, 1, 0))?,
            ConvBnLayer::new(&mut init, stem.conv2_reduce, stem.conv2, Window::square(3, 1, 1))?,
        ];
        let mut channels = stem.conv2;
        let mut blocks = Vec::with_capacity(BLOCK_MODULES.len());
        for widths in architecture.blocks() {
            blocks.push(InceptionBlock::new(&mut init, channels, *widths)?);
            channels = widths.output();
        }
        let classifier = LinearLayer::new(&mut init, [1, 1], channels, architecture.classes())?;
        // Last, so that the rest of the network starts from the same weights with and without the heads.
        let heads: &[_] = if architecture.aux_heads() { &AUX } else { &[] };
        let head = |&(block, _): &(usize, _)| {
            AuxHead::new(&mut init, architecture.blocks()[block].output(), architecture.classes())
        };
        let aux_heads = heads.iter().map(head).collect::<Result<_, _>>()?;
        let (architecture, stem, timeline) = (architecture.clone(), stem_layers, Timeline::default());
        Ok(Self { engine, architecture, stem, blocks, aux_heads, classifier, timeline })
    }

    /// The same network, whose training passes tell `timeline` when they get to each module
    /// ([`crate::arch::LayerName::module`]; dropout belongs to what follows it), and then to the `loss`.
    pub fn with_timeline(self, timeline: Timeline) -> Self {
        Self { timeline, ..self }
    }

    /// What the network was built from.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// What computes the network.
    pub fn engine(&self) -> &E {
        &self.engine
    }

    /// A training pass over `images: [N, H, W, 3]`: batch statistics, dropout, auxiliary heads. Observes the batch in the
    /// running statistics. `dropout_seed` decides which features are dropped; without one none are.
    ///
    /// # Errors
    /// [`OpError`] if the images are too small (under 32 px) or the device refuses.
    pub fn forward_train(
        &mut self,
        images: Maps<E::Device, OwnedTape<f32, E::Device>>,
        dropout_seed: Option<u64>,
    ) -> Result<TrainOutput<E::Device>, OpError> {
        let (engine, timeline) = (&self.engine, &self.timeline);
        let [conv1, conv2, conv3] = &mut self.stem;
        let x = conv1.forward_train(engine, timeline.begin("conv1", images)?)?;
        let x = halve(engine, timeline.begin("maxpool1", x)?)?;
        let x = conv2.forward_train(engine, timeline.begin("conv2", x)?)?;
        let x = conv3.forward_train(engine, timeline.begin("conv3", x)?)?;
        let mut x = halve(engine, timeline.begin("maxpool2", x)?)?;
        let mut aux_logits = Vec::with_capacity(self.aux_heads.len());
        let mut heads = self.aux_heads.iter_mut();
        for (index, (block, module)) in self.blocks.iter_mut().zip(BLOCK_MODULES).enumerate() {
            x = block.forward_train(engine, timeline.begin(module, x)?)?;
            if let Some(module) = behind(index, AUX)
                && let Some(head) = heads.next()
            {
                // Each dropout of a step has a stream of its own.
                let seed = dropout_seed.map(|seed| seed.wrapping_add(1 + index as u64));
                let x = timeline.begin(module, x.retaped::<OwnedTape<_, _>>())?;
                aux_logits.push(head.forward_train(engine, x, seed)?);
            }
            if let Some(module) = behind(index, POOLED) {
                x = halve(engine, timeline.begin(module, x)?)?;
            }
        }
        let features = global_avg_pool(engine, timeline.begin("avgpool", x)?)?;
        let mut features = timeline.begin("fc", features)?;
        if let Some(seed) = dropout_seed {
            features = dropout(features, DROPOUT, seed)?;
        }
        let logits = timeline.begin("loss", self.classifier.forward(engine, features)?)?;
        Ok(TrainOutput { logits, aux_logits })
    }

    /// Inference: `images: [N, H, W, 3]` -> logits `[N, classes]`.
    ///
    /// # Errors
    /// [`OpError`] if the images are too small (under 32 px) or the device refuses.
    pub fn forward(&self, images: Maps<E::Device>) -> Result<Rows<E::Device>, OpError> {
        let engine = &self.engine;
        let [conv1, conv2, conv3] = &self.stem;
        let x = halve(engine, conv1.forward(engine, images)?)?;
        let x = conv2.forward(engine, x)?;
        let mut x = halve(engine, conv3.forward(engine, x)?)?;
        for (index, block) in self.blocks.iter().enumerate() {
            x = block.forward(engine, x)?;
            if behind(index, POOLED).is_some() {
                x = halve(engine, x)?;
            }
        }
        self.classifier.forward(engine, global_avg_pool(engine, x)?)
    }

    /// Shows every tensor to `visitor`, in network order.
    ///
    /// # Errors
    /// Whatever the visitor fails with.
    pub fn visit<V: Visitor<E::Device>>(&mut self, visitor: &mut V) -> Result<(), OpError> {
        for (index, layer) in self.stem.iter_mut().enumerate() {
            layer.visit(&format!("conv{}", index + 1), visitor)?;
        }
        for (block, module) in self.blocks.iter_mut().zip(BLOCK_MODULES) {
            block.visit(module, visitor)?;
        }
        for (index, head) in self.aux_heads.iter_mut().enumerate() {
            head.visit(&format!("aux{}", index + 1), visitor)?;
        }
        self.classifier.visit("fc", visitor)
    }
}

/// The module behind block `index`.
pub(super) fn behind(index: usize, places: [(usize, &'static str); 2]) -> Option<&'static str> {
    places.into_iter().find(|&(block, _)| block == index).map(|(_, module)| module)
}

/// 3x3 max pooling with stride 2; the last window may hang over the edge.
fn halve<E: Engine, T: Tape<f32, E::Device>>(engine: &E, x: Maps<E::Device, T>) -> Result<Maps<E::Device, T>, OpError> {
    let (_, height, width, _) = *x.shape();
    engine.max_pool(x, &Spans::sliding("max_pool", Window::square(3, 2, 0), [height, width], true)?)
}
