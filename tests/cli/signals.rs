//! Signals: Ctrl-C, and those that a process was started to ignore.

use std::process::{Child, Command};
use std::time::Duration;

use super::{PROGRAM, Place, TINY, digest, stderr};

/// Lets commands hear the signals that tests send them, though a script that has put the tests into the background, or `nohup`,
/// lets these and all that they start ignore them.
pub(super) fn hear_signals() {
    #[cfg(unix)]
    for signal in [libc::SIGINT, libc::SIGHUP] {
        // SAFETY: no code of ours runs at the signal.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Ctrl-C.
pub(super) fn interrupt(child: &Child) {
    send("-INT", child);
}

fn send(signal: &str, child: &Child) {
    let status = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

#[cfg(unix)]
#[test]
fn a_signal_that_a_search_was_started_to_ignore_does_not_stop_it() {
    let place = Place::new();
    let mut ignoring = Command::new("sh");
    ignoring.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", PROGRAM]);
    let child = place.prepare(ignoring, &format!("{TINY} --name kept --workers 1")).spawn().unwrap();
    place.wait_for("kept/trials.jsonl", 1);
    send("-HUP", &child);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), place.trials("kept")), (Some(0), 8), "{}", stderr(&output));
}

#[test]
fn a_run_has_one_process_and_ctrl_c_leaves_it_whole() {
    let place = Place::new();
    let long = format!("{TINY} --name busy --trials 100000 --workers 1");
    let child = place.start(&long, "busy", 1);
    let holder = format!("process {} on ", child.id());
    assert!(place.fails(1, &long).contains(&holder));
    assert!(place.ok("status --run busy").contains(&format!("running: {holder}")));
    assert!(place.json("status")["holder"].as_str().unwrap().starts_with(&holder));
    let watching = place.command("status --watch --run busy").spawn().unwrap();
    // So that it has something to see.
    place.wait_for("busy/trials.jsonl", place.trials("busy") + 2);
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    let watched = String::from_utf8(watching.wait_with_output().unwrap().stdout).unwrap();
    assert!(watched.matches("running: process").count() > 0, "{watched}");
    assert!(watched.ends_with("not running; `run` continues it\n"), "{watched}");
    assert!(stderr(&output).contains("finishing the running trainings"), "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let stored = place.trials("busy");
    assert!(text.contains(&format!(": {stored} of 100000 trials")), "{text}");

    // Twice stops at once, and what was done stays.
    let child = place.start(&long, "busy", stored + 1);
    interrupt(&child);
    std::thread::sleep(Duration::from_millis(5));
    interrupt(&child);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    assert!(place.trials("busy") > stored);
    let all = place.trials("busy");
    let whole = digest(&place, &format!("{TINY} --name busy --trials {all}"));
    assert_eq!(digest(&place, &format!("{TINY} --name whole --trials {all}")), whole);
}
