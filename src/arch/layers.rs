//! The layers of a network, each with its shapes and its cost.

use std::fmt;

use super::cost::Cost;
use super::shape::{Geometry, Shape};

/// What a layer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LayerKind {
    /// Convolution.
    Conv {
        /// Where its windows lie.
        geometry: Geometry,
        /// Whether a bias is added to each output channel; no where batch norm follows.
        bias: bool,
    },
    /// Batch norm with scale and shift, and ReLU in place.
    BatchNorm,
    /// Max pooling.
    MaxPool {
        /// Where its windows lie.
        geometry: Geometry,
        /// Whether the last window may hang over the end of the map.
        ceil: bool,
    },
    /// Average pooling over whole windows.
    AveragePool(Geometry),
    /// Average pooling to a fixed side, whatever the input (PyTorch's adaptive pooling).
    AdaptiveAveragePool,
    /// Linear layer with bias on the flattened input.
    Linear,
    /// Dropout, in place: it has no output of its own.
    Dropout,
}

impl LayerKind {
    /// The name used in tables and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conv { .. } => "conv",
            Self::BatchNorm => "batch_norm",
            Self::MaxPool { .. } => "max_pool",
            Self::AveragePool(_) => "average_pool",
            Self::AdaptiveAveragePool => "adaptive_average_pool",
            Self::Linear => "linear",
            Self::Dropout => "dropout",
        }
    }

    /// Where its windows lie, if it has any.
    pub const fn geometry(self) -> Option<Geometry> {
        match self {
            Self::Conv { geometry, .. } | Self::MaxPool { geometry, .. } | Self::AveragePool(geometry) => {
                Some(geometry)
            }
            Self::BatchNorm | Self::AdaptiveAveragePool | Self::Linear | Self::Dropout => None,
        }
    }
}

/// A layer's name as in torchvision's networks: module, unit and layer, joined by dots; the last two may be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LayerName {
    /// The part of the network: `conv1`, `inception3a`, `aux1`, `fc`.
    pub module: &'static str,
    /// The part of the module: `branch2.0`.
    pub unit: &'static str,
    /// The layer within it: `conv`, `bn`.
    pub layer: &'static str,
}

impl LayerName {
    /// A name of up to three parts.
    pub const fn new(module: &'static str, unit: &'static str, layer: &'static str) -> Self {
        Self { module, unit, layer }
    }
}

impl fmt::Display for LayerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.module)?;
        [self.unit, self.layer].into_iter().filter(|part| !part.is_empty()).try_for_each(|part| write!(f, ".{part}"))
    }
}

/// One layer applied to one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layer {
    /// Which one.
    pub name: LayerName,
    /// What it does.
    pub kind: LayerKind,
    /// Shape of its input.
    pub input: Shape,
    /// Shape of its output.
    pub output: Shape,
}

impl Layer {
    /// Trainable parameters: kernel and bias of a convolution, two a channel of batch norm, weights and bias of a
    /// linear layer.
    pub const fn parameters(&self) -> u64 {
        let outputs = self.output.channels as u64;
        match self.kind {
            LayerKind::Conv { bias, .. } => (self.fan_in() + bias as u64) * outputs,
            LayerKind::BatchNorm => 2 * outputs,
            LayerKind::Linear => (self.fan_in() + 1) * outputs,
            _ => 0,
        }
    }

    /// Multiply-adds for one image. Only convolutions and linear layers have any; biases are not counted.
    pub const fn macs(&self) -> u64 {
        self.fan_in() * self.output.elements()
    }

    /// Bytes of the output in f32; 0 for what works in place.
    pub const fn activation_bytes(&self) -> u64 {
        match self.kind {
            LayerKind::Dropout => 0,
            _ => 4 * self.output.elements(),
        }
    }

    /// The three figures together.
    pub const fn cost(&self) -> Cost {
        Cost { macs: self.macs(), parameters: self.parameters(), activation_bytes: self.activation_bytes() }
    }

    /// Inputs multiplied by weights for one number of the output.
    const fn fan_in(&self) -> u64 {
        match self.kind {
            LayerKind::Conv { geometry, .. } => (self.input.channels * geometry.kernel * geometry.kernel) as u64,
            LayerKind::Linear => self.input.elements(),
            _ => 0,
        }
    }
}

/// Follows one image through a network: each step hands a layer to `visit` and returns the layer's output shape.
///
/// The one place where layers come from: costs are sums over it, layer tables collect it, and nothing is allocated.
pub(super) struct Walk<F> {
    visit: F,
}

impl<F: FnMut(Layer)> Walk<F> {
    pub(super) fn new(visit: F) -> Self {
        Self { visit }
    }

    fn step(&mut self, name: LayerName, kind: LayerKind, input: Shape, output: Shape) -> Shape {
        (self.visit)(Layer { name, kind, input, output });
        output
    }

    pub(super) fn conv(
        &mut self,
        name: LayerName,
        geometry: Geometry,
        bias: bool,
        input: Shape,
        width: usize,
    ) -> Shape {
        let output = Shape::new(width, geometry.floor(input.side));
        self.step(name, LayerKind::Conv { geometry, bias }, input, output)
    }

    pub(super) fn batch_norm(&mut self, name: LayerName, input: Shape) -> Shape {
        self.step(name, LayerKind::BatchNorm, input, input)
    }

    pub(super) fn max_pool(&mut self, name: LayerName, geometry: Geometry, ceil: bool, input: Shape) -> Shape {
        let side = if ceil { geometry.ceil(input.side) } else { geometry.floor(input.side) };
        self.step(name, LayerKind::MaxPool { geometry, ceil }, input, Shape::new(input.channels, side))
    }

    pub(super) fn average_pool(&mut self, name: LayerName, geometry: Geometry, input: Shape) -> Shape {
        let output = Shape::new(input.channels, geometry.floor(input.side));
        self.step(name, LayerKind::AveragePool(geometry), input, output)
    }

    pub(super) fn adaptive_average_pool(&mut self, name: LayerName, input: Shape, side: usize) -> Shape {
        self.step(name, LayerKind::AdaptiveAveragePool, input, Shape::new(input.channels, side))
    }

    pub(super) fn linear(&mut self, name: LayerName, input: Shape, features: usize) -> Shape {
        self.step(name, LayerKind::Linear, input, Shape::new(features, 1))
    }

    pub(super) fn dropout(&mut self, name: LayerName, input: Shape) -> Shape {
        self.step(name, LayerKind::Dropout, input, input)
    }
}
