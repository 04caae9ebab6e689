//! One process at a time may write to a run.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Error;

/// How long to wait for a lock: the system keeps a killed process's lock for some milliseconds, and [`holder`] takes it
/// for an instant to look.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// Holds a run until dropped, or until the process ends in whatever way.
#[derive(Debug)]
pub(super) struct RunLock {
    _file: File,
}

impl RunLock {
    /// Name of the lock file in a run's folder.
    pub(super) const FILE: &str = "lock";

    /// Takes the lock of the run in `dir` and writes this process's name into it.
    pub(super) fn acquire(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(RunLock::FILE);
        let mut file = open(&path).map_err(Error::io("open", &path))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(TryLockError::WouldBlock) => {
                    let holder = read_holder(&path);
                    return Err(Error::Held { path, holder });
                }
                Err(TryLockError::Error(source)) => return Err(Error::Io { action: "lock", path, source }),
            }
        }
        let name = format!("process {} on {}\n", std::process::id(), host());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(name.as_bytes()))
            .map_err(Error::io("write to", &path))?;
        Ok(Self { _file: file })
    }
}

/// Who has the run in `dir` open, as `process PID on HOST`; `None` if nobody has.
pub fn holder(dir: &Path) -> Option<String> {
    let path: PathBuf = dir.join(RunLock::FILE);
    let file = File::open(&path).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(read_holder(&path)),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).read(true).write(true).truncate(false).open(path)
}

fn read_holder(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    if text.trim().is_empty() { "another process".to_owned() } else { text.trim().to_owned() }
}

fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .or_else(|| std::env::var("COMPUTERNAME").ok())
        .map_or_else(|| "this machine".to_owned(), |name| name.trim().to_owned())
}
