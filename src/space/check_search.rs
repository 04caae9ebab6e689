//! The check of the `[search]` section.

use super::check::number;
use super::file::SpaceFile;
use super::source::Source;
use super::{Screen, SearchSettings, ranges};
use crate::diagnostic::Diagnostic;

/// Refuses numbers outside their ranges, and keys that do not go together.
pub(super) fn check_search(source: &Source, file: &SpaceFile) -> Result<(), Diagnostic> {
    let search = &file.search;
    let whole = |key, value, allowed| number(source, &["search", key], value, allowed);
    number(source, &["search", "seed"], search.seed, ranges::SEED)?;
    whole("trials", search.trials, ranges::TRIALS)?;
    whole("population", search.population, ranges::POPULATION)?;
    whole("window", search.window, ranges::WINDOW)?;
    whole("candidates", search.candidates, ranges::CANDIDATES)?;
    whole("eta", search.eta, ranges::ETA)?;
    whole("max_failures", search.max_failures, ranges::MAX_FAILURES)?;
    check_screen(source, search)?;
    check_inherit(source, file)?;
    number(source, &["search", "immigrants"], search.immigrants, ranges::SHARE)?;
    if let Some(seconds) = search.max_seconds {
        number(source, &["search", "max_seconds"], seconds, ranges::MAX_SECONDS)?;
    }
    if !(1..=search.population).contains(&search.sample) {
        let message = format!("sample is {}, but population is {}", search.sample, search.population);
        let help = "sample is how many of the population compete: give a number from 1 to population";
        return Err(source.mistake(&["search", "sample"], message).with_help(help));
    }
    Ok(())
}

/// Several mutants need somebody who chooses among them, and the other way round.
fn check_screen(source: &Source, search: &SearchSettings) -> Result<(), Diagnostic> {
    match (search.screen, search.candidates) {
        (Screen::None, 2..) => {
            let message = format!("candidates is {}, but nothing chooses among them", search.candidates);
            Err(source.mistake(&["search", "candidates"], message).with_help("add screen = \"surrogate\""))
        }
        (Screen::Surrogate | Screen::GradNorm | Screen::Synflow | Screen::Naswot, ..2) => {
            let message = "there is a screen, but candidates is 1, so there is nothing to choose from";
            Err(source.mistake(&["search", "screen"], message).with_help("add candidates, say 16"))
        }
        _ => Ok(()),
    }
}

/// A screen knows networks from scratch, and the rungs of a ladder are trainings from scratch.
fn check_inherit(source: &Source, file: &SpaceFile) -> Result<(), Diagnostic> {
    if !file.search.inherit {
        return Ok(());
    }
    let (other, what) = match (file.search.screen, &file.ladder[..]) {
        (Screen::None, []) => return Ok(()),
        (Screen::None, _) => ("ladder, whose trainings all begin from scratch", "the ladder"),
        _ => ("screen, which knows networks from scratch alone", "screen and candidates"),
    };
    let message = format!("inherit is true, but there is a {other}");
    Err(source.mistake(&["search", "inherit"], message).with_help(format!("set inherit = false, or remove {what}")))
}

#[cfg(test)]
mod tests {
    use crate::space::Space;

    #[test]
    fn inherited_weights_go_with_neither_a_ladder_nor_a_screen() {
        let set = |more: &[&str]| {
            let overrides =
                [&["search.inherit=true"], more].concat().into_iter().map(str::to_owned).collect::<Vec<_>>();
            Space::parse("default.toml", include_str!("../../search_spaces/default.toml"), &overrides)
        };
        let space = set(&[]).unwrap();
        assert!(space.search().inherit && space.to_toml().unwrap().contains("inherit = true"));
        assert_eq!(Space::parse("config.toml", &space.to_toml().unwrap(), &[]).as_ref(), Ok(&space));
        let without = set(&["search.inherit=false"]).unwrap();
        assert!(!without.to_toml().unwrap().contains("inherit"), "as it was written before there was the key");
        assert_eq!(space.changes_since(&without), Ok(vec!["search.inherit: not set -> true".to_owned()]));
        for (more, message) in [
            (&["ladder=[{train_images=500, epochs=1}]"][..], "inherit is true, but there is a ladder"),
            (&["search.candidates=9", "search.screen=naswot"], "inherit is true, but there is a screen"),
        ] {
            let error = set(more).unwrap_err().to_string();
            assert!(error.contains(message) && error.contains("help: set inherit = false, or remove"), "{error}");
            assert!(error.contains("inherit = true\n") && error.contains('^'), "{error}");
            let fine = set(&[more, &["search.inherit=false"]].concat());
            assert!(fine.is_ok(), "{fine:?}");
        }
    }
}
