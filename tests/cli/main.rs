//! The program as its users meet it: commands, files, messages and exit codes.

// Helpers outside of test functions unwrap as well.
#![allow(clippy::unwrap_used)]

mod heirs;
mod live;
mod measured;
mod signals;
mod studies;
mod tools;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_inception-nas");

/// A folder to work in, without any data set from outside.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        signals::hear_signals();
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, line: &str) -> Command {
        self.prepare(Command::new(PROGRAM), line)
    }

    fn prepare(&self, mut command: Command, line: &str) -> Command {
        command.args(line.split_whitespace()).current_dir(self.path());
        command.env_remove("INCEPTION_NAS_DATA").env("INCEPTION_NAS_CACHE", self.path().join("cache"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    /// What a command that succeeds prints.
    fn ok(&self, line: &str) -> String {
        let output = self.run(line);
        assert_eq!(output.status.code(), Some(0), "{line}\n{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, line: &str) -> serde_json::Value {
        serde_json::from_str(&self.ok(&format!("{line} --json"))).unwrap()
    }

    /// What a command that fails says.
    fn fails(&self, code: i32, line: &str) -> String {
        let output = self.run(line);
        assert_eq!(output.status.code(), Some(code), "{line}\n{}", stderr(&output));
        stderr(&output)
    }

    /// Trials in a journal in the results.
    fn lines(&self, journal: &str) -> usize {
        let journal = self.path().join("results").join(journal);
        fs::read_to_string(journal).map_or(0, |text| text.lines().count())
    }

    /// Trials in the journal of a run.
    fn trials(&self, name: &str) -> usize {
        self.lines(&format!("{name}/trials.jsonl"))
    }

    /// Starts a command, and returns when the run has `trials` trials or more.
    fn start(&self, line: &str, name: &str, trials: usize) -> Child {
        self.start_writing(line, &format!("{name}/trials.jsonl"), trials)
    }

    /// Starts a command, and returns when a journal in the results has `trials` lines or more.
    fn start_writing(&self, line: &str, journal: &str, trials: usize) -> Child {
        let child = self.command(line).spawn().unwrap();
        self.wait_for(journal, trials);
        child
    }

    /// Returns when a journal in the results has `trials` lines or more.
    fn wait_for(&self, journal: &str, trials: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.lines(journal) < trials {
            assert!(Instant::now() < deadline, "no {trials} trials in {journal} in a minute");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn digest(place: &Place, line: &str) -> String {
    place.json(line)["digest"].as_str().unwrap().to_owned()
}

const TINY: &str = "run --space tiny.toml -q --set protocol.train_images=64 --set protocol.validation_images=64";

#[test]
fn neither_workers_nor_a_kill_nor_pauses_change_what_is_found() {
    let place = Place::new();
    let expected = digest(&place, &format!("{TINY} --name one --workers 1"));
    assert_eq!(digest(&place, &format!("{TINY} --name two --workers 2")), expected);

    let mut killed = place.start(&format!("{TINY} --name killed --workers 2"), "killed", 3);
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!((3..8).contains(&place.trials("killed")), "killed too late to show anything");
    assert_eq!(digest(&place, &format!("{TINY} --name killed --workers 1")), expected);

    assert_ne!(digest(&place, &format!("{TINY} --name longer --trials 5")), expected);
    let longer = place.json(&format!("{TINY} --name longer --trials 8"));
    assert_eq!((longer["digest"].as_str(), longer["ended"].as_str()), (Some(expected.as_str()), Some("trials_done")));

    for name in ["one", "two", "killed", "longer"] {
        assert_eq!(digest(&place, &format!("status --run {name}")), expected, "{name}");
    }
    assert_ne!(digest(&place, &format!("{TINY} --name seed --seed 1")), expected);
}

#[test]
fn a_run_ends_with_its_front_and_status_and_best_read_it() {
    let place = Place::new();
    let output = place.run("run --space tiny.toml --trials 4");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let log = stderr(&output);
    for expected in
        ["no --data DIR: using the built-in drawn cats and dogs", "run tiny-synthetic in", "trial 4/4  acc "]
    {
        assert!(log.contains(expected), "no {expected:?} in\n{log}");
    }
    let text = String::from_utf8(output.stdout).unwrap();
    for expected in
        ["front, cheapest first", "baseline: GoogLeNet, ", "not trained in this run", "\ndigest: ", "front.csv"]
    {
        assert!(text.contains(expected), "no {expected:?} in\n{text}");
    }
    let digest_line = text.lines().find(|line| line.starts_with("digest: ")).unwrap();
    let status = place.ok("status");
    assert!(status.contains(digest_line) && status.ends_with("done\n"), "{status}");
    assert!(place.json("status")["holder"].is_null());
    let plot = place.ok("status --plot");
    assert!(plot.contains("● front   × uniform scaling") && plot.ends_with(&status), "{plot}");

    let run = place.path().join("results/tiny-synthetic");
    assert!(fs::read_to_string(run.join("front.csv")).unwrap().starts_with("trial,accuracy,"));
    let picture = fs::read_to_string(run.join("front.svg")).unwrap();
    assert_eq!(picture.matches("<title>trial ").count(), 4);
    for name in ["front.svg", "front.png", "architecture.svg", "architecture.png"] {
        assert!(text.contains(&format!("results/tiny-synthetic/{name}, ")), "{text}");
    }
    for name in ["front.png", "architecture.png"] {
        assert!(fs::read(run.join(name)).unwrap().starts_with(b"\x89PNG"), "{name}");
    }
    let table = place.ok("trials");
    assert!(
        table.starts_with("trial,origin,resolution,images,epochs,seed,macs,") && table.lines().count() == 5,
        "{table}"
    );
    assert_eq!(place.json("trials").as_array().map(Vec::len), Some(4));
    assert!(place.ok("trials --tensorboard logs").contains("4 trials; `tensorboard --logdir logs` shows them"));
    let events = |index: usize| {
        fs::read(place.path().join(format!("logs/tiny-synthetic/trial-000{index}/events.out.tfevents.trial"))).unwrap()
    };
    assert!((0..4).all(|index| !events(index).is_empty()));
    let (first, written) = (events(0), place.json("trials --tensorboard logs"));
    assert_eq!((&written["trials"], &written["dir"]), (&4.into(), &"logs/tiny-synthetic".into()));
    assert_eq!(events(0), first);
    fs::write(place.path().join("file"), "").unwrap();
    assert!(place.fails(1, "trials --tensorboard file").contains("cannot write file/tiny-synthetic/trial-0000/events"));
    assert_eq!(place.ok("trials --parquet trials.parquet"), "written: trials.parquet, 4 trials\n");
    assert!(fs::read(place.path().join("trials.parquet")).unwrap().ends_with(b"PAR1"));
    assert!(place.fails(1, "trials --parquet file/trials.parquet").contains("file/trials.parquet"));
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains(digest_line.trim_start_matches("digest: ")) && page.contains("<h1>Run tiny-synthetic</h1>"));
    assert!(place.ok("report --out page.html").ends_with("page.html\n"));
    assert_eq!(fs::read_to_string(place.path().join("page.html")).unwrap(), page);
    let drawing = fs::read_to_string(run.join("architecture.svg")).unwrap();
    assert!(drawing.contains(" beside GoogLeNet: ") && page.contains(&drawing));
    let card = place.json("best");
    assert_eq!((&card["run"], &card["classes"][1]), (&"tiny-synthetic".into(), &"dog".into()));
    assert!(fs::read_to_string(run.join("best/card.md")).unwrap().contains("## Lineage"));
    // The file is an architecture of that cost.
    let summary = place.json("summary --size 32 --arch results/tiny-synthetic/best/architecture.toml");
    assert_eq!(summary["total"]["macs"], card["cost"]["macs"]);
    place.ok("best --knee --max-macs 2M --out elsewhere");
    assert!(place.path().join("elsewhere/card.json").exists());
    let trained = place.json("best --train --epochs 1 --out trained")["trained"].clone();
    assert_eq!((&trained["epochs"], &trained["macs"]), (&1.into(), &card["cost"]["macs"]));
    assert!(place.path().join("trained/model").is_dir());
    fs::create_dir_all(place.path().join("taken/model/of something else")).unwrap();
    assert!(place.fails(2, "best --train --out taken").contains("taken/model"));
    photographs(&place, "pets", 60);
    assert!(place.fails(2, "best --train --data pets --out other").contains("was made on other data"));
    assert!(!place.path().join("other").exists());
    let cheapest = place.json("status")["front"][0]["macs"].clone();
    assert_eq!(place.json("best --min-accuracy 0.01 --out cheap")["cost"]["macs"], cheapest);
    let fast = place.json("best --max-latency 60000 --latency-batch 3 --out fast");
    assert_eq!((&fast["latency"]["batch"], fast["latency"]["quartiles_ms"].as_array().unwrap().len()), (&3.into(), 3));
    assert!(
        place.fails(1, "best --max-latency 0.000001").contains("no network of the front takes 0.000001 ms or less")
    );
    assert!(place.fails(1, "best --max-macs 1K").contains("no network has at most 1000 MACs; the cheapest, trial "));
    assert!(place.fails(1, "best --min-accuracy 1").contains("the nearest, trial "));
    assert!(place.fails(2, "best --run tiny-synthetik").contains("did you mean tiny-synthetic?"));
    assert!(place.fails(2, "status --results nowhere").contains("no runs in nowhere"));
    fs::write(place.path().join("file"), "").unwrap();
    assert!(place.fails(1, "status --results file").contains("cannot read file: "));
}

#[test]
fn a_run_keeps_its_settings_and_its_data() {
    let place = Place::new();
    place.ok(&format!("{TINY} --trials 1 --name pets"));
    let error = place.fails(2, &format!("{TINY} --trials 2 --name pets --seed 3 --set protocol.epochs=2"));
    assert!(error.contains("search.seed: 0 -> 3") && error.contains("protocol.epochs: 1 -> 2"), "{error}");
    photographs(&place, "pets", 60);
    let error = place.fails(2, &format!("{TINY} --trials 2 --name pets --data pets"));
    assert!(error.contains("was made on other images (the built-in drawn cats and dogs"), "{error}");
    place.ok(&format!("{TINY} --trials 1 --data pets"));
    assert_eq!(place.trials("tiny-pets"), 1);
}

#[test]
fn a_search_stops_when_time_is_up_and_when_the_space_is_used_up() {
    let place = Place::new();
    let report = place.json(&format!("{TINY} --trials 100000 --max-time 1s --name timed"));
    assert_eq!(report["ended"], "deadline_reached");
    assert!(report["trials"].as_u64().unwrap() > 0);
    let report = place.json(&format!("{TINY} --strategy uniform --trials 1000 --name uniform"));
    assert_eq!(report["ended"], "space_exhausted");
}

#[test]
fn a_network_is_trained_evaluated_and_timed() {
    let place = Place::new();
    photographs(&place, "pets", 60);
    let small = "--space default.toml --data pets -q --set protocol.resolution=32 --set protocol.validation_images=50";
    let brief = format!("{small} --set protocol.train_images=64 --set protocol.epochs=1");

    // The baseline is the first trial of a search with the same settings.
    place.ok(&format!("run {brief} --trials 1 --name pets"));
    let journal = fs::read_to_string(place.path().join("results/pets/trials.jsonl")).unwrap();
    let trial: serde_json::Value = serde_json::from_str(&journal).unwrap();
    let baseline = place.json(&format!("baseline {brief}"));
    assert!(trial["outcome"]["training_loss_sum"].as_f64().unwrap() > 0.0, "{trial}");
    for key in ["seed", "fidelity", "cost", "origin"] {
        assert_eq!(baseline[key], trial[key]);
    }
    assert_eq!(baseline["outcome"], trial["outcome"]);
    assert!(place.ok(&format!("baseline {brief}")).starts_with("GoogLeNet, 1 epoch of 64 images at 32 px in "));
    let full = place.json(&format!("baseline {small} --epochs 1"));
    assert_eq!((&full["epochs"], &full["macs"]), (&1.into(), &trial["cost"]["macs"]));

    place.ok(&format!("run {brief} --trials 4 --name narrow"));
    place.ok("best --run narrow --max-macs 12M --out narrow");
    let trained =
        place.json(&format!("train --arch narrow/architecture.toml {small} --epochs 2 --batch 16 --out model"));
    assert_eq!((&trained["epochs"], &trained["resolution"]), (&2.into(), &32.into()));
    // Nobody has to read what is said meanwhile.
    let loud = small.replace(" -q", "");
    let line = format!("train --arch narrow/architecture.toml {loud} --epochs 2 --out unread");
    let mut unread = place.command(&line).spawn().unwrap();
    drop(unread.stderr.take());
    assert!(unread.wait().unwrap().success() && place.path().join("unread/model.json").exists());
    // A model's own architecture is not lost to another.
    assert!(place.fails(2, "best --run narrow --out model").contains("is not of an earlier `best`"));

    let measured = |split: &str| place.json(&format!("evaluate --model model --data pets --split {split}"));
    let key = |value: &serde_json::Value, key: &str| value[key].clone();
    for split in ["validation", "test"] {
        let (again, first) = (measured(split), &trained[split]);
        for name in ["images", "accuracy", "accuracy_se"] {
            assert_eq!(key(&again, name), key(first, name), "{split}");
        }
        assert_eq!(again["same_data"], true);
    }
    assert_eq!(measured("all")["images"], 120);
    assert!(place.fails(2, "evaluate --model nowhere --data pets").contains("nowhere"));
    let exported = place.json("export --model model");
    let file = place.path().join(exported["file"].as_str().unwrap());
    assert_eq!(fs::metadata(file).unwrap().len(), exported["bytes"].as_u64().unwrap());
    place.ok("export --model model --format pytorch");
    let module = fs::read_to_string(place.path().join("model/model.py")).unwrap();
    assert!(module.contains("\nRESOLUTION = 32\n") && !module.contains('$'), "{module}");
    assert!(place.fails(2, "export --model nowhere").contains("nowhere"));

    // Threads change nothing: the very weights are the same.
    for threads in [1, 3] {
        let line = format!("train --arch narrow/architecture.toml {small} --epochs 1 --threads {threads}");
        place.ok(&format!("{line} --out threads{threads}"));
    }
    let weights = |dir: &str| fs::read(place.path().join(dir).join("weights.safetensors")).unwrap();
    assert_eq!(weights("threads1"), weights("threads3"));

    let bench = place.json("bench --arch googlenet:0.1 --size 32 --batch 4 --steps 1 --no-aux");
    let figure = |key: &str| bench[key].as_f64().unwrap();
    assert!(figure("images_per_s") > 0.0 && figure("macs_per_image") > 1e5, "{bench}");
    assert_eq!(figure("threads"), 1.0);
    let gflops = 6.0 * figure("macs_per_image") * figure("images_per_s") / 1e9;
    assert!((figure("gflops") / gflops - 1.0).abs() < 1e-9, "{bench}");
    assert!(place.fails(2, "bench --size 31").contains("32"));
    assert!(bench.get("profile").is_none());

    let profile = &place.json("bench --size 32 --batch 2 --steps 1 --profile")["profile"];
    let modules = profile["modules"].as_array().unwrap();
    let macs: u64 = modules.iter().map(|module| module["macs"].as_u64().unwrap()).sum();
    assert_eq!(macs, place.json("summary --size 32 --classes 2")["total"]["macs"].as_u64().unwrap());
    let names: Vec<&str> = modules.iter().map(|module| module["module"].as_str().unwrap()).collect();
    assert_eq!((names[0], names[1], names[names.len() - 1]), ("data", "conv1", "update"));
    assert!(["aux1", "inception4e", "maxpool4", "fc"].iter().all(|name| names.contains(name)), "{names:?}");
}

#[test]
fn shells_complete_and_manuals_are_written() {
    let place = Place::new();
    for (shell, expected) in [("bash", "complete -F"), ("zsh", "#compdef inception-nas"), ("fish", "complete -c")] {
        let script = place.ok(&format!("completions {shell}"));
        assert!(script.contains(expected) && script.contains("max-latency"), "{script}");
    }
    place.ok("man manual");
    let page = |name: &str| fs::read_to_string(place.path().join("manual").join(name)).unwrap();
    assert!(page("inception-nas.1").contains("inception\\-nas\\-run(1)"));
    assert!(page("inception-nas-best.1").contains("max\\-latency"));
    fs::write(place.path().join("file"), "").unwrap();
    assert!(place.fails(1, "man file").contains("cannot write manual pages to file"));
}

#[test]
fn a_dry_run_leaves_nothing_behind() {
    let place = Place::new();
    let plan = place.ok("run --space tiny.toml --dry-run -q --workers 2");
    assert!(plan.contains("trials     8, 2 at once") && plan.contains("time       at most about"), "{plan}");
    assert_eq!(place.json("run --space tiny.toml --dry-run -q")["trials"], 8);
    assert!(!place.path().join("results").exists());
}

#[test]
fn a_space_is_looked_at_before_it_is_searched() {
    let place = Place::new();
    let text = place.ok("space check tiny.toml -q --set limits.max_macs=2M --seed 3");
    for expected in ["tiny.toml: 10^", "at most 2.00M MACs", "outside: ", "2000 at random, seed 3: ", " a trial, "] {
        assert!(text.contains(expected), "no {expected:?} in\n{text}");
    }
    let check = place.json("space check tiny.toml -q");
    let plan = place.json("run --space tiny.toml --dry-run -q");
    for key in ["space_size_log10", "trials", "workers", "classes"] {
        assert_eq!(check[key], plan[key], "{key}");
    }
    assert_eq!(check["paper"], plan["baseline"]);
    let quantiles = check["draws"]["macs"].as_array().unwrap();
    let macs: Vec<u64> = quantiles.iter().map(|it| it["macs"].as_u64().unwrap()).collect();
    assert!(macs.is_sorted() && macs[0] >= check["smallest"]["macs"].as_u64().unwrap(), "{check}");
    assert!(check["most_seconds"].as_f64().unwrap() > 0.0);
    assert!(!place.path().join("results").exists());
    let error = place.fails(2, "space check tinny.toml");
    assert!(error.contains("did you mean tiny.toml?"), "{error}");
}

#[test]
fn mistakes_are_usage_errors_that_say_what_to_change() {
    let place = Place::new();
    photographs(&place, "few", 1);
    fs::create_dir_all(place.path().join("empty")).unwrap();
    for (data, message) in [("one", "only one class"), ("broken", "is a readable image")] {
        fs::create_dir_all(place.path().join(data).join("cats")).unwrap();
        let class = fs::read(place.path().join("few/cats/0.png")).unwrap();
        fs::write(place.path().join(data).join("cats/0.png"), if data == "one" { &class[..] } else { b"x" }).unwrap();
        if data == "broken" {
            fs::create_dir_all(place.path().join("broken/dogs")).unwrap();
            fs::write(place.path().join("broken/dogs/0.png"), class).unwrap();
        }
        let error = place.fails(2, &format!("{TINY} --data {data}"));
        assert!(error.contains(message), "{error}");
    }
    fs::write(place.path().join("typo.toml"), "[widths]\nmin_ratoi = 0.1\n").unwrap();
    for (line, message) in [
        ("--workers 0", "give a whole number from 1"),
        ("--max-time 20", "give a time such as 90s, 20m or 1h30m"),
        ("--trials 0", "trials"),
        ("--strategy evolutoin", "evolution"),
        ("--name a/b", "without slashes"),
        ("--set search.trails=3", "trials"),
        ("--data no/such", "no/such does not exist"),
        ("--data empty", "no images in empty"),
        ("--data few", "split"),
    ] {
        let error = place.fails(2, &format!("{TINY} {line}"));
        assert!(error.contains(message), "{line}: no {message:?} in\n{error}");
    }
    let error = place.fails(2, "run --space typo.toml");
    assert!(error.contains("typo.toml:2:1") && error.contains("min_ratio"), "{error}");
    let error = place.fails(2, "run --space tinny.toml");
    assert!(error.contains("search_spaces/tinny.toml") && error.contains("did you mean tiny.toml?"), "{error}");
    assert!(!place.path().join("results").exists());
}

#[test]
fn results_that_cannot_be_written_are_an_error_and_the_run_goes_on_afterwards() {
    let place = Place::new();
    fs::write(place.path().join("file"), "").unwrap();
    let error = place.fails(1, &format!("{TINY} --results file/below"));
    assert!(error.contains("cannot create file/below"), "{error}");
    if cfg!(unix) {
        let name = "--name full --trials 6 --workers 1";
        // Files of at most 2 KiB hold a few trials; like a full disk, but for this process alone. The signal that
        // goes with the limit is ignored, so that the write fails instead.
        let script = "trap '' XFSZ; ulimit -f 2; exec \"$0\" \"$@\"";
        let mut bash = Command::new("bash");
        bash.args(["-c", script, PROGRAM]);
        let output = place.prepare(bash, &format!("{TINY} {name}")).output().unwrap();
        let error = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains("cannot write to results/full/") && error.contains("File too large"), "{error}");
        let resumed = digest(&place, &format!("{TINY} {name}"));
        assert_eq!(digest(&place, &format!("{TINY} --name whole --trials 6")), resumed);
    }
}

/// Draws `each` small pictures of two classes.
fn photographs(place: &Place, name: &str, each: u32) {
    for (class, level) in [("cats", 60), ("dogs", 180)] {
        let dir = place.path().join(name).join(class);
        fs::create_dir_all(&dir).unwrap();
        for number in 0..each {
            let picture =
                image::RgbImage::from_fn(40, 40, |x, y| image::Rgb([level, (x * y + number) as u8, number as u8]));
            picture.save(dir.join(format!("{number}.png"))).unwrap();
        }
    }
}
