//! From a strategy's ideas to jobs: inside the limits, and never the same network twice on the same rung.

use std::collections::{HashSet, VecDeque};

use super::ladder::Ladder;
use super::lineage::Lineage;
use super::ports::{Evaluator, Event, Observer};
use super::screen::{Choice, Screen, screen_for};
use super::searcher::{Proposal, Searcher, Turn};
use super::seed::{search_seed, step_rng};
use super::trial::{Fidelity, Job, Origin, Trial};
use crate::arch::{Architecture, ArchitectureError, ArchitectureKey, Cost};
use crate::space::{Rng, Space, mutate::mutate};

/// How often a strategy is asked for one trial.
const ASKS: usize = 256;

/// How often a duplicate is changed further before the strategy is asked again.
const FURTHER_MUTATIONS: usize = 8;

/// Decimal logarithm of the largest number of genotypes that are gone through one by one if asking does not help.
const LISTABLE: f64 = 4.0;

/// A job, and what choosing its network took.
#[derive(Clone, Debug)]
pub(super) struct Proposed {
    /// What to train.
    pub job: Job,
    /// See [`Trial::screening_seconds`].
    pub screening_seconds: f64,
    /// See [`Trial::latency_ms`].
    pub latency_ms: Option<f64>,
}

impl From<Job> for Proposed {
    /// A job that nobody chose among others.
    fn from(job: Job) -> Self {
        Self { job, screening_seconds: 0.0, latency_ms: None }
    }
}

/// Makes one job after the other, and remembers what has been proposed.
pub(super) struct Proposer<'a> {
    space: &'a Space,
    classes: usize,
    /// Networks and the resolutions they are for.
    taken: HashSet<(ArchitectureKey, usize)>,
    ladder: Ladder,
    lineage: Lineage,
    screen: Box<dyn Screen + 'a>,
    /// Times networks, where the space limits that.
    evaluator: &'a dyn Evaluator,
    /// Whether proposals are still wanted: a network that is too slow is timed before the next one is thought of.
    wanted: &'a dyn Fn() -> bool,
    /// Spent on that since the latest job, in seconds.
    timing_seconds: f64,
    /// See [`Turn::turned_down`].
    turned_down: usize,
    /// Jobs so far, without those that `ahead` holds.
    turn: usize,
    /// New candidates so far.
    candidates: usize,
    /// What is trained before anything else: the latest scaled copy of the paper's network on the higher rungs, or all copies
    /// in a new generation, and behind them the child that waits for them.
    ahead: VecDeque<Job>,
}

impl<'a> Proposer<'a> {
    /// `evaluator` knows what untrained networks say and how fast they are, for a screen and a limit that ask. Once proposals
    /// are not `wanted` any more there may be none, though there are networks left.
    pub fn new(space: &'a Space, classes: usize, evaluator: &'a dyn Evaluator, wanted: &'a dyn Fn() -> bool) -> Self {
        Self {
            space,
            classes,
            taken: HashSet::new(),
            ladder: Ladder::new(space),
            lineage: Lineage::new(space),
            screen: screen_for(space, evaluator),
            evaluator,
            wanted,
            timing_seconds: 0.0,
            turned_down: 0,
            turn: 0,
            candidates: 0,
            ahead: VecDeque::new(),
        }
    }

    /// Takes note of a trial. They are told by ascending index, without holes.
    pub fn tell(&mut self, trial: &Trial, observer: &dyn Observer) {
        self.ladder.tell(trial);
        self.lineage.tell(trial);
        self.screen.tell(trial, observer);
    }

    /// The job of trial `index`: a new candidate, or one that goes up the ladder. `None` if there is nothing left to train.
    ///
    /// A scaled copy of the paper's network is trained on all rungs in a row: it is what the others are compared with, so
    /// it must be there on each. For the others the ladder has a turn of its own kind for every rung; if nobody can be
    /// promoted, a new candidate takes the turn, and the other way round. Where weights are inherited, the copies are trained
    /// in every generation (see [`Lineage`]).
    pub fn next(
        &mut self,
        index: usize,
        searcher: &mut dyn Searcher,
        observer: &dyn Observer,
    ) -> Result<Option<Proposed>, ArchitectureError> {
        let Some(mut proposed) = self.propose(index, searcher, observer)? else { return Ok(None) };
        proposed.latency_ms = self.latency(&proposed.job);
        proposed.screening_seconds += std::mem::take(&mut self.timing_seconds);
        Ok(Some(proposed))
    }

    fn propose(
        &mut self,
        index: usize,
        searcher: &mut dyn Searcher,
        observer: &dyn Observer,
    ) -> Result<Option<Proposed>, ArchitectureError> {
        if let Some(job) = self.ahead.pop_front() {
            return Ok(Some(Job { index, ..job }.into()));
        }
        let rung = self.ladder.turn(self.turn);
        self.turn += 1;
        if let Some(job) = self.promotion(index, rung) {
            return Ok(Some(job.into()));
        }
        let Some(proposed) = self.candidate(index, searcher, observer)? else {
            let promoted = (1..=self.ladder.top()).rev().find_map(|rung| self.promotion(index, rung));
            return Ok(promoted.map(Proposed::from));
        };
        self.candidates += 1;
        let job = &proposed.job;
        if matches!(job.origin, Origin::Uniform { .. }) {
            self.ahead = (1..=self.ladder.top()).map(|rung| self.on_rung(rung, job.clone())).collect();
        }
        let behind = self.lineage.catch_up(job.generation());
        if behind.is_empty() {
            return Ok(Some(proposed));
        }
        self.ahead = behind.into_iter().map(|control| self.on_rung(0, control)).chain([proposed.job]).collect();
        Ok(self.ahead.pop_front().map(|job| Job { index, ..job }.into()))
    }

    /// How long the job's network takes, where the space limits that. What is asked again is not measured again.
    fn latency(&mut self, job: &Job) -> Option<f64> {
        let limits = self.space.limits();
        limits.max_latency_ms?;
        let (ms, seconds) = self.evaluator.latency(job, limits.latency_batch());
        self.timing_seconds += seconds;
        ms
    }

    /// The job of the candidate that goes up to `rung`, if one can.
    fn promotion(&mut self, index: usize, rung: usize) -> Option<Job> {
        let below = self.ladder.promote(rung)?;
        let origin = Origin::Promotion { from: below.index };
        Some(self.on_rung(rung, Job { index, origin, ..below }))
    }

    /// The same training on another rung.
    fn on_rung(&self, rung: usize, job: Job) -> Job {
        let fidelity = Fidelity::new(self.ladder.rung(rung), job.fidelity.resolution);
        let seed = search_seed(self.space.search().seed, &job.architecture.key(), &fidelity, job.generation());
        Job { fidelity, seed, ..job }
    }

    /// A job on the lowest rung.
    fn job(&self, index: usize, architecture: Architecture, resolution: usize, origin: Origin, cost: Cost) -> Job {
        let fidelity = Fidelity::new(self.ladder.rung(0), resolution);
        let inherits = self.lineage.inheritance(&origin);
        self.on_rung(0, Job { index, architecture, origin, cost, fidelity, seed: 0, inherits })
    }

    /// A network that was not proposed before. `None` if the strategy has no more ideas, or every network inside the
    /// limits has been proposed (in a space too large to list: none was found in [`ASKS`] draws).
    ///
    /// If the first idea is a mutant, more are made, up to `search.candidates`, and the screen chooses. Random draws and
    /// scaled copies of the paper's network are what the others are compared with: nobody chooses among them, and they keep
    /// their share, since it is the first idea that decides.
    fn candidate(
        &mut self,
        index: usize,
        searcher: &mut dyn Searcher,
        observer: &dyn Observer,
    ) -> Result<Option<Proposed>, ArchitectureError> {
        let mut rng = step_rng(self.space.search().seed, index);
        self.turned_down = 0;
        let mut mutants: Vec<Job> = Vec::new();
        for _ in 0..ASKS {
            if !(self.wanted)() {
                return Ok(None);
            }
            let turn = Turn { candidate: self.candidates, turned_down: self.turned_down };
            let Some(proposal) = searcher.ask(self.space, turn, &mut rng) else {
                return Ok(self.chosen(mutants));
            };
            let mutant = proposal.is_mutant();
            if !mutant && !mutants.is_empty() {
                continue;
            }
            let Some(job) = self.usable(index, proposal, &mutants, &mut rng, observer)? else { continue };
            mutants.push(job);
            if !mutant || mutants.len() >= self.space.search().candidates {
                return Ok(self.chosen(mutants));
            }
        }
        if mutants.is_empty() { self.any_left(index, &mut rng) } else { Ok(self.chosen(mutants)) }
    }

    /// The one of `jobs` to train, which nobody will propose again. `None` if there are none.
    fn chosen(&mut self, mut jobs: Vec<Job>) -> Option<Proposed> {
        let Choice { index, seconds } = if jobs.len() > 1 { self.screen.choose(&jobs) } else { Choice::free(0) };
        let job = (index < jobs.len()).then(|| jobs.swap_remove(index))?;
        self.taken.insert((job.architecture.key(), job.fidelity.resolution));
        Some(Proposed { job, screening_seconds: seconds, latency_ms: None })
    }

    /// The job of a proposal; a mutant is changed further as long as its network has been proposed before or is one of
    /// `mutants`. `None` if it cannot be used.
    fn usable(
        &mut self,
        index: usize,
        mut proposal: Proposal,
        mutants: &[Job],
        rng: &mut Rng,
        observer: &dyn Observer,
    ) -> Result<Option<Job>, ArchitectureError> {
        for _ in 0..=FURTHER_MUTATIONS {
            let architecture = proposal.architecture(self.space, self.classes)?;
            let resolution = proposal.resolution(self.space);
            let over_limit = match self.space.within_limits(&architecture, resolution) {
                Ok(cost) if self.is_new(&architecture, resolution, mutants) => {
                    let job = self.job(index, architecture, resolution, proposal.clone().into_origin(), cost);
                    if !self.is_too_slow(&job) {
                        return Ok(Some(job));
                    }
                    self.turned_down += 1;
                    true
                }
                Ok(_) => false,
                Err(_) => {
                    self.turned_down += usize::from(matches!(proposal, Proposal::Random(_)));
                    true
                }
            };
            observer.observe(Event::Redrawn { over_limit });
            if over_limit || !self.mutate_further(&mut proposal, rng) {
                break;
            }
        }
        Ok(None)
    }

    fn is_too_slow(&mut self, job: &Job) -> bool {
        let ms = self.latency(job);
        self.space.is_too_slow(ms)
    }

    fn is_new(&self, architecture: &Architecture, resolution: usize, mutants: &[Job]) -> bool {
        let same = |job: &Job| job.architecture == *architecture && job.fidelity.resolution == resolution;
        !self.taken.contains(&(architecture.key(), resolution)) && !mutants.iter().any(same)
    }

    /// Changes a mutated proposal once more; other proposals are left alone.
    fn mutate_further(&self, proposal: &mut Proposal, rng: &mut Rng) -> bool {
        let (Proposal::Mutation { operators, genotype, .. } | Proposal::Crossover { operators, genotype, .. }) =
            proposal
        else {
            return false;
        };
        let (mutant, operator) = mutate(self.space, rng, genotype);
        *genotype = mutant;
        operators.push(operator.to_owned());
        true
    }

    /// One of the genotypes of a small space that can still be trained, drawn at random.
    fn any_left(&mut self, index: usize, rng: &mut Rng) -> Result<Option<Proposed>, ArchitectureError> {
        if self.space.size_log10() > LISTABLE {
            return Ok(None);
        }
        let mut left = Vec::new();
        for genotype in self.space.genotypes() {
            let architecture = self.space.decode(&genotype, self.classes)?;
            let resolution = self.space.resolution(&genotype);
            if let Ok(cost) = self.space.within_limits(&architecture, resolution)
                && self.is_new(&architecture, resolution, &[])
            {
                left.push((architecture, resolution, cost));
            }
        }
        while !left.is_empty() && (self.wanted)() {
            let (architecture, resolution, cost) = left.swap_remove(rng.below(left.len()));
            let job = self.job(index, architecture, resolution, Origin::Random, cost);
            if !self.is_too_slow(&job) {
                return Ok(self.chosen(vec![job]));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::digest::digest;
    use crate::search::landscape::Landscape;
    use crate::search::searcher::searcher_for;
    use crate::search::testing::{Counts, space};

    /// More than one candidate needs a screen; which one it is does not matter here.
    const SCREEN: &str = "search.screen=surrogate";

    /// Chooses the costliest, and notes how many there were and which were turned down.
    #[derive(Default)]
    struct Costliest(std::rc::Rc<std::cell::RefCell<Vec<Vec<Job>>>>);

    impl Screen for Costliest {
        fn choose(&mut self, mutants: &[Job]) -> Choice {
            let choice = (0..mutants.len()).max_by_key(|&i| mutants[i].cost.macs).unwrap();
            let mut turned_down = mutants.to_vec();
            turned_down.remove(choice);
            self.0.borrow_mut().push(turned_down);
            Choice { index: choice, seconds: 0.5 }
        }

        fn tell(&mut self, _: &Trial, _: &dyn Observer) {}
    }

    /// The trials of a search that knows all trials before, and the mutants that were turned down.
    fn search(overrides: &[&str]) -> (Vec<Trial>, Vec<Vec<Job>>) {
        let space = space(&[&["search.population=8", "search.trials=60"], overrides].concat());
        let landscape = Landscape::new(1, &Architecture::googlenet_scaled(0.25, 2, false).unwrap(), 0.01);
        let (mut searcher, screen) = (searcher_for(&space), Costliest::default());
        let turned_down = screen.0.clone();
        let mut proposer = Proposer { screen: Box::new(screen), ..Proposer::new(&space, 2, &landscape, &|| true) };
        let trials = (0..60).map(|index| {
            let proposed = proposer.next(index, &mut *searcher, &Counts::default()).unwrap().unwrap();
            let Proposed { job, screening_seconds, latency_ms } = proposed;
            let (outcome, seconds) = landscape.evaluate(&job, &|_, _| {}, &false.into()).unwrap();
            let trial = Trial { job, outcome, seconds, screening_seconds, latency_ms };
            searcher.tell(&space, &trial);
            proposer.tell(&trial, &Counts::default());
            trial
        });
        (trials.collect(), turned_down.take())
    }

    #[test]
    fn the_screen_chooses_among_different_new_mutants() {
        for strategy in ["search.strategy=evolution", "search.strategy=nsga2"] {
            let (trials, turned_down) = search(&["search.candidates=5", SCREEN, strategy]);
            let mutants: Vec<&Trial> = trials
                .iter()
                .filter(|it| matches!(it.job.origin, Origin::Mutation { .. } | Origin::Crossover { .. }))
                .collect();
            // Those of the first population are not mutants.
            assert!((40..=52).contains(&mutants.len()), "{}", mutants.len());
            assert_eq!(turned_down.len(), mutants.len());
            let screened = trials.iter().filter(|trial| trial.screening_seconds > 0.0);
            assert!(screened.map(|trial| trial.job.index).eq(mutants.iter().map(|trial| trial.job.index)));
            for (trial, others) in mutants.iter().zip(&turned_down) {
                assert_eq!(others.len(), 4);
                let before: Vec<_> = trials[..trial.job.index].iter().map(|it| &it.job.architecture).collect();
                for (i, other) in others.iter().enumerate() {
                    assert!(other.cost.macs <= trial.job.cost.macs && other.index == trial.job.index);
                    assert!(!matches!(other.origin, Origin::Random | Origin::Uniform { .. }), "{:?}", other.origin);
                    assert!(other.architecture != trial.job.architecture && !before.contains(&&other.architecture));
                    assert!(others[..i].iter().all(|it| it.architecture != other.architecture));
                }
            }
        }
    }

    #[test]
    fn what_was_turned_down_can_be_proposed_again() {
        // Few networks, so that all of them are soon proposed.
        let few =
            ["widths.min_ratio=0.25", "widths.choices.\"3a.b1x1\"=[4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48]"];
        let more =
            ["widths.choices.\"4c.b3x3\"=[4, 8, 12, 16, 20]", "search.candidates=3", SCREEN, "search.immigrants=0"];
        let (trials, turned_down) = search(&[&few[..], &more[..]].concat());
        let trained = |job: &&Job| trials.iter().any(|trial| trial.job.architecture == job.architecture);
        let again = turned_down.iter().flatten().filter(trained).count();
        assert!(again > 20, "{again}");
    }

    #[test]
    fn networks_that_are_too_slow_are_not_trained() {
        // The landscape's time is a millisecond for a million MACs of a pass.
        let (trials, _) = search(&["limits.max_latency_ms=3", "limits.latency_batch=2"]);
        for trial in &trials {
            assert_eq!(trial.latency_ms, Some(trial.job.cost.macs as f64 * 2.0 / 1e6));
            assert!(trial.job.cost.macs <= 1_500_000);
        }
        assert!(trials.iter().any(|trial| matches!(trial.job.origin, Origin::Uniform { .. })));
        let (unlimited, _) = search(&[]);
        assert!(unlimited.iter().all(|trial| trial.latency_ms.is_none()));
        assert!(unlimited.iter().any(|trial| trial.job.cost.macs > 1_500_000));
    }

    #[test]
    fn what_is_left_of_a_small_space_has_to_be_fast_too() {
        let few = ["widths.min_ratio=0.25", "widths.choices.\"3a.b1x1\"=[4, 8, 12, 16, 20, 24, 28, 32]"];
        let trained = |overrides: &[&str]| {
            let space = space(&[&few[..], overrides].concat());
            let landscape = Landscape::new(1, &Architecture::googlenet_scaled(0.25, 2, false).unwrap(), 0.01);
            let (mut searcher, mut proposer) = (searcher_for(&space), Proposer::new(&space, 2, &landscape, &|| true));
            let next = |index| proposer.next(index, &mut *searcher, &Counts::default()).unwrap();
            let macs = (0..).map_while(next).map(|proposed| proposed.job.cost.macs);
            macs.collect::<std::collections::BTreeSet<u64>>()
        };
        let all = trained(&[]);
        let half = *all.iter().nth(all.len() / 2).unwrap();
        let limit = format!("limits.max_latency_ms={}", half as f64 / 1e6);
        assert!(all.len() > 6 && trained(&[&limit]).iter().eq(all.range(..=half)), "{all:?}");
    }

    #[test]
    fn the_controls_are_not_screened() {
        let (trials, turned_down) = search(&["search.strategy=random", "search.candidates=9", SCREEN]);
        assert!(turned_down.is_empty());
        assert_eq!(digest(&trials), digest(&search(&["search.strategy=random"]).0));
    }
}
