//! From a strategy's ideas to jobs: inside the limits, and never the same network twice.

use std::collections::HashSet;

use super::ports::{Event, Observer};
use super::searcher::{Proposal, Searcher};
use super::seed::{step_rng, trial_seed};
use super::trial::{Fidelity, Job};
use crate::arch::{ArchitectureError, ArchitectureKey};
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
}

impl<'a> Proposer<'a> {
    pub fn new(space: &'a Space, classes: usize) -> Self {
        Self { space, classes, taken: HashSet::new() }
    }

    /// The job of trial `index`. `None` if there is nothing left to train: the strategy has no more ideas, or every
    /// network inside the limits has been proposed (in a space too large to list: none was found in [`ASKS`] draws).
    pub fn next(
        &mut self,
        index: usize,
        searcher: &mut dyn Searcher,
        observer: &dyn Observer,
    ) -> Result<Option<Job>, ArchitectureError> {
        let mut rng = step_rng(self.space.search().seed, index);
        for _ in 0..ASKS {
            let Some(mut proposal) = searcher.ask(self.space, index, &mut rng) else { return Ok(None) };
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
        let key = architecture.key();
        if !self.taken.insert(key) {
            return Ok(Verdict::Duplicate);
        }
        let protocol = self.space.protocol();
        let fidelity =
            Fidelity { resolution: protocol.resolution, images: protocol.train_images, epochs: protocol.epochs };
        let seed = trial_seed(self.space.search().seed, &key, &fidelity, 0);
        let origin = proposal.clone().into_origin();
        Ok(Verdict::Accepted(Box::new(Job { index, architecture, origin, cost, fidelity, seed })))
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
