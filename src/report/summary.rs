//! What a run has found so far, as numbers.

use serde::Serialize;

use super::ledger::Ledger;
use crate::arch::{Architecture, Cost};
use crate::search::budget::training_macs;
use crate::search::digest::digest;
use crate::search::front::front;
use crate::search::generation::{Peers, by_generation};
use crate::search::hypervolume::{Reference, hypervolume_of};
use crate::search::ladder::{self, trained_for};
use crate::search::trial::{Origin, Outcome, Trial};
use crate::space::{Rung, Space};
use crate::stats::normal_above;

/// How probable it may be that a search seems to beat uniform scaling by chance alone.
const SIGNIFICANCE: f64 = 0.025;

/// One scored trial beside the baseline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Index of the trial.
    pub trial: usize,
    /// Share of validation images classified right, 0 to 1. The search has selected on this number.
    pub accuracy: f64,
    /// Its standard error.
    pub accuracy_se: f64,
    /// Side of the images that it is for, in pixels.
    pub resolution: usize,
    /// Multiply-adds of one image.
    pub macs: u64,
    /// Trainable parameters.
    pub parameters: u64,
    /// Accuracy minus the baseline's, if the run has trained the baseline.
    pub accuracy_gain: Option<f64>,
    /// MACs divided by the baseline's.
    pub macs_ratio: f64,
    /// How the trial came to be, in words.
    pub origin: String,
}

/// How many trials had a training of some length.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RungCount {
    /// The training.
    #[serde(flatten)]
    pub rung: Rung,
    /// Trials, failed ones included.
    pub trials: usize,
}

/// How many trainings stand behind the weights that trials start from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Generations {
    /// Trials of every generation, failed ones included, from 0: those that start from initial weights.
    pub trials: Vec<usize>,
    /// The one that accuracies and fronts are of.
    pub shown: usize,
}

impl Generations {
    /// In words.
    pub(super) fn text(&self) -> String {
        let Self { trials, shown } = self;
        let counts = trials.iter().enumerate().map(|(generation, trials)| format!("{trials} of {generation}"));
        let counts = counts.collect::<Vec<_>>().join(", ");
        format!("trials by generation of inherited weights: {counts}; results are of generation {shown} alone")
    }
}

/// Whether the search found more than scaling the paper's network would have.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum VersusUniform {
    /// The run has no scored uniform scaling to compare with.
    NoControl,
    /// No searched network is more accurate than a uniform scaling of at least its MACs by more than chance makes among so
    /// many of them.
    NotBeaten,
    /// A searched network is.
    Beaten {
        /// The searched trial.
        trial: usize,
        /// The uniform scaling it beats most clearly.
        uniform: usize,
        /// By how much accuracy.
        accuracy_gain: f64,
        /// MACs divided by those of the uniform scaling; at most 1.
        macs_ratio: f64,
    },
}

/// All of it; its JSON form is what `--json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunSummary {
    /// Name of the run.
    pub run: String,
    /// Trials asked for.
    pub planned: usize,
    /// Trials stored, failed ones included.
    pub trials: usize,
    /// Failed ones.
    pub failed: usize,
    /// The first failure, if there is one.
    pub first_failure: Option<String>,
    /// Multiply-adds of all trainings as planned, failed ones included.
    pub training_macs: u64,
    /// How many of them may be spent, if that is limited.
    pub max_training_macs: Option<u64>,
    /// Training time of all trials together, failed ones included, in seconds.
    pub seconds: f64,
    /// Trials by length of the training, the briefest first; all below are of the last and longest.
    pub rungs: Vec<RungCount>,
    /// Trials by generation, if children inherit weights; all below are of one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generations: Option<Generations>,
    /// Area between the front and a reference that depends on the space file and the baseline's MACs alone.
    pub hypervolume: f64,
    /// Hash over all trials except their times.
    pub digest: String,
    /// Multiply-adds of the paper's network at the run's resolution.
    pub baseline_macs: u64,
    /// The paper's network, if the run has scored it.
    pub baseline: Option<Row>,
    /// The trials that no other one beats in both accuracy and MACs, by ascending MACs.
    pub front: Vec<Row>,
    /// The paper's network scaled as a whole, by ascending MACs.
    pub uniform: Vec<Row>,
    /// The comparison of the two.
    pub versus_uniform: VersusUniform,
    /// What it all cost.
    pub ledger: Ledger,
}

impl RunSummary {
    /// Sums up `trials` (by ascending index) of the run `run` in `space`; `baseline` is the cost of the paper's network at
    /// the run's resolution. Accuracies and fronts are those of trials with the protocol's own training, and of one
    /// generation ([`Peers`]).
    pub fn new(run: &str, space: &Space, trials: &[Trial], baseline: &Cost) -> Self {
        let count = |rung| RungCount { rung, trials: trained_for(trials, rung).count() };
        let peers = Peers::of(space, trials);
        let generations = || Generations { trials: by_generation(trials), shown: peers.generation };
        let comparable = peers.among(trials);
        let is_paper = |trial: &&Trial| {
            trial.job.origin == Origin::Uniform { permille: 1000 }
                && trial.job.fidelity.resolution == space.protocol().resolution
                && trial.outcome.score().is_some()
        };
        let paper = comparable.clone().find(is_paper);
        let paper_accuracy = paper.and_then(|trial| trial.outcome.score()).map(|score| score.accuracy);
        let rows = |trials: Vec<&Trial>| -> Vec<Row> {
            trials.into_iter().filter_map(|trial| row(trial, paper_accuracy, baseline)).collect()
        };
        let mut uniform: Vec<&Trial> =
            comparable.clone().filter(|trial| matches!(trial.job.origin, Origin::Uniform { .. })).collect();
        uniform.sort_by_key(|trial| trial.job.cost.macs);
        let failures: Vec<String> = trials
            .iter()
            .filter_map(|trial| match &trial.outcome {
                Outcome::Failed(failure) => Some(format!("trial {}: {failure}", trial.job.index)),
                Outcome::Done(_) => None,
            })
            .collect();
        Self {
            run: run.to_owned(),
            planned: space.search().trials,
            trials: trials.len(),
            failed: failures.len(),
            first_failure: failures.into_iter().next(),
            training_macs: training_macs(trials),
            max_training_macs: space.search().max_training_macs,
            seconds: trials.iter().map(|trial| trial.seconds).sum(),
            rungs: ladder::rungs(space).into_iter().map(count).collect(),
            generations: space.search().inherit.then(generations),
            hypervolume: hypervolume_of(comparable.clone(), &Reference::new(space.reference(), baseline)),
            digest: digest(trials),
            baseline_macs: baseline.macs,
            baseline: paper.and_then(|trial| row(trial, paper_accuracy, baseline)),
            front: rows(front(comparable.clone())),
            uniform: rows(uniform.clone()),
            versus_uniform: versus_uniform(comparable, &uniform),
            ledger: Ledger::new(trials, &[]),
        }
    }

    /// The same with the trainings `finals` of the run's finals in the ledger; `trials` are those of [`Self::new`].
    pub fn with_finals(self, trials: &[Trial], finals: &[Trial]) -> Self {
        Self { ledger: Ledger::new(trials, finals), ..self }
    }
}

fn row(trial: &Trial, paper_accuracy: Option<f64>, baseline: &Cost) -> Option<Row> {
    let score = trial.outcome.score()?;
    Some(Row {
        trial: trial.job.index,
        accuracy: score.accuracy,
        accuracy_se: score.accuracy_se,
        resolution: trial.job.fidelity.resolution,
        macs: trial.job.cost.macs,
        parameters: trial.job.cost.parameters,
        accuracy_gain: paper_accuracy.map(|accuracy| score.accuracy - accuracy),
        macs_ratio: trial.job.cost.macs as f64 / baseline.macs as f64,
        origin: origin(trial),
    })
}

/// The clearest case, in standard errors of the difference, of a searched network that is as cheap and more accurate; if it is
/// clearer than the clearest of so many would be by chance (Bonferroni's correction: the search has chosen among all of them).
fn versus_uniform<'a>(trials: impl Iterator<Item = &'a Trial> + Clone, uniform: &[&Trial]) -> VersusUniform {
    let (mut clearest, mut pairs, mut controls) = (None, 0, 0);
    for control in uniform {
        let Some(theirs) = control.outcome.score() else { continue };
        controls += 1;
        for trial in trials.clone().filter(|trial| !matches!(trial.job.origin, Origin::Uniform { .. })) {
            let Some(ours) = trial.outcome.score().filter(|_| trial.job.cost.macs <= control.job.cost.macs) else {
                continue;
            };
            pairs += 1;
            let gain = ours.accuracy - theirs.accuracy;
            let clarity = gain / ours.accuracy_se.hypot(theirs.accuracy_se);
            if clearest.as_ref().is_none_or(|(best, _)| clarity > *best) {
                let beaten = VersusUniform::Beaten {
                    trial: trial.job.index,
                    uniform: control.job.index,
                    accuracy_gain: gain,
                    macs_ratio: trial.job.cost.macs as f64 / control.job.cost.macs as f64,
                };
                clearest = Some((clarity, beaten));
            }
        }
    }
    match clearest {
        // Not so if there is no clarity, for want of an error.
        Some((clarity, beaten)) if normal_above(clarity) * f64::from(pairs) < SIGNIFICANCE => beaten,
        _ if controls == 0 => VersusUniform::NoControl,
        _ => VersusUniform::NotBeaten,
    }
}

/// How a trial came to be, in a few words.
pub(super) fn origin(trial: &Trial) -> String {
    let origin = match &trial.job.origin {
        Origin::Uniform { permille: 1000 } => "GoogLeNet".to_owned(),
        Origin::Uniform { permille } => format!("GoogLeNet x{}", f64::from(*permille) / 1000.0),
        Origin::Random => "random".to_owned(),
        Origin::Mutation { parent, operators } => format!("evolved from {parent} ({})", operators.join(", ")),
        Origin::Promotion { from } => format!("promoted from {from}"),
        Origin::Crossover { parents: [a, b], operators } => {
            format!("evolved from {a} and {b} ({})", operators.join(", "))
        }
    };
    match trial.job.generation() {
        0 => origin,
        generation => format!("{origin}, generation {generation}"),
    }
}

/// The cost of the paper's network for `classes` classes at `resolution`; the baseline of every comparison.
///
/// # Errors
/// A message if there is no such network, or it does not fit the resolution.
pub fn baseline_cost(classes: usize, resolution: usize) -> Result<Cost, String> {
    let googlenet = Architecture::googlenet(classes, false).map_err(|error| error.to_string())?;
    googlenet.cost(resolution).map_err(|error| error.to_string())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::search::trial::{Failure, Fidelity, Inheritance, Job, Score};
    use crate::space::Space;

    pub fn trial(index: usize, origin: Origin, accuracy: f64, macs: u64) -> Trial {
        let score = Score { accuracy, accuracy_se: 0.01, validation_loss: 0.5, training_loss_sum: 1.5 };
        Trial {
            job: Job {
                index,
                architecture: Architecture::googlenet(2, false).unwrap(),
                origin,
                cost: Cost { macs, parameters: macs / 20, activation_bytes: 1 },
                fidelity: Fidelity { resolution: 32, images: 128, epochs: 1 },
                seed: 1,
                inherits: None,
            },
            outcome: Outcome::Done(score),
            seconds: 2.0,
            screening_seconds: 0.0,
            latency_ms: None,
        }
    }

    pub fn failed(index: usize) -> Trial {
        let failure = Failure::Diverged { epoch: 1, loss: "NaN".to_owned() };
        Trial { outcome: Outcome::Failed(failure), ..trial(index, Origin::Random, 0.0, 10) }
    }

    pub fn evolved(index: usize, accuracy: f64, macs: u64) -> Trial {
        trial(index, Origin::Mutation { parent: 0, operators: vec!["branch".to_owned()] }, accuracy, macs)
    }

    pub fn uniform(index: usize, permille: u32, accuracy: f64, macs: u64) -> Trial {
        trial(index, Origin::Uniform { permille }, accuracy, macs)
    }

    /// The tiny space, whose training the trials here have had.
    pub fn space(trials: usize) -> Space {
        space_with(trials, &[])
    }

    /// The same with changes.
    pub fn space_with(trials: usize, changes: &[String]) -> Space {
        let overrides = [&[format!("search.trials={trials}")], changes].concat();
        Space::parse("tiny.toml", include_str!("../../search_spaces/tiny.toml"), &overrides).unwrap()
    }

    /// The same with a briefer training before it.
    pub fn space_with_ladder(trials: usize) -> Space {
        space_with(trials, &["ladder=[{train_images=64, epochs=1}]".to_owned()])
    }

    /// The same trial after a briefer training.
    pub fn brief(trial: Trial) -> Trial {
        let fidelity = Fidelity { images: 64, ..trial.job.fidelity };
        Trial { job: Job { fidelity, ..trial.job }, ..trial }
    }

    /// The same trial with the weights of another one.
    pub fn heir(trial: Trial, from: usize, generation: usize) -> Trial {
        Trial { job: Job { inherits: Some(Inheritance { from, generation }), ..trial.job }, ..trial }
    }

    pub const BASELINE: Cost = Cost { macs: 100_000_000, parameters: 5_000_000, activation_bytes: 1 };

    pub fn example() -> Vec<Trial> {
        vec![
            uniform(0, 1000, 0.80, 100_000_000),
            uniform(1, 500, 0.75, 26_000_000),
            evolved(2, 0.76, 20_000_000),
            failed(3),
            evolved(4, 0.84, 90_000_000),
        ]
    }

    #[test]
    fn sums_up_a_run() {
        let summary = RunSummary::new("pets", &space(10), &example(), &BASELINE);
        assert_eq!((summary.trials, summary.planned, summary.failed), (5, 10, 1));
        assert_eq!(summary.first_failure.as_deref(), Some("trial 3: diverged in epoch 1: loss NaN"));
        assert_eq!(summary.seconds, 10.0);
        let indices = |rows: &[Row]| rows.iter().map(|row| row.trial).collect::<Vec<_>>();
        assert_eq!((indices(&summary.front), indices(&summary.uniform)), (vec![2, 4], vec![1, 0]));
        assert_eq!(summary.baseline.as_ref().map(|row| row.trial), Some(0));
        let best = &summary.front[1];
        assert!((best.accuracy_gain.unwrap() - 0.04).abs() < 1e-12 && best.macs_ratio == 0.9);
        assert_eq!(best.origin, "evolved from 0 (branch)");
        assert_eq!(summary.uniform[0].origin, "GoogLeNet x0.5");
    }

    #[test]
    fn only_the_longest_training_counts() {
        let mut trials = example();
        trials.push(brief(evolved(5, 0.99, 10_000_000)));
        trials.push(brief(uniform(6, 250, 0.98, 9_000_000)));
        let summary = RunSummary::new("pets", &space_with_ladder(10), &trials, &BASELINE);
        assert_eq!(summary.rungs.iter().map(|rung| rung.trials).collect::<Vec<_>>(), [2, 5]);
        let without = RunSummary::new("pets", &space(10), &example(), &BASELINE);
        assert_eq!((&summary.front, &summary.uniform), (&without.front, &without.uniform));
        assert_eq!(summary.hypervolume, without.hypervolume);
        assert_eq!(serde_json::to_value(&summary).unwrap()["rungs"][0]["train_images"], 64);
    }

    #[test]
    fn only_clear_differences_at_no_more_cost_beat_uniform_scaling() {
        let verdict = |trials: &[Trial]| RunSummary::new("r", &space(9), trials, &BASELINE).versus_uniform;
        // 0.04 is 2.8 standard errors of the difference.
        let VersusUniform::Beaten { trial, uniform: control, .. } = verdict(&example()) else { panic!() };
        assert_eq!((trial, control), (4, 0));
        // 0.02 is 1.4 of them.
        assert_eq!(verdict(&[uniform(0, 1000, 0.80, 100), evolved(1, 0.82, 90)]), VersusUniform::NotBeaten);
        // More accurate, but at a higher cost.
        assert_eq!(verdict(&[uniform(0, 500, 0.70, 50), evolved(1, 0.82, 90)]), VersusUniform::NotBeaten);
        assert_eq!(verdict(&[evolved(1, 0.82, 90), failed(2)]), VersusUniform::NoControl);
        // What is clear of one network is no wonder of the best of twenty.
        let others = (5..25).map(|index| evolved(index, 0.7, 30_000_000));
        assert_eq!(verdict(&example().into_iter().chain(others).collect::<Vec<_>>()), VersusUniform::NotBeaten);
        assert_eq!(verdict(&[]), VersusUniform::NoControl);
    }

    #[test]
    fn the_json_form_is_stable() {
        let value = serde_json::to_value(RunSummary::new("pets", &space(10), &example(), &BASELINE)).unwrap();
        assert_eq!(value["front"][0]["trial"], 2);
        assert_eq!(value["versus_uniform"]["kind"], "beaten");
        assert_eq!(value["digest"].as_str().unwrap().len(), 64);
    }
}
