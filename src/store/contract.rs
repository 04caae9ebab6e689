//! What every store must do, run over each of them; and what the durable one must survive.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::{Error, MemoryStore, RunStore, Warning, holder, read_journal};
use crate::arch::{Architecture, Cost};
use crate::search::digest::digest;
use crate::search::drive::{Plan, Stop, drive};
use crate::search::landscape::{Fault, Landscape};
use crate::search::ports::{Event, Observer, Store};
use crate::search::searcher::searcher_for;
use crate::search::trial::{Failure, Fidelity, Inheritance, Job, Origin, Outcome, Score, Trial};
use crate::space::Space;

/// A finished trial whose numbers need all their digits.
pub(super) fn done(index: usize) -> Trial {
    let x = 1.0 / (index as f64 + 3.1);
    let score = Score {
        accuracy: x,
        accuracy_se: x * 0.0173,
        validation_loss: x.sqrt() * 1e-7,
        training_loss_sum: x.exp() * 12.3,
    };
    Trial {
        job: Job {
            index,
            architecture: Architecture::googlenet(2, index.is_multiple_of(2)).unwrap(),
            origin: Origin::Mutation { parent: index / 2, operators: vec!["branch".to_owned(), "block".to_owned()] },
            cost: Cost { macs: 1_582_671_872, parameters: 5_982_882, activation_bytes: u64::MAX },
            fidelity: Fidelity { resolution: 64, images: 2000, epochs: 1 },
            seed: u64::MAX - index as u64,
            inherits: index.is_multiple_of(3).then_some(Inheritance { from: index / 2, generation: 1 + index % 4 }),
        },
        outcome: Outcome::Done(score),
        seconds: x * 60.0,
        screening_seconds: x,
        latency_ms: index.is_multiple_of(3).then_some(x * 7.0),
    }
}

/// A failed trial.
pub(super) fn failed(index: usize) -> Trial {
    let failure = match index % 3 {
        0 => Failure::Diverged { epoch: 2, loss: "NaN".to_owned() },
        1 => Failure::Panicked { message: "index out of \"bounds\"\nline 2".to_owned() },
        _ => Failure::Error { message: "ü".to_owned() },
    };
    let origin = match index % 4 {
        0 => Origin::Random,
        3 => Origin::Promotion { from: index / 2 },
        1 => Origin::Uniform { permille: 250 },
        _ => Origin::Crossover { parents: [index / 2, index / 3], operators: vec!["two_point".to_owned()] },
    };
    Trial { job: Job { origin, ..done(index).job }, outcome: Outcome::Failed(failure), seconds: 0.1, ..done(index) }
}

pub(super) fn contract(store: &mut impl Store) {
    assert_eq!(store.trials().unwrap(), []);
    // Out of order, with holes, beyond one byte.
    let trials = [done(2), failed(0), done(300), failed(7)];
    for trial in &trials {
        store.append(trial).unwrap();
    }
    let sorted = [failed(0), done(2), failed(7), done(300)];
    assert_eq!(store.trials().unwrap(), sorted);
    store.append(&done(2)).unwrap();
    assert_eq!(store.trials().unwrap(), sorted);
    let error = store.append(&failed(2)).unwrap_err();
    assert_eq!(error.to_string(), "trial 2 is stored already, with another content");
    let mut no_number = done(1);
    no_number.outcome =
        Outcome::Done(Score { accuracy: f64::NAN, accuracy_se: 0.0, validation_loss: 0.0, training_loss_sum: 0.0 });
    assert!(store.append(&no_number).is_err());
    assert_eq!(store.trials().unwrap(), sorted);
}

#[test]
fn the_memory_store_keeps_the_contract() {
    contract(&mut MemoryStore::default());
}

#[test]
fn the_run_store_keeps_the_contract_and_survives_a_reopen() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, warnings) = RunStore::open(dir.path()).unwrap();
    assert_eq!(warnings, []);
    contract(&mut store);
    let trials = store.trials().unwrap();
    assert_eq!(read_journal(&dir.path().join(RunStore::JOURNAL)).unwrap(), (trials.clone(), vec![]));
    drop(store);
    assert_eq!(reopen(dir.path()), (trials, vec![]));
}

/// Searches on the landscape, in a store that is opened for it and closed afterwards; the digest of all trials.
fn search(dir: &Path, trials: usize, workers: usize) -> String {
    let overrides = [format!("search.trials={trials}"), "search.window=3".to_owned()];
    let space = Space::parse("tiny.toml", include_str!("../../search_spaces/tiny.toml"), &overrides).unwrap();
    let landscape = Landscape::new(1, &Architecture::googlenet_scaled(0.25, 2, false).unwrap(), 0.01)
        .with_faults([(2, Fault::Panic), (7, Fault::Diverge)]);
    let never = AtomicBool::new(false);
    let stop = Stop { proposing: &never, now: &never, deadline: &|| false };
    let plan = Plan { space: &space, classes: 2, workers: NonZeroUsize::new(workers).unwrap() };
    let (mut store, _) = RunStore::open(dir).unwrap();
    let finished = drive(plan, &mut *searcher_for(&space), &landscape, &mut store, &Unwatched, stop).unwrap();
    assert_eq!(store.trials().unwrap(), finished.trials);
    digest(&finished.trials)
}

struct Unwatched;

impl Observer for Unwatched {
    fn observe(&self, _: Event<'_>) {}
}

#[test]
fn a_search_continued_or_with_holes_ends_like_one_in_a_single_sitting() {
    let single = tempfile::tempdir().unwrap();
    let expected = search(single.path(), 12, 1);
    let continued = tempfile::tempdir().unwrap();
    assert_ne!(search(continued.path(), 5, 2), expected);
    assert_eq!(search(continued.path(), 12, 2), expected);
    // Lose one trial in both places, and a piece of the last journal line.
    let path = single.path().join(RunStore::JOURNAL);
    let text = fs::read_to_string(&path).unwrap();
    let kept: Vec<&str> = text.lines().filter(|line| !line.contains("\"index\":4,")).collect();
    let kept = kept.join("\n");
    fs::write(&path, &kept[..kept.len() - 30]).unwrap();
    fs::remove_dir_all(single.path().join(RunStore::DATABASE)).unwrap();
    assert_eq!(search(single.path(), 12, 3), expected);
}

/// A folder with trials 0, 1 and 2, closed.
fn three_trials() -> (tempfile::TempDir, Vec<Trial>) {
    let dir = tempfile::tempdir().unwrap();
    let trials = vec![done(0), failed(1), done(2)];
    let (mut store, _) = RunStore::open(dir.path()).unwrap();
    trials.iter().for_each(|trial| store.append(trial).unwrap());
    (dir, trials)
}

fn reopen(dir: &Path) -> (Vec<Trial>, Vec<Warning>) {
    let (store, warnings) = RunStore::open(dir).unwrap();
    (store.trials().unwrap(), warnings)
}

/// Opens twice: the first time repairs, the second finds nothing wrong and the same trials.
fn repaired(dir: &Path) -> (Vec<Trial>, Vec<Warning>) {
    let first = reopen(dir);
    assert_eq!(reopen(dir), (first.0.clone(), vec![]));
    assert_eq!(read_journal(&dir.join(RunStore::JOURNAL)).unwrap(), (first.0.clone(), vec![]));
    first
}

#[test]
fn a_second_handle_is_told_who_holds_the_run() {
    let (dir, _) = three_trials();
    assert_eq!(holder(dir.path()), None);
    let (store, _) = RunStore::open(dir.path()).unwrap();
    let us = format!("process {} on ", std::process::id());
    assert!(holder(dir.path()).unwrap().starts_with(&us));
    let error = RunStore::open(dir.path()).unwrap_err();
    assert!(matches!(&error, Error::Held { holder, .. } if holder.starts_with(&us)), "{error}");
    drop(store);
    assert_eq!(holder(dir.path()), None);
    RunStore::open(dir.path()).unwrap();
}

#[test]
fn a_deleted_database_is_rebuilt() {
    let (dir, trials) = three_trials();
    let database = dir.path().join(RunStore::DATABASE);
    fs::remove_dir_all(&database).unwrap();
    assert_eq!(repaired(dir.path()), (trials, vec![Warning::Restored { path: database, count: 3 }]));
}

#[test]
fn a_deleted_journal_is_rebuilt() {
    let (dir, trials) = three_trials();
    let journal = dir.path().join(RunStore::JOURNAL);
    fs::remove_file(&journal).unwrap();
    assert_eq!(repaired(dir.path()), (trials, vec![Warning::Restored { path: journal, count: 3 }]));
}

#[test]
fn a_trial_killed_between_journal_and_database_is_kept() {
    let (dir, mut trials) = three_trials();
    let line = super::record::to_line(&done(9)).unwrap() + "\n";
    append(&dir.path().join(RunStore::JOURNAL), line.as_bytes());
    trials.push(done(9));
    let path = dir.path().join(RunStore::DATABASE);
    assert_eq!(repaired(dir.path()), (trials, vec![Warning::Restored { path, count: 1 }]));
}

#[test]
fn a_torn_journal_tail_is_cut_off() {
    let (dir, trials) = three_trials();
    let path = dir.path().join(RunStore::JOURNAL);
    let line = super::record::to_line(&done(3)).unwrap();
    append(&path, &line.as_bytes()[..40]);
    assert_eq!(read_journal(&path).unwrap(), (trials.clone(), vec![]));
    assert_eq!(repaired(dir.path()), (trials, vec![Warning::TornTail { path, bytes: 40 }]));
}

#[test]
fn a_damaged_journal_line_is_reported_once_and_restored() {
    let (dir, trials) = three_trials();
    let path = dir.path().join(RunStore::JOURNAL);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"index\":1", "\"index\":8", 1).replacen("\"index\":2", "\"index\":3", 1)).unwrap();
    let (left, warnings) = read_journal(&path).unwrap();
    assert_eq!((left, warnings.len()), (vec![done(0)], 2));
    let (after, warnings) = repaired(dir.path());
    assert_eq!(after, trials);
    assert!(warnings.contains(&Warning::Restored { path: path.clone(), count: 2 }), "{warnings:?}");
    let reason = "wrong checksum".to_owned();
    assert!(warnings.contains(&Warning::DamagedLine { path, line: 3, reason }), "{warnings:?}");
    assert!(dir.path().join("trials.jsonl.damaged-1").exists());
}

#[test]
fn a_damaged_database_record_is_reported_and_restored() {
    let (dir, trials) = three_trials();
    let path = dir.path().join(RunStore::DATABASE);
    let db = ::sled::open(&path).unwrap();
    let mut bytes = db.get(1u64.to_be_bytes()).unwrap().unwrap().to_vec();
    bytes[20] ^= 1;
    db.insert(1u64.to_be_bytes(), bytes).unwrap();
    db.insert("no index", "no record").unwrap();
    drop(db);
    let (after, warnings) = repaired(dir.path());
    assert_eq!(after, trials);
    let reason = "wrong checksum".to_owned();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(warnings.contains(&Warning::DamagedRecord { path: path.clone(), reason }), "{warnings:?}");
    assert!(warnings.contains(&Warning::Restored { path, count: 1 }), "{warnings:?}");
}

#[test]
fn a_trial_damaged_in_both_places_is_a_hole() {
    let (dir, _) = three_trials();
    let path = dir.path().join(RunStore::JOURNAL);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"index\":1", "\"index\":8", 1)).unwrap();
    let db = ::sled::open(dir.path().join(RunStore::DATABASE)).unwrap();
    db.insert(1u64.to_be_bytes(), "no record").unwrap();
    drop(db);
    let (after, warnings) = repaired(dir.path());
    assert_eq!(after, [done(0), done(2)]);
    assert_eq!(warnings.len(), 3, "{warnings:?}");
}

#[test]
fn a_torn_snapshot_costs_nothing() {
    for torn in [&b""[..], b"half a snap"] {
        let (dir, trials) = three_trials();
        // sled writes a snapshot when it reads its log.
        reopen(dir.path());
        let path = dir.path().join(RunStore::DATABASE);
        let snapshots: Vec<_> = fs::read_dir(&path)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("snap."))
            .collect();
        assert!(!snapshots.is_empty(), "sled wrote no snapshot to tear");
        snapshots.iter().for_each(|snapshot| fs::write(snapshot, torn).unwrap());
        let (after, warnings) = repaired(dir.path());
        assert_eq!(after, trials);
        assert!(matches!(&warnings[..], [Warning::SetAside { .. }, Warning::WithoutSnapshots { .. }]), "{warnings:?}");
    }
}

#[test]
fn a_database_of_garbage_is_rebuilt() {
    let (dir, trials) = three_trials();
    let path = dir.path().join(RunStore::DATABASE);
    let log = path.join("db");
    let length = fs::metadata(&log).unwrap().len() as usize;
    fs::write(&log, vec![0xA5; length]).unwrap();
    fs::write(path.join("conf"), vec![0xA5; 64]).unwrap();
    let (after, _) = repaired(dir.path());
    assert_eq!(after, trials);
}

#[test]
fn a_newer_programs_run_is_left_alone() {
    let (dir, _) = three_trials();
    let path = dir.path().join(RunStore::JOURNAL);
    let text = fs::read_to_string(&path).unwrap().replace("{\"record\":2,", "{\"record\":3,");
    fs::write(&path, &text).unwrap();
    assert!(matches!(RunStore::open(dir.path()), Err(Error::Version { version: 3, .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

fn append(path: &Path, bytes: &[u8]) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}
