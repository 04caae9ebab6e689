//! Commands that ask about a search: comparisons, audits, finals, verification.

use std::fs;

use super::signals::interrupt;
use super::{Place, TINY, digest, photographs, stderr};

#[test]
fn strategies_are_compared_at_equal_cost_whatever_stops_them() {
    let place = Place::new();
    let tiny = TINY.trim_start_matches("run ");
    let line = |name: &str| {
        format!("compare {tiny} --strategies evolution,random,uniform --seeds 2 --budget 0.4x --name {name}")
    };
    let mut killed = place.start(&format!("{} --workers 2", line("killed")), "killed/random-0", 2);
    killed.kill().unwrap();
    killed.wait().unwrap();
    let stopped = place.start(&line("killed"), "killed/evolution-1", 1);
    interrupt(&stopped);
    let output = stopped.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stderr(&output).contains("the same command goes on"), "{}", stderr(&output));
    assert!(!place.path().join("results/killed/compare.csv").exists());

    let continued = place.json(&line("killed"));
    let whole = place.json(&format!("{} --workers 1", line("whole")));
    let searches = |comparison: &serde_json::Value, key: &str| -> Vec<serde_json::Value> {
        let strategies = comparison["strategies"].as_array().unwrap();
        let searches = strategies.iter().flat_map(|strategy| strategy["searches"].as_array().unwrap());
        searches.map(|search| search[key].clone()).collect()
    };
    for key in ["digest", "hypervolume", "training_macs", "ended"] {
        assert_eq!(searches(&continued, key), searches(&whole, key));
    }
    assert_eq!((&continued["pairs"], &continued["seeds_needed"]), (&whole["pairs"], &7.into()));
    let ended = searches(&whole, "ended");
    assert_eq!(
        ended,
        ["cost_reached", "cost_reached", "cost_reached", "cost_reached", "space_exhausted", "space_exhausted"]
    );
    let budget = whole["budget_macs"].as_u64().unwrap();
    assert!(searches(&whole, "training_macs").iter().all(|macs| macs.as_u64().unwrap() <= budget));
    assert_eq!(place.lines("whole/compare.csv"), 1 + 3 * 2 * 10);

    // Each is an ordinary run.
    let digests = searches(&whole, "digest");
    assert_eq!(digest(&place, "status --results results/whole --run evolution-1"), digests[1]);
    let alone = format!("{TINY} --strategy random --seed 1 --trials 1000000 --set search.max_training_macs={budget}");
    assert_eq!(digest(&place, &format!("{alone} --name alone")), digests[3]);

    // A larger budget goes on from there.
    let text = place.ok(&line("whole").replace("0.4x", "0.5x"));
    for expected in ["comparison whole: 2 seeds", "does not beat random search", "2 seeds cannot show any difference"] {
        assert!(text.contains(expected), "no {expected:?} in\n{text}");
    }
    // Settings beside each other: the same search under another name, and one that differs.
    let variants = "--strategies random --variant same:search.strategy=random --variant old:search.population=4 \
                    --variant old:search.strategy=evolution";
    let ablation = place.json(&format!("compare {tiny} {variants} --seeds 2 --budget 0.4x --name ablation"));
    let names: Vec<&str> =
        ablation["strategies"].as_array().unwrap().iter().map(|arm| arm["strategy"].as_str().unwrap()).collect();
    assert_eq!(names, ["random", "same", "old"]);
    let digests = searches(&ablation, "digest");
    assert_eq!((&digests[0..2], &digests[0..2]), (&digests[2..4], &searches(&whole, "digest")[2..4]));
    assert_ne!(digests[4..6], digests[0..2]);

    for (options, message) in [
        ("--variant a:protocol.epochs=2", "--variant a: protocol.epochs: 1 -> 2 makes scores that cannot be compared"),
        ("--variant a:search.seed=9", "--variant a: search.seed is the same for all that is compared"),
        ("--variant a:search.max_seconds=9", "--variant a: search.max_seconds would end searches at unequal cost"),
        (
            "--variant a:search.max_training_macs=1T",
            "--variant a: search.max_training_macs is what --budget gives to every",
        ),
        ("--set search.max_training_macs=1T", "error: search.max_training_macs is what --budget gives to every search"),
        ("--variant random:search.population=4", "give the variant another name"),
        ("--variant a:search.populatoin=4", "did you mean `population`?"),
        ("--variant a/b:search.population=4", "letters, digits"),
        ("--variant a", "screened:search.screen=naswot"),
        ("--budget 20", "20x"),
        ("--strategies evolutoin", "did you mean `evolution`?"),
        ("--set search.max_seconds=9", "leave it out"),
        ("--seeds 0", "give a whole number from 1"),
        ("--name alone", "results/alone is a run"),
        ("--budget 0.0001x", "pays for no training"),
    ] {
        let error = place.fails(2, &format!("compare {tiny} {options}"));
        assert!(error.contains(message), "{options}: no {message:?} in\n{error}");
    }
}

#[test]
fn an_audit_goes_on_where_it_was_stopped_and_with_more_seeds_and_rungs() {
    let place = Place::new();
    photographs(&place, "pets", 100);
    let tiny = TINY.trim_start_matches("run ");
    let line = |name: &str| format!("audit {tiny} --data pets -n 6 --full-epochs 2 --rung 32x1 --name {name}");
    let journal = "killed/audit.jsonl";
    let mut killed = place.start_writing(&format!("{} --workers 2", line("killed")), journal, 3);
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!((3..36).contains(&place.lines(journal)), "killed too late to show anything");
    let whole = place.json(&format!("{} --workers 1", line("whole")));
    let continued = place.json(&line("killed"));
    for key in ["digest", "ceiling", "untrained", "recommended"] {
        assert_eq!(continued[key], whole[key], "{key}");
    }
    assert_eq!((place.lines(journal), place.lines("whole/audit.jsonl")), (36, 36));
    let images: Vec<u64> = (0..2).map(|rung| whole["rungs"][rung]["rung"]["train_images"].as_u64().unwrap()).collect();
    assert_eq!((images, whole["networks"].as_u64(), whole["failed"].as_u64()), (vec![32, 64], Some(6), Some(0)));
    assert!(whole["ceiling"]["overall"]["tau"].is_number());
    assert_eq!(place.lines("whole/audit.csv"), 1 + 5 + 2 * 3);

    place.ok(&line("grown").replace("--rung 32x1", "--seeds 1"));
    assert_eq!(place.lines("grown/audit.jsonl"), 12);
    assert_eq!(digest(&place, &line("grown")), whole["digest"]);
    let text = place.ok(&line("grown"));
    for expected in ["audit grown: 6 of 6 networks from ", "ceiling: full trainings with ", "recommended: ", "digest: "]
    {
        assert!(text.contains(expected), "no {expected:?} in\n{text}");
    }

    for (options, message) in [
        ("--name whole -n 7", "is not the one that this audit makes"),
        ("--name whole --seed 1", "search.seed: 0 -> 1"),
        ("--name new -n 5", "give at least 6 networks"),
        ("--name new --rung 5x1", "at least one batch, 32 images"),
        ("--name new --rung 500x9", "no briefer than the full training"),
        ("--name new --rung 500", "500x2"),
    ] {
        let error = place.fails(2, &format!("audit {tiny} --data pets --full-epochs 2 {options}"));
        assert!(error.contains(message), "{options}: no {message:?} in\n{error}");
    }
    let fitted = place.fails(2, &format!("audit {tiny} --data pets --full-epochs 2 --name new --rung 99999x2"));
    assert!(fitted.contains("no briefer than the full training") && !fitted.contains("99999 images"), "{fitted}");
    assert!(!place.path().join("results/new").exists());

    // The report of a search shows the audit that goes with it, if both are of the same images.
    let results = place.path().join("results");
    fs::rename(results.join("grown"), results.join("pets-audit")).unwrap();
    let shown = |options: &str| {
        place.ok(&format!("{TINY} --trials 3 {options}"));
        fs::read_to_string(results.join("pets/report.html")).unwrap().contains("ceiling: full trainings with ")
    };
    assert!(shown("--data pets --name pets"));
    fs::remove_dir_all(results.join("pets")).unwrap();
    assert!(!shown("--name pets"));
}

#[test]
fn finals_end_alike_however_often_they_are_stopped_and_best_reads_them() {
    let place = Place::new();
    photographs(&place, "pets", 60);
    let search = format!("{TINY} --data pets --name");
    let options = "--data pets --seeds 3 --epochs 2 --bins 2 --baseline -q";
    place.ok(&format!("{search} one"));
    let report = place.json(&format!("finals --run one {options}"));
    let networks = report["networks"].as_array().unwrap();
    assert_eq!((&networks[0]["name"], &report["epochs"]), (&"GoogLeNet".into(), &2.into()));
    assert!(report["test_images"].as_u64().unwrap() > 0 && networks.iter().all(|it| it["test"]["mean"].is_f64()));
    let comparison = &report["comparisons"][0];
    assert!(networks[comparison["finalist"].as_u64().unwrap() as usize]["trial"].is_u64(), "{report}");
    assert!(comparison["control"]["test"]["interval"]["low"].is_f64(), "{report}");
    let trainings = networks.len() * 3;
    assert_eq!(place.lines("one/finals/trainings.jsonl"), trainings);

    // Again, and without the options, the same is shown.
    assert_eq!(place.json(&format!("finals --run one {options}")), report);
    assert_eq!(place.json("finals --run one --data pets -q"), report);
    let text = place.ok("finals --run one --data pets");
    assert!(text.contains("the paper's network scaled to its MACs") || text.contains(" beat"), "{text}");
    assert!(place.fails(2, "finals --run one --data pets --seeds 4").contains("--seeds: 3 -> 4"));
    // Where they were computed need not be at hand for that, nor the models.
    fs::remove_dir_all(place.path().join("results/one/finals/models")).unwrap();
    assert_eq!(place.json("finals --run one --data pets -q --device cuda"), report);

    // Killed, stopped with Ctrl-C, and with a model lost.
    place.ok(&format!("{search} two"));
    let line = format!("finals --run two {options} --threads 1");
    let journal = "two/finals/trainings.jsonl";
    let mut killed = place.start_writing(&line, journal, 1);
    killed.kill().unwrap();
    killed.wait().unwrap();
    let finals = place.path().join("results/two/finals");
    assert!(place.lines(journal) < trainings && !finals.join("test.json").exists(), "killed too late to show anything");
    let stopped = place.start_writing(&line, journal, 2);
    interrupt(&stopped);
    assert_eq!(stopped.wait_with_output().unwrap().status.code(), Some(130));
    fs::remove_dir_all(finals.join("models/000")).unwrap();
    let mut other = place.json(&line);
    other["run"] = "one".into();
    assert_eq!(other, report);

    let ledger = place.json("status --run one")["ledger"].clone();
    let last = ledger["items"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["purpose"], &last["trainings"]), (&"finals".into(), &trainings.into()));
    let card = place.json("best --run one");
    assert_eq!(card["finals"]["network"]["trial"], card["trial"]);
    assert!(fs::read_to_string(place.path().join("results/one/best/card.md")).unwrap().contains("## Finals"));

    // Begun anew, they say that the test images have been seen.
    let results = place.path().join("results/one");
    fs::rename(results.join("finals"), results.join("first-finals")).unwrap();
    let anew = place.ok("finals --run one --data pets --seeds 3 --epochs 1 --max-finalists 1 -q");
    assert!(anew.contains("earlier finals of this run that have opened the test images: 1;"), "{anew}");

    place.ok(&format!("{search} scalings --strategy uniform --trials 2"));
    assert!(place.fails(2, "finals --run scalings --data pets").contains("there is no finalist"));
    assert!(!place.path().join("results/scalings/finals").exists());
    assert!(place.fails(2, "finals --run one").contains("was made on other data"));
}

#[test]
fn heats_choose_the_finalists_and_go_on_where_they_were_stopped() {
    let place = Place::new();
    photographs(&place, "pets", 60);
    let options = "--data pets --seeds 3 --epochs 20 --bins 1 --heats 2 -q";
    ["one", "two"].iter().for_each(|name| drop(place.ok(&format!("{TINY} --data pets --trials 8 --name {name}"))));
    let report = place.json(&format!("finals --run one {options}"));
    let heats = report["heats"]["ranges"][0].as_array().unwrap();
    let mean = |heat: &serde_json::Value| {
        let seeds = heat["validation"].as_array().unwrap();
        assert_eq!(seeds.len(), 3);
        seeds.iter().map(|seed| seed.as_f64().unwrap()).sum::<f64>()
    };
    assert_eq!((heats.len(), &heats[0]["chosen"], &heats[1]["chosen"]), (2, &true.into(), &false.into()));
    assert!(mean(&heats[0]) >= mean(&heats[1]));
    let finalist = report["comparisons"][0]["finalist"].as_u64().unwrap() as usize;
    assert_eq!(report["networks"][finalist]["name"], heats[0]["name"]);
    assert!(place.ok("finals --run one --data pets").contains("chosen by the mean of 3 trainings"));

    let nothing = place.fails(2, "finals --run two --data pets --heats 2 --per-bin 2");
    assert!(nothing.contains("--heats 2 would decide nothing"), "{nothing}");

    // Stopped in the heats, they go on without the option too, and refuse another.
    let journal = "two/finals/heats/trainings.jsonl";
    let stopped = place.start_writing(&format!("finals --run two {options} --threads 1"), journal, 1);
    interrupt(&stopped);
    assert_eq!(stopped.wait_with_output().unwrap().status.code(), Some(130));
    let finals = place.path().join("results/two/finals");
    assert!(place.lines(journal) < 6 && !finals.join("list.json").exists(), "stopped too late to show anything");
    assert!(place.fails(2, "finals --run two --data pets --heats 3").contains("--heats: 2 -> 3"));
    let mut other = place.json("finals --run two --data pets -q");
    other["run"] = "one".into();
    assert_eq!(other, report);
    let ledger = place.json("status --run one")["ledger"].clone();
    let last = ledger["items"].as_array().unwrap().last().unwrap();
    assert_eq!(last["trainings"], serde_json::json!(6 + place.lines("one/finals/trainings.jsonl")));
}

#[test]
fn a_network_is_trained_at_its_own_resolution_from_the_search_to_the_end() {
    let place = Place::new();
    photographs(&place, "pets", 100);
    let line = format!("{TINY} --data pets --set input.resolutions=[32,48] --trials 14 --name");
    let expected = digest(&place, &format!("{line} one --workers 1"));
    assert_eq!(digest(&place, &format!("{line} two --workers 2")), expected);
    let trials = fs::read_to_string(place.path().join("results/one/trials.jsonl")).unwrap();
    let of = |side: usize| trials.matches(&format!("\"resolution\":{side},")).count();
    assert_eq!(of(32) + of(48), 14);
    // The opening has the same two scalings at both, but for one over the limit.
    assert!(of(32) > 2 && of(48) > 2 && trials.matches("\"kind\":\"uniform\"").count() == 3, "{trials}");
    assert!(!place.ok("verify --run one --all --data pets -q").contains("differs"));
    let table = place.ok("status --run one");
    assert!(table.contains("  px  ") && table.contains("  48  "), "{table}");

    let finals = place.json("finals --run one --data pets --seeds 3 --epochs 1 -q");
    let networks = finals["networks"].as_array().unwrap();
    assert!(networks.iter().all(|it| it["test"]["mean"].is_f64() && it["name"] != "GoogLeNet"), "{finals}");
    for comparison in finals["comparisons"].as_array().unwrap() {
        let name = |network: &serde_json::Value| networks[network.as_u64().unwrap() as usize]["name"].as_str().unwrap();
        let elsewhere = |network| name(network).ends_with(" at 48 px");
        assert_eq!(elsewhere(&comparison["finalist"]), elsewhere(&comparison["control"]["network"]));
        assert_eq!(elsewhere(&comparison["finalist"]), comparison["base"].is_object());
    }

    let picked = place.json("best --run one --data pets --train --epochs 1 -q");
    assert_eq!(picked["trained"]["resolution"], picked["fidelity"]["resolution"]);
    // The architecture file knows the size too, unless another one is asked for.
    let train = "train --arch results/one/best/architecture.toml --space tiny.toml --data pets --epochs 1 -q --out";
    assert_eq!(place.json(&format!("{train} same"))["resolution"], picked["fidelity"]["resolution"]);
    assert_eq!(place.json(&format!("{train} other --size 40"))["resolution"], 40);
    assert_eq!(place.json(&format!("{train} set --set protocol.resolution=40"))["resolution"], 40);

    // Another list of sizes is another search.
    let error = place.fails(2, &line.replace("[32,48]", "[32,64]").replace("--name", "--name one"));
    assert!(error.contains("input.resolutions: [32, 48] -> [32, 64]"), "{error}");
}

#[test]
fn verify_tells_an_altered_record_from_an_honest_one() {
    let place = Place::new();
    place.ok(&format!("{TINY} --trials 4 --name pets"));
    let report = place.json("verify -q");
    assert_eq!((&report["same"], report["trials"].as_array().unwrap().len()), (&true.into(), 2));
    let all = place.ok("verify --all --threads 3 -q");
    assert_eq!(all, "trial 0: same\ntrial 1: same\ntrial 2: same\ntrial 3: same\n");

    // One score altered in its ninth digit, with a checksum that fits.
    let path = place.path().join("results/pets/trials.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<String> =
        text.lines().map(|line| if line.contains("\"index\":2,") { altered(line) } else { line.to_owned() }).collect();
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    let output = place.run("verify --trial 1 --trial 2 -q");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with("trial 1: same\ntrial 2: differs\n  validation_loss: stored "), "{text}");
    assert!(stderr(&output).contains("1 of 2 trials differ") && stderr(&output).contains("instruction set"));
    assert!(place.fails(2, "verify --trial 9").contains("no trial 9; it has 4 trials"));
}

/// A line of a journal with a little more loss.
fn altered(line: &str) -> String {
    let (_, body) = line.split_once("\",").unwrap();
    let (before, rest) = body.split_once("\"validation_loss\":").unwrap();
    let (loss, after) = rest.split_once(',').unwrap();
    let loss = loss.parse::<f64>().unwrap() + 1e-9;
    let body = format!("{before}\"validation_loss\":{loss},{after}");
    let crc = crc32c::crc32c(format!("{{{body}").as_bytes());
    format!("{{\"record\":1,\"crc\":\"{crc:08x}\",{body}")
}
