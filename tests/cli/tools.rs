//! Commands that look at a machine, a folder or a file, and search nothing.

use std::fs;

use super::{Place, stderr};

#[test]
fn editors_get_the_schema_of_a_space_file() {
    let place = Place::new();
    let schema = place.ok("space schema");
    assert_eq!(place.ok("space schema --json"), schema);
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    let trials = &schema["properties"]["search"]["properties"]["trials"];
    assert_eq!((&trials["minimum"], &trials["description"]), (&1.into(), &"Candidates to train, from 1.".into()));
}

#[test]
fn the_doctor_names_what_stands_in_the_way() {
    let place = Place::new();
    fs::write(place.path().join("cache"), "").unwrap();
    let output = place.run("doctor --json");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let problems = report["problems"].to_string();
    assert!(problems.contains("set INCEPTION_NAS_CACHE") && !problems.contains("--results"), "{report}");
    assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
    assert!(report["speeds"].as_array().unwrap().iter().all(|speed| speed["images_per_s"].as_f64() > Some(0.0)));
    // Nothing is left of the attempts to write.
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
}
