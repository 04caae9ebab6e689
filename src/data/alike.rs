//! Which pictures look the same although their files differ: scaled, recompressed, or taken a moment later.

use fast_image_resize::Resizer;
use image::RgbImage;

use super::resize::squeezed;

/// Bits in which the hashes of two pictures that look the same may differ.
const DISTANCE: u32 = 2;

/// Parts of a hash, one more than [`DISTANCE`]: hashes so close are equal in a part at least. First bit and length.
const PARTS: [(u32, u32); DISTANCE as usize + 1] = [(0, 21), (21, 21), (42, 22)];

/// Whether each of 8 x 8 places is brighter than the one to its right (dHash), which scaling and compression hardly change.
///
/// # Errors
/// The reason, if the picture cannot be resized.
pub(super) fn look(image: &RgbImage, resizer: &mut Resizer) -> Result<u64, String> {
    let small = squeezed(image, 9, 8, resizer)?;
    let grey: Vec<u32> =
        small.chunks_exact(3).map(|p| 299 * u32::from(p[0]) + 587 * u32::from(p[1]) + 114 * u32::from(p[2])).collect();
    let bits = grey.chunks_exact(9).flat_map(|row| row.windows(2)).map(|pair| u64::from(pair[0] > pair[1]));
    Ok(bits.fold(0, |hash, bit| hash << 1 | bit))
}

/// Groups of indices of `looks` that are linked by hashes at most [`DISTANCE`] bits apart; singles are left out. Groups and
/// their members are in ascending order.
///
/// Only hashes that are equal in a part are compared, so the time is nearly that of sorting unless most pictures are alike.
pub(super) fn groups(looks: &[u64]) -> Vec<Vec<usize>> {
    let mut links = Links::new(looks.len());
    let mut order: Vec<usize> = (0..looks.len()).collect();
    // Of equal hashes one stands for all in the comparisons.
    order.sort_by_key(|&index| looks[index]);
    for equal in order.chunk_by(|&a, &b| looks[a] == looks[b]) {
        equal.iter().for_each(|&other| links.join(equal[0], other));
    }
    order.dedup_by_key(|index| looks[*index]);
    for (first, length) in PARTS {
        let part = |index: usize| looks[index] >> first & ((1 << length) - 1);
        order.sort_by_key(|&index| part(index));
        for bucket in order.chunk_by(|&a, &b| part(a) == part(b)) {
            for (at, &one) in bucket.iter().enumerate() {
                for &other in &bucket[at + 1..] {
                    if (looks[one] ^ looks[other]).count_ones() <= DISTANCE {
                        links.join(one, other);
                    }
                }
            }
        }
    }
    links.groups()
}

/// Disjoint sets: each index leads to a smaller one of its set, the smallest to itself.
struct Links(Vec<usize>);

impl Links {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    fn smallest(&mut self, mut index: usize) -> usize {
        while self.0[index] != index {
            self.0[index] = self.0[self.0[index]];
            index = self.0[index];
        }
        index
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.smallest(one), self.smallest(other));
        self.0[one.max(other)] = one.min(other);
    }

    fn groups(mut self) -> Vec<Vec<usize>> {
        let mut groups = vec![Vec::new(); self.0.len()];
        for index in 0..self.0.len() {
            let smallest = self.smallest(index);
            groups[smallest].push(index);
        }
        groups.retain(|group| group.len() > 1);
        groups
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;
    use image::imageops::{FilterType, brighten, flip_horizontal, resize};
    use proptest::prelude::*;

    use super::*;

    /// Something with light and dark areas.
    fn scene() -> RgbImage {
        let wave = |x: u32, y: u32, scale: f32| 120.0 + 100.0 * (x as f32 / scale).sin() * (y as f32 / 31.0).cos();
        RgbImage::from_fn(200, 150, |x, y| Rgb([23.0, 37.0, 53.0].map(|scale| wave(x, y, scale) as u8)))
    }

    fn seen(image: &RgbImage) -> u64 {
        look(image, &mut Resizer::new()).unwrap()
    }

    #[test]
    fn a_smaller_or_brighter_copy_looks_the_same_and_a_mirrored_one_does_not() {
        let image = scene();
        let apart = |other: &RgbImage| (seen(&image) ^ seen(other)).count_ones();
        assert!(apart(&resize(&image, 90, 70, FilterType::Triangle)) <= DISTANCE);
        assert!(apart(&brighten(&image, 12)) <= DISTANCE);
        assert!(apart(&flip_horizontal(&image)) > 20);
        assert_eq!(seen(&RgbImage::from_pixel(1, 7, Rgb([1, 2, 3]))), 0);
    }

    #[test]
    fn a_bit_stands_for_a_place_that_is_brighter_than_the_next() {
        let falling = RgbImage::from_fn(90, 80, |x, _| Rgb([250 - 2 * x as u8; 3]));
        assert_eq!((seen(&falling), seen(&flip_horizontal(&falling))), (u64::MAX, 0));
    }

    proptest! {
        #[test]
        fn groups_are_those_of_all_comparisons(
            seeds in prop::collection::vec(any::<u64>(), 1..5),
            flips in prop::collection::vec((0..4_usize, 0..64_u32, 0..64_u32, 0..64_u32), 0..40),
        ) {
            let flipped = |&(seed, a, b, c): &(usize, u32, u32, u32)| seeds[seed % seeds.len()] ^ 1 << a ^ 1 << b ^ 1 << c;
            let looks: Vec<u64> = flips.iter().map(flipped).collect();
            let mut links = Links::new(looks.len());
            for one in 0..looks.len() {
                for other in 0..one {
                    if (looks[one] ^ looks[other]).count_ones() <= DISTANCE {
                        links.join(one, other);
                    }
                }
            }
            prop_assert_eq!(groups(&looks), links.groups());
        }
    }

    #[test]
    fn twenty_thousand_equal_pictures_are_one_group() {
        assert_eq!(groups(&[7; 20_000]), [(0..20_000).collect::<Vec<_>>()]);
    }
}
