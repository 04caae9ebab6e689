//! The built-in data set: cats and dogs drawn by code, for a first run without any download and for tests.
//!
//! Both species are drawn with the same brushes, furs, patterns, eyes and places, so that neither colour nor brightness
//! gives the class away; ears, snout, whiskers, pupils and tail do, and every one of them only most of the time.

mod animal;
mod canvas;
mod scene;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use self::animal::Species;
use super::dataset::{Catalogue, Dataset};
use super::error::{DataError, check_range};
use super::random::{Purpose, Stream};
use super::{MAX_RESOLUTION, MIN_RESOLUTION};

/// Largest number of images that can be drawn at once.
const MAX_IMAGES: usize = 1_000_000;

/// Draws `images` labelled pictures of `resolution` x `resolution` pixels, alternately of class 0, "cat", and 1, "dog".
///
/// `difficulty` from 0 to 1 (values outside are clamped, NaN is taken as 0) makes animals smaller, tilted, hidden, less
/// typical, and the surroundings cluttered and noisy. Image i is a function of (`seed`, i, `resolution`, `difficulty`),
/// the same to the byte on every platform. Splits follow the same rule as for files: a hash of the content.
///
/// # Errors
/// [`DataError::OutOfRange`] for 0 or too many images, or a resolution that cannot be served.
pub fn synthetic(images: usize, resolution: usize, difficulty: f32, seed: u64) -> Result<Dataset, DataError> {
    check_range("the number of synthetic images", images, 1, MAX_IMAGES)?;
    check_range("the resolution", resolution, MIN_RESOLUTION, MAX_RESOLUTION)?;
    let difficulty = if difficulty.is_nan() { 0.0 } else { difficulty.clamp(0.0, 1.0) };
    let size = resolution * resolution * 3;
    let mut pixels = vec![0; images * size];
    pixels.par_chunks_exact_mut(size).enumerate().for_each(|(index, out)| {
        let species = if index % 2 == 0 { Species::Cat } else { Species::Dog };
        let mut stream = Stream::new(Purpose::Draw, [seed, index as u64, 0]);
        scene::paint(species, resolution, difficulty, &mut stream, out);
    });
    let catalogue = Catalogue {
        resolution,
        classes: vec!["cat".into(), "dog".into()],
        labels: (0..images).map(|index| (index % 2) as u16).collect(),
        hashes: pixels.par_chunks_exact(size).map(|image| Sha256::digest(image).into()).collect(),
        checksum: crc32c::crc32c(&pixels),
    };
    Ok(Dataset::new(catalogue, Box::new(pixels)))
}

#[cfg(test)]
mod tests {
    use super::super::Split;
    use super::*;

    #[test]
    fn classes_are_balanced_and_every_split_has_its_share() {
        let set = synthetic(1000, 32, 0.5, 1).unwrap();
        assert_eq!((set.len(), set.classes()), (1000, &["cat".to_string(), "dog".to_string()][..]));
        set.check_splits().unwrap();
        let shares = Split::ALL.map(|split| set.split(split).len());
        assert!(shares[0].abs_diff(800) < 40 && shares[1].abs_diff(100) < 30, "{shares:?}");
        let dogs = set.split(Split::Train).iter().filter(|&&index| set.label(index) == 1).count();
        assert!(dogs.abs_diff(shares[0] / 2) < 40, "{dogs} dogs of {}", shares[0]);
    }

    /// The bytes are part of what a digest of a run stands for.
    #[test]
    fn the_same_seed_gives_the_same_pictures_on_every_machine() {
        let set = synthetic(20, 48, 0.7, 7).unwrap();
        assert_eq!(set.fingerprint(), "592ab20a2a9df16d56e108e1e941717e21907d5319b779bfa7b36c57815b9f6d");
        assert_ne!(set.fingerprint(), synthetic(20, 48, 0.7, 8).unwrap().fingerprint());
        assert_eq!(set.pixels(3), synthetic(4, 48, 0.7, 7).unwrap().pixels(3));
    }

    /// Mean image of each class on the training split; the nearer mean decides on the validation and test splits.
    fn nearest_mean_accuracy(set: &Dataset, features: impl Fn(&[u8]) -> Vec<f64>) -> f64 {
        let mut means = [Vec::new(), Vec::new()];
        let mut counts = [0.0; 2];
        for &index in set.split(Split::Train) {
            let (label, values) = (set.label(index), features(set.pixels(index)));
            means[label].resize(values.len(), 0.0);
            means[label].iter_mut().zip(values).for_each(|(mean, value)| *mean += value);
            counts[label] += 1.0;
        }
        for (mean, count) in means.iter_mut().zip(counts) {
            mean.iter_mut().for_each(|value| *value /= count);
        }
        let held_back: Vec<u32> =
            [Split::Validation, Split::Test].iter().flat_map(|&s| set.split(s)).copied().collect();
        let right = held_back.iter().filter(|&&index| {
            let values = features(set.pixels(index));
            let [cat, dog] = means
                .each_ref()
                .map(|mean| mean.iter().zip(&values).map(|(mean, value)| (mean - value) * (mean - value)).sum::<f64>());
            (dog < cat) == (set.label(index) == 1)
        });
        right.count() as f64 / held_back.len() as f64
    }

    #[test]
    fn neither_brightness_nor_colour_nor_a_mean_picture_tells_the_class() {
        let set = synthetic(4000, 32, 0.5, 3).unwrap();
        let all = |pixels: &[u8]| pixels.iter().map(|&value| f64::from(value)).collect();
        let colour = |pixels: &[u8]| {
            (0..3).map(|c| pixels.iter().skip(c).step_by(3).map(|&value| f64::from(value)).sum::<f64>()).collect()
        };
        let accuracies = [nearest_mean_accuracy(&set, all), nearest_mean_accuracy(&set, colour)];
        assert!(accuracies[0] < 0.65 && accuracies[1] < 0.57, "{accuracies:?}");
    }

    #[test]
    fn sizes_that_cannot_be_served_are_refused() {
        for (images, resolution) in [(0, 64), (10, 0), (10, 1 << 20), (usize::MAX, 64)] {
            assert!(matches!(synthetic(images, resolution, 0.5, 0), Err(DataError::OutOfRange { .. })));
        }
        for difficulty in [f32::NAN, f32::INFINITY, -1.0] {
            assert_eq!(synthetic(2, 16, difficulty, 0).unwrap().len(), 2);
        }
    }
}
