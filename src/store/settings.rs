//! What results were made with: written down beside them, and checked before anything is added to them.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, DirEntry};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files::{UNFINISHED, sync_parent, write_atomically};
use super::lock::RunLock;
use super::{Error, Warning};
use crate::device::DeviceKind;
use crate::space::Space;

/// What results were made from, apart from their settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the program that began them.
    pub program: String,
    /// Where the images came from, in words.
    pub data: String,
    /// Hash of everything a training could see of them.
    pub data_fingerprint: String,
    /// Class names; their number is the networks' number of outputs.
    pub classes: Vec<String>,
    /// What they were computed on.
    #[serde(default, skip_serializing_if = "DeviceKind::is_cpu")]
    pub device: DeviceKind,
}

/// The two files in which it is written down.
pub(super) struct Settings {
    /// The resolved space.
    pub(super) config: PathBuf,
    /// The [`Manifest`].
    pub(super) manifest: PathBuf,
}

impl Settings {
    /// Creates the folder `dir` if need be, locks it, and compares `space` and `manifest` with those that the trials in
    /// `journal` were made with. Only how long a run goes on may differ (see [`Space::changes_since`]); this is then
    /// written down. A folder that holds something else is refused.
    pub(super) fn enter(
        &self,
        dir: &Path,
        journal: &Path,
        space: &Space,
        manifest: &Manifest,
    ) -> Result<(RunLock, Vec<Warning>), Error> {
        fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
        sync_parent(dir)?;
        if !journal.exists() && !self.config.exists() {
            self.refuse_occupied(dir)?;
        }
        let lock = RunLock::acquire(dir)?;
        let mut warnings = Vec::new();
        let begun = journal.exists();
        match read(&self.manifest, begun)? {
            Some(text) => {
                let stored = self.parse_manifest(&text)?;
                if stored.data_fingerprint != manifest.data_fingerprint {
                    let same = stored.data == manifest.data;
                    let given = if same { "what is there now".to_owned() } else { manifest.data.clone() };
                    return Err(Error::OtherData {
                        path: self.manifest.clone(),
                        stored: stored.data,
                        stored_classes: stored.classes,
                        given,
                        given_classes: manifest.classes.clone(),
                    });
                }
                if stored.device != manifest.device {
                    let path = self.manifest.clone();
                    return Err(Error::OtherDevice { path, stored: stored.device, given: manifest.device });
                }
                if stored.program != manifest.program {
                    let current = manifest.program.clone();
                    warnings.push(Warning::OtherProgram { stored: stored.program, current });
                }
            }
            None => {
                let text = serde_json::to_string_pretty(manifest).map_err(unusable(&self.manifest))?;
                write_atomically(&self.manifest, (text + "\n").as_bytes())?;
            }
        }
        let config = space.to_toml().map_err(unusable(&self.config))?;
        if let Some(stored) = read(&self.config, begun)? {
            let changes = space.changes_since(&self.parse_space(&stored)?).map_err(unusable(&self.config))?;
            if !changes.is_empty() {
                return Err(Error::OtherConfig { path: self.config.clone(), changes });
            }
        }
        write_atomically(&self.config, config.as_bytes())?;
        Ok((lock, warnings))
    }

    /// Nothing may lie in a folder that begins but what beginning puts there first, and what systems hide there.
    fn refuse_occupied(&self, dir: &Path) -> Result<(), Error> {
        let ours = |name: OsString| {
            let name = name.to_string_lossy();
            let name = name.strip_suffix(UNFINISHED).unwrap_or(&name);
            name.starts_with('.')
                || name == RunLock::FILE
                || self.manifest.ends_with(name)
                || self.config.ends_with(name)
        };
        let entries = fs::read_dir(dir).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
        let entries = entries.map_err(Error::io("read", dir))?;
        match entries.iter().filter(|entry| !ours(entry.file_name())).map(DirEntry::path).min() {
            Some(found) => Err(Error::Occupied { dir: dir.to_owned(), found }),
            None => Ok(()),
        }
    }

    /// The space as stored.
    pub(super) fn read_space(&self) -> Result<Space, Error> {
        self.parse_space(&fs::read_to_string(&self.config).map_err(Error::io("read", &self.config))?)
    }

    /// The manifest as stored.
    pub(super) fn read_manifest(&self) -> Result<Manifest, Error> {
        self.parse_manifest(&fs::read_to_string(&self.manifest).map_err(Error::io("read", &self.manifest))?)
    }

    fn parse_manifest(&self, text: &str) -> Result<Manifest, Error> {
        serde_json::from_str(text).map_err(unusable(&self.manifest))
    }

    fn parse_space(&self, text: &str) -> Result<Space, Error> {
        Space::parse("config.toml", text, &[]).map_err(unusable(&self.config))
    }
}

/// The text of a file of the results; only results without trials may be without it.
fn read(path: &Path, begun: bool) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound && !begun => Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let reason = "missing although the run was begun: put it back, or choose another name".to_owned();
            Err(Error::RunFile { path: path.to_owned(), reason })
        }
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

fn unusable<E: fmt::Display>(path: &Path) -> impl FnOnce(E) -> Error {
    let path = path.to_owned();
    |error| Error::RunFile { path, reason: error.to_string() }
}
