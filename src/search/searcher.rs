//! What a strategy is: something that is asked for candidates and told how they did.

use super::evolution::Evolution;
use super::nsga2::Nsga2;
use super::random::RandomSearch;
use super::trial::{Origin, Trial};
use super::uniform::UniformScaling;
use crate::arch::{Architecture, ArchitectureError};
use crate::space::{Genotype, Rng, Space, Strategy};

/// A candidate as a strategy names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proposal {
    /// GoogLeNet with every width multiplied by `permille / 1000`, on the grid of the space or not.
    Uniform {
        /// The multiplier in thousandths.
        permille: u32,
        /// Side of the input in pixels.
        resolution: usize,
    },
    /// A genotype drawn at random.
    Random(Genotype),
    /// A changed copy of an earlier trial.
    Mutation {
        /// Index of that trial.
        parent: usize,
        /// Names of the changes, in order.
        operators: Vec<String>,
        /// The changed genotype.
        genotype: Genotype,
    },
    /// Put together from two earlier trials, and changed.
    Crossover {
        /// Indices of these trials.
        parents: [usize; 2],
        /// Names of the crossover and the changes, in order.
        operators: Vec<String>,
        /// The changed genotype.
        genotype: Genotype,
    },
}

impl Proposal {
    /// The network it stands for.
    ///
    /// # Errors
    /// [`ArchitectureError`] if `classes`, or a width scaled by a huge multiplier, is out of range.
    pub fn architecture(&self, space: &Space, classes: usize) -> Result<Architecture, ArchitectureError> {
        match self {
            Self::Uniform { permille, .. } => {
                Architecture::googlenet_scaled(f64::from(*permille) / 1000.0, classes, space.protocol().aux_heads)
            }
            Self::Random(genotype) | Self::Mutation { genotype, .. } | Self::Crossover { genotype, .. } => {
                space.decode(genotype, classes)
            }
        }
    }

    /// The side of the images that it is for, in pixels.
    pub fn resolution(&self, space: &Space) -> usize {
        match self {
            Self::Uniform { resolution, .. } => *resolution,
            Self::Random(genotype) | Self::Mutation { genotype, .. } | Self::Crossover { genotype, .. } => {
                space.resolution(genotype)
            }
        }
    }

    /// Whether it was made of earlier trials.
    pub fn is_mutant(&self) -> bool {
        matches!(self, Self::Mutation { .. } | Self::Crossover { .. })
    }

    /// How it came to be, for the record.
    pub fn into_origin(self) -> Origin {
        match self {
            Self::Uniform { permille, .. } => Origin::Uniform { permille },
            Self::Random(_) => Origin::Random,
            Self::Mutation { parent, operators, .. } => Origin::Mutation { parent, operators },
            Self::Crossover { parents, operators, .. } => Origin::Crossover { parents, operators },
        }
    }
}

/// Which candidate a strategy is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Its number, from 0. Without a ladder of trainings it is the index of its trial.
    pub candidate: usize,
    /// How many proposals for it were too slow, or drawn at random and over a limit. Which MACs have networks inside limits
    /// on time and parameters, nobody knows beforehand, so draws then aim at others.
    pub turned_down: usize,
}

/// Decides what to try next.
///
/// Its answers may depend on nothing but the trials it was told, the generator it is given, and how often it was asked.
pub trait Searcher {
    /// A candidate; asked again for the same one if the proposal cannot be used, or if a screen is to choose among several.
    /// `None` ends the search: there is nothing left to propose.
    fn ask(&mut self, space: &Space, turn: Turn, rng: &mut Rng) -> Option<Proposal>;

    /// How a trial ended. Trials are told by ascending index, without holes.
    fn tell(&mut self, space: &Space, trial: &Trial);
}

/// The strategy that the space file names.
pub fn searcher_for(space: &Space) -> Box<dyn Searcher> {
    match space.search().strategy {
        Strategy::Evolution => Box::new(Evolution::new(space)),
        Strategy::Nsga2 => Box::new(Nsga2::new(space)),
        Strategy::Random => Box::new(RandomSearch),
        Strategy::Uniform => Box::new(UniformScaling::new(space)),
    }
}
