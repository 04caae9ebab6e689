//! Shape arithmetic: how convolutions and poolings change the side of a square map.

use std::fmt;

/// The smallest input in pixels: five halvings leave one pixel before the classifier.
pub const MIN_RESOLUTION: usize = 32;

/// The largest input in pixels. With it no cost of any architecture overflows.
pub const MAX_RESOLUTION: usize = 2048;

/// The side of the square maps on which an auxiliary head's convolution works, whatever the input.
pub(super) const AUX_SIDE: usize = 4;

/// An input size that the networks cannot take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an input of {0} px: give a size from {MIN_RESOLUTION} to {MAX_RESOLUTION} px")]
pub struct ResolutionError(pub usize);

/// Checks an input size.
///
/// # Errors
/// [`ResolutionError`] outside [`MIN_RESOLUTION`] to [`MAX_RESOLUTION`].
pub(super) fn check_resolution(resolution: usize) -> Result<usize, ResolutionError> {
    if (MIN_RESOLUTION..=MAX_RESOLUTION).contains(&resolution) {
        Ok(resolution)
    } else {
        Err(ResolutionError(resolution))
    }
}

/// The shape of one image's map: `[channels, side, side]`. A vector has side 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Channels, or features of a vector.
    pub channels: usize,
    /// Height and width.
    pub side: usize,
}

impl Shape {
    /// A map of `channels` channels, `side` by `side`.
    pub const fn new(channels: usize, side: usize) -> Self {
        Self { channels, side }
    }

    /// Positions of the map: side squared.
    pub const fn positions(self) -> u64 {
        (self.side * self.side) as u64
    }

    /// Numbers in the map.
    pub const fn elements(self) -> u64 {
        self.channels as u64 * self.positions()
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {} x {}", self.channels, self.side, self.side)
    }
}

/// Where the windows of a convolution or pooling lie: a square kernel with equal stride and padding on both axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// Side of the window.
    pub kernel: usize,
    /// Step between windows.
    pub stride: usize,
    /// Pixels added on each edge.
    pub padding: usize,
}

impl Geometry {
    /// Kernel, stride and padding.
    pub const fn new(kernel: usize, stride: usize, padding: usize) -> Self {
        Self { kernel, stride, padding }
    }

    /// A window of odd side at stride 1 that keeps the side of the map.
    pub const fn same(kernel: usize) -> Self {
        Self::new(kernel, 1, kernel / 2)
    }

    /// Output side where only whole windows count (floor mode).
    pub const fn floor(self, side: usize) -> usize {
        (side + 2 * self.padding - self.kernel) / self.stride + 1
    }

    /// Output side where the last window may hang over the end (ceil mode), as long as it starts inside the input.
    ///
    /// PyTorch's rule. A window larger than the whole map is allowed: a 3x3 pooling of 2x2 pixels gives one.
    pub const fn ceil(self, side: usize) -> usize {
        let steps = (side + 2 * self.padding).saturating_sub(self.kernel).div_ceil(self.stride);
        if steps * self.stride >= side + self.padding { steps } else { steps + 1 }
    }
}

impl fmt::Display for Geometry {
    /// `3x3`, or `3x3/2` with the stride where it is not 1.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{0}x{0}", self.kernel)?;
        if self.stride == 1 { Ok(()) } else { write!(f, "/{}", self.stride) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pooling_in_ceil_mode_gives_pytorchs_sides() {
        // torch.nn.functional.max_pool2d(x, kernel, stride, padding, ceil_mode=True), padding at most half the kernel.
        let cases = [
            (Geometry::new(3, 2, 0), [(2, 1), (3, 1), (4, 2), (5, 2), (6, 3), (112, 56), (113, 56)]),
            (Geometry::new(3, 1, 1), [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7)]),
            (Geometry::new(2, 2, 0), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (6, 3), (7, 4)]),
            (Geometry::new(3, 3, 1), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 2), (6, 3), (7, 3)]),
        ];
        for (geometry, sides) in cases {
            for (side, expected) in sides {
                assert_eq!(geometry.ceil(side), expected, "{geometry:?} on {side}");
            }
        }
    }

    #[test]
    fn a_same_window_keeps_the_side() {
        for side in 1..20 {
            for kernel in [1, 3, 5] {
                assert_eq!(Geometry::same(kernel).floor(side), side);
            }
        }
    }
}
