//! Whose weights a training starts from.

use super::pareto::Objectives;
use super::trial::{Inheritance, Job, Origin, Trial};
use crate::space::Space;

/// Knows of which generation the trials so far are, where children inherit weights (`search.inherit`). A child starts from
/// the weights of its parent, of two parents from those of the first; all others start from initial weights.
///
/// Scaled copies of the paper's network are what the others are compared with, so they have to be there in every generation:
/// each goes on with its own weights before the first child of the next.
pub(super) struct Lineage {
    inherit: bool,
    /// Of every trial, by index.
    generations: Vec<usize>,
    /// The scaled copies that can go on, by their latest training.
    controls: Vec<Job>,
}

impl Lineage {
    pub fn new(space: &Space) -> Self {
        Self { inherit: space.search().inherit, generations: Vec::new(), controls: Vec::new() }
    }

    /// Takes note of a trial. They are told by ascending index, without holes.
    pub fn tell(&mut self, trial: &Trial) {
        self.generations.push(trial.job.generation());
        if matches!(trial.job.origin, Origin::Uniform { .. }) && Objectives::of(trial) != Objectives::WORST {
            self.controls.push(trial.job.clone());
        }
    }

    /// What a candidate of this origin inherits.
    pub fn inheritance(&self, origin: &Origin) -> Option<Inheritance> {
        let from = match *origin {
            Origin::Mutation { parent, .. } | Origin::Crossover { parents: [parent, _], .. } if self.inherit => parent,
            _ => return None,
        };
        Some(Inheritance { from, generation: self.generations.get(from)? + 1 })
    }

    /// The scaled copies that have to go on before a training of `generation`: their next trainings. Those that fail are not
    /// seen again.
    pub fn catch_up(&mut self, generation: usize) -> Vec<Job> {
        let behind = self.controls.extract_if(.., |control| control.generation() < generation);
        let next = |control: Job| {
            let inherits = Some(Inheritance { from: control.index, generation: control.generation() + 1 });
            Job { inherits, ..control }
        };
        behind.map(next).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::num::NonZeroUsize;
    use std::sync::Mutex;
    use std::sync::atomic::AtomicBool;

    use super::super::digest::digest;
    use super::super::drive::{Ended, Finished, Plan, Stop, drive};
    use super::super::landscape::Fault;
    use super::super::ports::Evaluator;
    use super::super::searcher::searcher_for;
    use super::super::testing::Unsteady;
    use super::super::testing::{Counts, MemoryStore, space};
    use super::super::tests::landscape;
    use super::super::trial::{Outcome, Score};
    use super::*;

    /// Adds to what a network is worth by itself what its parent had learned, and keeps that.
    struct Heirs<'a> {
        inner: Unsteady<'a>,
        learned: &'a Mutex<BTreeMap<usize, f64>>,
    }

    impl Evaluator for Heirs<'_> {
        fn evaluate(&self, job: &Job, progress: &dyn Fn(f64, f64), stop: &AtomicBool) -> Option<(Outcome, f64)> {
            let learned = || self.learned.lock().unwrap();
            let inherited = match job.inherits {
                Some(Inheritance { from, .. }) => *learned().get(&from)?,
                None => 0.0,
            };
            let (outcome, seconds) = self.inner.evaluate(job, progress, stop)?;
            let Outcome::Done(score) = outcome else { return Some((outcome, seconds)) };
            let accuracy = 0.5 * score.accuracy + 0.5 * inherited;
            learned().insert(job.index, accuracy);
            Some((Outcome::Done(Score { accuracy, ..score }), seconds))
        }
    }

    const SETTINGS: [&str; 5] =
        ["search.inherit=true", "search.trials=70", "search.population=6", "search.sample=3", "search.window=4"];

    fn spaces() -> [Space; 2] {
        ["search.strategy=evolution", "search.strategy=nsga2"].map(|it| space(&[&SETTINGS[..], &[it]].concat()))
    }

    /// Some trainings fail, the first control of the second generation among them.
    const FAULTS: [(usize, Fault); 4] =
        [(4, Fault::Error), (9, Fault::Diverge), (20, Fault::Panic), (21, Fault::Diverge)];

    fn sitting(
        space: &Space,
        workers: usize,
        store: &mut MemoryStore,
        learned: &Mutex<BTreeMap<usize, f64>>,
        stop_after: usize,
    ) -> Finished {
        let (never, now, counts) = (AtomicBool::new(false), AtomicBool::new(false), Counts::default());
        let evaluator = Heirs { inner: Unsteady::new(landscape().with_faults(FAULTS), &now, stop_after), learned };
        let stop = Stop { proposing: &never, now: &now, deadline: &|| false };
        let plan = Plan { space, classes: 2, workers: NonZeroUsize::new(workers).unwrap() };
        drive(plan, &mut *searcher_for(space), &evaluator, store, &counts, stop).unwrap()
    }

    fn search(space: &Space, workers: usize) -> Vec<Trial> {
        let found = sitting(space, workers, &mut MemoryStore::new(vec![]), &Mutex::default(), usize::MAX);
        assert_eq!(found.ended, Ended::TrialsDone);
        found.trials
    }

    #[test]
    fn children_go_on_from_their_parents_and_controls_from_themselves() {
        for space in spaces() {
            let trials = search(&space, 1);
            let failed = trials.iter().filter(|trial| trial.outcome.score().is_none()).count();
            assert_eq!(failed, FAULTS.len(), "nobody inherits from who has nothing");
            let mut first_child = BTreeMap::new();
            let mut last = 0;
            for trial in &trials {
                let parent = trial.job.inherits.map(|it| &trials[it.from]);
                if let Some(parent) = parent {
                    assert!(parent.outcome.score().is_some() && parent.job.index < trial.job.index);
                    assert_eq!(trial.job.generation(), parent.job.generation() + 1);
                }
                match trial.job.origin {
                    Origin::Random => assert!(parent.is_none() && trial.job.index < 6 + 4, "{trial:?}"),
                    Origin::Mutation { parent: index, .. } | Origin::Crossover { parents: [index, _], .. } => {
                        assert_eq!(parent.map(|it| it.job.index), Some(index));
                        first_child.entry(trial.job.generation()).or_insert(trial.job.index);
                        assert!(trial.job.generation() >= last, "parents are of the highest full population");
                        last = trial.job.generation();
                    }
                    Origin::Uniform { .. } => {
                        assert!(parent.is_none_or(|it| it.job.architecture == trial.job.architecture));
                    }
                    Origin::Promotion { .. } => panic!("{trial:?}"),
                }
            }
            assert!(last >= 4, "generations grow: {last}");
            let control = |permille, generation| {
                trials
                    .iter()
                    .find(|it| it.job.origin == Origin::Uniform { permille } && it.job.generation() == generation)
            };
            for permille in [250, 177, 125] {
                // Until its training fails, if it does.
                let lost = (0..=last).find(|it| control(permille, *it).is_none_or(|it| it.outcome.score().is_none()));
                for (generation, first) in &first_child {
                    let before = control(permille, *generation).is_some_and(|it| it.job.index < *first);
                    assert_eq!(before, lost.is_none_or(|lost| *generation <= lost), "{permille} {generation} {lost:?}");
                }
            }
            let mut seeds: Vec<u64> = trials.iter().map(|trial| trial.job.seed).collect();
            seeds.sort_unstable();
            seeds.dedup();
            assert_eq!(seeds.len(), trials.len());
        }
    }

    #[test]
    fn neither_workers_nor_breaking_off_change_what_is_found() {
        for space in spaces() {
            let expected = digest(&search(&space, 1));
            for workers in [2, 4] {
                assert_eq!(digest(&search(&space, workers)), expected, "{workers} workers");
            }
            for stop_after in [1, 7, 11, 12, 30, 55] {
                let (mut store, learned) = (MemoryStore::new(vec![]), Mutex::default());
                sitting(&space, 3, &mut store, &learned, stop_after);
                let resumed = sitting(&space, 2, &mut store, &learned, usize::MAX);
                assert_eq!(digest(&resumed.trials), expected, "broken off after {stop_after}");
            }
        }
    }

    #[test]
    fn a_parent_whose_weights_are_gone_stops_the_search_and_nothing_is_lost() {
        let space = &spaces()[1];
        let (mut store, learned) = (MemoryStore::new(vec![]), Mutex::default());
        let whole = digest(&search(space, 2));
        sitting(space, 2, &mut store, &learned, 25);
        let (before, gone) = (store.trials.clone(), std::mem::take(&mut *learned.lock().unwrap()));
        let stopped = sitting(space, 2, &mut store, &learned, usize::MAX);
        assert_eq!(stopped.ended, Ended::Interrupted);
        assert_eq!(store.trials[..before.len()], before);
        learned.lock().unwrap().extend(gone);
        assert_eq!(digest(&sitting(space, 2, &mut store, &learned, usize::MAX).trials), whole);
    }

    #[test]
    fn without_the_setting_nothing_is_inherited() {
        let space = space(&[&SETTINGS[1..], &["search.strategy=nsga2"]].concat());
        assert!(search(&space, 1).iter().all(|trial| trial.job.inherits.is_none()));
    }
}
