//! `measurements.jsonl`: what was measured of networks before they were trained, so that a search that goes on need not ask
//! again.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Error;
use super::files::sync_parent;
use crate::arch::Architecture;
use crate::search::ports::Proxy;

/// What was measured of a network.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Measured {
    /// The network.
    pub architecture: Architecture,
    /// Side of the images in pixels.
    pub resolution: usize,
    /// What of it.
    pub quantity: Quantity,
}

/// What can be measured of a network that is not trained yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Milliseconds to classify so many images on one thread.
    Latency {
        /// Images in a pass.
        batch: usize,
    },
    /// A score with the initial weights of a training.
    Score {
        /// Which one.
        proxy: Proxy,
        /// Seed of that training.
        seed: u64,
    },
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    measured: Measured,
    value: f64,
}

/// What was measured so far, in memory and on the disk.
#[derive(Debug)]
pub struct Measurements {
    path: PathBuf,
    known: HashMap<Measured, f64>,
    /// Whether the file ends in the middle of a line.
    torn: bool,
}

impl Measurements {
    /// Reads the file at `path`; where there is none, the first measurement makes it. What is no line of it, such as one that was
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
        let known = lines.map(|line: Line| (line.measured, line.value)).collect();
        Ok(Self { path: path.to_owned(), known, torn: !text.is_empty() && !text.ends_with(b"\n") })
    }

    /// The value of what was measured before.
    pub fn get(&self, measured: &Measured) -> Option<f64> {
        self.known.get(measured).copied()
    }

    /// Takes note of a finite value: on the disk when this returns `Ok`.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written.
    pub fn insert(&mut self, measured: Measured, value: f64) -> Result<(), Error> {
        let line = Line { measured, value };
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
        self.known.insert(line.measured, value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(resolution: usize, quantity: Quantity) -> Measured {
        Measured { architecture: Architecture::googlenet_scaled(0.1, 2, false).unwrap(), resolution, quantity }
    }

    fn timed(resolution: usize) -> Measured {
        of(resolution, Quantity::Latency { batch: 1 })
    }

    fn scored(proxy: Proxy) -> Measured {
        of(32, Quantity::Score { proxy, seed: u64::MAX })
    }

    #[test]
    fn what_was_measured_is_there_again_and_torn_lines_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("measurements.jsonl");
        let mut measurements = Measurements::open(&path).unwrap();
        measurements.insert(timed(32), 0.1 + 0.2).unwrap();
        measurements.insert(scored(Proxy::Naswot), -1.5).unwrap();
        measurements.insert(timed(48), 2.0).unwrap();
        assert_eq!(measurements.get(&timed(64)), None);
        drop(measurements);

        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 5]).unwrap();
        let mut measurements = Measurements::open(&path).unwrap();
        assert_eq!((measurements.get(&timed(32)), measurements.get(&timed(48))), (Some(0.1 + 0.2), None));
        assert_eq!(measurements.get(&of(32, Quantity::Latency { batch: 2 })), None);
        let scores = [Proxy::Naswot, Proxy::Synflow].map(|proxy| measurements.get(&scored(proxy)));
        assert_eq!(scores, [Some(-1.5), None]);
        measurements.insert(timed(48), 3.0).unwrap();
        let again = Measurements::open(&path).unwrap();
        assert_eq!((again.get(&timed(32)), again.get(&timed(48))), (Some(0.1 + 0.2), Some(3.0)));
    }

    #[test]
    fn a_file_that_cannot_be_read_or_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = Measurements::open(folder.path()).unwrap_err().to_string();
        assert!(error.starts_with("cannot read ") && error.contains(folder.path().to_str().unwrap()), "{error}");
        let mut measurements = Measurements::open(&folder.path().join("none").join("measurements.jsonl")).unwrap();
        let error = measurements.insert(timed(32), 1.0).unwrap_err().to_string();
        assert!(error.starts_with("cannot write to ") && error.contains("measurements.jsonl"), "{error}");
        assert_eq!(measurements.get(&timed(32)), None);
    }
}
