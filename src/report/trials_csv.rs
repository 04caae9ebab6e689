//! All trials as a table for other programs.

use super::trial_columns::{Values, columns};
use crate::search::trial::Trial;

/// One line a trial, by ascending index, widths by name at its end; what there is none of is empty.
///
/// # Errors
/// If the table cannot be put together; there is no input that does.
pub fn trials_csv(trials: &[Trial]) -> Result<String, csv::Error> {
    let columns = columns(trials);
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(columns.iter().map(|column| &column.name))?;
    for row in 0..trials.len() {
        table.write_record(columns.iter().map(|column| cell(&column.values, row)))?;
    }
    // Of numbers and of texts that are UTF-8.
    Ok(String::from_utf8_lossy(&table.into_inner().map_err(csv::IntoInnerError::into_error)?).into_owned())
}

fn cell(values: &Values, row: usize) -> String {
    match values {
        Values::Text(values) => values[row].clone().unwrap_or_default(),
        Values::Whole(values) | Values::Seeds(values) => values[row].to_string(),
        Values::Real(values) => values[row].map(|value| value.to_string()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::{example, heir};
    use super::*;
    use crate::search::trial::{Failure, Outcome};

    #[test]
    fn every_trial_and_width_is_there_and_reads_back() {
        let mut trials = example();
        let message = "said \"no\",\nand left".to_owned();
        trials[4] = heir(trials[4].clone(), 2, 3);
        trials[1].latency_ms = Some(2.5);
        trials[1].outcome = Outcome::Failed(Failure::Panicked { message });
        let text = trials_csv(&trials).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().unwrap().clone();
        assert_eq!((header.len(), &header[18], &header[74]), (75, "stem.conv1", "5b.pool_proj"));
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), trials.len());
        assert_eq!((&rows[1][10], &rows[1][14]), ("", "panicked: said \"no\",\nand left"));
        assert_eq!((&rows[4][0], &rows[4][1], &rows[4][6]), ("4", "evolved from 0 (branch), generation 3", "90000000"));
        let score = trials[4].outcome.score().unwrap();
        assert_eq!(rows[4][10].parse::<f64>().unwrap().to_bits(), score.accuracy.to_bits());
        assert_eq!(rows[4][15], trials[4].job.architecture.key().to_string());
        assert_eq!((&rows[2][17], &rows[4][17]), ("0", "3"));
        assert_eq!((&rows[1][16], &rows[2][16]), ("2.5", ""));
        assert_eq!(trials_csv(&[]).unwrap().lines().count(), 1);
    }
}
