//! `trials.jsonl`: one line a trial, only ever appended to.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::files::{set_aside, sync_parent, write_atomically};
use super::record::{self, Unreadable};
use super::{Error, Warning};
use crate::search::trial::Trial;

/// Trials by index.
pub(super) type Trials = BTreeMap<usize, Trial>;

/// What a journal's text holds.
struct Content {
    trials: Trials,
    warnings: Vec<Warning>,
    /// Bytes up to and with the last line break.
    whole: usize,
    /// Bytes behind it.
    torn: usize,
}

/// Reads the trials of a journal by ascending index, also while a search is writing to it; a missing journal is empty.
///
/// Damaged lines are left out with a warning. A last line without line break is still being written and is left out.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read; [`Error::Version`] if a newer program wrote it.
pub fn read(path: &Path) -> Result<(Vec<Trial>, Vec<Warning>), Error> {
    let content = parse(path)?;
    Ok((content.trials.into_values().collect(), content.warnings))
}

fn parse(path: &Path) -> Result<Content, Error> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        other => other.map_err(Error::io("read", path))?,
    };
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |position| position + 1);
    let mut content = Content { trials: Trials::new(), warnings: Vec::new(), whole, torn: bytes.len() - whole };
    for (position, line) in bytes[..whole].split_inclusive(|&byte| byte == b'\n').enumerate() {
        let line = &line[..line.len() - 1];
        let trial = match std::str::from_utf8(line) {
            Ok(line) => record::from_line(line),
            Err(_) => Err(Unreadable::Damaged("not UTF-8".to_owned())),
        };
        let reason = match trial {
            Ok(trial) => match content.trials.get(&trial.job.index) {
                Some(earlier) if *earlier != trial => format!("a second, different trial {}", trial.job.index),
                Some(_) => continue,
                None => {
                    content.trials.insert(trial.job.index, trial);
                    continue;
                }
            },
            Err(Unreadable::Damaged(reason)) => reason,
            Err(Unreadable::Version(version)) => return Err(Error::Version { path: path.to_owned(), version }),
        };
        content.warnings.push(Warning::DamagedLine { path: path.to_owned(), line: position + 1, reason });
    }
    Ok(content)
}

/// A journal open for appending.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Journal {
    /// Opens or creates the journal at `path`, cuts off a torn last line, and reads what it holds.
    ///
    /// If other lines are damaged, the file is kept under another name and written anew without them, so that they are
    /// reported once.
    pub(super) fn open(path: &Path) -> Result<(Self, Trials, Vec<Warning>), Error> {
        let Content { trials, mut warnings, whole, torn } = parse(path)?;
        let damaged = !warnings.is_empty();
        if damaged {
            let copy = set_aside(path)?;
            warnings.push(Warning::SetAside { path: path.to_owned(), copy });
            let mut text = String::new();
            for trial in trials.values() {
                text += &record::to_line(trial)?;
                text.push('\n');
            }
            write_atomically(path, text.as_bytes())?;
        }
        let created = !path.exists();
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(Error::io("open", path))?;
        if torn > 0 {
            warnings.push(Warning::TornTail { path: path.to_owned(), bytes: torn });
            if !damaged {
                file.set_len(whole as u64).and_then(|()| file.sync_all()).map_err(Error::io("cut", path))?;
            }
        }
        if created {
            sync_parent(path)?;
        }
        let length = file.metadata().map_err(Error::io("read", path))?.len();
        Ok((Self { path: path.to_owned(), file, length }, trials, warnings))
    }

    /// Appends one trial; it is on the disk when this returns `Ok`, and not in the file at all otherwise.
    pub(super) fn append(&mut self, trial: &Trial) -> Result<(), Error> {
        let line = record::to_line(trial)? + "\n";
        match self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data()) {
            Ok(()) => {
                self.length += line.len() as u64;
                Ok(())
            }
            Err(source) => {
                // A full disk may have taken a part of the line: should cutting it fail too, the next open does it.
                let _ = self.file.set_len(self.length);
                Err(Error::Io { action: "write to", path: self.path.clone(), source })
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
