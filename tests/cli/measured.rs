//! Searches that ask networks something before they are trained: how fast they are, how they score.

use std::fs;

use super::{Place, TINY, digest};

#[test]
fn slow_networks_are_not_trained_and_none_is_timed_twice() {
    let place = Place::new();
    let line = |trials: usize, name: &str, most: &str| {
        format!("{TINY} --set limits.max_latency_ms={most} --trials {trials} --name {name}")
    };
    // All are faster than that: what is found is what is found without a limit.
    let expected = digest(&place, &format!("{TINY} --trials 9 --name free"));
    digest(&place, &line(6, "timed", "100000"));
    assert_eq!(digest(&place, &line(9, "timed", "100000")), expected);
    let folder = place.path().join("results");
    let times = fs::read_to_string(folder.join("timed/measurements.jsonl")).unwrap();
    assert_eq!(times.lines().count(), 9);
    for line in fs::read_to_string(folder.join("timed/trials.jsonl")).unwrap().lines() {
        let trial: serde_json::Value = serde_json::from_str(line).unwrap();
        let known = times.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let time = known.into_iter().find(|time| time["architecture"] == trial["architecture"]).unwrap();
        assert!(trial["latency_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{trial}");
        assert_eq!(trial["latency_ms"], time["value"]);
    }
    assert!(!folder.join("free/measurements.jsonl").exists());

    // What the file says is believed: the network that would come first is said to be too slow.
    let mut first: serde_json::Value = serde_json::from_str(times.lines().next().unwrap()).unwrap();
    first["value"] = 100_001.0.into();
    fs::create_dir(folder.join("told")).unwrap();
    for settings in ["config.toml", "manifest.json"] {
        fs::copy(folder.join("timed").join(settings), folder.join("told").join(settings)).unwrap();
    }
    fs::write(folder.join("told/measurements.jsonl"), format!("{first}\n")).unwrap();
    place.ok(&line(1, "told", "100000"));
    let trial = fs::read_to_string(folder.join("told/trials.jsonl")).unwrap();
    assert_eq!(trial.lines().count(), 1);
    assert!(!trial.contains(first["architecture"].as_str().unwrap()), "{trial}");

    let said = place.ok("space check tiny.toml --set limits.max_latency_ms=2 --set limits.latency_batch=4");
    assert!(said.contains("at most 2 ms for a batch of 4") && said.contains(" ms ("), "{said}");
}

#[test]
fn an_untrained_network_is_scored_once() {
    let place = Place::new();
    let line = |trials: usize, name: &str| {
        format!("{TINY} --set search.candidates=4 --set search.screen=naswot --trials {trials} --name {name}")
    };
    let expected = digest(&place, &line(10, "one"));
    digest(&place, &line(7, "two"));
    let scores = |name: &str| {
        let text = fs::read_to_string(place.path().join("results").join(name).join("measurements.jsonl")).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let before = scores("two");
    assert_eq!(digest(&place, &line(10, "two")), expected);
    assert!(before.len() > 4 && scores("two").len() > before.len() && scores("two") == scores("one"));
    let mut once = scores("one");
    once.sort();
    once.dedup();
    assert_eq!(once.len(), scores("one").len());
}
