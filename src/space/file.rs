//! A space file as written: its keys and their types, nothing checked yet.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Protocol, count, ranges, schema};

/// What is searched, and how. Some rules join several keys and are not in a schema: `inception-nas space check` knows all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "A search space of inception-nas")]
pub(super) struct SpaceFile {
    /// Which widths the convolutions may take.
    pub widths: Widths,
    /// Which images networks may be for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Input>,
    /// What a candidate may cost at its own resolution, without auxiliary heads. Costlier ones are never trained.
    #[serde(default)]
    pub limits: Limits,
    /// The brief training that every candidate gets. Scores are only comparable under the same protocol.
    pub protocol: Protocol,
    /// How candidates are chosen, and how many.
    pub search: SearchSettings,
    /// The corner that hypervolumes are measured from.
    #[serde(default)]
    pub reference: Reference,
    /// Briefer trainings than the protocol's, the briefest first; candidates begin on the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ladder: Vec<Rung>,
}

/// The `[widths]` section: which widths the convolutions may take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Widths {
    /// Narrowest width, as a share of the paper's.
    #[schemars(range(min = *ranges::RATIO.start(), max = *ranges::RATIO.end()))]
    pub min_ratio: f64,
    /// Widest width, as a share of the paper's.
    #[schemars(range(min = *ranges::RATIO.start(), max = *ranges::RATIO.end()))]
    pub max_ratio: f64,
    /// Widths from one to its double.
    #[schemars(range(min = *ranges::STEPS_PER_OCTAVE.start(), max = *ranges::STEPS_PER_OCTAVE.end()))]
    pub steps_per_octave: u32,
    /// Widths of single convolutions, instead of the grid; signed so that a negative one gets a message of its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::choices")]
    pub choices: BTreeMap<String, Vec<i64>>,
}

/// The `[input]` section: which images networks may be for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Sides of the square input in pixels, the protocol's among them.
    #[schemars(schema_with = "schema::resolutions")]
    pub resolutions: Vec<usize>,
}

/// The `[limits]` section: what a candidate may cost at its own resolution, without auxiliary heads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Most multiply-adds of one image.
    #[serde(default, deserialize_with = "count::deserialize", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "count::schema")]
    pub max_macs: Option<u64>,
    /// Most trainable parameters.
    #[serde(default, deserialize_with = "count::deserialize", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "count::schema")]
    pub max_parameters: Option<u64>,
    /// Most milliseconds that the searching machine may take, on one thread, to classify `latency_batch` images at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64", range(min = *ranges::LATENCY_MS.start(), max = *ranges::LATENCY_MS.end()))]
    pub max_latency_ms: Option<f64>,
    /// Images at once that `max_latency_ms` is about: 1 if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "usize", range(min = *ranges::LATENCY_BATCH.start(), max = *ranges::LATENCY_BATCH.end()))]
    pub latency_batch: Option<usize>,
}

impl Limits {
    /// Images at once that [`max_latency_ms`](Self::max_latency_ms) is about.
    pub fn latency_batch(&self) -> usize {
        self.latency_batch.unwrap_or(1)
    }
}

/// The `[reference]` section: the corner that hypervolumes are measured from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Reference {
    /// Error, over 0 to 1: that of guessing between the classes if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64", range(min = *ranges::ERROR.start(), max = *ranges::ERROR.end()))]
    pub error: Option<f64>,
    /// MACs, as a multiple of those of the paper's network.
    #[schemars(range(min = *ranges::MACS_RATIO.start(), max = *ranges::MACS_RATIO.end()))]
    pub macs_ratio: f64,
}

impl Default for Reference {
    /// A little more than the paper's network costs.
    fn default() -> Self {
        Self { error: None, macs_ratio: 1.1 }
    }
}

/// How long a training is. One `[[ladder]]` section, checked, is one that is briefer than the protocol's and otherwise the
/// same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// Training images per epoch at the most; the first ones of the training split.
    #[schemars(range(min = *ranges::TRAIN_IMAGES.start(), max = *ranges::TRAIN_IMAGES.end()))]
    pub train_images: usize,
    /// Passes over the training images.
    #[schemars(range(min = *ranges::EPOCHS.start(), max = *ranges::EPOCHS.end()))]
    pub epochs: usize,
}

impl Rung {
    /// Training images seen in all.
    pub fn seen(&self) -> usize {
        self.train_images.saturating_mul(self.epochs)
    }
}

/// How candidates are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Aging evolution: changed copies of the better ones of the latest trials.
    Evolution,
    /// NSGA-II: changed copies and combinations of the best of all trials.
    Nsga2,
    /// Drawn at random: the control for the search.
    Random,
    /// GoogLeNet with all widths scaled alike: the control for the space.
    Uniform,
}

/// Which of several mutants is trained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Screen {
    /// None: the mutant that was made first is trained.
    #[default]
    None,
    /// The one that a model of the earlier trials expects most of.
    Surrogate,
    /// The one whose untrained weights are pulled at hardest by the loss of a batch, for its MACs.
    GradNorm,
    /// The one through whose untrained weights most signal can flow, for its MACs.
    Synflow,
    /// The one that sees the images of a batch most differently before it is trained, for its MACs.
    Naswot,
}

/// One in three goes up: the usual choice (Li et al. 2018, "Hyperband", section 3).
fn eta() -> usize {
    3
}

/// Every mutant is trained.
fn candidates() -> usize {
    1
}

/// The `[search]` section, checked: how candidates are chosen, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchSettings {
    /// How candidates are chosen.
    pub strategy: Strategy,
    /// Candidates to train, from 1.
    #[schemars(range(min = *ranges::TRIALS.start(), max = *ranges::TRIALS.end()))]
    pub trials: usize,
    /// Everything random in the run follows from this number.
    #[schemars(range(min = *ranges::SEED.start(), max = *ranges::SEED.end()))]
    pub seed: u64,
    /// How many trials parents are picked from: evolution's latest, NSGA-II's best; from 2.
    #[schemars(range(min = *ranges::POPULATION.start(), max = *ranges::POPULATION.end()))]
    pub population: usize,
    /// How many of these compete for each parent of evolution, 1 to `population`.
    #[schemars(range(min = *ranges::SAMPLE.start(), max = *ranges::SAMPLE.end()))]
    pub sample: usize,
    /// Share of proposals drawn at random instead, 0 to 1.
    #[schemars(range(min = *ranges::SHARE.start(), max = *ranges::SHARE.end()))]
    pub immigrants: f64,
    /// Whether a child starts from the weights of its parent, instead of initial ones.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inherit: bool,
    /// So many mutants are made for every one that is trained, 1 to 100.
    #[serde(default = "candidates")]
    #[schemars(range(min = *ranges::CANDIDATES.start(), max = *ranges::CANDIDATES.end()))]
    pub candidates: usize,
    /// Which of these is trained.
    #[serde(default)]
    pub screen: Screen,
    /// So many trainings on one rung of the ladder come before one on the next, from 2. Means nothing without a ladder.
    #[serde(default = "eta")]
    #[schemars(range(min = *ranges::ETA.start(), max = *ranges::ETA.end()))]
    pub eta: usize,
    /// A proposal knows all trials but the `window - 1` before it, so this many can train at once; from 1.
    #[schemars(range(min = *ranges::WINDOW.start(), max = *ranges::WINDOW.end()))]
    pub window: usize,
    /// This many failed trials in a row stop the run, from 1.
    #[schemars(range(min = *ranges::MAX_FAILURES.start(), max = *ranges::MAX_FAILURES.end()))]
    pub max_failures: usize,
    /// No trial is started after this many seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64", range(min = *ranges::MAX_SECONDS.start(), max = *ranges::MAX_SECONDS.end()))]
    pub max_seconds: Option<u64>,
    /// No trial is started that would bring the training MACs of all trials proposed so far above this.
    #[serde(default, deserialize_with = "count::deserialize", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "count::schema")]
    pub max_training_macs: Option<u64>,
}
