//! Trials in memory, for tests and for searches nobody wants to keep.

use std::collections::BTreeMap;

use super::Error;
use super::record::check_finite;
use crate::search::ports::{Store, StoreError};
use crate::search::trial::Trial;

/// A [`Store`] that forgets everything when dropped.
#[derive(Debug, Default)]
pub struct MemoryStore(BTreeMap<usize, Trial>);

impl Store for MemoryStore {
    fn append(&mut self, trial: &Trial) -> Result<(), StoreError> {
        check_finite(trial)?;
        match self.0.get(&trial.job.index) {
            Some(stored) if stored != trial => Err(Error::Conflict { index: trial.job.index }.into()),
            Some(_) => Ok(()),
            None => {
                self.0.insert(trial.job.index, trial.clone());
                Ok(())
            }
        }
    }

    fn trials(&self) -> Result<Vec<Trial>, StoreError> {
        Ok(self.0.values().cloned().collect())
    }
}
