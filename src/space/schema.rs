//! The form of a space file for editors: a JSON Schema made from the very types that the parser fills.

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

use super::file::SpaceFile;
use super::grid::paper_widths;
use super::ranges::{RESOLUTION, WIDTH_UNIT};
use crate::arch::MAX_WIDTH;

/// The JSON Schema (draft 7, which editors of TOML understand) of a space file: every key with what it means, its type,
/// its limits and its default.
///
/// Whatever it refuses, [`Space::parse`](super::Space::parse) refuses. That also knows rules between keys (`sample` is at
/// most `population`, a ladder gets longer) that a schema cannot say.
pub fn schema() -> Value {
    schema_of::<SpaceFile>()
}

/// The JSON Schema (draft 7) of what serde makes of a type, everything where it is used.
pub fn schema_of<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft07();
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    RecursiveTransform(plain).transform(&mut schema);
    schema.to_value()
}

/// Leaves out the widths of Rust's numbers, which mean nothing to an editor, and line breaks of the source.
fn plain(schema: &mut Schema) {
    schema.remove("format");
    if let Some(Value::String(description)) = schema.get_mut("description") {
        *description = description.replace('\n', " ");
    }
}

/// Of `[widths.choices]`: a list of widths for any convolution.
pub(super) fn choices(_: &mut SchemaGenerator) -> Schema {
    let list = |(name, paper): (String, usize)| {
        let list = json_schema!({
            "description": format!("Widths of {name}; the paper's is {paper}."),
            "type": "array",
            "minItems": 1,
            "items": { "type": "integer", "minimum": WIDTH_UNIT, "maximum": MAX_WIDTH, "multipleOf": WIDTH_UNIT },
        });
        (name, list.to_value())
    };
    let properties: Map<String, Value> = paper_widths().into_iter().map(list).collect();
    json_schema!({ "type": "object", "properties": properties, "additionalProperties": false })
}

/// Of `[input] resolutions`: a list of sides.
pub(super) fn resolutions(_: &mut SchemaGenerator) -> Schema {
    let (least, most) = RESOLUTION.into_inner();
    json_schema!({
        "type": "array",
        "minItems": 1,
        "items": { "type": "integer", "minimum": least, "maximum": most },
    })
}

#[cfg(test)]
mod tests {
    use jsonschema::Validator;

    use super::*;
    use crate::space::Space;

    const DEFAULT: &str = include_str!("../../search_spaces/default.toml");
    const TINY: &str = include_str!("../../search_spaces/tiny.toml");

    fn validator() -> Validator {
        jsonschema::draft7::new(&schema()).unwrap()
    }

    /// Whether the schema and whether the parser accept default.toml with `key` set to the TOML value `value`.
    fn accepted(validator: &Validator, key: &str, value: &str) -> (bool, bool) {
        let (sections, leaf) = key.rsplit_once('.').unwrap_or_default();
        let mut file: toml::Table = toml::from_str(DEFAULT).unwrap();
        let mut table = &mut file;
        for section in sections.split('.') {
            let inner = table.entry(section).or_insert_with(|| toml::Table::new().into());
            table = inner.as_table_mut().unwrap();
        }
        let line: toml::Table = toml::from_str(&format!("x = {value}")).unwrap();
        table.insert(leaf.to_owned(), line["x"].clone());
        let valid = validator.is_valid(&serde_json::to_value(&file).unwrap());
        (valid, Space::parse("default.toml", &file.to_string(), &[]).is_ok())
    }

    /// Every key that holds no table, with its schema.
    fn leaves(schema: &Value, path: &str, found: &mut Vec<(String, Value)>) {
        match schema["properties"].as_object() {
            Some(properties) => {
                assert_eq!(schema["additionalProperties"], false, "{path}");
                for (key, inner) in properties {
                    leaves(inner, &format!("{path}.{key}"), found);
                }
            }
            None => found.push((path.trim_start_matches('.').to_owned(), schema.clone())),
        }
    }

    #[test]
    fn the_space_files_are_valid() {
        let validator = validator();
        for text in [DEFAULT, TINY] {
            let file: Value = toml::from_str(text).unwrap();
            let mistakes: Vec<String> = validator.iter_errors(&file).map(|error| error.to_string()).collect();
            assert!(mistakes.is_empty(), "{mistakes:?}");
        }
        let rung = "[[ladder]]\ntrain_images = 500\nepochs = 1\n";
        assert!(validator.is_valid(&toml::from_str::<Value>(&format!("{DEFAULT}{rung}")).unwrap()));
        assert!(!validator.is_valid(&toml::from_str::<Value>(&format!("{DEFAULT}{rung}batch = 2\n")).unwrap()));
    }

    #[test]
    fn every_key_is_described_and_every_number_has_the_limits_of_the_check() {
        let (schema, validator) = (schema(), validator());
        let mut keys = Vec::new();
        leaves(&schema, "", &mut keys);
        assert!(keys.len() > 90, "{}", keys.len());
        for (key, leaf) in &keys {
            assert!(leaf["description"].as_str().is_some_and(|text| text.len() > 10), "{key}: {leaf}");
            if !(leaf["type"] == "integer" || leaf["type"] == "number") || key == "search.seed" {
                continue;
            }
            let (least, most) = (leaf["minimum"].as_f64().unwrap(), leaf["maximum"].as_f64().unwrap());
            let step = if leaf["type"] == "integer" { 1.0 } else { 1e-10 };
            for outside in [least - step, most + step] {
                assert_eq!(accepted(&validator, key, &outside.to_string()), (false, false), "{key} = {outside}");
            }
        }
        assert_eq!(accepted(&validator, "search.trials", "1000000"), (true, true));
        assert_eq!(accepted(&validator, "protocol.peak_learning_rate", "1e-9"), (true, true));
    }

    #[test]
    fn both_refuse_unknown_keys_and_values_and_accept_what_may_be_written() {
        let validator = validator();
        for (key, value, fine) in [
            ("search.trails", "3", false),
            ("unknown.key", "3", false),
            ("search.trials", "'many'", false),
            ("search.trials", "2.5", false),
            ("search.seed", "-1", false),
            ("search.strategy", "'evolutoin'", false),
            ("search.strategy", "'nsga2'", true),
            ("protocol.augmentation.crop", "'resized'", true),
            ("protocol.augmentation.flip", "1", false),
            ("limits.max_macs", "'600 M'", false),
            ("limits.max_macs", "0", false),
            ("limits.max_macs", "'0M'", false),
            ("limits.max_macs", "'1.5G'", true),
            ("limits.max_parameters", "600000000", true),
            ("reference.error", "0.9", true),
            ("search.max_seconds", "3600", true),
            ("widths.choices", "{'3a.b1x1' = [16, 32]}", true),
            ("widths.choices", "{'3a.b1x1' = []}", false),
            ("widths.choices", "{'3a.b1x1' = [6]}", false),
            ("widths.choices", "{'9z.b1x1' = [16]}", false),
            ("input.resolutions", "[64, 96]", true),
            ("input.resolutions", "[64, 31]", false),
            ("input.resolutions", "[]", false),
            ("input.sides", "[64]", false),
        ] {
            assert_eq!(accepted(&validator, key, value), (fine, fine), "{key} = {value}");
        }
        let missing: Value = toml::from_str(&DEFAULT.replace("\nseed = 0", "\n")).unwrap();
        assert!(!validator.is_valid(&missing));
    }
}
