//! The layers of GoogLeNet, in the order in which an image passes them.

use super::layers::{Layer, LayerName, Walk};
use super::shape::{AUX_SIDE, Geometry, ResolutionError, Shape, check_resolution};
use super::{Architecture, BLOCKS, BranchWidths};

/// Names of the blocks' modules, in the order of [`super::BLOCK_NAMES`].
pub const BLOCK_MODULES: [&str; BLOCKS] = [
    "inception3a",
    "inception3b",
    "inception4a",
    "inception4b",
    "inception4c",
    "inception4d",
    "inception4e",
    "inception5a",
    "inception5b",
];

/// Max pooling before the blocks 4a and 5a, by block index.
const POOL_BEFORE: [(usize, &str); 2] = [(2, "maxpool3"), (7, "maxpool4")];

/// Auxiliary heads on the outputs of the blocks 4a and 4d, by block index.
const HEAD_AFTER: [(usize, &str); 2] = [(2, "aux1"), (5, "aux2")];

/// Channels of an auxiliary head's convolution (Szegedy et al. 2014, section 5).
const AUX_CHANNELS: usize = 128;

/// Features of an auxiliary head's hidden linear layer (Szegedy et al. 2014, section 5).
const AUX_FEATURES: usize = 1024;

/// The pooling between stages.
const HALVE: Geometry = Geometry::new(3, 2, 0);

impl Architecture {
    /// Every layer that an image of `resolution` by `resolution` pixels passes, in order, with the auxiliary heads
    /// if the architecture has them.
    ///
    /// Names are those of torchvision's GoogLeNet. Shapes are those of the paper: the third branch has a true 5x5
    /// convolution (torchvision's has 3x3) and all poolings between stages are 3x3, stride 2, in ceil mode.
    /// ReLU and concatenation work in place and are not listed.
    ///
    /// # Errors
    /// [`ResolutionError`] outside [`super::MIN_RESOLUTION`] to [`super::MAX_RESOLUTION`].
    pub fn layers(&self, resolution: usize) -> Result<Vec<Layer>, ResolutionError> {
        let mut layers = Vec::new();
        self.walk(resolution, self.aux_heads(), |layer| layers.push(layer))?;
        Ok(layers)
    }

    /// Hands every layer to `visit`, in order.
    pub(super) fn walk(&self, resolution: usize, heads: bool, visit: impl FnMut(Layer)) -> Result<(), ResolutionError> {
        let image = Shape::new(3, check_resolution(resolution)?);
        let mut walk = Walk::new(visit);
        let mut x = self.walk_stem(&mut walk, image);
        for (index, (&module, &widths)) in BLOCK_MODULES.iter().zip(self.blocks()).enumerate() {
            if let Some(name) = at(index, POOL_BEFORE) {
                x = walk.max_pool(LayerName::new(name, "", ""), HALVE, true, x);
            }
            x = walk.inception(module, x, widths);
            if let Some(name) = at(index, HEAD_AFTER).filter(|_| heads) {
                walk.auxiliary_head(name, x, self.classes());
            }
        }
        x = walk.adaptive_average_pool(LayerName::new("avgpool", "", ""), x, 1);
        x = walk.dropout(LayerName::new("dropout", "", ""), x);
        walk.linear(LayerName::new("fc", "", ""), x, self.classes());
        Ok(())
    }

    fn walk_stem(&self, walk: &mut Walk<impl FnMut(Layer)>, image: Shape) -> Shape {
        let stem = self.stem();
        let x = walk.conv_bn("conv1", "", Geometry::new(7, 2, 3), image, stem.conv1);
        let x = walk.max_pool(LayerName::new("maxpool1", "", ""), HALVE, true, x);
        let x = walk.conv_bn("conv2", "", Geometry::same(1), x, stem.conv2_reduce);
        let x = walk.conv_bn("conv3", "", Geometry::same(3), x, stem.conv2);
        walk.max_pool(LayerName::new("maxpool2", "", ""), HALVE, true, x)
    }
}

/// What stands at block `index`.
fn at(index: usize, places: [(usize, &'static str); 2]) -> Option<&'static str> {
    places.into_iter().find(|&(place, _)| place == index).map(|(_, name)| name)
}

impl<F: FnMut(Layer)> Walk<F> {
    /// Convolution without bias, then batch norm and ReLU.
    fn conv_bn(
        &mut self,
        module: &'static str,
        unit: &'static str,
        geometry: Geometry,
        x: Shape,
        width: usize,
    ) -> Shape {
        let x = self.conv(LayerName::new(module, unit, "conv"), geometry, false, x, width);
        self.batch_norm(LayerName::new(module, unit, "bn"), x)
    }

    /// Inception module (Szegedy et al. 2014, figure 2b): four branches on one input, concatenated.
    fn inception(&mut self, module: &'static str, x: Shape, widths: BranchWidths) -> Shape {
        let [b1x1, b3x3_reduce, b3x3, b5x5_reduce, b5x5, pool_proj] = widths.to_array();
        self.conv_bn(module, "branch1", Geometry::same(1), x, b1x1);
        let reduced = self.conv_bn(module, "branch2.0", Geometry::same(1), x, b3x3_reduce);
        self.conv_bn(module, "branch2.1", Geometry::same(3), reduced, b3x3);
        let reduced = self.conv_bn(module, "branch3.0", Geometry::same(1), x, b5x5_reduce);
        self.conv_bn(module, "branch3.1", Geometry::same(5), reduced, b5x5);
        let pooled = self.max_pool(LayerName::new(module, "branch4.0", ""), Geometry::same(3), true, x);
        self.conv_bn(module, "branch4.1", Geometry::same(1), pooled, pool_proj);
        Shape::new(widths.output(), x.side)
    }

    /// Auxiliary head (Szegedy et al. 2014, section 5) on a map of any side.
    fn auxiliary_head(&mut self, module: &'static str, x: Shape, classes: usize) {
        let pool = LayerName::new(module, "pool", "");
        let x = match aux_pool(x.side) {
            Some(geometry) => self.average_pool(pool, geometry, x),
            None => self.adaptive_average_pool(pool, x, AUX_SIDE),
        };
        let x = self.conv_bn(module, "conv", Geometry::same(1), x, AUX_CHANNELS);
        let x = self.linear(LayerName::new(module, "fc1", ""), x, AUX_FEATURES);
        let x = self.dropout(LayerName::new(module, "dropout", ""), x);
        self.linear(LayerName::new(module, "fc2", ""), x, classes);
    }
}

/// How an auxiliary head brings a map of `side` pixels to 4x4: by the paper's 5x5 average pooling with stride 3 where
/// that gives 4x4 (14 to 16 px), else by adaptive pooling, so that its parameters do not depend on the input size.
fn aux_pool(side: usize) -> Option<Geometry> {
    let paper = Geometry::new(5, 3, 0);
    (side >= paper.kernel && paper.floor(side) == AUX_SIDE).then_some(paper)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::{BLOCK_NAMES, LayerKind, MAX_RESOLUTION};

    #[test]
    fn modules_are_the_blocks() {
        for (module, block) in BLOCK_MODULES.into_iter().zip(BLOCK_NAMES) {
            assert_eq!(module, format!("inception{block}"));
        }
        assert_eq!(POOL_BEFORE.map(|(index, _)| BLOCK_NAMES[index]), ["4a", "5a"]);
        assert_eq!(HEAD_AFTER.map(|(index, _)| BLOCK_NAMES[index]), ["4a", "4d"]);
    }

    #[test]
    fn layers_have_torchvisions_names_and_the_papers_shapes() {
        let layers = Architecture::googlenet(1000, true).unwrap().layers(224).unwrap();
        let shape = |name: &str| {
            let found = layers.iter().find(|layer| layer.name.to_string() == name);
            found.map(|layer| (layer.output.channels, layer.output.side)).unwrap()
        };
        assert_eq!(shape("conv1.conv"), (64, 112));
        assert_eq!(shape("maxpool1"), (64, 56));
        assert_eq!(shape("conv3.bn"), (192, 56));
        assert_eq!(shape("inception3a.branch3.1.conv"), (32, 28));
        assert_eq!(shape("maxpool3"), (480, 14));
        assert_eq!(shape("aux1.pool"), (512, 4));
        assert_eq!(shape("aux2.conv.conv"), (128, 4));
        assert_eq!(shape("inception5a.branch4.0"), (832, 7));
        assert_eq!(shape("avgpool"), (1024, 1));
        assert_eq!(shape("fc"), (1000, 1));
        assert_eq!(layers.iter().filter(|layer| matches!(layer.kind, LayerKind::Conv { .. })).count(), 59);
    }

    #[test]
    fn the_smallest_inputs_pass() {
        let googlenet = Architecture::googlenet(2, true).unwrap();
        let sides = |resolution| {
            let layers = googlenet.layers(resolution).unwrap();
            ["conv1", "inception3a", "inception4a", "inception5b"]
                .map(|module| layers.iter().find(|layer| layer.name.module == module).unwrap().output.side)
        };
        assert_eq!(sides(32), [16, 4, 2, 1]);
        assert_eq!(sides(33), [17, 4, 2, 1]);
        assert_eq!(sides(63), [32, 8, 4, 2]);
        for resolution in [0, 31, MAX_RESOLUTION + 1] {
            assert_eq!(googlenet.layers(resolution), Err(ResolutionError(resolution)));
        }
    }

    #[test]
    fn auxiliary_heads_pool_as_in_the_paper_where_that_fits() {
        let fits: Vec<usize> = (1..130).filter(|&side| aux_pool(side).is_some()).collect();
        assert_eq!(fits, [14, 15, 16]);
    }
}
