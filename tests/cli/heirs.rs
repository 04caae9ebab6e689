//! Searches in which children inherit the weights of their parents.

use std::fs;
use std::path::PathBuf;

use super::{Place, TINY, digest};

/// The weights of a run by the names of their files.
fn weights(place: &Place, run: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = place.path().join("results").join(run).join("weights");
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> =
        entries.map(|entry| entry.unwrap().path()).map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn children_inherit_weights_whatever_stops_the_search() {
    let place = Place::new();
    let line = format!("{TINY} --set search.inherit=true --trials 14 --name");
    let expected = digest(&place, &format!("{line} one --workers 1"));
    assert_eq!(digest(&place, &format!("{line} two --workers 2")), expected);
    assert_ne!(digest(&place, &format!("{TINY} --trials 14 --name scratch")), expected);
    assert_eq!((weights(&place, "one").len(), weights(&place, "scratch").len()), (14, 0));

    let mut killed = place.start(&format!("{line} killed --workers 2"), "killed", 8);
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!((8..14).contains(&place.trials("killed")), "killed too late to show anything");
    assert_eq!(digest(&place, &format!("{line} killed --workers 1")), expected);
    let contents = |run: &str| weights(&place, run).into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>();
    let before = contents("one");
    assert_eq!(contents("killed"), before);

    // Trained again from the same weights, which stay as they are.
    let verified = place.ok("verify --run one --all -q");
    assert!(verified.lines().count() == 14 && !verified.contains("differs"), "{verified}");
    assert_eq!(contents("one"), before);

    let status = place.json("status --run one");
    let generations = &status["generations"];
    assert_eq!(generations["trials"].as_array().unwrap().len(), 3, "{status}");
    let shown = generations["shown"].as_u64().unwrap();
    assert!(shown > 0, "{generations}");
    let text = place.ok("status --run one");
    assert!(text.contains(&format!("; results are of generation {shown} alone\n")), "{text}");
    let card = place.json("best --run one --train --epochs 1 -q");
    assert_eq!(card["inherits"]["generation"], shown);
    let page = fs::read_to_string(place.path().join("results/one/report.html")).unwrap();
    assert!(page.contains(&format!("; results are of generation {shown} alone</p>")));

    let tiny = TINY.trim_start_matches("run ");
    for options in ["--set search.inherit=true", "--variant heirs:search.inherit=true"] {
        let error = place.fails(2, &format!("compare {tiny} {options}"));
        assert!(error.contains("search.inherit gives some scores more training"), "{error}");
    }
}

#[test]
fn a_search_whose_weights_are_gone_says_so_and_goes_on_when_they_are_back() {
    let place = Place::new();
    let line = |trials: usize| format!("{TINY} --set search.inherit=true --trials {trials} --name pets --workers 1");
    place.ok(&line(5));
    let kept = weights(&place, "pets");
    kept.iter().for_each(|(path, _)| fs::remove_file(path).unwrap());
    let error = place.fails(1, &line(14));
    let trials = place.trials("pets");
    assert!((5..14).contains(&trials), "{trials}");
    for expected in
        ["had learned, but that cannot be read: put the file back", "weights/", ".safetensors: No such file"]
    {
        assert!(error.contains(expected), "no {expected:?} in {error}");
    }
    kept.iter().for_each(|(path, bytes)| fs::write(path, &bytes[..bytes.len() / 2]).unwrap());
    let error = place.fails(1, &line(14));
    assert!(error.contains("safetensors: not a readable safetensors file"), "{error}");
    kept.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    let whole = digest(&place, &line(14));
    assert_eq!(digest(&place, &line(14).replace("pets", "whole")), whole);
    kept.iter().for_each(|(path, _)| fs::remove_file(path).unwrap());
    let error = place.fails(1, "verify --run pets --all -q");
    assert!(error.contains("had learned, but that cannot be read"), "{error}");
}
