//! `latencies.jsonl`: how long networks took to classify, so that a search that goes on need not ask again.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Error;
use super::files::sync_parent;
use crate::arch::Architecture;

/// What was timed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Timed {
    /// The network.
    pub architecture: Architecture,
    /// Side of the images in pixels.
    pub resolution: usize,
    /// Images in a pass.
    pub batch: usize,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    timed: Timed,
    milliseconds: f64,
}

/// The times so far, in memory and on the disk.
#[derive(Debug)]
pub struct Latencies {
    path: PathBuf,
    known: HashMap<Timed, f64>,
    /// Whether the file ends in the middle of a line.
    torn: bool,
}

impl Latencies {
    /// Reads the file at `path`; where there is none, the first time makes it. What is no line of it, such as one that was
    /// being written when the power failed, is left out: it will be measured again.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let text = match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            other => other.map_err(Error::io("read", path))?,
        };
        let lines = text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
        let known = lines.map(|line: Line| (line.timed, line.milliseconds)).collect();
        Ok(Self { path: path.to_owned(), known, torn: !text.is_empty() && !text.ends_with(b"\n") })
    }

    /// The milliseconds of a network that was timed before.
    pub fn get(&self, timed: &Timed) -> Option<f64> {
        self.known.get(timed).copied()
    }

    /// Takes note of a time: on the disk when this returns `Ok`.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written.
    pub fn insert(&mut self, timed: Timed, milliseconds: f64) -> Result<(), Error> {
        let line = Line { timed, milliseconds };
        let (path, created, before) = (&self.path, !self.path.exists(), if self.torn { "\n" } else { "" });
        let write = || -> std::io::Result<()> {
            let text = format!("{before}{}\n", serde_json::to_string(&line)?);
            let mut file = OpenOptions::new().create(true).append(true).open(path)?;
            file.write_all(text.as_bytes())?;
            file.sync_data()
        };
        // Should only a part be written, what comes next begins a line of its own.
        self.torn = true;
        write().map_err(Error::io("write to", path))?;
        self.torn = false;
        if created {
            sync_parent(path)?;
        }
        self.known.insert(line.timed, milliseconds);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timed(resolution: usize) -> Timed {
        Timed { architecture: Architecture::googlenet_scaled(0.1, 2, false).unwrap(), resolution, batch: 1 }
    }

    #[test]
    fn times_are_there_again_and_torn_lines_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latencies.jsonl");
        let mut latencies = Latencies::open(&path).unwrap();
        latencies.insert(timed(32), 0.1 + 0.2).unwrap();
        latencies.insert(timed(48), 2.0).unwrap();
        assert_eq!(latencies.get(&timed(64)), None);
        drop(latencies);

        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 5]).unwrap();
        let mut latencies = Latencies::open(&path).unwrap();
        assert_eq!((latencies.get(&timed(32)), latencies.get(&timed(48))), (Some(0.1 + 0.2), None));
        assert_eq!(latencies.get(&Timed { batch: 2, ..timed(32) }), None);
        latencies.insert(timed(48), 3.0).unwrap();
        let again = Latencies::open(&path).unwrap();
        assert_eq!((again.get(&timed(32)), again.get(&timed(48))), (Some(0.1 + 0.2), Some(3.0)));
    }

    #[test]
    fn a_file_that_cannot_be_read_or_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = Latencies::open(folder.path()).unwrap_err().to_string();
        assert!(error.starts_with("cannot read ") && error.contains(folder.path().to_str().unwrap()), "{error}");
        let mut latencies = Latencies::open(&folder.path().join("none").join("latencies.jsonl")).unwrap();
        let error = latencies.insert(timed(32), 1.0).unwrap_err().to_string();
        assert!(error.starts_with("cannot write to ") && error.contains("latencies.jsonl"), "{error}");
        assert_eq!(latencies.get(&timed(32)), None);
    }
}
