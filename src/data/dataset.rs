//! A labelled set of square RGB images of one size, split into train, validation and test.

/// One of three disjoint parts of a data set. Which image falls where depends on its content alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// Networks are fitted to these.
    Train,
    /// Networks are compared on these.
    Validation,
    /// Opened once, for results that are reported.
    Test,
}

/// Labelled square RGB images, decoded and held as bytes.
pub struct Dataset {
    pub(super) pixels: Box<dyn AsRef<[u8]> + Send + Sync>,
    pub(super) labels: Vec<u16>,
    pub(super) resolution: usize,
    pub(super) classes: Vec<String>,
    pub(super) splits: [Vec<u32>; 3],
    pub(super) fingerprint: String,
}

impl Dataset {
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

    /// Hex hash of everything a training could see: pixels, labels, class names, splits.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}
