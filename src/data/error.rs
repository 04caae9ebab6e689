//! Why a data set could not be made.

use std::path::PathBuf;

/// Why a data set could not be made, and what to change.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The path given does not exist.
    #[error("{} does not exist; give the folder that holds one folder of images per class", .0.display())]
    Missing(PathBuf),
    /// The path given is a file.
    #[error("{} is not a folder; give the folder that holds one folder of images per class", .0.display())]
    NotAFolder(PathBuf),
    /// A file or folder could not be read.
    #[error("cannot read {}; check its permissions", path.display())]
    Io {
        /// What was being read.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The name of a class cannot be written down.
    #[error("the folder {} has a name that is not UTF-8: rename it, since it is the name of a class", .0.display())]
    NotUtf8(PathBuf),
    /// No file that could be an image was found.
    #[error(
        "no images in {}; expected one folder of images per class, or files named like cat.0.jpg and dog.0.jpg",
        .0.display()
    )]
    Empty(PathBuf),
    /// All images are of one class.
    #[error("only one class, {class:?}, in {}; at least two folders of images are needed", path.display())]
    OneClass {
        /// The folder given.
        path: PathBuf,
        /// The only class.
        class: String,
    },
    /// More classes than a data set can have.
    #[error(
        "{found} folders of images in {}, the limit is {limit} classes; is it the folder above the right one?",
        path.display()
    )]
    TooManyClasses {
        /// The folder given.
        path: PathBuf,
        /// Number of class folders.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// None of the files of a class is a readable image.
    #[error(
        "none of the {files} files of class {class:?} is a readable image ({example}); replace them or remove the class"
    )]
    NothingDecodable {
        /// The class.
        class: String,
        /// Number of files tried.
        files: usize,
        /// The first file and what is wrong with it.
        example: String,
    },
    /// A side length or a number of images that cannot be served.
    #[error("{what} is {got}; use {low} to {high}")]
    OutOfRange {
        /// Which quantity.
        what: &'static str,
        /// What was asked for.
        got: usize,
        /// Smallest allowed.
        low: usize,
        /// Largest allowed.
        high: usize,
    },
    /// The images were others when they were read again.
    #[error(
        "the images were not the same ones at {} px and at {} px; leave the folder alone while it is read, and try again",
        resolutions[0],
        resolutions[1]
    )]
    Changed {
        /// Sides that they were read at, in pixels.
        resolutions: [usize; 2],
    },
    /// Too few images to train on and to compare by.
    #[error(
        "of {images} images none{} fell into the {split} split, which takes {share} of 10 by a hash of their content; \
         add images (100 a class are enough as a rule)",
        class.as_ref().map(|class| format!(" of class {class:?}")).unwrap_or_default()
    )]
    SplitEmpty {
        /// Name of the split.
        split: &'static str,
        /// Tenths of all images that the split gets on average.
        share: u8,
        /// The class that is missing in it; `None` if all are.
        class: Option<String>,
        /// Number of images in the set.
        images: usize,
    },
}

/// Checks that `got` is between `low` and `high`.
pub(super) fn check_range(what: &'static str, got: usize, low: usize, high: usize) -> Result<(), DataError> {
    if (low..=high).contains(&got) { Ok(()) } else { Err(DataError::OutOfRange { what, got, low, high }) }
}
