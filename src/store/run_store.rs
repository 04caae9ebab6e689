//! The durable store of one run: journal first, then database.

use std::path::Path;

use super::journal::Journal;
use super::lock::RunLock;
use super::sled::Database;
use super::{Error, Warning};
use crate::search::ports::{Store, StoreError};
use crate::search::trial::Trial;

/// A [`Store`] in a run's folder. Nobody else can open the same run while this lives.
#[derive(Debug)]
pub struct RunStore {
    // Dropped in this order: the lock goes last, when the database is closed.
    journal: Journal,
    database: Database,
    _lock: RunLock,
}

impl RunStore {
    /// File name of the journal in a run's folder.
    pub const JOURNAL: &str = "trials.jsonl";
    /// Folder name of the database in a run's folder.
    pub const DATABASE: &str = "store";

    /// Opens or creates the store in the existing folder `dir`; damage is put right as far as it can be and reported.
    ///
    /// # Errors
    /// [`Error::Held`] if the run is open elsewhere, [`Error::Version`] if a newer program wrote it, and the others if
    /// the disk or the database fail.
    pub fn open(dir: &Path) -> Result<(Self, Vec<Warning>), Error> {
        Self::open_locked(dir, RunLock::acquire(dir)?)
    }

    pub(super) fn open_locked(dir: &Path, lock: RunLock) -> Result<(Self, Vec<Warning>), Error> {
        let (mut journal, in_journal, mut warnings) = Journal::open(&dir.join(Self::JOURNAL))?;
        let (database, in_database, more) = Database::open(&dir.join(Self::DATABASE))?;
        warnings.extend(more);
        let mut restored = [0, 0];
        for (&index, trial) in &in_journal {
            match in_database.get(&index) {
                Some(other) if other == trial => continue,
                Some(_) => warnings.push(Warning::Disagreement { index }),
                None => restored[0] += 1,
            }
            database.insert(trial)?;
        }
        for (index, trial) in &in_database {
            if !in_journal.contains_key(index) {
                restored[1] += 1;
                journal.append(trial)?;
            }
        }
        for (count, path) in restored.into_iter().zip([database.path(), journal.path()]) {
            if count > 0 {
                warnings.push(Warning::Restored { path: path.to_owned(), count });
            }
        }
        Ok((Self { journal, database, _lock: lock }, warnings))
    }
}

impl Store for RunStore {
    fn append(&mut self, trial: &Trial) -> Result<(), StoreError> {
        match self.database.get(trial.job.index)? {
            Some(stored) if stored == *trial => return Ok(()),
            Some(_) => return Err(Error::Conflict { index: trial.job.index }.into()),
            None => {}
        }
        self.journal.append(trial)?;
        self.database.insert(trial)?;
        Ok(())
    }

    fn trials(&self) -> Result<Vec<Trial>, StoreError> {
        Ok(self.database.trials()?)
    }
}
