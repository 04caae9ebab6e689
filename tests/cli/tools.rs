//! Commands that look at a machine, a folder or a file, and search nothing.

use super::Place;

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
