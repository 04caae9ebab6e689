//! The finals of a run on the disk:
//!
//! ```text
//! results/NAME/finals/
//!   list.json         what is trained, frozen before anything is; with its SHA-256
//!   trainings.jsonl   journal of the trainings      models/   one folder a training
//!   heats/            the trainings that decided who takes part, if there were any: list.json and trainings.jsonl as here
//!   test.json         which test images each got right, written once all are done
//!   lock              who works on them
//! results/NAME/finals-opened.txt   the lists for which the test images were opened, one hash a line; it stays where the folder
//!                                  is moved away to begin anew
//! ```

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::files::{sync_parent, write_atomically};
use super::journal::{Journal, Trials};
use super::lock::RunLock;
use super::{Error, Warning, read_journal};
use crate::search::finals::{self, Answers, List};
use crate::search::ports::{Store, StoreError};
use crate::search::trial::Trial;

/// Where the parts of the finals are, whether they exist or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalsDir(PathBuf);

/// `list.json`.
#[derive(Serialize, Deserialize)]
struct Frozen {
    sha256: String,
    list: List,
}

/// What of `list.json` tells its version, whatever else that has.
#[derive(Deserialize)]
struct Form {
    list: FormOfList,
}

#[derive(Deserialize)]
struct FormOfList {
    version: u32,
}

impl FinalsDir {
    pub(super) fn new(run: &Path) -> Self {
        Self(run.join("finals"))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The heats before them: a folder like this one, without models and answers.
    pub fn heats(&self) -> Self {
        Self(self.0.join("heats"))
    }

    /// The model folder of training `index`.
    pub fn model(&self, index: usize) -> PathBuf {
        self.0.join("models").join(format!("{index:03}"))
    }

    /// The report for programs.
    pub fn report(&self) -> PathBuf {
        self.0.join("report.json")
    }

    /// The journal of trainings, read by [`FinalsDir::read_trainings`].
    pub fn journal(&self) -> PathBuf {
        self.0.join("trainings.jsonl")
    }

    fn list(&self) -> PathBuf {
        self.0.join("list.json")
    }

    fn answers(&self) -> PathBuf {
        self.0.join("test.json")
    }

    /// The frozen list, if there is one.
    ///
    /// # Errors
    /// [`Error::RunFile`] if it is not what was frozen; [`Error::Io`] if it cannot be read.
    pub fn read_list(&self) -> Result<Option<List>, Error> {
        let path = self.list();
        if let Some(Form { list: FormOfList { version } }) = read_json(&path)?
            && version > finals::VERSION
        {
            let reason = format!(
                "a list of version {version}, this program reads versions up to {}: use the newer program",
                finals::VERSION
            );
            return Err(Error::RunFile { path, reason });
        }
        let Some(Frozen { sha256, list }) = read_json(&path)? else { return Ok(None) };
        if list.sha256() != sha256 {
            let reason =
                "not the list that was frozen: its hash is another; put it back, or move the folder away to begin anew";
            return Err(Error::RunFile { path, reason: reason.to_owned() });
        }
        Ok(Some(list))
    }

    fn opened(&self) -> PathBuf {
        self.0.with_file_name("finals-opened.txt")
    }

    /// How many lists of this run had the test images opened for them.
    ///
    /// # Errors
    /// [`Error::Io`] if that cannot be read.
    pub fn openings(&self) -> Result<usize, Error> {
        Ok(self.read_opened()?.lines().count())
    }

    /// Writes down that the test images are opened for `list` now.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written.
    pub fn write_opening(&self, list: &List) -> Result<(), Error> {
        let (opened, list) = (self.read_opened()?, list.sha256());
        // They may have been opened, and the answers not written.
        if opened.lines().any(|line| line == list) {
            return Ok(());
        }
        write_atomically(&self.opened(), format!("{opened}{list}\n").as_bytes())
    }

    fn read_opened(&self) -> Result<String, Error> {
        match fs::read_to_string(self.opened()) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
            other => other.map_err(Error::io("read", &self.opened())),
        }
    }

    /// The answers on the test images to `list`, if they have been taken.
    ///
    /// # Errors
    /// [`Error::RunFile`] if they belong to another list or are damaged; [`Error::Io`] if they cannot be read.
    pub fn read_answers(&self, list: &List) -> Result<Option<Answers>, Error> {
        let path = self.answers();
        let answers: Option<Answers> = read_json(&path)?;
        if answers.as_ref().is_some_and(|answers| answers.list != list.sha256()) {
            return Err(Error::RunFile { path, reason: "the answers of another list".to_owned() });
        }
        Ok(answers)
    }

    /// Puts the answers on the disk.
    ///
    /// # Errors
    /// [`Error::Io`] if they cannot be written.
    pub fn write_answers(&self, answers: &Answers) -> Result<(), Error> {
        write_json(&self.answers(), answers)
    }

    /// The trainings so far, also while they go on.
    ///
    /// # Errors
    /// As [`read_journal`].
    pub fn read_trainings(&self) -> Result<(Vec<Trial>, Vec<Warning>), Error> {
        read_journal(&self.journal())
    }

    /// All that was trained for them: the heats' trainings and their own.
    ///
    /// # Errors
    /// As [`read_journal`].
    pub fn read_spent(&self) -> Result<Vec<Trial>, Error> {
        let (heats, finals) = (self.heats().read_trainings()?.0, self.read_trainings()?.0);
        Ok([heats, finals].concat())
    }
}

/// The content of a file, if it exists.
fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(Error::io("read", path))?,
    };
    let read = serde_json::from_str(&text);
    read.map(Some).map_err(|error| Error::RunFile { path: path.to_owned(), reason: error.to_string() })
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(value);
    let text = text.map_err(|error| Error::RunFile { path: path.to_owned(), reason: error.to_string() })?;
    write_atomically(path, (text + "\n").as_bytes())
}

/// The trainings of the finals: a [`Store`] whose trials are the jobs of the list. Nobody else can open it while this
/// lives.
#[derive(Debug)]
pub struct FinalsStore {
    journal: Journal,
    trials: Trials,
    // Dropped last.
    _lock: RunLock,
}

impl FinalsStore {
    /// Freezes `list`, unless the very same one is frozen already, and opens its trainings; a torn or damaged line is put
    /// right and reported.
    ///
    /// # Errors
    /// [`Error::RunFile`] if another list is frozen; [`Error::Held`] if somebody works on it; [`Error::Io`].
    pub fn open(dir: &FinalsDir, list: &List) -> Result<(Self, Vec<Warning>), Error> {
        fs::create_dir_all(dir.path()).map_err(Error::io("create", dir.path()))?;
        // The heats are a folder in that of the finals, which may be new as well.
        for made in dir.path().parent().into_iter().chain([dir.path()]) {
            sync_parent(made)?;
        }
        let lock = RunLock::acquire(dir.path())?;
        match dir.read_list()? {
            Some(frozen) if frozen != *list => {
                let reason = "another list has been frozen meanwhile".to_owned();
                return Err(Error::RunFile { path: dir.list(), reason });
            }
            Some(_) => {}
            None => write_json(&dir.list(), &Frozen { sha256: list.sha256(), list: list.clone() })?,
        }
        let (journal, trials, warnings) = Journal::open(&dir.journal())?;
        let jobs = list.jobs();
        if let Some(foreign) = trials.values().find(|trial| jobs.get(trial.job.index) != Some(&trial.job)) {
            let reason = format!("training {} is none of the list", foreign.job.index);
            return Err(Error::RunFile { path: dir.journal(), reason });
        }
        Ok((Self { journal, trials, _lock: lock }, warnings))
    }
}

impl Store for FinalsStore {
    /// A training that was done again, since its model was lost, gives the same outcome in another time: the first record
    /// stays.
    fn append(&mut self, trial: &Trial) -> Result<(), StoreError> {
        let index = trial.job.index;
        match self.trials.get(&index) {
            Some(stored) if stored.job == trial.job && stored.outcome == trial.outcome => return Ok(()),
            Some(_) => return Err(Error::Conflict { index }.into()),
            None => {}
        }
        self.journal.append(trial)?;
        self.trials.insert(index, trial.clone());
        Ok(())
    }

    fn trials(&self) -> Result<Vec<Trial>, StoreError> {
        Ok(self.trials.values().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Architecture;
    use crate::search::finals::{Choice, Images, Settings};
    use crate::search::trial::{Failure, Fidelity, Job, Origin, Outcome, Score};
    use crate::space::Space;

    fn list(seeds: usize) -> List {
        let space = Space::parse("tiny.toml", include_str!("../../search_spaces/tiny.toml"), &[]).unwrap();
        let architecture = Architecture::googlenet_scaled(0.2, 2, false).unwrap();
        let job = Job {
            index: 3,
            cost: architecture.cost(32).unwrap(),
            architecture,
            origin: Origin::Random,
            fidelity: Fidelity { resolution: 32, images: 128, epochs: 1 },
            seed: 1,
            inherits: None,
        };
        let score = Score { accuracy: 0.7, accuracy_se: 0.04, validation_loss: 0.6, training_loss_sum: 0.7 };
        let found =
            Trial { job, outcome: Outcome::Done(score), seconds: 1.0, screening_seconds: 0.0, latency_ms: None };
        let images = Images { fingerprint: "abc", train: 300, validation: 40, openings: 0 };
        let settings = Settings {
            seeds,
            epochs: 2,
            baseline: true,
            choice: Choice { bins: 1, per_bin: 1, max_finalists: 1, heats: 0 },
        };
        List::new(&space, &[found], images, "0.1.0", settings).unwrap()
    }

    fn trained(list: &List, index: usize) -> Trial {
        let failure = Failure::Diverged { epoch: 1, loss: "NaN".to_owned() };
        Trial {
            job: list.jobs()[index].clone(),
            outcome: Outcome::Failed(failure),
            seconds: 1.0,
            screening_seconds: 0.0,
            latency_ms: None,
        }
    }

    fn message<T>(result: Result<T, Error>) -> String {
        result.err().map_or_else(String::new, |error| error.to_string())
    }

    #[test]
    fn a_list_is_noted_once_however_often_the_test_images_are_opened_for_it() {
        let run = tempfile::tempdir().unwrap();
        let dir = FinalsDir::new(run.path());
        assert_eq!(dir.openings().unwrap(), 0);
        for (seeds, openings) in [(3, 1), (3, 1), (4, 2), (3, 2)] {
            dir.write_opening(&list(seeds)).unwrap();
            assert_eq!(dir.openings().unwrap(), openings);
        }
    }

    #[test]
    fn a_frozen_list_stays_and_its_trainings_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let (dir, list) = (FinalsDir::new(folder.path()), list(2));
        assert_eq!(dir.read_list().unwrap(), None);
        let (mut store, _) = FinalsStore::open(&dir, &list).unwrap();
        assert_eq!(dir.read_list().unwrap().as_ref(), Some(&list));
        assert!(matches!(FinalsStore::open(&dir, &list), Err(Error::Held { .. })));
        store.append(&trained(&list, 1)).unwrap();
        // Done again in another time.
        store.append(&Trial { seconds: 5.0, ..trained(&list, 1) }).unwrap();
        let mut other = trained(&list, 1);
        other.outcome = Outcome::Failed(Failure::Error { message: "x".to_owned() });
        assert!(store.append(&other).is_err());
        drop(store);
        let (store, warnings) = FinalsStore::open(&dir, &list).unwrap();
        assert_eq!((store.trials().unwrap(), warnings), (vec![trained(&list, 1)], vec![]));
        drop(store);
        assert!(message(FinalsStore::open(&dir, &self::list(3))).contains("another list"));
    }

    #[test]
    fn a_changed_list_and_answers_to_another_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (dir, list) = (FinalsDir::new(folder.path()), list(2));
        drop(FinalsStore::open(&dir, &list).unwrap());
        let answers = Answers { list: list.sha256(), right: vec![None, Some("101".to_owned())] };
        dir.write_answers(&answers).unwrap();
        assert_eq!(dir.read_answers(&list).unwrap(), Some(answers));
        assert!(message(dir.read_answers(&self::list(3))).contains("another list"));
        let text = fs::read_to_string(dir.list()).unwrap();
        fs::write(dir.list(), text.replace("\"epochs\": 2", "\"epochs\": 3")).unwrap();
        assert!(message(dir.read_list()).contains("its hash is another"));
        fs::write(dir.list(), text.replace("\"version\": 2", "\"version\": 3, \"more\": 1")).unwrap();
        assert!(message(dir.read_list()).contains("a list of version 3, this program reads versions up to 2"));
    }
}
