//! From a strategy's ideas to jobs: inside the limits, and never the same network twice on the same rung.

use std::collections::{HashSet, VecDeque};

use super::ladder::Ladder;
use super::ports::{Event, Observer};
use super::searcher::{Proposal, Searcher};
use super::seed::{step_rng, trial_seed};
use super::trial::{Job, Origin, Trial};
use crate::arch::{Architecture, ArchitectureError, ArchitectureKey, Cost};
use crate::space::{Rng, Space, mutate::mutate};

/// How often a strategy is asked for one trial.
const ASKS: usize = 256;

/// How often a duplicate is changed further before the strategy is asked again.
const FURTHER_MUTATIONS: usize = 8;

/// Decimal logarithm of the largest number of genotypes that are gone through one by one if asking does not help.
const LISTABLE: f64 = 4.0;

/// Makes one job after the other, and remembers what has been proposed.
pub(super) struct Proposer<'a> {
    space: &'a Space,
    classes: usize,
    taken: HashSet<ArchitectureKey>,
    ladder: Ladder,
    /// Jobs so far, without those that `climbing` holds.
    turn: usize,
    /// New candidates so far.
    candidates: usize,
    /// The latest scaled copy of the paper's network on the higher rungs.
    climbing: VecDeque<Job>,
}

impl<'a> Proposer<'a> {
    pub fn new(space: &'a Space, classes: usize) -> Self {
        let ladder = Ladder::new(space);
        Self { space, classes, taken: HashSet::new(), ladder, turn: 0, candidates: 0, climbing: VecDeque::new() }
    }

    /// Takes note of a trial. They are told by ascending index, without holes.
    pub fn tell(&mut self, trial: &Trial) {
        self.ladder.tell(trial);
    }

    /// The job of trial `index`: a new candidate, or one that goes up the ladder. `None` if there is nothing left to train.
    ///
    /// A scaled copy of the paper's network is trained on all rungs in a row: it is what the others are compared with, so
    /// it must be there on each. For the others the ladder has a turn of its own kind for every rung; if nobody can be
    /// promoted, a new candidate takes the turn, and the other way round.
    pub fn next(
        &mut self,
        index: usize,
        searcher: &mut dyn Searcher,
        observer: &dyn Observer,
    ) -> Result<Option<Job>, ArchitectureError> {
        if let Some(job) = self.climbing.pop_front() {
            return Ok(Some(Job { index, ..job }));
        }
        let rung = self.ladder.rung(self.turn);
        self.turn += 1;
        if let Some(job) = self.promotion(index, rung) {
            return Ok(Some(job));
        }
        let candidate = self.candidate(index, searcher, observer)?;
        Ok(match candidate {
            Some(job) => {
                self.candidates += 1;
                if matches!(job.origin, Origin::Uniform { .. }) {
                    self.climbing = (1..=self.ladder.top()).map(|rung| self.on_rung(rung, job.clone())).collect();
                }
                Some(job)
            }
            None => (1..=self.ladder.top()).rev().find_map(|rung| self.promotion(index, rung)),
        })
    }

    /// The job of the candidate that goes up to `rung`, if one can.
    fn promotion(&mut self, index: usize, rung: usize) -> Option<Job> {
        let (from, architecture) = self.ladder.promote(rung)?;
        // It was inside the limits before.
        let cost = self.space.within_limits(&architecture).ok()?;
        Some(self.job(index, architecture, Origin::Promotion { from }, cost, rung))
    }

    /// The same training on another rung.
    fn on_rung(&self, rung: usize, job: Job) -> Job {
        self.job(job.index, job.architecture, job.origin, job.cost, rung)
    }

    fn job(&self, index: usize, architecture: Architecture, origin: Origin, cost: Cost, rung: usize) -> Job {
        let fidelity = self.ladder.fidelity(rung);
        let seed = trial_seed(self.space.search().seed, &architecture.key(), &fidelity, 0);
        Job { index, architecture, origin, cost, fidelity, seed }
    }

    /// A network that was not proposed before. `None` if the strategy has no more ideas, or every network inside the
    /// limits has been proposed (in a space too large to list: none was found in [`ASKS`] draws).
    fn candidate(
        &mut self,
        index: usize,
        searcher: &mut dyn Searcher,
        observer: &dyn Observer,
    ) -> Result<Option<Job>, ArchitectureError> {
        let mut rng = step_rng(self.space.search().seed, index);
        for _ in 0..ASKS {
            let Some(mut proposal) = searcher.ask(self.space, self.candidates, &mut rng) else { return Ok(None) };
            for _ in 0..=FURTHER_MUTATIONS {
                let over_limit = match self.accept(index, &proposal)? {
                    Verdict::Accepted(job) => return Ok(Some(*job)),
                    Verdict::OverLimit => true,
                    Verdict::Duplicate => false,
                };
                observer.observe(Event::Redrawn { over_limit });
                if over_limit || !self.mutate_further(&mut proposal, &mut rng) {
                    break;
                }
            }
        }
        self.any_left(index, &mut rng)
    }

    /// Takes the proposal, unless its network is too costly or has been proposed before.
    fn accept(&mut self, index: usize, proposal: &Proposal) -> Result<Verdict, ArchitectureError> {
        let architecture = proposal.architecture(self.space, self.classes)?;
        let Ok(cost) = self.space.within_limits(&architecture) else { return Ok(Verdict::OverLimit) };
        if !self.taken.insert(architecture.key()) {
            return Ok(Verdict::Duplicate);
        }
        Ok(Verdict::Accepted(Box::new(self.job(index, architecture, proposal.clone().into_origin(), cost, 0))))
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
    fn any_left(&mut self, index: usize, rng: &mut Rng) -> Result<Option<Job>, ArchitectureError> {
        if self.space.size_log10() > LISTABLE {
            return Ok(None);
        }
        let mut left = Vec::new();
        for genotype in self.space.genotypes() {
            let architecture = self.space.decode(&genotype, self.classes)?;
            if self.space.within_limits(&architecture).is_ok() && !self.taken.contains(&architecture.key()) {
                left.push(genotype);
            }
        }
        if left.is_empty() {
            return Ok(None);
        }
        let chosen = left.swap_remove(rng.below(left.len()));
        match self.accept(index, &Proposal::Random(chosen))? {
            Verdict::Accepted(job) => Ok(Some(*job)),
            Verdict::OverLimit | Verdict::Duplicate => Ok(None),
        }
    }
}

/// What becomes of a proposal.
enum Verdict {
    Accepted(Box<Job>),
    OverLimit,
    Duplicate,
}
