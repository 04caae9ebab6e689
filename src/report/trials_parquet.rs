//! All trials as a Parquet file.

use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;

use super::trial_columns::{Column, Values, columns};
use crate::search::trial::Trial;

/// A row for each trial, by ascending index, with the columns of the CSV form: whole numbers as INT64, seeds as unsigned
/// ones, measured values as DOUBLE, text as UTF-8. What there is none of is null. Not compressed.
///
/// # Errors
/// If the file cannot be put together; there is no input that does.
pub fn trials_parquet(trials: &[Trial]) -> Result<Vec<u8>, ParquetError> {
    let columns = columns(trials);
    let kinds = columns.iter().map(|column| kind(column).map(Arc::new)).collect::<Result<_, _>>()?;
    let schema = Type::group_type_builder("trials").with_fields(kinds).build()?;
    let mut file = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::default())?;
    let mut rows = file.next_row_group()?;
    for Column { values, .. } in &columns {
        if let Some(mut column) = rows.next_column()? {
            write(&mut column, values)?;
            column.close()?;
        }
    }
    rows.close()?;
    file.into_inner()
}

fn kind(Column { name, values }: &Column) -> Result<Type, ParquetError> {
    let (physical, logical, repetition) = match values {
        Values::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String), Repetition::OPTIONAL),
        Values::Whole(_) => (Physical::INT64, None, Repetition::REQUIRED),
        Values::Seeds(_) => (Physical::INT64, Some(LogicalType::integer(64, false)), Repetition::REQUIRED),
        Values::Real(_) => (Physical::DOUBLE, None, Repetition::OPTIONAL),
    };
    let kind = Type::primitive_type_builder(name, physical).with_logical_type(logical);
    kind.with_repetition(repetition).build()
}

fn write(column: &mut SerializedColumnWriter<'_>, values: &Values) -> Result<usize, ParquetError> {
    match values {
        Values::Text(values) => {
            let given: Vec<ByteArray> = values.iter().flatten().map(|text| text.as_str().into()).collect();
            column.typed::<ByteArrayType>().write_batch(&given, Some(&levels(values)), None)
        }
        // The bits of an unsigned number are stored as those of a signed one.
        Values::Whole(values) | Values::Seeds(values) => {
            let values: Vec<i64> = values.iter().map(|value| value.cast_signed()).collect();
            column.typed::<Int64Type>().write_batch(&values, None, None)
        }
        Values::Real(values) => {
            let given: Vec<f64> = values.iter().flatten().copied().collect();
            column.typed::<DoubleType>().write_batch(&given, Some(&levels(values)), None)
        }
    }
}

/// 1 where there is a value, 0 for null.
fn levels<T>(values: &[Option<T>]) -> Vec<i16> {
    values.iter().map(|value| i16::from(value.is_some())).collect()
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::{Field, Row};

    use super::super::summary::tests::example;
    use super::super::trials_csv::trials_csv;
    use super::*;

    fn rows(trials: &[Trial]) -> Vec<Row> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("trials.parquet");
        std::fs::write(&path, trials_parquet(trials).unwrap()).unwrap();
        let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
        reader.get_row_iter(None).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn it_holds_what_the_table_holds() {
        let mut trials = example();
        trials[0].job.seed = u64::MAX;
        let cell = |field: &Field| match field {
            Field::Null => String::new(),
            Field::Str(text) => text.clone(),
            Field::Long(number) => number.to_string(),
            Field::ULong(number) => number.to_string(),
            Field::Double(number) => number.to_string(),
            other => panic!("{other:?}"),
        };
        let written = trials_csv(&trials).unwrap();
        let mut table = csv::Reader::from_reader(written.as_bytes());
        let names: Vec<String> = table.headers().unwrap().iter().map(str::to_owned).collect();
        let lines: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
        let rows = rows(&trials);
        assert_eq!((rows.len(), lines.len()), (trials.len(), trials.len()));
        for (row, line) in rows.iter().zip(&lines) {
            let (held, cells): (Vec<String>, Vec<String>) =
                row.get_column_iter().map(|(name, field)| (name.clone(), cell(field))).unzip();
            assert_eq!(held, names);
            assert_eq!(cells, line.iter().collect::<Vec<_>>());
        }
        assert_eq!(lines[0].get(5), Some("18446744073709551615"));
    }

    #[test]
    fn without_trials_it_is_empty() {
        assert!(rows(&[]).is_empty());
    }
}
