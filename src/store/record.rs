//! One trial as bytes for the database and as a line for the journal, each with a version and a checksum.
//!
//! Bytes: version (1 byte, now 2), CRC32C of the rest (4 bytes, little-endian), MessagePack with field names. A later
//! version may add fields that have a default without a new version number.
//!
//! Line: `{"record":2,"crc":"HEX","index":0,...}` where the CRC32C (8 hex digits) is that of the same object without
//! its first two fields, `{"index":0,...}`.
//!
//! Version 2 knows more origins than version 1 and is otherwise the same, so both are read.

use super::Error;
use crate::search::trial::Trial;

/// The version that this program writes; it reads this and all before.
pub(super) const VERSION: u8 = 2;

/// Why a record gives no trial.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Altered, torn or not a record at all.
    Damaged(String),
    /// Written by a newer program.
    Version(u64),
}

/// Refuses numbers that JSON cannot hold: a finished training without a finite score is a failed one.
pub(super) fn check_finite(trial: &Trial) -> Result<(), Error> {
    let mut numbers = vec![("seconds", trial.seconds), ("screening_seconds", trial.screening_seconds)];
    numbers.extend(trial.latency_ms.map(|ms| ("latency_ms", ms)));
    if let Some(score) = trial.outcome.score() {
        numbers.extend([
            ("accuracy", score.accuracy),
            ("accuracy_se", score.accuracy_se),
            ("validation_loss", score.validation_loss),
            ("training_loss_sum", score.training_loss_sum),
        ]);
    }
    match numbers.into_iter().find(|(_, number)| !number.is_finite()) {
        Some((field, _)) => Err(Error::NotFinite { index: trial.job.index, field }),
        None => Ok(()),
    }
}

/// The database's form.
pub(super) fn to_bytes(trial: &Trial) -> Result<Vec<u8>, Error> {
    check_finite(trial)?;
    let body = rmp_serde::to_vec_named(trial)
        .map_err(|error| Error::Encode { index: trial.job.index, reason: error.to_string() })?;
    let mut bytes = vec![VERSION];
    bytes.extend(crc32c::crc32c(&body).to_le_bytes());
    bytes.extend(body);
    Ok(bytes)
}

/// Reads what [`to_bytes`] wrote.
pub(super) fn from_bytes(bytes: &[u8]) -> Result<Trial, Unreadable> {
    let Some((&version, rest)) = bytes.split_first() else {
        return Err(Unreadable::Damaged("empty".to_owned()));
    };
    let Some((crc, body)) = rest.split_first_chunk::<4>() else {
        return Err(Unreadable::Damaged("cut short".to_owned()));
    };
    // The checksum comes first: a flipped version byte is damage only if nothing else says that the record is whole.
    if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
        return Err(Unreadable::Damaged("wrong checksum".to_owned()));
    }
    if !(1..=VERSION).contains(&version) {
        return Err(Unreadable::Version(version.into()));
    }
    rmp_serde::from_slice(body).map_err(|error| Unreadable::Damaged(error.to_string()))
}

/// The journal's form, without a line break.
pub(super) fn to_line(trial: &Trial) -> Result<String, Error> {
    check_finite(trial)?;
    let body = serde_json::to_string(trial)
        .map_err(|error| Error::Encode { index: trial.job.index, reason: error.to_string() })?;
    let crc = crc32c::crc32c(body.as_bytes());
    Ok(format!("{{\"record\":{VERSION},\"crc\":\"{crc:08x}\",{}", &body[1..]))
}

/// Reads what [`to_line`] wrote.
pub(super) fn from_line(line: &str) -> Result<Trial, Unreadable> {
    let damaged = |reason: &str| Unreadable::Damaged(reason.to_owned());
    let rest = line.strip_prefix("{\"record\":").ok_or_else(|| damaged("no record version"))?;
    let (version, rest) = rest.split_once(',').ok_or_else(|| damaged("cut short"))?;
    let version: u64 = version.parse().map_err(|_| damaged("no record version"))?;
    if !(1..=u64::from(VERSION)).contains(&version) {
        return Err(Unreadable::Version(version));
    }
    let rest = rest.strip_prefix("\"crc\":\"").ok_or_else(|| damaged("no checksum"))?;
    let (crc, rest) = rest.split_once("\",").ok_or_else(|| damaged("no checksum"))?;
    let body = format!("{{{rest}");
    if crc != format!("{:08x}", crc32c::crc32c(body.as_bytes())) {
        return Err(damaged("wrong checksum"));
    }
    serde_json::from_str(&body).map_err(|error| Unreadable::Damaged(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::contract::{done, failed};
    use super::*;
    use crate::search::trial::Origin;

    #[test]
    fn both_forms_read_back_bit_for_bit() {
        for index in 0..200 {
            for trial in [done(index), failed(index)] {
                assert_eq!(from_bytes(&to_bytes(&trial).unwrap()), Ok(trial.clone()));
                assert_eq!(from_line(&to_line(&trial).unwrap()), Ok(trial));
            }
        }
    }

    #[test]
    fn a_line_is_one_flat_json_object() {
        let line = to_line(&done(7)).unwrap();
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["record"], 2);
        assert_eq!(value["index"], 7);
        assert_eq!(value["outcome"]["status"], "done");
        assert!(!line.contains('\n'));
    }

    #[test]
    fn every_altered_byte_is_noticed() {
        let bytes = to_bytes(&done(3)).unwrap();
        for position in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[position] ^= 1;
            assert!(from_bytes(&altered).is_err(), "byte {position}");
            assert!(from_bytes(&bytes[..position]).is_err(), "cut at {position}");
        }
        let line = to_line(&done(3)).unwrap();
        for position in 0..line.len() {
            let mut altered = line.clone().into_bytes();
            altered[position] ^= 1;
            assert!(from_line(&String::from_utf8(altered).unwrap()).is_err(), "byte {position}");
            assert!(from_line(&line[..position]).is_err(), "cut at {position}");
        }
    }

    #[test]
    fn a_newer_version_is_not_called_damage() {
        let line = to_line(&done(0)).unwrap().replace("\"record\":2", "\"record\":3");
        assert_eq!(from_line(&line), Err(Unreadable::Version(3)));
        let mut bytes = to_bytes(&done(0)).unwrap();
        bytes[0] = 3;
        assert_eq!(from_bytes(&bytes), Err(Unreadable::Version(3)));
    }

    #[test]
    fn records_of_version_1_are_read() {
        // Written by version 0.1.0 of this program: the last trial of `run --space tiny.toml`.
        let trial = from_line(include_str!("version1.jsonl").trim_end()).unwrap();
        let Origin::Mutation { parent, operators } = &trial.job.origin else { panic!("{trial:?}") };
        assert_eq!((trial.job.index, parent, &operators[..]), (7, &5, &["transfer".to_owned()][..]));
        assert_eq!(trial.outcome.score().map(|score| score.validation_loss), Some(0.693_388_311_268_274_6));
        let mut bytes = to_bytes(&trial).unwrap();
        bytes[0] = 1;
        assert_eq!(from_bytes(&bytes), Ok(trial));
    }

    #[test]
    fn a_score_that_is_no_number_is_refused() {
        let mut trial = done(4);
        trial.seconds = f64::NAN;
        let error = to_line(&trial).unwrap_err().to_string();
        assert_eq!(error, "trial 4: seconds is not a finite number");
        assert!(to_bytes(&trial).is_err());
    }
}
