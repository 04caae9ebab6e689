//! Whole searches on the landscape: the promises of the loop.

mod exhausted;
mod timing;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::budget::training_macs;
use super::digest::digest;
use super::drive::{DriveError, Ended, Finished, Plan, Stop, drive};
use super::front::{best_within, front};
use super::ladder::rungs;
use super::landscape::{Fault, Landscape};
use super::ports::{Evaluator, Event, Observer};
use super::searcher::{Proposal, Searcher, Turn, searcher_for};
use super::testing::{Counts, MemoryStore, Unsteady, space};
use super::trial::{Failure, Job, Origin, Outcome, Trial};
use crate::arch::Architecture;
use crate::space::{Rng, Space};

pub(super) fn landscape() -> Landscape {
    Landscape::new(1, &Architecture::googlenet_scaled(0.25, 2, false).unwrap(), 0.01)
}

/// Runs a search that nobody stops.
fn search_with(space: &Space, workers: usize, evaluator: &dyn Evaluator, store: &mut MemoryStore) -> Finished {
    let (never, counts) = (AtomicBool::new(false), Counts::default());
    let stop = Stop { proposing: &never, now: &never, deadline: &|| false };
    let plan = Plan { space, classes: 2, workers: NonZeroUsize::new(workers).unwrap() };
    drive(plan, &mut *searcher_for(space), evaluator, store, &counts, stop).unwrap()
}

fn search(space: &Space, evaluator: &dyn Evaluator) -> Finished {
    search_with(space, 1, evaluator, &mut MemoryStore::new(vec![]))
}

const LONG: [&str; 4] = ["search.trials=40", "search.population=8", "search.sample=3", "search.window=4"];

const NSGA2: &str = "search.strategy=nsga2";

/// Two rungs below the training of the tiny space.
const LADDER: &str = "ladder=[{train_images=32, epochs=1}, {train_images=64, epochs=1}]";

/// On the landscape this is a limit of two million MACs.
const FAST: &str = "limits.max_latency_ms=2";

/// The space of [`LONG`] with either evolutionary strategy, with a ladder, and with a limit of time.
fn long_spaces() -> [Space; 4] {
    [&[][..], &[NSGA2], &[NSGA2, LADDER], &[FAST]].map(|more| space(&[&LONG[..], more].concat()))
}

#[test]
fn any_number_of_workers_finds_the_same() {
    for space in long_spaces() {
        let never = AtomicBool::new(false);
        let faulty = landscape().with_faults([(3, Fault::Error), (9, Fault::Panic), (10, Fault::Diverge)]);
        let expected = digest(&search(&space, &faulty).trials);
        for workers in [1, 2, 3, 4, 9] {
            let evaluator = Unsteady::new(faulty.clone(), &never, usize::MAX);
            let found = search_with(&space, workers, &evaluator, &mut MemoryStore::new(vec![]));
            assert_eq!(found.ended, Ended::TrialsDone);
            assert_eq!(digest(&found.trials), expected, "{workers} workers");
        }
    }
}

#[test]
fn a_search_that_was_broken_off_ends_like_one_that_was_not() {
    long_spaces().iter().for_each(breaking_off_changes_nothing);
}

#[test]
fn a_ladder_has_its_share_of_trials_on_every_rung() {
    let overrides = ["search.trials=120", "search.population=8", "search.sample=3", "search.window=4", LADDER];
    for strategy in ["search.strategy=evolution", NSGA2, "search.strategy=random"] {
        let space = space(&[&overrides[..], &[strategy]].concat());
        let rungs = rungs(&space);
        let trials = search(&space, &landscape()).trials;
        let searched: Vec<&Trial> =
            trials.iter().filter(|trial| !matches!(trial.job.origin, Origin::Uniform { .. })).collect();
        let count = |rung: usize| searched.iter().filter(|trial| trial.job.fidelity.rung() == rungs[rung]).count();
        // Three controls of three trainings; of the other 111 turns 9 in 13 are for new candidates, 3 for the middle rung.
        // Within the first window there is nobody to promote.
        let controls = trials.len() - searched.len();
        assert_eq!(controls, if strategy.ends_with("random") { 0 } else { 9 });
        let brackets = searched.len() as f64 / 13.0;
        for (rung, share) in [9.0, 3.0, 1.0].into_iter().enumerate() {
            assert!((count(rung) as f64 - share * brackets).abs() < 4.0, "{strategy} rung {rung}: {}", count(rung));
        }
        let mut trainings: Vec<_> =
            trials.iter().map(|trial| (trial.job.architecture.key(), trial.job.fidelity.images)).collect();
        trainings.sort();
        trainings.dedup();
        assert_eq!(trainings.len(), trials.len(), "nothing is trained twice");
        for trial in searched {
            let rung = rungs.iter().position(|rung| *rung == trial.job.fidelity.rung()).unwrap();
            let Origin::Promotion { from } = trial.job.origin else {
                assert_eq!(rung, 0);
                continue;
            };
            assert!(from + 4 <= trial.job.index, "the window is 4");
            assert_eq!(trials[from].job.fidelity.rung(), rungs[rung - 1]);
            assert_eq!(trials[from].job.architecture, trial.job.architecture);
            assert_ne!(trials[from].job.seed, trial.job.seed);
        }
    }
}

#[test]
fn controls_are_on_every_rung() {
    let trials = search(&space(&[&LONG[..], &[LADDER]].concat()), &landscape()).trials;
    let controls: Vec<(u32, usize)> = trials
        .iter()
        .filter_map(|trial| match trial.job.origin {
            Origin::Uniform { permille } => Some((permille, trial.job.fidelity.images)),
            _ => None,
        })
        .collect();
    let expected: Vec<(u32, usize)> =
        [250, 177, 125].into_iter().flat_map(|permille| [32, 64, 128].map(|images| (permille, images))).collect();
    assert_eq!(controls, expected);
}

/// Notes whether the surrogate ever chose, and whether it was ever turned off.
#[derive(Default)]
struct Exams {
    used: AtomicUsize,
    unused: AtomicUsize,
}

impl Observer for Exams {
    fn observe(&self, event: Event<'_>) {
        if let Event::Examined { used, .. } = event {
            if used { &self.used } else { &self.unused }.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// A search with the surrogate, on scores that are off by up to `noise`; broken off after `stop_after` trainings and taken up
/// again.
fn with_surrogate(trials: usize, noise: f64, workers: usize, stop_after: usize) -> (Vec<Trial>, [usize; 2]) {
    let trials = format!("search.trials={trials}");
    let settings = [&trials, "search.population=16", "search.window=4", "search.candidates=8"];
    let space = space(&[&settings[..], &["search.sample=4", "search.screen=surrogate"]].concat());
    let landscape = Landscape::new(1, &Architecture::googlenet_scaled(0.2, 2, false).unwrap(), noise);
    let (now, never) = (AtomicBool::new(false), AtomicBool::new(false));
    let evaluator = Unsteady::new(landscape, &now, stop_after);
    let plan = Plan { space: &space, classes: 2, workers: NonZeroUsize::new(workers).unwrap() };
    let mut store = MemoryStore::new(vec![]);
    let mut sitting = |now| {
        let (exams, stop) = (Exams::default(), Stop { proposing: &never, now, deadline: &|| false });
        let found = drive(plan, &mut *searcher_for(&space), &evaluator, &mut store, &exams, stop).unwrap();
        (found.trials, [exams.used, exams.unused].map(AtomicUsize::into_inner))
    };
    sitting(&now);
    now.store(false, Ordering::SeqCst);
    sitting(&now)
}

#[test]
fn the_surrogate_chooses_the_same_for_any_number_of_workers_broken_off_or_not() {
    let (expected, exams) = with_surrogate(100, 0.0, 1, usize::MAX);
    assert!(exams[0] > 0, "it has to be used: {exams:?}");
    for (workers, stop_after) in [(3, usize::MAX), (4, 20), (2, 60), (3, 90)] {
        let (found, again) = with_surrogate(100, 0.0, workers, stop_after);
        assert_eq!(
            (digest(&found), again),
            (digest(&expected), exams),
            "{workers} workers, stopped after {stop_after}"
        );
    }
}

#[test]
fn where_scores_are_noise_the_surrogate_is_off() {
    let (_, [used, unused]) = with_surrogate(400, 0.5, 4, usize::MAX);
    assert_eq!(used + unused, 15, "one exam after every 25 trials, from the 50th on");
    assert!(used <= 1, "{used} times of {}", used + unused);
}

/// Breaks a search of 40 trials off after every number of trainings, and continues it.
fn breaking_off_changes_nothing(space: &Space) {
    let expected = digest(&search(space, &landscape()).trials);
    for stop_after in 1..40 {
        let (now, never, counts) = (AtomicBool::new(false), AtomicBool::new(false), Counts::default());
        let mut store = MemoryStore::new(vec![]);
        let evaluator = Unsteady::new(landscape(), &now, stop_after);
        let plan = Plan { space, classes: 2, workers: NonZeroUsize::new(3).unwrap() };
        let stop = Stop { proposing: &never, now: &now, deadline: &|| false };
        let broken = drive(plan, &mut *searcher_for(space), &evaluator, &mut store, &counts, stop).unwrap();
        // At 38 and 39 the other workers may all have been ahead of the stop.
        assert!(broken.ended == Ended::Interrupted || store.trials.len() == 40, "{stop_after}");
        assert_eq!(broken.trials, super::ports::Store::trials(&store).unwrap());
        let resumed = search_with(space, 2, &landscape(), &mut store);
        assert_eq!(digest(&resumed.trials), expected, "broken off after {stop_after}");
        assert_eq!(store.trials.len(), 40);
    }
}

#[test]
fn any_holes_in_the_store_are_filled() {
    let space = space(&LONG);
    let full = search(&space, &landscape()).trials;
    for salt in 0..20 {
        let kept = full.iter().filter(|trial| (trial.job.index * 7 + salt) % 5 != 0).cloned().collect();
        let resumed = search_with(&space, 3, &landscape(), &mut MemoryStore::new(kept));
        assert_eq!(digest(&resumed.trials), digest(&full));
    }
}

#[test]
fn stored_trials_are_not_trained_again() {
    struct Refuses;
    impl Evaluator for Refuses {
        fn evaluate(&self, job: &Job, _: &dyn Fn(f64, f64), _: &AtomicBool) -> Option<(Outcome, f64)> {
            panic!("trial {} was trained again", job.index)
        }
    }
    let space = space(&LONG);
    let full = search(&space, &landscape());
    assert_eq!(search_with(&space, 2, &Refuses, &mut MemoryStore::new(full.trials.clone())), full);
}

#[test]
fn more_trials_continue_a_finished_search() {
    let short = search(&space(&["search.trials=12"]), &landscape()).trials;
    let more = space(&["search.trials=30"]);
    let long = search_with(&more, 2, &landscape(), &mut MemoryStore::new(short.clone())).trials;
    assert_eq!(long[..12], short[..]);
    assert_eq!(digest(&long), digest(&search(&more, &landscape()).trials));
    // Fewer trials than stored: those beyond are left alone and not shown.
    let fewer = search_with(&space(&["search.trials=5"]), 1, &landscape(), &mut MemoryStore::new(long.clone()));
    assert_eq!(fewer.trials[..], long[..5]);
}

#[test]
fn another_search_s_store_is_refused() {
    let theirs = search(&space(&["search.seed=1"]), &landscape()).trials;
    let (never, counts, ours) = (AtomicBool::new(false), Counts::default(), space(&[]));
    let stop = Stop { proposing: &never, now: &never, deadline: &|| false };
    let plan = Plan { space: &ours, classes: 2, workers: NonZeroUsize::MIN };
    let mut store = MemoryStore::new(theirs);
    let error = drive(plan, &mut *searcher_for(&ours), &landscape(), &mut store, &counts, stop).unwrap_err();
    assert!(matches!(error, DriveError::AnotherSearch { index: 0, .. }), "{error}");
    assert!(error.to_string().contains("belongs to another search"));
}

#[test]
fn failures_are_recorded_and_survived() {
    let faults = [(0, Fault::Error), (1, Fault::Panic), (3, Fault::Diverge)];
    let found = search(&space(&[]), &landscape().with_faults(faults));
    assert_eq!((found.ended, found.trials.len()), (Ended::TrialsDone, 8));
    let reasons: Vec<String> = found
        .trials
        .iter()
        .filter_map(|trial| match &trial.outcome {
            Outcome::Failed(failure) => Some(failure.to_string()),
            Outcome::Done(_) => None,
        })
        .collect();
    assert_eq!(reasons, ["fault in trial 0", "panicked: fault in trial 1", "diverged in epoch 1: loss NaN"]);
    assert!(front(&found.trials).iter().all(|trial| trial.outcome.score().is_some()));
}

#[test]
fn too_many_failures_in_a_row_stop_the_search_at_the_same_trial_for_any_number_of_workers() {
    let settings = ["search.trials=40", "search.window=4", "search.max_failures=3"];
    let space = space(&settings);
    let faults = [2, 3, 5, 6, 7, 8, 9].map(|index| (index, Fault::Error));
    let never = AtomicBool::new(false);
    let mut digests = Vec::new();
    for workers in 1..=4 {
        let evaluator = Unsteady::new(landscape().with_faults(faults), &never, usize::MAX);
        let found = search_with(&space, workers, &evaluator, &mut MemoryStore::new(vec![]));
        let Ended::TooManyFailures { first } = &found.ended else { panic!("{:?}", found.ended) };
        assert_eq!(first.job.index, 5);
        assert_eq!(first.outcome, Outcome::Failed(Failure::Error { message: "fault in trial 5".into() }));
        // Trial 7 is the third in a row; the next three were proposed before it was known.
        assert_eq!(found.trials.len(), 7 + 4);
        digests.push(digest(&found.trials));
    }
    assert!(digests.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn failures_at_the_very_end_count_too() {
    let space = space(&["search.trials=8", "search.window=4", "search.max_failures=2"]);
    let found = search(&space, &landscape().with_faults([(6, Fault::Error), (7, Fault::Error)]));
    assert!(matches!(found.ended, Ended::TooManyFailures { first } if first.job.index == 6));
}

#[test]
fn uniform_scaling_ends_with_its_ratios() {
    let space = space(&["search.strategy=uniform", "search.trials=100", "widths.max_ratio=0.5"]);
    let found = search(&space, &landscape());
    assert_eq!(found.ended, Ended::SpaceExhausted);
    assert!(found.trials.len() > 3);
    assert!(found.trials.iter().all(|trial| matches!(trial.job.origin, Origin::Uniform { .. })));
    assert!(found.trials.windows(2).all(|pair| pair[0].job.cost.macs > pair[1].job.cost.macs));
}

#[test]
fn a_search_stops_before_the_trial_that_costs_too_much() {
    let faulty = landscape().with_faults([(3, Fault::Error)]);
    let full = search(&space(&LONG), &faulty).trials;
    let spent: Vec<u64> = (0..=full.len()).map(|count| training_macs(&full[..count])).collect();
    for (most, affordable) in [(spent[7], 7), (spent[8] - 1, 7), (spent[1] - 1, 0), (spent[40] - 1, 39)] {
        let limited = space(&[&LONG[..], &[&format!("search.max_training_macs={most}")]].concat());
        for workers in [1, 3] {
            // What an earlier sitting with a larger budget left is kept, but is not part of the search.
            for stored in [vec![], full.clone()] {
                let found = search_with(&limited, workers, &faulty, &mut MemoryStore::new(stored));
                assert_eq!((found.ended, &found.trials[..]), (Ended::CostReached, &full[..affordable]));
            }
        }
    }
    let enough = space(&[&LONG[..], &[&format!("search.max_training_macs={}", spent[40])]].concat());
    assert_eq!(search(&enough, &faulty).ended, Ended::TrialsDone);
}

#[test]
fn nothing_over_a_limit_is_trained() {
    let (never, counts) = (AtomicBool::new(false), Counts::default());
    let space = space(&["search.trials=60", "limits.max_macs=1.2M", "limits.max_parameters=150K"]);
    let stop = Stop { proposing: &never, now: &never, deadline: &|| false };
    let plan = Plan { space: &space, classes: 2, workers: NonZeroUsize::MIN };
    let mut store = MemoryStore::new(vec![]);
    let found = drive(plan, &mut *searcher_for(&space), &landscape(), &mut store, &counts, stop).unwrap();
    assert_eq!(found.trials.len(), 60);
    assert!(found.trials.iter().all(|trial| trial.job.cost.macs <= 1_200_000 && trial.job.cost.parameters <= 150_000));
    let [started, finished, over_limit, _] = counts.all();
    assert_eq!((started, finished), (60, 60));
    assert!(over_limit > 0);
}

/// The MACs that draws aim at end where networks have too many parameters, well before the space does.
#[test]
fn a_limit_on_parameters_does_not_end_a_search() {
    for strategy in ["random", "evolution", "nsga2"] {
        let strategy = format!("search.strategy={strategy}");
        let space = space(&[&strategy, "search.trials=60", "limits.max_parameters=150K"]);
        let (smallest, largest) = (space.smallest(), space.largest());
        let parameters = |genotype| space.decode(genotype, 2).unwrap().cost(32).unwrap().parameters;
        assert!(parameters(&smallest) < 80_000 && parameters(&largest) > 300_000);
        let trials = search(&space, &landscape()).trials;
        assert_eq!(trials.len(), 60, "{strategy}");
        assert!(trials.iter().all(|trial| trial.job.cost.parameters <= 150_000));
    }
}

#[test]
fn the_paper_s_network_comes_first_where_it_is_allowed() {
    let wide = ["widths.max_ratio=1.5", "limits.max_macs=1G"];
    let trials = search(&space(&wide), &landscape()).trials;
    assert_eq!(trials[0].job.architecture, Architecture::googlenet(2, false).unwrap());
    assert_eq!(trials[0].job.origin, Origin::Uniform { permille: 1000 });
    let narrow = search(&space(&[wide[0], "limits.max_macs=5M"]), &landscape()).trials;
    assert!(narrow.iter().all(|trial| trial.job.origin != Origin::Uniform { permille: 1000 }));
}

#[test]
fn a_proposal_knows_exactly_the_trials_before_its_window() {
    struct Witness {
        told: Vec<usize>,
        window: usize,
    }
    impl Searcher for Witness {
        fn ask(&mut self, space: &Space, turn: Turn, rng: &mut Rng) -> Option<Proposal> {
            assert_eq!(self.told, (0..(turn.candidate + 1).saturating_sub(self.window)).collect::<Vec<_>>());
            Some(Proposal::Random(crate::space::random(space, rng, 0.5)))
        }
        fn tell(&mut self, _: &Space, trial: &Trial) {
            self.told.push(trial.job.index);
        }
    }
    for window in [1, 2, 5] {
        let space = space(&["search.trials=20", &format!("search.window={window}")]);
        let (never, counts) = (AtomicBool::new(false), Counts::default());
        let stop = Stop { proposing: &never, now: &never, deadline: &|| false };
        let plan = Plan { space: &space, classes: 2, workers: NonZeroUsize::new(4).unwrap() };
        let evaluator = Unsteady::new(landscape(), &never, usize::MAX);
        let mut witness = Witness { told: vec![], window };
        drive(plan, &mut witness, &evaluator, &mut MemoryStore::new(vec![]), &counts, stop).unwrap();
        assert_eq!(witness.told, (0..20).collect::<Vec<_>>());
    }
}

#[test]
fn stopping_finishes_what_runs() {
    for by_deadline in [false, true] {
        let (proposing, never, counts) = (AtomicBool::new(false), AtomicBool::new(false), Counts::default());
        let space = space(&LONG);
        let over = || by_deadline && counts.all()[1] >= 5;
        let evaluator = Unsteady::new(landscape(), &proposing, if by_deadline { usize::MAX } else { 5 });
        let plan = Plan { space: &space, classes: 2, workers: NonZeroUsize::new(2).unwrap() };
        let stop = Stop { proposing: &proposing, now: &never, deadline: &over };
        let mut store = MemoryStore::new(vec![]);
        let found = drive(plan, &mut *searcher_for(&space), &evaluator, &mut store, &counts, stop).unwrap();
        assert_eq!(found.ended, if by_deadline { Ended::DeadlineReached } else { Ended::Interrupted });
        assert!((5..=7).contains(&found.trials.len()), "{}", found.trials.len());
        assert_eq!(counts.all()[0], counts.all()[1], "what was started was finished");
        assert_eq!(found.trials.len(), store.trials.len());
        assert!(found.trials.iter().enumerate().all(|(i, trial)| trial.job.index == i), "no holes");
    }
}

#[test]
fn a_store_that_is_full_ends_the_search_with_its_error() {
    let (now, counts) = (AtomicBool::new(false), Counts::default());
    let space = space(&LONG);
    let never = AtomicBool::new(false);
    let stop = Stop { proposing: &never, now: &now, deadline: &|| false };
    let plan = Plan { space: &space, classes: 2, workers: NonZeroUsize::new(3).unwrap() };
    let mut store = MemoryStore { trials: vec![], room: 6 };
    let error = drive(plan, &mut *searcher_for(&space), &landscape(), &mut store, &counts, stop).unwrap_err();
    assert_eq!(error.to_string(), "no space left");
    assert!(now.load(Ordering::Relaxed));
    store.room = usize::MAX;
    let resumed = search_with(&space, 3, &landscape(), &mut store);
    assert_eq!(digest(&resumed.trials), digest(&search(&space, &landscape()).trials));
}

#[test]
fn too_few_classes_are_an_error() {
    let (never, counts, space) = (AtomicBool::new(false), Counts::default(), space(&[]));
    let stop = Stop { proposing: &never, now: &never, deadline: &|| false };
    let plan = Plan { space: &space, classes: 1, workers: NonZeroUsize::MIN };
    let mut store = MemoryStore::new(vec![]);
    let error = drive(plan, &mut *searcher_for(&space), &landscape(), &mut store, &counts, stop).unwrap_err();
    assert!(matches!(error, DriveError::Architecture(_)));
}

#[test]
fn a_search_of_sixty_trials_is_pinned() {
    let space = space(&["search.trials=60", "search.population=12", "search.sample=4"]);
    let found = search(&space, &landscape());
    assert_eq!(digest(&found.trials), "2ac8d017c601a0903834ffcdebfbfa7e3de6bb0b75257406d35f1d2169fba043");
}

#[test]
fn nsga2_has_children_of_two_earlier_trials() {
    let found = search(&long_spaces()[1], &landscape());
    let parents: Vec<(usize, [usize; 2])> = found
        .trials
        .iter()
        .filter_map(|trial| match trial.job.origin {
            Origin::Crossover { parents, .. } => Some((trial.job.index, parents)),
            _ => None,
        })
        .collect();
    assert!(parents.len() > 10, "{}", parents.len());
    // The window is 4.
    assert!(parents.iter().all(|(index, parents)| parents.iter().all(|parent| parent + 4 <= *index)), "{parents:?}");
}

#[test]
fn the_best_at_a_cost_is_on_the_front() {
    let trials = search(&space(&LONG), &landscape()).trials;
    for point in front(&trials) {
        let best = best_within(&trials, point.job.cost.macs).unwrap();
        assert_eq!(best.job.index, point.job.index);
    }
}
