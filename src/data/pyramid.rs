//! The same images at several resolutions.

use std::sync::Arc;

use super::Split;
use super::dataset::Dataset;
use super::error::DataError;

/// A set of images is not at hand at a resolution that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the data set is not at hand at {resolution} px")]
pub struct NotAtHand {
    /// Side of the images in pixels.
    pub resolution: usize,
}

/// One set of images at one resolution or more. Whatever the resolution, image `i` shows the same, and it is in the same
/// split: that of the base.
#[derive(Clone, Debug)]
pub struct Pyramid {
    base: Arc<Dataset>,
    others: Vec<Arc<Dataset>>,
}

impl Pyramid {
    /// The set `base`, and the same images at other resolutions.
    ///
    /// # Errors
    /// [`DataError::Changed`] if they are not the same images: somebody has changed the folder in the meantime.
    pub fn new(base: Dataset, others: impl IntoIterator<Item = Dataset>) -> Result<Self, DataError> {
        let level = |other: Dataset| {
            if !other.shows_what(&base) {
                return Err(DataError::Changed { resolutions: [base.resolution(), other.resolution()] });
            }
            Ok(Arc::new(other.split_as(&base)))
        };
        let others = others.into_iter().map(level).collect::<Result<_, _>>()?;
        Ok(Self { base: Arc::new(base), others })
    }

    /// The set at the resolution whose splits hold for all.
    pub fn base(&self) -> &Arc<Dataset> {
        &self.base
    }

    /// The set at `resolution`.
    ///
    /// # Errors
    /// [`NotAtHand`] if it is not there.
    pub fn at(&self, resolution: usize) -> Result<&Dataset, NotAtHand> {
        let mut levels = std::iter::once(&self.base).chain(&self.others).map(Arc::as_ref);
        levels.find(|level| level.resolution() == resolution).ok_or(NotAtHand { resolution })
    }

    /// Class names.
    pub fn classes(&self) -> &[String] {
        self.base.classes()
    }

    /// Indices of the images of one split, at any resolution.
    pub fn split(&self, split: Split) -> &[u32] {
        self.base.split(split)
    }
}

impl From<Dataset> for Pyramid {
    fn from(base: Dataset) -> Self {
        Self { base: Arc::new(base), others: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::synthetic;

    #[test]
    fn all_levels_are_split_like_the_base() {
        let [base, other] = [32, 48].map(|resolution| synthetic(200, resolution, 0.5, 1).unwrap());
        // Drawn images are split by their pixels.
        assert_ne!(base.split(Split::Train), other.split(Split::Train));
        let pyramid = Pyramid::new(base, [other]).unwrap();
        let [base, other] = [32, 48].map(|resolution| pyramid.at(resolution).unwrap());
        for split in Split::ALL {
            assert_eq!((base.split(split), pyramid.split(split)), (other.split(split), other.split(split)));
        }
        assert_eq!((base.resolution(), other.resolution()), (32, 48));
        assert_eq!(pyramid.at(64).err(), Some(NotAtHand { resolution: 64 }));
    }

    #[test]
    fn other_images_are_refused() {
        let [base, other] = [(200, 32), (201, 48)].map(|(images, side)| synthetic(images, side, 0.5, 1).unwrap());
        let error = Pyramid::new(base, [other]).unwrap_err();
        assert!(error.to_string().contains("at 32 px and at 48 px"), "{error}");
    }
}
