//! All trials as a table for other programs.

use super::summary::origin;
use crate::search::trial::{Outcome, Score, Trial};

/// Columns before those of the widths.
const COLUMNS: [&str; 17] = [
    "trial",
    "origin",
    "resolution",
    "images",
    "epochs",
    "seed",
    "macs",
    "parameters",
    "seconds",
    "screening_seconds",
    "accuracy",
    "accuracy_se",
    "validation_loss",
    "training_loss_sum",
    "failure",
    "key",
    "generation",
];

/// One line a trial, by ascending index, with a column for every width of its network (`3a.b3x3_reduce`). A failed trial has
/// no score but a failure. `key` names the network: trials with equal keys trained the same one. Scores compare within one
/// `generation` of inherited weights, 0 for initial ones.
///
/// # Errors
/// If the table cannot be put together; there is no input that does.
pub fn trials_csv(trials: &[Trial]) -> Result<String, csv::Error> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let widths = trials.first().map(|trial| trial.job.architecture.widths()).unwrap_or_default();
    table.write_record(COLUMNS.into_iter().chain(widths.iter().map(|(name, _)| name.as_str())))?;
    for trial in trials {
        let (job, fidelity) = (&trial.job, trial.job.fidelity);
        let (scores, failure) = match &trial.outcome {
            Outcome::Done(Score { accuracy, accuracy_se, validation_loss, training_loss_sum }) => {
                let scores = [accuracy, accuracy_se, validation_loss, training_loss_sum];
                (scores.map(ToString::to_string), String::new())
            }
            Outcome::Failed(failure) => (Default::default(), failure.to_string()),
        };
        let how = [job.index, fidelity.resolution, fidelity.images, fidelity.epochs].map(|number| number.to_string());
        let [index, resolution, images, epochs] = how;
        let cost = [job.seed, job.cost.macs, job.cost.parameters].map(|number| number.to_string());
        let cells = [index, origin(trial), resolution, images, epochs].into_iter().chain(cost);
        let cells =
            cells.chain([trial.seconds, trial.screening_seconds].map(|seconds| seconds.to_string())).chain(scores);
        let cells = cells.chain([failure, job.architecture.key().to_string(), job.generation().to_string()]);
        table.write_record(cells.chain(job.architecture.width_values().map(|width| width.to_string())))?;
    }
    // Of numbers and of texts that are UTF-8.
    Ok(String::from_utf8_lossy(&table.into_inner().map_err(csv::IntoInnerError::into_error)?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::{example, heir};
    use super::*;
    use crate::search::trial::Failure;

    #[test]
    fn every_trial_and_width_is_there_and_reads_back() {
        let mut trials = example();
        let message = "said \"no\",\nand left".to_owned();
        trials[4] = heir(trials[4].clone(), 2, 3);
        trials[1].outcome = Outcome::Failed(Failure::Panicked { message });
        let text = trials_csv(&trials).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().unwrap().clone();
        assert_eq!((header.len(), &header[17], &header[73]), (74, "stem.conv1", "5b.pool_proj"));
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), trials.len());
        assert_eq!((&rows[1][10], &rows[1][14]), ("", "panicked: said \"no\",\nand left"));
        assert_eq!((&rows[4][0], &rows[4][1], &rows[4][6]), ("4", "evolved from 0 (branch), generation 3", "90000000"));
        let score = trials[4].outcome.score().unwrap();
        assert_eq!(rows[4][10].parse::<f64>().unwrap().to_bits(), score.accuracy.to_bits());
        assert_eq!(rows[4][15], trials[4].job.architecture.key().to_string());
        assert_eq!((&rows[2][16], &rows[4][16]), ("0", "3"));
        assert_eq!(trials_csv(&[]).unwrap().lines().count(), 1);
    }
}
