//! All trials in columns, for the files that other programs read.

use super::summary::origin;
use crate::search::trial::{Outcome, Score, Trial};

/// What a column holds, one value a trial.
pub(super) enum Values {
    /// Text, where there is any.
    Text(Vec<Option<String>>),
    /// Numbers to calculate with.
    Whole(Vec<u64>),
    /// Numbers of 64 bits that are names.
    Seeds(Vec<u64>),
    /// Measured values, where there are any.
    Real(Vec<Option<f64>>),
}

/// A column and its name.
pub(super) struct Column {
    pub name: String,
    pub values: Values,
}

/// Every column of `trials`, the last ones of them the widths of the networks (`3a.b3x3_reduce`); without trials there are no
/// widths. A failed trial has no score but a failure. `key` names the network: trials with equal keys trained the same one.
/// Scores compare within one `generation` of inherited weights, 0 for initial ones.
pub(super) fn columns(trials: &[Trial]) -> Vec<Column> {
    let text = |value: fn(&Trial) -> Option<String>| Values::Text(trials.iter().map(value).collect());
    let whole = |value: fn(&Trial) -> u64| Values::Whole(trials.iter().map(value).collect());
    let seeds = |value: fn(&Trial) -> u64| Values::Seeds(trials.iter().map(value).collect());
    let real = |value: fn(&Trial) -> f64| Values::Real(trials.iter().map(|trial| Some(value(trial))).collect());
    let score =
        |value: fn(&Score) -> f64| Values::Real(trials.iter().map(|trial| trial.outcome.score().map(value)).collect());
    let failure = |trial: &Trial| match &trial.outcome {
        Outcome::Done(_) => None,
        Outcome::Failed(failure) => Some(failure.to_string()),
    };
    let fixed = [
        ("trial", whole(|trial| trial.job.index as u64)),
        ("origin", text(|trial| Some(origin(trial)))),
        ("resolution", whole(|trial| trial.job.fidelity.resolution as u64)),
        ("images", whole(|trial| trial.job.fidelity.images as u64)),
        ("epochs", whole(|trial| trial.job.fidelity.epochs as u64)),
        ("seed", seeds(|trial| trial.job.seed)),
        ("macs", whole(|trial| trial.job.cost.macs)),
        ("parameters", whole(|trial| trial.job.cost.parameters)),
        ("seconds", real(|trial| trial.seconds)),
        ("screening_seconds", real(|trial| trial.screening_seconds)),
        ("accuracy", score(|score| score.accuracy)),
        ("accuracy_se", score(|score| score.accuracy_se)),
        ("validation_loss", score(|score| score.validation_loss)),
        ("training_loss_sum", score(|score| score.training_loss_sum)),
        ("failure", text(failure)),
        ("key", text(|trial| Some(trial.job.architecture.key().to_string()))),
        ("latency_ms", Values::Real(trials.iter().map(|trial| trial.latency_ms).collect())),
        ("generation", whole(|trial| trial.job.generation() as u64)),
    ];
    let fixed = fixed.into_iter().map(|(name, values)| Column { name: name.to_owned(), values });
    let mut networks: Vec<_> = trials.iter().map(|trial| trial.job.architecture.width_values()).collect();
    let names = trials.first().map(|trial| trial.job.architecture.widths()).unwrap_or_default();
    let widths = names.into_iter().map(|(name, _)| {
        let values = Values::Whole(networks.iter_mut().filter_map(Iterator::next).map(|width| width as u64).collect());
        Column { name, values }
    });
    fixed.chain(widths).collect()
}
