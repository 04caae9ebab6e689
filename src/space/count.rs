//! Large whole numbers as people write them.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// The largest number that [`parse_count`] accepts: what a TOML integer can hold, rounded down.
pub const MAX_COUNT: u64 = 9_000_000_000_000_000_000;

/// Reads `600M`, `1.5G`, `40K` or a plain number: K, M, G and T stand for 10^3, 10^6, 10^9 and 10^12.
///
/// # Errors
/// A text that says what is expected.
pub fn parse_count(text: &str) -> Result<u64, String> {
    let expected = || format!("`{text}` is no count: give a number from 1, such as 600000000, \"600M\" or \"1.5G\"");
    let (digits, unit) = match text.chars().last() {
        Some('K' | 'k') => (&text[..text.len() - 1], 1e3),
        Some('M' | 'm') => (&text[..text.len() - 1], 1e6),
        Some('G' | 'g') => (&text[..text.len() - 1], 1e9),
        Some('T' | 't') => (&text[..text.len() - 1], 1e12),
        _ => (text, 1.0),
    };
    // `f64` also reads "inf", "nan" and "1e9"; only plain decimals are meant.
    if digits.is_empty() || !digits.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Err(expected());
    }
    if unit == 1.0 {
        // Exact, however many digits.
        return digits.parse().ok().filter(|&n: &u64| (1..=MAX_COUNT).contains(&n)).ok_or_else(expected);
    }
    let number = (digits.parse::<f64>().map_err(|_| expected())? * unit).round();
    if (1.0..=MAX_COUNT as f64).contains(&number) { Ok(number as u64) } else { Err(expected()) }
}

/// For serde: an integer, or a text for [`parse_count`].
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a number or a text such as \"600M\"")]
    enum Written {
        Integer(i64),
        Text(String),
    }
    let text = match Written::deserialize(deserializer)? {
        Written::Integer(number) => number.to_string(),
        Written::Text(text) => text,
    };
    parse_count(&text).map(Some).map_err(de::Error::custom)
}

/// What [`deserialize`] reads, for editors. That `0.0001K` is rounded to 0 and refused is beyond it.
pub(super) fn schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [
            { "type": "integer", "minimum": 1, "maximum": MAX_COUNT },
            { "type": "string", "pattern": r"^(?=.*[1-9])([0-9]+|([0-9]+\.?[0-9]*|\.[0-9]+)[KkMmGgTt])$" },
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_read_as_people_write_them() {
        let cases = [
            ("600M", 600_000_000),
            ("1.5G", 1_500_000_000),
            ("40k", 40_000),
            ("7", 7),
            ("0.5K", 500),
            ("2.5T", 2_500_000_000_000),
        ];
        for (text, number) in cases {
            assert_eq!(parse_count(text), Ok(number), "{text}");
        }
        assert_eq!(parse_count("1000000000000000001"), Ok(1_000_000_000_000_000_001));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "M", "-3", "0", "0M", "1e9", "inf", "nan", "600 M", "1.2.3M", "99999999999G", "1.5", "6ä"] {
            assert!(parse_count(text).is_err(), "{text}");
        }
    }
}
