//! What an architecture costs, by arithmetic.

use std::iter::Sum;
use std::ops::{Add, AddAssign};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shape::ResolutionError;
use super::{Architecture, Layer};

/// Cost of one image through a network; never measured, always computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    /// Multiply-adds of convolutions and linear layers. FLOPs are twice as many.
    pub macs: u64,
    /// Trainable parameters.
    pub parameters: u64,
    /// Bytes of the outputs of all listed layers in f32 (see [`Layer::activation_bytes`]).
    pub activation_bytes: u64,
}

impl Architecture {
    /// Cost of classifying one image of `resolution` by `resolution` pixels: without the auxiliary heads, which are
    /// absent at inference.
    ///
    /// At 224 px with the paper's widths the MACs of each block agree to within one million with the "ops" column of
    /// the paper's table 1 ([`super::PAPER_OPS`]), except 5a: 51 million, the paper has 54. Of the stem's 7x7
    /// convolution the paper says 34 million; arithmetic gives 118 million.
    ///
    /// # Errors
    /// [`ResolutionError`] outside [`super::MIN_RESOLUTION`] to [`super::MAX_RESOLUTION`].
    pub fn cost(&self, resolution: usize) -> Result<Cost, ResolutionError> {
        self.total(resolution, false)
    }

    /// Cost of the forward pass of one training image: with the auxiliary heads if the architecture has them.
    /// Equal to the sum over [`Architecture::layers`].
    ///
    /// # Errors
    /// [`ResolutionError`] outside [`super::MIN_RESOLUTION`] to [`super::MAX_RESOLUTION`].
    pub fn training_cost(&self, resolution: usize) -> Result<Cost, ResolutionError> {
        self.total(resolution, self.aux_heads())
    }

    fn total(&self, resolution: usize, heads: bool) -> Result<Cost, ResolutionError> {
        let mut cost = Cost::default();
        self.walk(resolution, heads, |layer: Layer| cost += layer.cost())?;
        Ok(cost)
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.macs += other.macs;
        self.parameters += other.parameters;
        self.activation_bytes += other.activation_bytes;
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::arch::{BLOCKS, BranchWidths, MAX_RESOLUTION, MIN_RESOLUTION, PAPER_OPS, StemWidths};

    fn googlenet(classes: usize) -> Architecture {
        Architecture::googlenet(classes, true).unwrap()
    }

    #[test]
    fn googlenet_has_the_known_parameters() {
        for (classes, with_heads, without) in [(1000, 13_385_816, 7_005_832), (2, 10_316_966, 5_982_882)] {
            assert_eq!(googlenet(classes).training_cost(224).unwrap().parameters, with_heads);
            assert_eq!(googlenet(classes).cost(224).unwrap().parameters, without);
        }
    }

    #[test]
    fn googlenet_has_the_known_macs() {
        assert_eq!(googlenet(1000).training_cost(224).unwrap().macs, 1_591_044_096);
        assert_eq!(googlenet(1000).cost(224).unwrap().macs, 1_582_671_872);
        let layers = googlenet(1000).layers(224).unwrap();
        let macs = |module| layers.iter().filter(|layer| layer.name.module == module).map(Layer::macs).sum::<u64>();
        let blocks = [
            ("conv1", 118_013_952),
            ("inception3a", 128_049_152),
            ("inception3b", 304_267_264),
            ("inception4a", 73_608_192),
            ("inception4b", 87_908_352),
            ("inception4c", 99_850_240),
            ("inception4d", 118_515_712),
            ("inception4e", 169_996_288),
            ("inception5a", 51_079_168),
            ("inception5b", 70_697_984),
        ];
        for ((module, expected), (paper_module, ops)) in blocks.into_iter().zip(PAPER_OPS) {
            assert_eq!(module, paper_module);
            assert_eq!(macs(module), expected, "{module}");
            let agrees = expected.abs_diff(ops * 1_000_000) < 1_000_000;
            assert_eq!(agrees, !["conv1", "inception5a"].contains(&module), "{module}");
        }
    }

    #[test]
    fn parameters_do_not_depend_on_the_input_size() {
        for resolution in [32, 33, 63, 64, 96, 299] {
            assert_eq!(googlenet(2).training_cost(resolution).unwrap().parameters, 10_316_966);
        }
    }

    #[test]
    fn heads_cost_nothing_at_inference_and_nothing_when_off() {
        let off = googlenet(10).with_aux_heads(false);
        assert_eq!(off.cost(64), googlenet(10).cost(64));
        assert_eq!(off.training_cost(64), off.cost(64));
    }

    #[test]
    fn the_largest_network_does_not_overflow() {
        let wide = crate::arch::MAX_WIDTH;
        let stem = StemWidths { conv1: wide, conv2_reduce: wide, conv2: wide };
        let largest = Architecture::new(stem, [BranchWidths::new([wide; 6]); BLOCKS], 65_536, true).unwrap();
        let layers = largest.layers(MAX_RESOLUTION).unwrap();
        let exact: u128 = layers.iter().map(|layer| u128::from(layer.macs())).sum();
        assert_eq!(u128::from(largest.training_cost(MAX_RESOLUTION).unwrap().macs), exact);
        assert!(exact < u128::from(u64::MAX) / 32_768, "{exact}");
    }

    fn architecture() -> impl Strategy<Value = Architecture> {
        let width = 1..400_usize;
        let stem = (width.clone(), width.clone(), width.clone());
        let blocks = prop::collection::vec(prop::array::uniform6(width), BLOCKS);
        (stem, blocks, 2..1001_usize, any::<bool>()).prop_map(|((conv1, conv2_reduce, conv2), blocks, classes, aux)| {
            let blocks = std::array::from_fn(|index| BranchWidths::new(blocks[index]));
            Architecture::new(StemWidths { conv1, conv2_reduce, conv2 }, blocks, classes, aux).unwrap()
        })
    }

    proptest! {
        #[test]
        fn cost_is_the_sum_over_the_layers(architecture in architecture(), size in MIN_RESOLUTION..400) {
            let sum = |architecture: &Architecture| -> Cost {
                architecture.layers(size).unwrap().iter().map(Layer::cost).sum()
            };
            prop_assert_eq!(architecture.training_cost(size).unwrap(), sum(&architecture));
            let inference = architecture.clone().with_aux_heads(false);
            prop_assert_eq!(architecture.cost(size).unwrap(), sum(&inference));
        }

        #[test]
        fn every_layer_has_an_output(architecture in architecture(), size in MIN_RESOLUTION..400) {
            for layer in architecture.layers(size).unwrap() {
                prop_assert!(layer.output.side >= 1 && layer.output.side <= size, "{:?}", layer);
            }
        }
    }
}
