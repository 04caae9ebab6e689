//! From bytes to what a network takes: images in random order, varied, normalised, side by side.

use super::augment::{Augment, Variation, Window};
use super::dataset::Dataset;
use super::random::{Purpose, Stream};
use crate::cut::Cut;

/// Mean of red, green and blue over ImageNet, of values from 0 to 1; subtracted from every pixel.
pub const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Standard deviation of red, green and blue over ImageNet; every pixel is divided by it.
pub const STD: [f32; 3] = [0.229, 0.224, 0.225];

/// Images and labels for one step. Reuse it: the buffers keep their size.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// `[N, resolution, resolution, 3]`, normalised by [`MEAN`] and [`STD`].
    pub pixels: Vec<f32>,
    /// `[N]`, indices into the classes.
    pub labels: Vec<usize>,
}

/// The same indices in the order of one epoch: a function of `indices`, `seed` and `epoch`.
pub fn epoch_order(indices: &[u32], seed: u64, epoch: u64) -> Vec<u32> {
    let mut order = indices.to_vec();
    let mut stream = Stream::new(Purpose::Order, [seed, epoch, 0]);
    // Fisher and Yates, from the end.
    for last in (1..order.len()).rev() {
        order.swap(last, stream.below(last + 1));
    }
    order
}

impl Dataset {
    /// Replaces the content of `batch` by the images `indices`, varied if `augment` says how.
    ///
    /// The variation of an image is a function of (`seed`, `epoch`, its index), whatever else is in the batch.
    ///
    /// # Panics
    /// If an index is not below [`Dataset::len`].
    pub fn fill(&self, indices: &[u32], augment: Option<&Augment>, seed: u64, epoch: u64, batch: &mut Batch) {
        let side = self.resolution();
        let size = side * side * 3;
        self.fill_labels(indices, batch);
        batch.pixels.resize(indices.len() * size, 0.0);
        for (&index, out) in indices.iter().zip(batch.pixels.chunks_exact_mut(size)) {
            let variation = augment.map_or(Variation::NONE, |&how| Variation::draw(how, side, seed, epoch, index));
            write(self.pixels(index), side, variation, out);
        }
    }

    /// Replaces the labels of `batch` by those of the images `indices`.
    ///
    /// # Panics
    /// As [`Dataset::fill`].
    pub fn fill_labels(&self, indices: &[u32], batch: &mut Batch) {
        batch.labels.clear();
        batch.labels.extend(indices.iter().map(|&index| self.label(index)));
    }

    /// What [`Dataset::fill`] shows of the images `indices`: stretching and normalising that gives the same values to the bit.
    pub fn cuts(&self, indices: &[u32], augment: Option<&Augment>, seed: u64, epoch: u64) -> impl Iterator<Item = Cut> {
        let side = self.resolution();
        indices.iter().map(move |&image| {
            let Variation { window, flip } =
                augment.map_or(Variation::NONE, |&how| Variation::draw(how, side, seed, epoch, image));
            let (corner, size) = match window {
                Window::Shifted { right, down } => ([right as f32, down as f32], [side as f32; 2]),
                Window::Box { left, top, width, height } => ([left, top], [width, height]),
            };
            Cut { image, corner, size, flip }
        })
    }
}

/// Writes one image, `[side, side, 3]`, normalised.
fn write(image: &[u8], side: usize, variation: Variation, out: &mut [f32]) {
    match variation.window {
        Window::Shifted { right, down } => shifted(image, side, right, down, out),
        Window::Box { left, top, width, height } => resized(image, side, [left, top], [width, height], out),
    }
    if variation.flip {
        for row in out.chunks_exact_mut(side * 3) {
            flip(row);
        }
    }
}

/// Reverses the pixels of one row.
fn flip(row: &mut [f32]) {
    let (pixels, _) = row.as_chunks_mut::<3>();
    pixels.reverse();
}

/// The normalised value of every byte in every channel.
static NORMALISED: [[f32; 256]; 3] = {
    let mut table = [[0.0; 256]; 3];
    let mut channel = 0;
    while channel < 3 {
        let mut value = 0;
        while value < 256 {
            table[channel][value] = (value as f32 / 255.0 - MEAN[channel]) / STD[channel];
            value += 1;
        }
        channel += 1;
    }
    table
};

fn normalised(pixel: &[u8; 3]) -> [f32; 3] {
    [0, 1, 2].map(|channel| NORMALISED[channel][usize::from(pixel[channel])])
}

fn shifted(image: &[u8], side: usize, right: isize, down: isize, out: &mut [f32]) {
    let (image, _) = image.as_chunks::<3>();
    let (out, _) = out.as_chunks_mut::<3>();
    let inside = |position: usize, shift: isize| position.saturating_add_signed(shift).min(side - 1);
    // Columns from `first` on and before `end` have a source of their own, the others repeat the edge.
    let (first, end) = (right.min(0).unsigned_abs(), side - right.max(0).unsigned_abs());
    for (y, row) in out.chunks_exact_mut(side).enumerate() {
        let source = &image[inside(y, down) * side..][..side];
        row[..first].fill(normalised(&source[0]));
        row[end..].fill(normalised(&source[side - 1]));
        for (pixel, value) in row[first..end].iter_mut().zip(&source[inside(first, right)..]) {
            *pixel = normalised(value);
        }
    }
}

/// Where one output position comes from: two neighbours and the share of the second.
#[derive(Clone, Copy)]
struct Tap {
    near: usize,
    far: usize,
    share: f32,
}

/// Bilinear sampling with pixel centres at half-integers, edges repeated.
fn taps(side: usize, start: f32, length: f32) -> Vec<Tap> {
    let last = side - 1;
    (0..side)
        .map(|position| {
            let at = start + (position as f32 + 0.5) * length / side as f32 - 0.5;
            let at = at.clamp(0.0, last as f32);
            let near = (at as usize).min(last);
            Tap { near, far: (near + 1).min(last), share: at - near as f32 }
        })
        .collect()
}

fn resized(image: &[u8], side: usize, corner: [f32; 2], size: [f32; 2], out: &mut [f32]) {
    let (image, _) = image.as_chunks::<3>();
    let (out, _) = out.as_chunks_mut::<3>();
    let columns = taps(side, corner[0], size[0]);
    let mut blended = vec![[0.0; 3]; side];
    for (row, tap) in out.chunks_exact_mut(side).zip(taps(side, corner[1], size[1])) {
        let (near, far) = (&image[tap.near * side..][..side], &image[tap.far * side..][..side]);
        for ((value, near), far) in blended.iter_mut().zip(near).zip(far) {
            *value = blend(near.map(f32::from), far.map(f32::from), tap.share);
        }
        for (pixel, tap) in row.iter_mut().zip(&columns) {
            let value = blend(blended[tap.near], blended[tap.far], tap.share);
            *pixel = [0, 1, 2].map(|channel| (value[channel] / 255.0 - MEAN[channel]) / STD[channel]);
        }
    }
}

fn blend(near: [f32; 3], far: [f32; 3], share: f32) -> [f32; 3] {
    [0, 1, 2].map(|channel| near[channel] + (far[channel] - near[channel]) * share)
}

#[cfg(test)]
mod tests {
    use super::super::{Crop, synthetic};
    use super::*;

    /// The obvious version of a shift and a flip: one output value at a time.
    fn naive(image: &[u8], side: usize, right: isize, down: isize, flip: bool) -> Vec<f32> {
        let at = |position: usize, shift: isize| (position as isize + shift).clamp(0, side as isize - 1) as usize;
        let mut out = Vec::new();
        for y in 0..side {
            for x in 0..side {
                let x = if flip { side - 1 - x } else { x };
                for channel in 0..3 {
                    let value = image[(at(y, down) * side + at(x, right)) * 3 + channel];
                    out.push((f32::from(value) / 255.0 - MEAN[channel]) / STD[channel]);
                }
            }
        }
        out
    }

    #[test]
    fn shift_and_flip_agree_with_the_naive_version() {
        for side in [8, 9, 17] {
            let set = synthetic(1, side, 0.5, 1).unwrap();
            let mut out = vec![0.0; side * side * 3];
            for (right, down) in [(0, 0), (2, -1), (-2, 2), (1, 0), (7, -7)] {
                for flip in [false, true] {
                    let variation = Variation { window: Window::Shifted { right, down }, flip };
                    write(set.pixels(0), side, variation, &mut out);
                    assert_eq!(out, naive(set.pixels(0), side, right, down, flip), "{side} {right} {down} {flip}");
                }
            }
        }
    }

    #[test]
    fn a_box_over_the_whole_image_is_the_image() {
        let set = synthetic(1, 16, 0.5, 1).unwrap();
        let mut out = vec![0.0; 16 * 16 * 3];
        let window = Window::Box { left: 0.0, top: 0.0, width: 16.0, height: 16.0 };
        write(set.pixels(0), 16, Variation { window, flip: false }, &mut out);
        let expected = naive(set.pixels(0), 16, 0, 0, false);
        assert!(out.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    /// Half the width, twice the scale: a ramp of slope 16 becomes one of slope 8, shifted by half a pixel.
    #[test]
    fn a_box_is_stretched_bilinearly() {
        let ramp: Vec<u8> = (0..8 * 8 * 3).map(|i| (i / 3 % 8 * 16) as u8).collect();
        let mut out = vec![0.0; ramp.len()];
        resized(&ramp, 8, [2.0, 0.0], [4.0, 8.0], &mut out);
        for (x, pixel) in out[..24].chunks_exact(3).enumerate() {
            let expected = (32.0 + 8.0 * x as f32 - 4.0) / 255.0;
            assert!((pixel[0] * STD[0] + MEAN[0] - expected).abs() < 1e-5, "{x}: {pixel:?}");
        }
    }

    /// What an engine that has the images computes from: to the bit what is written here.
    #[test]
    fn a_cut_says_all_that_is_seen_of_an_image() {
        for side in [8, 17, 224] {
            let set = synthetic(6, side, 0.5, 1).unwrap();
            for crop in [Crop::None, Crop::Shift, Crop::Resized] {
                let augment = Augment { crop, flip: true };
                let mut batch = Batch::default();
                set.fill(&set.all(), Some(&augment), 5, 6, &mut batch);
                let mut out = vec![0.0; side * side * 3];
                for (cut, expected) in set.cuts(&set.all(), Some(&augment), 5, 6).zip(batch.pixels.chunks(out.len())) {
                    resized(set.pixels(cut.image), side, cut.corner, cut.size, &mut out);
                    if cut.flip {
                        out.chunks_exact_mut(side * 3).for_each(flip);
                    }
                    assert!(out == expected, "{side} px, {cut:?}");
                }
            }
        }
    }

    #[test]
    fn an_image_looks_the_same_in_any_batch() {
        let set = synthetic(40, 24, 0.5, 1).unwrap();
        let size = 24 * 24 * 3;
        for crop in [Crop::None, Crop::Shift, Crop::Resized] {
            let augment = Augment { crop, flip: true };
            let (mut many, mut one, mut other) = (Batch::default(), Batch::default(), Batch::default());
            set.fill(&set.all(), Some(&augment), 5, 6, &mut many);
            set.fill(&[17], Some(&augment), 5, 6, &mut one);
            assert_eq!(one.pixels, many.pixels[17 * size..][..size]);
            assert_eq!((one.labels, many.labels.len()), (vec![1], 40));
            set.fill(&set.all(), Some(&augment), 5, 7, &mut other);
            assert_ne!(many.pixels, other.pixels);
        }
    }

    #[test]
    fn a_batch_without_variation_is_normalised_pixels_and_nothing_more() {
        let set = synthetic(10, 24, 0.5, 1).unwrap();
        let mut batch = Batch::default();
        set.fill(&set.all(), None, 0, 0, &mut batch);
        set.fill(&[4, 1], None, 9, 9, &mut batch);
        let expected = [naive(set.pixels(4), 24, 0, 0, false), naive(set.pixels(1), 24, 0, 0, false)].concat();
        assert_eq!(batch, Batch { pixels: expected, labels: vec![0, 1] });
    }

    #[test]
    fn an_epoch_is_a_permutation_that_changes_with_seed_and_epoch() {
        let indices: Vec<u32> = (0..100).map(|i| i * 3).collect();
        let order = epoch_order(&indices, 1, 1);
        assert_eq!(order[..5], [48, 153, 249, 105, 279]);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, indices);
        assert_eq!(order, epoch_order(&indices, 1, 1));
        assert!(order != epoch_order(&indices, 1, 2) && order != epoch_order(&indices, 2, 1) && order != indices);
        assert!(epoch_order(&[], 1, 1).is_empty());
    }
}
