//! The rules of the source tree: who may import whom, how long a file may be, what may not stay in it.

// Helpers outside of test functions unwrap as well.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// What each module may import of ours. A module not listed may import nothing.
const IMPORTS: [(&str, &[&str]); 20] = [
    ("arch", &[]),
    ("cut", &[]),
    ("device", &[]),
    ("fetch", &[]),
    ("diagnostic", &[]),
    ("stats", &[]),
    ("space", &["arch", "diagnostic"]),
    ("search", &["arch", "space", "stats"]),
    ("ops", &["cut", "device"]),
    ("net", &["arch", "ops"]),
    ("data", &["cut"]),
    ("train", &["net", "ops", "data"]),
    ("latency", &["arch", "stats", "ops", "net", "data", "train"]),
    ("zero_cost", &["arch", "ops", "net", "train", "stats"]),
    ("evaluate", &["arch", "space", "search", "ops", "net", "data", "train", "latency", "zero_cost"]),
    ("store", &["arch", "device", "space", "search"]),
    ("export", &["arch", "device", "diagnostic", "ops", "net", "data", "train"]),
    ("report", &["arch", "space", "search", "stats"]),
    (
        "cli",
        &[
            "arch",
            "space",
            "search",
            "ops",
            "net",
            "data",
            "train",
            "latency",
            "evaluate",
            "fetch",
            "store",
            "export",
            "report",
            "stats",
            "device",
            "diagnostic",
        ],
    ),
    (
        "lib",
        &[
            "arch",
            "cli",
            "cut",
            "data",
            "device",
            "diagnostic",
            "evaluate",
            "export",
            "fetch",
            "latency",
            "net",
            "ops",
            "report",
            "search",
            "space",
            "stats",
            "store",
            "train",
            "zero_cost",
        ],
    ),
];

/// Longest file, in lines: it should read in one sitting.
const MAX_LINES: usize = 500;

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The top-level module a file belongs to.
fn module(file: &Path) -> String {
    let inside = file.strip_prefix(root().join("src")).unwrap();
    let first = inside.iter().next().unwrap().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// Top-level modules named after `crate::`, also in braces, outside of tests.
fn imported(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = code.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    let code = lines.collect::<Vec<_>>().join("\n");
    code.match_indices("crate::")
        .flat_map(|(at, found)| {
            let rest = &code[at + found.len()..];
            rest.strip_prefix('{').map_or_else(|| vec![rest], group).into_iter().map(|name| {
                name.trim().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect::<String>()
            })
        })
        .collect()
}

/// The parts of a group of imports between the first brace, which is not in `text`, and the one that closes it.
fn group(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            '}' => {
                parts.push(&text[from..at]);
                break;
            }
            _ => {}
        }
    }
    parts
}

#[test]
fn imports_point_downwards() {
    let known: Vec<&str> = IMPORTS.iter().map(|(module, _)| *module).collect();
    for file in sources(&root().join("src")) {
        let module = module(&file);
        if module == "main" || file.file_name().is_some_and(|name| name == "tests.rs" || name == "testing.rs") {
            continue;
        }
        let allowed = IMPORTS.iter().find(|(name, _)| *name == module);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("{}: no rule for module {module}", file.display()));
        for name in imported(&fs::read_to_string(&file).unwrap()) {
            if known.contains(&name.as_str()) && name != module {
                assert!(allowed.contains(&name.as_str()), "{}: {module} must not import {name}", file.display());
            }
        }
    }
}

#[test]
fn the_import_check_sees_imports() {
    let source = "use crate::arch::Cost;\nuse crate::{ops::{Engine, Maps}, net};\n// crate::data\nfn f() { crate::train::fit() }\n\
                  #[cfg(test)]\nmod tests { use crate::cli; }";
    assert_eq!(imported(source), ["arch", "ops", "net", "train"]);
}

#[test]
fn files_read_in_one_sitting() {
    for file in sources(&root().join("src")).into_iter().chain(sources(&root().join("tests"))) {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= MAX_LINES, "{}: {lines} lines, more than {MAX_LINES}", file.display());
    }
}

#[test]
fn nothing_is_left_unfinished() {
    let marks = ["todo!(", "unimplemented!(", "dbg!(", "FIXME", "#[ignore"];
    for file in sources(&root().join("src")) {
        let source = fs::read_to_string(&file).unwrap();
        for mark in marks {
            assert!(!source.contains(mark), "{}: {mark}", file.display());
        }
    }
}

#[test]
fn the_search_knows_no_clock_disk_or_screen() {
    for file in sources(&root().join("src/search")) {
        let source = fs::read_to_string(&file).unwrap();
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        if file.file_name().is_some_and(|name| name == "tests.rs" || name == "testing.rs") {
            continue;
        }
        for outside in ["std::time", "std::fs", "std::io", "println!", "dfdx"] {
            assert!(!code.contains(outside), "{}: {outside}", file.display());
        }
    }
}
