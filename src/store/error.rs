//! What can go wrong with a run on disk, and what was put right on the way.

use std::io;
use std::path::{Path, PathBuf};

use super::record::VERSION;
use crate::device::DeviceKind;
use crate::search::ports::StoreError;

/// Why a run cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process, or another handle in this one, has the run open.
    #[error("{} is in use by {holder}: wait until it ends, or choose another name", path.display())]
    Held {
        /// The lock file.
        path: PathBuf,
        /// Process and host as the holder wrote them.
        holder: String,
    },
    /// The folder for something new has other things in it.
    #[error("{} is there and was not begun by this command, since {} lies in it: choose another name", dir.display(), found.display())]
    Occupied {
        /// The folder.
        dir: PathBuf,
        /// What was found in it.
        found: PathBuf,
    },
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
    /// The database failed.
    #[error("database {} failed", path.display())]
    Database {
        /// Folder of the database.
        path: PathBuf,
        /// What sled said.
        source: ::sled::Error,
    },
    /// The database stayed unusable after every repair.
    #[error("database {} cannot be rebuilt: {reason}", path.display())]
    Unusable {
        /// Folder of the database.
        path: PathBuf,
        /// The last failure.
        reason: String,
    },
    /// A record is of a version that this program does not know.
    #[error(
        "{}: a record of version {version}, this program reads versions up to {VERSION}: use the newer program",
        path.display()
    )]
    Version {
        /// Where the record is.
        path: PathBuf,
        /// Its version.
        version: u64,
    },
    /// A number that no file can hold.
    #[error("trial {index}: {field} is not a finite number")]
    NotFinite {
        /// Index of the trial.
        index: usize,
        /// Which of its numbers.
        field: &'static str,
    },
    /// The trial cannot be written as a record.
    #[error("trial {index} cannot be written as a record: {reason}")]
    Encode {
        /// Index of the trial.
        index: usize,
        /// What the encoder said.
        reason: String,
    },
    /// Another trial is stored under the same index.
    #[error("trial {index} is stored already, with another content")]
    Conflict {
        /// The index.
        index: usize,
    },
    /// A name that cannot be a folder in the results.
    #[error("run name {name:?}: {reason}")]
    Name {
        /// The name as given.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The run was made with other settings.
    #[error(
        "run {} was made with other settings (its own -> given now); use them, or choose another name:\n  {}",
        path.display(),
        changes.join("\n  ")
    )]
    OtherConfig {
        /// The run's `config.toml`.
        path: PathBuf,
        /// Lines `key: old -> new`.
        changes: Vec<String>,
    },
    /// The run was made on other images.
    #[error(
        "run {} was made on other images ({stored}, classes {stored_classes:?}; given now: {given}, classes \
         {given_classes:?}): give those images, or choose another name",
        path.display()
    )]
    OtherData {
        /// The run's `manifest.json`.
        path: PathBuf,
        /// Where the run's data was found.
        stored: String,
        /// Classes of the run's data.
        stored_classes: Vec<String>,
        /// Where the data given was.
        given: String,
        /// Classes of the data given.
        given_classes: Vec<String>,
    },
    /// The run was computed on another kind of device.
    #[error(
        "run {} was computed on {stored}, not on {given}, where the same trainings give other numbers: give {}, or choose \
         another name",
        path.display(),
        stored.options()
    )]
    OtherDevice {
        /// The run's `manifest.json`.
        path: PathBuf,
        /// What the run was computed on.
        stored: DeviceKind,
        /// What was asked for now.
        given: DeviceKind,
    },
    /// A file of the run is missing or unreadable although trials are there.
    #[error("{}: {reason}", path.display())]
    RunFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl Error {
    /// For `map_err` on file operations.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let error: Box<dyn std::error::Error + Send + Sync> = Box::new(error);
        error.into()
    }
}

/// Something about a run that was wrong and was put right or left out; worth a line on stderr.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// The last line of the journal was half-written, as after a kill, and was cut off.
    #[error("{}: cut off a half-written last line ({bytes} bytes)", path.display())]
    TornTail {
        /// The journal.
        path: PathBuf,
        /// Length of the torn line.
        bytes: usize,
    },
    /// A journal line was altered or damaged and is left out.
    #[error("{}: line {line} is damaged ({reason}) and was left out", path.display())]
    DamagedLine {
        /// The journal.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A database record was altered or damaged and is left out.
    #[error("{}: a record is damaged ({reason}) and was left out", path.display())]
    DamagedRecord {
        /// The database.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A damaged file or folder was kept as it was under another name.
    #[error("kept the damaged {} as {}", path.display(), copy.display())]
    SetAside {
        /// What was damaged.
        path: PathBuf,
        /// Where its copy is.
        copy: PathBuf,
    },
    /// The database could not be opened; it was opened without its snapshots, which hold nothing of their own.
    #[error("{}: {reason}; opened it without its snapshots", path.display())]
    WithoutSnapshots {
        /// The database.
        path: PathBuf,
        /// Why it did not open.
        reason: String,
    },
    /// The database could not be opened and was rebuilt from the journal.
    #[error("{}: {reason}; rebuilt it from the journal", path.display())]
    Rebuilt {
        /// The database.
        path: PathBuf,
        /// Why it did not open.
        reason: String,
    },
    /// Journal and database disagree about one trial; the journal, which is written first, was believed.
    #[error("trial {index} differs between journal and database: took the journal's")]
    Disagreement {
        /// Index of the trial.
        index: usize,
    },
    /// Trials were missing in one place and were copied from the other.
    #[error("{}: restored {count} missing trials", path.display())]
    Restored {
        /// Where they were missing.
        path: PathBuf,
        /// How many.
        count: usize,
    },
    /// The run was begun by another version of the program, whose trainings may differ in the last bits.
    #[error("the run was begun by version {stored} of this program; this is {current}: digests may differ")]
    OtherProgram {
        /// Version in the manifest.
        stored: String,
        /// This version.
        current: String,
    },
}
