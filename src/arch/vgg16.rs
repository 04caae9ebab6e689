//! The layers of VGG16, for comparison in summaries.

use super::architecture::{ArchitectureError, MAX_CLASSES};
use super::layers::{Layer, LayerName, Walk};
use super::shape::{Geometry, ResolutionError, Shape, check_resolution};

/// Names and widths of the 3x3 convolutions of each stage; a pooling with the name at the end follows.
///
/// Source: Simonyan and Zisserman 2014, "Very Deep Convolutional Networks for Large-Scale Image Recognition",
/// table 1, column D. Names: torchvision's.
const STAGES: [(&[&str], usize, &str); 5] = [
    (&["0", "2"], 64, "4"),
    (&["5", "7"], 128, "9"),
    (&["10", "12", "14"], 256, "16"),
    (&["17", "19", "21"], 512, "23"),
    (&["24", "26", "28"], 512, "30"),
];

/// Features of the two hidden linear layers.
const HIDDEN: usize = 4096;

/// Why there is no such VGG16.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Vgg16Error {
    /// The input size is out of range.
    #[error(transparent)]
    Resolution(#[from] ResolutionError),
    /// The number of classes is out of range.
    #[error(transparent)]
    Classes(#[from] ArchitectureError),
}

/// Every layer of VGG16 that an image of `resolution` by `resolution` pixels passes: torchvision's form, with biases,
/// without batch norm, and with adaptive pooling to 7x7 before the classifier.
///
/// # Errors
/// [`Vgg16Error`] if `resolution` or `classes` is out of range.
pub fn vgg16_layers(classes: usize, resolution: usize) -> Result<Vec<Layer>, Vgg16Error> {
    if !(2..=MAX_CLASSES).contains(&classes) {
        return Err(ArchitectureError::Classes(classes).into());
    }
    let mut layers = Vec::new();
    let mut walk = Walk::new(|layer| layers.push(layer));
    let mut x = Shape::new(3, check_resolution(resolution)?);
    for (convs, width, pool) in STAGES {
        for &name in convs {
            x = walk.conv(LayerName::new("features", name, ""), Geometry::same(3), true, x, width);
        }
        x = walk.max_pool(LayerName::new("features", pool, ""), Geometry::new(2, 2, 0), false, x);
    }
    x = walk.adaptive_average_pool(LayerName::new("avgpool", "", ""), x, 7);
    for (linear, dropout) in [("0", "2"), ("3", "5")] {
        x = walk.linear(LayerName::new("classifier", linear, ""), x, HIDDEN);
        x = walk.dropout(LayerName::new("classifier", dropout, ""), x);
    }
    walk.linear(LayerName::new("classifier", "6", ""), x, classes);
    Ok(layers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Cost;

    #[test]
    fn parameters_are_the_papers() {
        let cost: Cost = vgg16_layers(1000, 224).unwrap().iter().map(Layer::cost).sum();
        assert_eq!(cost.parameters, 138_357_544);
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        assert_eq!(vgg16_layers(1, 224), Err(Vgg16Error::Classes(ArchitectureError::Classes(1))));
        assert_eq!(vgg16_layers(2, 31), Err(Vgg16Error::Resolution(ResolutionError(31))));
    }
}
