//! Why images could not be fetched.

use std::io;
use std::path::{Path, PathBuf};

/// Why images could not be fetched, and what to change.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// There is something where the images shall go.
    #[error("{} exists already: train on it, or give the name of a new folder with --to", .0.display())]
    Exists(PathBuf),
    /// Another process fetches the same.
    #[error("{} is being written by another process: wait until it ends", .0.display())]
    Busy(PathBuf),
    /// A file operation failed.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried: `create`, `write to`, ...
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No connection, or none that lasts.
    #[error(
        "no connection to {url} brings any more ({reason}), {have} of {bytes} bytes are here: the same command goes on from \
         there; --url takes a mirror"
    )]
    BrokenOff {
        /// Where the archive is.
        url: String,
        /// What became of the last connection.
        reason: String,
        /// Bytes of the archive that are on the disk.
        have: u64,
        /// Bytes of the archive.
        bytes: u64,
    },
    /// The server has no such file, or does not give it.
    #[error("{url} answers with status {status}: give a mirror with --url")]
    Status {
        /// Where the archive is.
        url: String,
        /// Status of the HTTP response.
        status: u16,
    },
    /// The server has a file of another length.
    #[error(
        "{url} is another file: {found} where {expected} bytes were expected; give a mirror of the archive with --url"
    )]
    OtherLength {
        /// Where the archive is.
        url: String,
        /// Bytes of the archive.
        expected: u64,
        /// What the server says of its own file.
        found: String,
    },
    /// The file is as long as it should be, and another one.
    #[error(
        "{url} gave another file: its SHA-256 is {found}, not {expected}; it was removed: try again, or give a mirror of the \
         archive with --url"
    )]
    OtherContent {
        /// Where the archive is.
        url: String,
        /// Hash of the archive.
        expected: String,
        /// Hash of what came.
        found: String,
    },
    /// The archive cannot be read.
    #[error("cannot unpack the archive")]
    Archive(#[from] zip::result::ZipError),
    /// The archive has none of the images.
    #[error("no images in the archive: none of its {files} files is named like PetImages/Cat/0.jpg")]
    NoImages {
        /// Files in it.
        files: u64,
    },
}

impl FetchError {
    /// For `map_err` on file operations.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}
