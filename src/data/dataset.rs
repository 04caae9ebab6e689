//! A labelled set of square RGB images of one size, split into train, validation and test.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::error::DataError;
use super::split::{ContentHash, Split, split};

/// Labelled square RGB images, decoded and held as bytes.
pub struct Dataset {
    /// `[N, resolution, resolution, 3]`, possibly with other bytes behind it.
    pixels: Box<dyn AsRef<[u8]> + Send + Sync>,
    labels: Vec<u16>,
    resolution: usize,
    classes: Vec<String>,
    splits: [Vec<u32>; 3],
    fingerprint: String,
}

/// Everything about a set of images but their pixels.
#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Catalogue {
    /// Side of the images.
    pub(super) resolution: usize,
    /// Class names.
    pub(super) classes: Vec<String>,
    /// Index of the class of each image.
    pub(super) labels: Vec<u16>,
    /// Hash of the content of each image.
    pub(super) hashes: Vec<ContentHash>,
    /// CRC-32C of all pixels.
    pub(super) checksum: u32,
}

impl Catalogue {
    /// Bytes of all pixels, `None` if no machine could hold them.
    pub(super) fn pixel_bytes(&self) -> Option<usize> {
        self.resolution.checked_mul(self.resolution)?.checked_mul(3)?.checked_mul(self.labels.len())
    }

    /// Whether the parts fit each other.
    pub(super) fn is_consistent(&self) -> bool {
        self.labels.len() == self.hashes.len()
            && u32::try_from(self.labels.len()).is_ok()
            && self.labels.iter().all(|&label| usize::from(label) < self.classes.len())
    }

    fn fingerprint(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update((self.resolution as u64).to_le_bytes());
        for class in &self.classes {
            hasher.update((class.len() as u64).to_le_bytes());
            hasher.update(class);
        }
        for (label, hash) in self.labels.iter().zip(&self.hashes) {
            hasher.update(label.to_le_bytes());
            hasher.update(hash);
        }
        hasher.update(self.checksum.to_le_bytes());
        HEXLOWER.encode(&hasher.finalize())
    }
}

impl Dataset {
    /// Puts a set together; `pixels` begin with those of image 0.
    pub(super) fn new(catalogue: Catalogue, pixels: Box<dyn AsRef<[u8]> + Send + Sync>) -> Self {
        debug_assert!(catalogue.is_consistent());
        Self {
            splits: split(&catalogue.hashes, &catalogue.labels),
            fingerprint: catalogue.fingerprint(),
            pixels,
            labels: catalogue.labels,
            resolution: catalogue.resolution,
            classes: catalogue.classes,
        }
    }

    /// Side of the square images in pixels.
    pub fn resolution(&self) -> usize {
        self.resolution
    }

    /// Class names; a label is an index into them.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image at all.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Whether image `i` is of the same class as image `i` of `other`, for all of them.
    pub(super) fn shows_what(&self, other: &Self) -> bool {
        self.labels == other.labels && self.classes == other.classes
    }

    /// The same images, split like those of `other`.
    pub(super) fn split_as(self, other: &Self) -> Self {
        Self { splits: other.splits.clone(), ..self }
    }

    /// Label of image `index`.
    pub fn label(&self, index: u32) -> usize {
        usize::from(self.labels[index as usize])
    }

    /// Pixels of image `index`: `[resolution, resolution, 3]`, RGB.
    pub fn pixels(&self, index: u32) -> &[u8] {
        let size = self.resolution * self.resolution * 3;
        &(*self.pixels).as_ref()[index as usize * size..][..size]
    }

    /// Indices of the images of one split, in an order that depends on content alone.
    pub fn split(&self, split: Split) -> &[u32] {
        &self.splits[split as usize]
    }

    /// Indices of all images, for measuring a trained network on a folder of its own.
    pub fn all(&self) -> Vec<u32> {
        (0..self.len() as u32).collect()
    }

    /// Whether the set can be trained on: every class occurs in the training split, and the other two are not empty.
    ///
    /// # Errors
    /// [`DataError::SplitEmpty`] if it cannot: the folder holds too few images.
    pub fn check_splits(&self) -> Result<(), DataError> {
        let empty = |split: Split, class| {
            Err(DataError::SplitEmpty { split: split.name(), share: split.tenths(), class, images: self.len() })
        };
        for split in Split::ALL {
            if self.split(split).is_empty() {
                return empty(split, None);
            }
        }
        let mut seen = vec![false; self.classes.len()];
        for &index in self.split(Split::Train) {
            seen[self.label(index)] = true;
        }
        match seen.iter().position(|seen| !seen) {
            Some(class) => empty(Split::Train, Some(self.classes[class].clone())),
            None => Ok(()),
        }
    }

    /// Hex hash of everything a training could see: pixels, labels, class names, splits.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

impl std::fmt::Debug for Dataset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dataset")
            .field("images", &self.len())
            .field("resolution", &self.resolution)
            .field("classes", &self.classes)
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}
