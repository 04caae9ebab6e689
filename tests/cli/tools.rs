//! Commands that look at a machine, a folder or a file, and search nothing.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use super::{Place, TINY, photographs, stderr};

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
fn programs_get_the_schema_of_a_stored_trial() {
    let place = Place::new();
    let schema: serde_json::Value = serde_json::from_str(&place.ok("trials --schema")).unwrap();
    let validator = jsonschema::draft7::new(&schema).unwrap();
    place.ok(&format!("{TINY} --trials 2 --name pets"));
    let journal = fs::read_to_string(place.path().join("results/pets/trials.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() == 2 && lines.iter().all(|line| validator.is_valid(line)), "{journal}");
    assert!(!validator.is_valid(&place.json("trials")[0]));
}

#[test]
fn a_device_that_is_not_there_is_refused_before_anything_else() {
    let place = Place::new();
    let error = place.fails(2, "bench --device gpu");
    assert!(error.contains("give cpu, cuda, or cuda:N"), "{error}");
    if cfg!(not(feature = "cuda")) {
        for command in ["run", "compare", "train --arch none.toml --out x", "bench"] {
            let error = place.fails(2, &format!("{command} --device cuda"));
            assert!(error.contains("built without CUDA"), "{command}: {error}");
        }
    }
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

#[test]
fn a_folder_of_images_is_looked_at_before_it_is_trained_on() {
    let place = Place::new();
    photographs(&place, "pets", 20);
    let pets = place.path().join("pets");
    fs::copy(pets.join("cats/0.png"), pets.join("dogs/copy.png")).unwrap();
    fs::write(pets.join("dogs/broken.jpg"), "woof").unwrap();
    let report = place.json("data check pets");
    assert_eq!(
        (&report["files"], &report["images"], &report["classes"][1]["files"]),
        (&42.into(), &41.into(), &22.into())
    );
    assert_eq!(report["broken"][0]["reason"], "not a JPEG, PNG or WebP image");
    assert_eq!(
        (report["copies"].as_array().unwrap().len(), &report["copies"][0]["several_classes"]),
        (1, &true.into())
    );
    assert_eq!(report["shorter_side"], serde_json::json!([40.0, 40.0, 40.0]));
    let splits = ["training", "validation", "test"].map(|split| report["classes"][0][split].as_u64().unwrap());
    assert_eq!(splits.iter().sum::<u64>(), 20);
    let text = place.ok("data check pets");
    for expected in
        ["the largest class has 51.2 %", "broken        1 file", "dogs/copy.png (dogs, ", "dogs/broken.jpg: not a JPEG"]
    {
        assert!(text.contains(expected), "no {expected:?} in\n{text}");
    }
    assert!(report["unusable"].is_null() && !text.contains("unusable"), "{text}");
    assert!(place.fails(2, "data check no/such").contains("no/such does not exist"));
    for file in ["broken/cat/1.jpg", "broken/dog/1.jpg"] {
        let file = place.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, b"no image").unwrap();
    }
    let text = place.ok("data check broken");
    assert!(text.contains("nothing can be trained on these: class cat has no image in the training split"), "{text}");
}

#[test]
fn images_are_fetched_only_from_who_has_them_and_never_over_others() {
    let place = Place::new();
    // A server that has another file.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/cats.zip", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        BufReader::new(&stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty()).for_each(drop);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmeow").unwrap();
    });
    let error = place.fails(1, &format!("data fetch cats-vs-dogs --url {url}"));
    assert!(error.contains(&format!("786.67 MiB from {url}")), "{error}");
    assert!(error.contains(&format!("{url} is another file: 4 bytes where 824887076 bytes")), "{error}");
    server.join().unwrap();
    assert!(!place.path().join("cats-vs-dogs").exists());
    fs::create_dir(place.path().join("mine")).unwrap();
    assert!(place.fails(2, "data fetch cats-vs-dogs --to mine").contains("mine exists already"));
    assert!(place.fails(2, "data fetch birds").contains("cats-vs-dogs"));
}
