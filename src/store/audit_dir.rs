//! The folder of an audit: its trainings in a journal, its settings beside it.
//!
//! ```text
//! results/NAME/
//!   audit.toml      the resolved settings       manifest.json   data fingerprint, classes, program version
//!   audit.jsonl     journal of the trainings    lock            who has the audit open
//!   audit.csv       what was found              audit.txt       the same in words
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use super::journal::{Journal, Trials};
use super::lock::RunLock;
use super::record::check_finite;
use super::run_dir::RunName;
use super::settings::{Manifest, Settings};
use super::{Error, Warning};
use crate::search::ports::{Store, StoreError};
use crate::search::trial::Trial;
use crate::space::Space;

/// Where the parts of an audit are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditDir(PathBuf);

impl AuditDir {
    /// The audit `name` in the folder `results`, whether it exists or not.
    pub fn new(results: &Path, name: &RunName) -> Self {
        Self(results.join(name.as_str()))
    }

    /// The audit in the folder `path`.
    pub(super) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The journal of trainings.
    pub fn journal(&self) -> PathBuf {
        self.0.join("audit.jsonl")
    }

    /// What was found, as a table for other programs.
    pub fn table(&self) -> PathBuf {
        self.0.join("audit.csv")
    }

    /// What was found, in words.
    pub fn text(&self) -> PathBuf {
        self.0.join("audit.txt")
    }

    /// What was found in words, if the audit is finished and was made on the data and the kind of device of `manifest`.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::RunFile`] if its manifest is unreadable.
    pub fn found_on(&self, manifest: &Manifest) -> Result<Option<String>, Error> {
        let path = self.text();
        if !path.exists() {
            return Ok(None);
        }
        let own = self.settings().read_manifest()?;
        let fits = own.data_fingerprint == manifest.data_fingerprint && own.device == manifest.device;
        fits.then(|| fs::read_to_string(&path).map_err(Error::io("read", &path))).transpose()
    }

    fn settings(&self) -> Settings {
        Settings { config: self.0.join("audit.toml"), manifest: self.0.join("manifest.json") }
    }

    /// Begins the audit, or continues it if `space` and `manifest` are those it was begun with.
    ///
    /// # Errors
    /// [`Error::Occupied`], [`Error::OtherConfig`], [`Error::OtherData`], [`Error::OtherDevice`], [`Error::Held`] if it is open elsewhere,
    /// [`Error::Version`] if a newer program wrote it, and [`Error::Io`].
    pub fn open(&self, space: &Space, manifest: &Manifest) -> Result<(AuditStore, Vec<Warning>), Error> {
        let (lock, mut warnings) = self.settings().enter(&self.0, &self.journal(), space, manifest)?;
        let (journal, trials, more) = Journal::open(&self.journal())?;
        warnings.extend(more);
        Ok((AuditStore { journal, trials, _lock: lock }, warnings))
    }
}

/// A [`Store`] in one file. Nobody else can open the same audit while this lives.
#[derive(Debug)]
pub struct AuditStore {
    journal: Journal,
    trials: Trials,
    _lock: RunLock,
}

impl Store for AuditStore {
    fn append(&mut self, trial: &Trial) -> Result<(), StoreError> {
        check_finite(trial)?;
        match self.trials.get(&trial.job.index) {
            Some(stored) if stored == trial => return Ok(()),
            Some(_) => return Err(Error::Conflict { index: trial.job.index }.into()),
            None => {}
        }
        self.journal.append(trial)?;
        self.trials.insert(trial.job.index, trial.clone());
        Ok(())
    }

    fn trials(&self) -> Result<Vec<Trial>, StoreError> {
        Ok(self.trials.values().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::contract::{contract, done};
    use super::*;
    use crate::device::DeviceKind;

    fn open(results: &Path, overrides: &[&str]) -> Result<(AuditStore, Vec<Warning>), Error> {
        let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
        let space = Space::parse("tiny.toml", include_str!("../../search_spaces/tiny.toml"), &overrides).unwrap();
        let manifest = Manifest {
            program: "0.1.0".to_owned(),
            data: "synthetic".to_owned(),
            data_fingerprint: "abc".to_owned(),
            classes: vec!["cat".to_owned(), "dog".to_owned()],
            device: DeviceKind::Cpu,
        };
        AuditDir::new(results, &"pets".parse().unwrap()).open(&space, &manifest)
    }

    #[test]
    fn an_audit_keeps_the_contract_and_survives_a_reopen() {
        let results = tempfile::tempdir().unwrap();
        let (mut store, warnings) = open(results.path(), &[]).unwrap();
        assert_eq!(warnings, []);
        contract(&mut store);
        let trials = store.trials().unwrap();
        assert!(matches!(open(results.path(), &[]), Err(Error::Held { .. })));
        drop(store);
        let (store, warnings) = open(results.path(), &[]).unwrap();
        assert_eq!((store.trials().unwrap(), warnings), (trials, vec![]));
        drop(store);
        let error = open(results.path(), &["search.seed=7"]).unwrap_err().to_string();
        assert!(error.contains("pets/audit.toml was made with other settings"), "{error}");
    }

    #[test]
    fn a_torn_line_costs_one_training() {
        let results = tempfile::tempdir().unwrap();
        let (mut store, _) = open(results.path(), &[]).unwrap();
        [done(0), done(1)].iter().for_each(|trial| store.append(trial).unwrap());
        drop(store);
        let journal = results.path().join("pets/audit.jsonl");
        let text = fs::read_to_string(&journal).unwrap();
        fs::write(&journal, &text[..text.len() - 9]).unwrap();
        let (mut store, warnings) = open(results.path(), &[]).unwrap();
        assert_eq!(store.trials().unwrap(), [done(0)]);
        assert!(matches!(&warnings[..], [Warning::TornTail { .. }]), "{warnings:?}");
        store.append(&done(1)).unwrap();
        drop(store);
        assert_eq!(fs::read_to_string(&journal).unwrap(), text);
    }
}
