//! One candidate, trained once, and what came of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::arch::{Architecture, Cost};
use crate::space::{Protocol, Rung};

/// How briefly a candidate is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Fidelity {
    /// Side of the square input in pixels.
    pub resolution: usize,
    /// Training images seen per epoch.
    pub images: usize,
    /// Passes over these images.
    pub epochs: usize,
}

impl Fidelity {
    /// The training that a protocol describes.
    pub fn of(protocol: &Protocol) -> Self {
        Self::new(protocol.rung(), protocol.resolution)
    }

    /// A training of the length of `rung`.
    pub fn new(rung: Rung, resolution: usize) -> Self {
        Self { resolution, images: rung.train_images, epochs: rung.epochs }
    }

    /// How long it is, whatever the resolution. Scores of equally long trainings can be compared.
    pub fn rung(&self) -> Rung {
        Rung { train_images: self.images, epochs: self.epochs }
    }
}

/// How a candidate came to be proposed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Origin {
    /// GoogLeNet with every width multiplied by `ratio`; 1 is the paper's network.
    Uniform {
        /// The multiplier, in thousandths, so that it is exact in every file.
        permille: u32,
    },
    /// Drawn at random from the space.
    Random,
    /// A changed copy of an earlier trial.
    Mutation {
        /// Index of the trial that was changed.
        parent: usize,
        /// Names of the mutations applied, in order.
        operators: Vec<String>,
    },
    /// Put together from two earlier trials, and changed.
    Crossover {
        /// Indices of the two.
        parents: [usize; 2],
        /// Names of the crossover and of the mutations applied, in order.
        operators: Vec<String>,
    },
    /// The network of an earlier, briefer trial that did well.
    Promotion {
        /// Index of that trial.
        from: usize,
    },
}

/// The weights that a training starts from, where these are not drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Inheritance {
    /// Index of the trial whose trained weights they are.
    pub from: usize,
    /// How many trainings stand behind them, from 1.
    #[schemars(range(min = 1))]
    pub generation: usize,
}

/// What [`Architecture::canonical`](crate::arch::Architecture::canonical) writes.
const FORM: &str = r"^googlenet/1 stem=\d+(,\d+){2}( [345][a-e]=\d+(,\d+){5}){9} classes=\d+ aux=(true|false)$";

/// One training to be done: everything its outcome depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Job {
    /// Position in the run, from 0.
    pub index: usize,
    /// The network to train, by its canonical form: every width by name.
    #[schemars(with = "String", regex(pattern = FORM))]
    pub architecture: Architecture,
    /// How it was proposed.
    pub origin: Origin,
    /// Cost of one image at the fidelity's resolution, without auxiliary heads.
    pub cost: Cost,
    /// How briefly it is trained.
    pub fidelity: Fidelity,
    /// Seed of initial weights, shuffling, augmentation and dropout: a hash of (run seed, key, fidelity, replicate or
    /// generation). It has up to 64 bits, more than a double holds.
    pub seed: u64,
    /// Whose weights it starts from, where it does not start from initial ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Inheritance")]
    pub inherits: Option<Inheritance>,
}

/// A training step costs about as much as three classifications of its images: once forward, twice backward.
pub const TRAINING_FACTOR: u64 = 3;

impl Job {
    /// How many trainings stand behind the weights that it starts from: 0 for initial weights. Trainings of a run that
    /// inherit are equally long, so scores of the same generation are of the same training.
    pub fn generation(&self) -> usize {
        self.inherits.map_or(0, |inheritance| inheritance.generation)
    }

    /// Multiply-adds of the training as planned. A data set with fewer images than the fidelity names costs less.
    pub fn training_macs(&self) -> u64 {
        self.macs_of_epochs(self.fidelity.epochs)
    }

    /// Multiply-adds of so many epochs of the training.
    pub fn macs_of_epochs(&self, epochs: usize) -> u64 {
        let images = self.fidelity.images as u64;
        self.cost.macs.saturating_mul(TRAINING_FACTOR).saturating_mul(images).saturating_mul(epochs as u64)
    }
}

/// What a finished training measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Score {
    /// Share of validation images classified right, 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    pub accuracy: f64,
    /// Binomial standard error of `accuracy`.
    pub accuracy_se: f64,
    /// Mean cross-entropy on the validation images, in nats.
    pub validation_loss: f64,
    /// Sum over epochs of the mean training loss, in nats.
    pub training_loss_sum: f64,
}

/// Why a training gave no score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Failure {
    /// The loss became NaN, infinite, or larger than the recipe's bound.
    #[error("diverged in epoch {epoch}: loss {loss}")]
    Diverged {
        /// Epoch, from 1.
        epoch: usize,
        /// The loss as text, since JSON has no NaN.
        loss: String,
    },
    /// The training panicked.
    #[error("panicked: {message}")]
    Panicked {
        /// The panic's message.
        message: String,
    },
    /// The network or the training could not be set up or run.
    #[error("{message}")]
    Error {
        /// What went wrong.
        message: String,
    },
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Outcome {
    /// Trained to the end.
    Done(Score),
    /// No score.
    Failed(Failure),
}

impl Outcome {
    /// The score of a finished training.
    pub fn score(&self) -> Option<&Score> {
        match self {
            Outcome::Done(score) => Some(score),
            Outcome::Failed(_) => None,
        }
    }
}

/// A job and its outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trial {
    /// What was trained.
    #[serde(flatten)]
    pub job: Job,
    /// What came of it.
    pub outcome: Outcome,
    /// Wall time of the training in seconds. Not part of any digest.
    pub seconds: f64,
    /// Wall time of what was asked of untrained networks to choose this one, in seconds: their scores (`search.screen`), and
    /// the time of a pass where that has a limit. Not part of any digest.
    #[serde(default)]
    pub screening_seconds: f64,
    /// Milliseconds in which the network classifies `limits.latency_batch` images, measured where that has a limit: the median
    /// of some passes on one thread. Not part of any digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub latency_ms: Option<f64>,
}
