//! A network's footprint in the terms of torchinfo, the usual summary tool for PyTorch.

use super::layers::{Layer, LayerKind};

/// What torchinfo reports at the foot of its summary, by its counting rule ([`Footprint::RULE`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Footprint {
    /// "Total mult-adds" of the whole batch.
    pub mult_adds: u64,
    /// "Input size" of the whole batch, in bytes.
    pub input_bytes: u64,
    /// "Forward/backward pass size" of the whole batch, in bytes.
    pub forward_backward_bytes: u64,
    /// "Params size", in bytes.
    pub parameter_bytes: u64,
}

impl Footprint {
    /// How torchinfo counts.
    pub const RULE: &str = "\
Counted as torchinfo does: of a convolution every parameter, bias included, is one mult-add at each output position;
of batch norm and linear layers every parameter is one mult-add for each image. The forward/backward pass is twice the
f32 outputs of the layers with parameters (convolution, batch norm, linear). MB are millions of bytes, G are 10^9.";

    /// Counts for a batch of `batch` images. Saturates at `u64::MAX`.
    pub fn of(layers: &[Layer], batch: u64) -> Self {
        let mult_adds = layers.iter().map(mult_adds).sum::<u64>();
        let outputs = layers.iter().filter(|layer| layer.parameters() > 0).map(Layer::activation_bytes).sum::<u64>();
        let input_bytes = layers.first().map_or(0, |first| 4 * first.input.elements());
        Self {
            mult_adds: mult_adds.saturating_mul(batch),
            input_bytes: input_bytes.saturating_mul(batch),
            forward_backward_bytes: outputs.saturating_mul(2).saturating_mul(batch),
            parameter_bytes: 4 * layers.iter().map(Layer::parameters).sum::<u64>(),
        }
    }

    /// "Estimated total size": input, forward/backward pass and parameters, in bytes.
    pub const fn total_bytes(&self) -> u64 {
        self.input_bytes.saturating_add(self.forward_backward_bytes).saturating_add(self.parameter_bytes)
    }
}

/// torchinfo's multiply-adds of one layer for one image. They differ from [`Layer::macs`] by biases and batch norm.
fn mult_adds(layer: &Layer) -> u64 {
    match layer.kind {
        LayerKind::Conv { .. } => layer.parameters() * layer.output.positions(),
        _ => layer.parameters(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::{Architecture, vgg16_layers};

    /// Gmult-adds and MB as torchinfo prints them: mult-adds, input, forward/backward, parameters, total.
    fn printed(footprint: &Footprint) -> [String; 5] {
        [
            format!("{:.2}", footprint.mult_adds as f64 / 1e9),
            format!("{:.2}", footprint.input_bytes as f64 / 1e6),
            format!("{:.2}", footprint.forward_backward_bytes as f64 / 1e6),
            format!("{:.2}", footprint.parameter_bytes as f64 / 1e6),
            format!("{:.2}", footprint.total_bytes() as f64 / 1e6),
        ]
    }

    #[test]
    fn torchinfos_figures_are_reproduced() {
        let googlenet = Architecture::googlenet(1000, true).unwrap().layers(224).unwrap();
        assert_eq!(printed(&Footprint::of(&googlenet, 20)), ["31.82", "12.04", "1034.49", "53.54", "1100.08"]);
        let vgg16 = vgg16_layers(1000, 224).unwrap();
        assert_eq!(printed(&Footprint::of(&vgg16, 20)), ["309.68", "12.04", "2169.07", "553.43", "2734.55"]);
    }
}
