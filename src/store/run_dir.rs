//! The folder of one run: which settings and which data it was made with, checked before anything is added to it.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::files::{sync_parent, write_atomically};
use super::settings::{Manifest, Settings};
use super::{AuditDir, Error, FinalsDir, RunStore, Warning};
use crate::space::Space;

/// The name of a run: also the name of its folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunName(String);

impl FromStr for RunName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let refuse = |reason| Err(Error::Name { name: name.to_owned(), reason });
        if name.trim().is_empty() {
            return refuse("give a name that is not empty");
        }
        if name.starts_with('.') {
            return refuse("give a name that does not start with a dot");
        }
        if name.contains(['/', '\\']) || name.chars().any(char::is_control) {
            return refuse("give a name without slashes and control characters; the folder is chosen with --results");
        }
        if name.len() > 100 {
            return refuse("give a name of at most 100 bytes");
        }
        Ok(Self(name.to_owned()))
    }
}

impl RunName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where the parts of a run are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDir(PathBuf);

impl RunDir {
    /// The run `name` in the folder `results`, whether it exists or not.
    pub fn new(results: &Path, name: &RunName) -> Self {
        Self(results.join(&name.0))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The resolved settings.
    pub fn config(&self) -> PathBuf {
        self.0.join("config.toml")
    }

    /// The [`Manifest`].
    pub fn manifest(&self) -> PathBuf {
        self.0.join("manifest.json")
    }

    /// The front as a table for other programs.
    pub fn front(&self) -> PathBuf {
        self.0.join("front.csv")
    }

    /// The trials and the front as a picture.
    pub fn picture(&self) -> PathBuf {
        self.0.join("front.svg")
    }

    /// The best network beside the paper's as a picture.
    pub fn architecture_picture(&self) -> PathBuf {
        self.0.join("architecture.svg")
    }

    /// The report as a page.
    pub fn page(&self) -> PathBuf {
        self.0.join("report.html")
    }

    /// The journal of trials, for [`super::read_journal`].
    pub fn journal(&self) -> PathBuf {
        self.0.join(RunStore::JOURNAL)
    }

    /// What is measured of networks before they are trained, for [`super::Measurements`].
    pub fn measurements(&self) -> PathBuf {
        self.0.join("measurements.jsonl")
    }

    /// What trial `index` had learned, as safetensors; kept where children inherit it.
    pub fn weights(&self, index: usize) -> PathBuf {
        self.0.join("weights").join(format!("{index}.safetensors"))
    }

    /// Keeps what trial `index` had learned: on the disk when this returns `Ok`, and never a part of it.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written.
    pub fn keep_weights(&self, index: usize, safetensors: &[u8]) -> Result<(), Error> {
        let path = self.weights(index);
        if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
            fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
            sync_parent(folder)?;
        }
        write_atomically(&path, safetensors)
    }

    /// Its finals.
    pub fn finals(&self) -> FinalsDir {
        FinalsDir::new(&self.0)
    }

    /// Begins the run, or continues it if `space` and `manifest` are those it was begun with. Only how long it goes on
    /// may differ (see [`Space::changes_since`]); this is then written down.
    ///
    /// # Errors
    /// [`Error::Occupied`], [`Error::OtherConfig`], [`Error::OtherData`], [`Error::OtherDevice`], and those of [`RunStore::open`].
    pub fn open(&self, space: &Space, manifest: &Manifest) -> Result<(RunStore, Vec<Warning>), Error> {
        let (lock, mut warnings) = self.settings().enter(&self.0, &self.journal(), space, manifest)?;
        let (store, more) = RunStore::open_locked(&self.0, lock)?;
        warnings.extend(more);
        Ok((store, warnings))
    }

    /// The space as stored.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::RunFile`] if it is missing or unreadable.
    pub fn read_space(&self) -> Result<Space, Error> {
        self.settings().read_space()
    }

    /// The audit of what the run searches, by the name that `audit` gives it unless it is told another.
    pub fn audit(&self) -> AuditDir {
        let name = self.0.file_name().unwrap_or_default().to_string_lossy();
        AuditDir::at(self.0.with_file_name(format!("{name}-audit")))
    }

    /// The manifest as stored.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::RunFile`] if it is missing or unreadable.
    pub fn read_manifest(&self) -> Result<Manifest, Error> {
        self.settings().read_manifest()
    }

    fn settings(&self) -> Settings {
        Settings { config: self.config(), manifest: self.manifest() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::contract::done;
    use super::*;
    use crate::device::DeviceKind;
    use crate::search::ports::Store;

    fn space(overrides: &[&str]) -> Space {
        let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
        Space::parse("tiny.toml", include_str!("../../search_spaces/tiny.toml"), &overrides).unwrap()
    }

    fn manifest() -> Manifest {
        Manifest {
            program: "0.1.0".to_owned(),
            data: "synthetic".to_owned(),
            data_fingerprint: "abc".to_owned(),
            classes: vec!["cat".to_owned(), "dog".to_owned()],
            device: DeviceKind::Cpu,
        }
    }

    fn run_in(results: &Path) -> RunDir {
        RunDir::new(results, &"pets".parse().unwrap())
    }

    #[test]
    fn names_that_are_no_folder_are_refused() {
        for name in ["", "  ", ".", "..", "a/b", "a\\b", ".hidden", "a\nb", &"x".repeat(101)] {
            assert!(name.parse::<RunName>().is_err(), "{name:?}");
        }
        assert_eq!("my pets-2.1".parse::<RunName>().unwrap().to_string(), "my pets-2.1");
    }

    #[test]
    fn a_run_continues_with_more_trials_but_not_with_other_settings() {
        let results = tempfile::tempdir().unwrap();
        let run = run_in(results.path());
        let (mut store, warnings) = run.open(&space(&[]), &manifest()).unwrap();
        assert_eq!(warnings, []);
        store.append(&done(0)).unwrap();
        drop(store);
        let longer = space(&["search.trials=30", "search.max_seconds=60"]);
        let (store, warnings) = run.open(&longer, &manifest()).unwrap();
        assert_eq!(warnings, []);
        assert_eq!(store.trials().unwrap(), [done(0)]);
        drop(store);
        assert_eq!(run.read_space().unwrap(), longer);

        let error = run.open(&space(&["search.seed=7", "protocol.epochs=2"]), &manifest());
        let Err(Error::OtherConfig { changes, .. }) = error else { panic!("{error:?}") };
        assert_eq!(changes, ["protocol.epochs: 1 -> 2", "search.seed: 0 -> 7"]);
        assert_eq!(run.read_space().unwrap(), longer);
    }

    #[test]
    fn a_run_on_other_data_is_refused() {
        let results = tempfile::tempdir().unwrap();
        let run = run_in(results.path());
        drop(run.open(&space(&[]), &manifest()).unwrap());
        let other = Manifest { data_fingerprint: "def".to_owned(), ..manifest() };
        assert!(matches!(run.open(&space(&[]), &other), Err(Error::OtherData { .. })));
        let newer = Manifest { program: "0.2.0".to_owned(), ..manifest() };
        let (_, warnings) = run.open(&space(&[]), &newer).unwrap();
        assert_eq!(warnings, [Warning::OtherProgram { stored: "0.1.0".to_owned(), current: "0.2.0".to_owned() }]);
        assert_eq!(run.read_manifest().unwrap(), manifest());
    }

    #[test]
    fn a_run_on_another_device_is_refused_and_one_that_names_none_is_of_the_cpu() {
        let results = tempfile::tempdir().unwrap();
        let run = run_in(results.path());
        drop(run.open(&space(&[]), &manifest()).unwrap());
        assert!(!fs::read_to_string(run.manifest()).unwrap().contains("device"));
        let on_gpu = Manifest { device: DeviceKind::Cuda, ..manifest() };
        let error = run.open(&space(&[]), &on_gpu).unwrap_err().to_string();
        assert!(error.contains("was computed on cpu, not on cuda") && error.contains("--device cpu"), "{error}");
        assert!(run.open(&space(&[]), &manifest()).is_ok());

        let other = RunDir::new(results.path(), &"gpu".parse().unwrap());
        drop(other.open(&space(&[]), &on_gpu).unwrap());
        assert!(matches!(other.open(&space(&[]), &manifest()), Err(Error::OtherDevice { .. })));
        assert_eq!(other.read_manifest().unwrap(), on_gpu);
    }

    #[test]
    fn a_folder_of_something_else_is_left_alone() {
        let results = tempfile::tempdir().unwrap();
        let run = run_in(results.path());
        fs::create_dir(run.path()).unwrap();
        // Where the beginning was broken off, or a file manager has been.
        for name in ["lock", ".DS_Store", "manifest.json", "config.toml.tmp"] {
            fs::write(run.path().join(name), serde_json::to_string(&manifest()).unwrap()).unwrap();
        }
        drop(run.open(&space(&[]), &manifest()).unwrap());

        let audit = AuditDir::new(results.path(), &"mine".parse().unwrap());
        drop(audit.open(&space(&[]), &manifest()).unwrap());
        let refused = RunDir::new(results.path(), &"mine".parse().unwrap()).open(&space(&[]), &manifest());
        assert!(
            matches!(&refused, Err(Error::Occupied { found, .. }) if found.ends_with("audit.jsonl")),
            "{refused:?}"
        );
        assert!(audit.open(&space(&[]), &manifest()).is_ok());
    }

    #[test]
    fn trials_without_their_settings_are_not_continued() {
        let results = tempfile::tempdir().unwrap();
        let run = run_in(results.path());
        run.open(&space(&[]), &manifest()).unwrap().0.append(&done(0)).unwrap();
        fs::remove_file(run.config()).unwrap();
        let error = run.open(&space(&[]), &manifest()).unwrap_err().to_string();
        assert!(error.contains("config.toml: missing although the run was begun"), "{error}");
    }

    #[test]
    fn results_that_cannot_be_written_are_named() {
        let results = tempfile::tempdir().unwrap();
        let file = results.path().join("file");
        fs::write(&file, "").unwrap();
        let error = run_in(&file).open(&space(&[]), &manifest()).unwrap_err().to_string();
        assert!(error.starts_with("cannot create ") && error.contains("file/pets"), "{error}");
    }
}
