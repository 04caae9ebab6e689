//! The database: everything that knows sled, and its weaknesses, is here.
//!
//! - Opening can fail with `Corruption`, or panic, on a snapshot that a kill has torn; the log itself is then whole, and
//!   opens once the snapshots are deleted.
//! - Its lock outlives a killed process by some milliseconds, and is reported as an `Io` error of kind `Other`.
//! - Its `flush` starts the writing but does not wait for the disk, hence the `sync_data` on the log file.
//! - Its cache would take 1 GB if not told otherwise.

use std::fs::{self, File, OpenOptions};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::files::{set_aside, sync_dir, sync_parent};
use super::journal::Trials;
use super::lock::PATIENCE;
use super::record::{self, Unreadable};
use super::{Error, Warning};
use crate::search::trial::Trial;

const CACHE_BYTES: u64 = 64 << 20;

/// The trials of one run in sled, under their index as 8 big-endian bytes.
#[derive(Debug)]
pub(super) struct Database {
    path: PathBuf,
    db: ::sled::Db,
    /// sled's log, to wait for the disk with.
    log: File,
}

impl Database {
    /// Opens or creates the database in the folder `path` and reads all of it.
    ///
    /// If it does not open, a copy is kept and it is tried again without snapshots; if that does not help either, an
    /// empty one is begun, for the journal to fill. Damaged records are removed. Each of these gives a warning.
    pub(super) fn open(path: &Path) -> Result<(Self, Trials, Vec<Warning>), Error> {
        let reason = match try_open(path)? {
            Ok(opened) => return Ok(opened),
            Err(reason) => reason,
        };
        let copy = set_aside(path)?;
        let mut repairs = vec![Warning::SetAside { path: path.to_owned(), copy }];
        remove_snapshots(path)?;
        let (database, trials, warnings) = match try_open(path)? {
            Ok(opened) => {
                repairs.push(Warning::WithoutSnapshots { path: path.to_owned(), reason });
                opened
            }
            Err(reason) => {
                fs::remove_dir_all(path).map_err(Error::io("remove", path))?;
                repairs.push(Warning::Rebuilt { path: path.to_owned(), reason });
                try_open(path)?.map_err(|reason| Error::Unusable { path: path.to_owned(), reason })?
            }
        };
        repairs.extend(warnings);
        Ok((database, trials, repairs))
    }

    /// Stores one trial, over any earlier one of its index; it is on the disk when this returns `Ok`.
    pub(super) fn insert(&self, trial: &Trial) -> Result<(), Error> {
        let bytes = record::to_bytes(trial)?;
        self.db.insert(key(trial.job.index), bytes).map_err(self.error())?;
        self.sync()
    }

    /// The trial stored under `index`.
    pub(super) fn get(&self, index: usize) -> Result<Option<Trial>, Error> {
        let Some(bytes) = self.db.get(key(index)).map_err(self.error())? else { return Ok(None) };
        record::from_bytes(&bytes).map(Some).map_err(|unreadable| self.unreadable(unreadable))
    }

    /// All trials by ascending index.
    pub(super) fn trials(&self) -> Result<Vec<Trial>, Error> {
        let records = self.db.iter().values().map(|bytes| {
            record::from_bytes(&bytes.map_err(self.error())?).map_err(|unreadable| self.unreadable(unreadable))
        });
        records.collect()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn sync(&self) -> Result<(), Error> {
        self.db.flush().map_err(self.error())?;
        self.log.sync_data().map_err(Error::io("sync", &self.path))
    }

    fn error(&self) -> impl Fn(::sled::Error) -> Error {
        |source| Error::Database { path: self.path.clone(), source }
    }

    /// Damage after a clean opening: not to be repaired behind the search's back.
    fn unreadable(&self, unreadable: Unreadable) -> Error {
        let path = self.path.clone();
        match unreadable {
            Unreadable::Damaged(reason) => Error::Unusable { path, reason },
            Unreadable::Version(version) => Error::Version { path, version },
        }
    }
}

fn key(index: usize) -> [u8; 8] {
    (index as u64).to_be_bytes()
}

type Opened = (Database, Trials, Vec<Warning>);

/// One attempt. The inner error is damage, in words, that a repair may help against; the outer one is final.
fn try_open(path: &Path) -> Result<Result<Opened, String>, Error> {
    // sled panics on some damage; it is then closed and thrown away, so nothing half-changed is seen afterwards.
    let attempt = catch_unwind(AssertUnwindSafe(|| open_and_read(path)));
    match attempt {
        Ok(Ok(opened)) => Ok(Ok(opened)),
        Ok(Err(Error::Database { source, .. })) if !matches!(source, ::sled::Error::Io(_)) => {
            Ok(Err(source.to_string()))
        }
        Ok(Err(error)) => Err(error),
        Err(panic) => {
            let message = panic.downcast_ref::<String>().map(String::as_str);
            let message = message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            Ok(Err(format!("sled panicked: {message}")))
        }
    }
}

fn open_and_read(path: &Path) -> Result<Opened, Error> {
    let created = !path.exists();
    let failed = |source| Error::Database { path: path.to_owned(), source };
    let config = ::sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(None);
    let deadline = Instant::now() + PATIENCE;
    let db = loop {
        match config.open() {
            Err(::sled::Error::Io(error))
                if error.to_string().contains("could not acquire lock") && Instant::now() < deadline =>
            {
                std::thread::sleep(Duration::from_millis(20));
            }
            other => break other.map_err(failed)?,
        }
    };
    let log_path = path.join("db");
    let log = OpenOptions::new().write(true).open(&log_path).map_err(Error::io("open", &log_path))?;
    let database = Database { path: path.to_owned(), db, log };
    if created {
        database.sync()?;
        sync_dir(path)?;
        sync_parent(path)?;
    }
    let mut trials = Trials::new();
    let mut warnings = Vec::new();
    for entry in database.db.iter() {
        let (stored_key, bytes) = entry.map_err(failed)?;
        let reason = match record::from_bytes(&bytes) {
            Ok(trial) if key(trial.job.index) == *stored_key => {
                trials.insert(trial.job.index, trial);
                continue;
            }
            Ok(trial) => format!("trial {} under another index", trial.job.index),
            Err(Unreadable::Damaged(reason)) => reason,
            Err(Unreadable::Version(version)) => return Err(Error::Version { path: path.to_owned(), version }),
        };
        warnings.push(Warning::DamagedRecord { path: path.to_owned(), reason });
        database.db.remove(stored_key).map_err(failed)?;
    }
    if !warnings.is_empty() {
        database.sync()?;
    }
    Ok((database, trials, warnings))
}

/// Deletes `snap.*`, finished or not: they only save replaying the log.
fn remove_snapshots(path: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(path).map_err(Error::io("read", path))? {
        let entry = entry.map_err(Error::io("read", path))?;
        if entry.file_name().to_string_lossy().starts_with("snap.") {
            fs::remove_file(entry.path()).map_err(Error::io("remove", &entry.path()))?;
        }
    }
    Ok(())
}
