//! How a training image is varied: which window of it is seen, and whether it is flipped.

use serde::{Deserialize, Serialize};

use super::random::{Purpose, Stream};

/// How training images are varied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Augment {
    /// How the input window is cut.
    pub crop: Crop,
    /// Whether to flip left to right with probability 1/2.
    pub flip: bool,
}

/// How the input window is cut from an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Crop {
    /// The whole image.
    None,
    /// Shifted by up to 1/8 of the side in each direction, edges repeated.
    Shift,
    /// A window of 35 to 100 % of the area and aspect ratio 3/4 to 4/3, resized bilinearly.
    Resized,
}

/// What is done to one image in one epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Variation {
    pub(super) window: Window,
    pub(super) flip: bool,
}

/// The part of an image that is seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Window {
    /// As large as the image, `right` and `down` pixels away from it, possibly negative.
    Shifted { right: isize, down: isize },
    /// The box with this corner and size, in pixels.
    Box { left: f32, top: f32, width: f32, height: f32 },
}

impl Variation {
    /// The image as it is.
    pub(super) const NONE: Self = Self { window: Window::Shifted { right: 0, down: 0 }, flip: false };

    /// The variation of image `index` in `epoch`: a function of these and the seed, whatever else is in the batch.
    pub(super) fn draw(augment: Augment, side: usize, seed: u64, epoch: u64, index: u32) -> Self {
        let mut stream = Stream::new(Purpose::Augment, [seed, epoch, u64::from(index)]);
        let flip = stream.chance(0.5) && augment.flip;
        let window = match augment.crop {
            Crop::None => Self::NONE.window,
            Crop::Shift => {
                let reach = side / 8;
                let mut step = || stream.below(2 * reach + 1) as isize - reach as isize;
                Window::Shifted { right: step(), down: step() }
            }
            Crop::Resized => resized(side as f32, &mut stream),
        };
        Self { window, flip }
    }
}

/// A random box; one that is longer than the image in one direction is cut there.
fn resized(side: f32, stream: &mut Stream) -> Window {
    let area = stream.between(0.35, 1.0);
    // Width by height: in [3/4, 1] or, as often, the inverse of such a number.
    let narrow = stream.between(0.75, 1.0);
    let ratio = if stream.chance(0.5) { narrow } else { 1.0 / narrow };
    let width = side * (area * ratio).sqrt().min(1.0);
    let height = side * (area / ratio).sqrt().min(1.0);
    Window::Box { left: stream.unit() * (side - width), top: stream.unit() * (side - height), width, height }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_stay_inside_their_limits_and_vary() {
        let augment = Augment { crop: Crop::Resized, flip: true };
        let (mut flips, mut smallest, mut largest) = (0, f32::MAX, 0.0_f32);
        for index in 0..2000 {
            let Variation { window: Window::Box { left, top, width, height }, flip } =
                Variation::draw(augment, 64, 1, 2, index)
            else {
                panic!("not a box");
            };
            assert!(left >= 0.0 && top >= 0.0 && left + width <= 64.001 && top + height <= 64.001);
            assert!((0.749..1.334).contains(&(width / height)));
            let area = width * height / 4096.0;
            (smallest, largest) = (smallest.min(area), largest.max(area));
            flips += usize::from(flip);
        }
        assert!((0.34..0.37).contains(&smallest) && largest > 0.95 && flips.abs_diff(1000) < 100);
    }

    #[test]
    fn shifts_reach_an_eighth_in_both_directions() {
        let augment = Augment { crop: Crop::Shift, flip: false };
        let mut seen = std::collections::BTreeSet::new();
        for index in 0..1000 {
            let variation = Variation::draw(augment, 32, 1, 2, index);
            assert!(!variation.flip);
            let Window::Shifted { right, down } = variation.window else { panic!("not shifted") };
            seen.extend([right, down]);
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), (-4..=4).collect::<Vec<_>>());
    }
}
