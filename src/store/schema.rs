//! The form of a journal's lines for other programs: a JSON Schema made from the very types that are written.

use serde_json::{Value, json};

use super::record::VERSION;
use crate::search::trial::Trial;
use crate::space::schema_of;

/// The JSON Schema (draft 7) of a line of `trials.jsonl`: every field with what it means, its unit and its type.
///
/// Fields that it does not name are allowed, as a later version of the program may write more.
pub fn journal_schema() -> Value {
    let mut schema = schema_of::<Trial>();
    schema["title"] = json!("A line of trials.jsonl");
    schema["description"] = json!("One trial: a network that was trained once, and what came of it.");
    schema["properties"]["record"] = json!({
        "description": "Version of the form.",
        "type": "integer",
        "minimum": 1,
        "maximum": VERSION,
    });
    schema["properties"]["crc"] = json!({
        "description": "CRC32C of the line without this field and `record`, its first two: of the text {\"index\":...}.",
        "type": "string",
        "pattern": "^[0-9a-f]{8}$",
    });
    if let Some(required) = schema["required"].as_array_mut() {
        required.extend([json!("record"), json!("crc")]);
    }
    schema
}

#[cfg(test)]
mod tests {
    use jsonschema::Validator;

    use super::super::contract::{done, failed};
    use super::super::record::to_line;
    use super::*;
    use crate::search::trial::{Failure, Origin, Outcome};

    fn validator() -> Validator {
        jsonschema::draft7::new(&journal_schema()).unwrap()
    }

    fn line(trial: &Trial) -> Value {
        serde_json::from_str(&to_line(trial).unwrap()).unwrap()
    }

    /// `line` with the field at `path` (`/a/b`) replaced.
    fn with(line: &Value, path: &str, value: Value) -> Value {
        let mut line = line.clone();
        *line.pointer_mut(path).unwrap_or_else(|| panic!("no {path}")) = value;
        line
    }

    #[test]
    fn all_that_is_written_is_valid() {
        let validator = validator();
        let mut lines: Vec<Value> = (0..50).flat_map(|index| [line(&done(index)), line(&failed(index))]).collect();
        for origin in [
            Origin::Uniform { permille: 500 },
            Origin::Random,
            Origin::Mutation { parent: 3, operators: vec!["branch".to_owned()] },
            Origin::Crossover { parents: [1, 2], operators: vec![] },
            Origin::Promotion { from: 4 },
        ] {
            let mut trial = done(5);
            trial.job.origin = origin;
            lines.push(line(&trial));
        }
        for failure in [
            Failure::Diverged { epoch: 2, loss: "NaN".to_owned() },
            Failure::Panicked { message: "no".to_owned() },
            Failure::Error { message: "no".to_owned() },
        ] {
            lines.push(line(&Trial { outcome: Outcome::Failed(failure), ..done(6) }));
        }
        lines.push(serde_json::from_str(include_str!("version1.jsonl")).unwrap());
        for line in lines {
            let mistakes: Vec<String> = validator.iter_errors(&line).map(|error| error.to_string()).collect();
            assert!(mistakes.is_empty(), "{mistakes:?} in {line}");
        }
    }

    #[test]
    fn every_field_is_described_and_asked_for_unless_older_lines_lack_it() {
        // Number 3 has all fields.
        let (schema, validator, whole) = (journal_schema(), validator(), line(&done(3)));
        let fields = whole.as_object().unwrap();
        for field in fields.keys() {
            let about = schema["properties"][field]["description"].as_str();
            assert!(about.is_some_and(|text| text.len() > 10), "{field} in {schema}");
            let mut less = fields.clone();
            less.remove(field);
            let later = ["screening_seconds", "latency_ms", "inherits"].contains(&field.as_str());
            assert_eq!(validator.is_valid(&less.into()), later, "{field} missing");
        }
        assert_eq!(schema["properties"].as_object().unwrap().len(), fields.len());
        for inner in ["cost", "fidelity", "inherits", "outcome"] {
            for field in whole[inner].as_object().unwrap().keys() {
                let mut less = whole.clone();
                less[inner].as_object_mut().unwrap().remove(field);
                assert!(!validator.is_valid(&less), "{inner}.{field} may be missing");
            }
        }
    }

    #[test]
    fn what_is_no_line_is_refused() {
        let (validator, whole) = (validator(), line(&done(3)));
        for (path, value) in [
            ("/record", json!(VERSION + 1)),
            ("/crc", json!("xyz")),
            ("/index", json!(-1)),
            ("/seed", json!("7")),
            ("/seconds", json!(null)),
            ("/screening_seconds", json!("0")),
            ("/latency_ms", json!(null)),
            ("/inherits", json!({ "from": 0, "generation": 0 })),
            ("/inherits", json!(null)),
            ("/architecture", json!("googlenet/1 stem=8,8")),
            ("/cost/macs", json!(0.5)),
            ("/outcome/accuracy", json!(1.5)),
            ("/outcome/status", json!("fine")),
            ("/origin", json!({ "kind": "wish" })),
            ("/origin", json!({ "kind": "mutation" })),
        ] {
            assert!(!validator.is_valid(&with(&whole, path, value.clone())), "{path} = {value}");
        }
        let mut more = whole.clone();
        more["mood"] = json!("good");
        assert!(validator.is_valid(&more), "a later version may write more");
    }
}
