//! From a file as written to a checked [`Space`]: every value is checked, and a wrong one is shown where it stands.

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::check_search::check_search;
use super::file::SpaceFile;
use super::genotype::Gene;
use super::ranges::{self, WIDTH_UNIT};
use super::source::Source;
use super::{Limits, OverLimit, Space, grid};
use crate::arch::MAX_WIDTH;
use crate::diagnostic::{Diagnostic, suggest};

impl Space {
    /// Reads a space file. `name` is shown in messages, `text` is its content, and every `key.path=value` of
    /// `overrides` replaces or adds a value.
    ///
    /// # Errors
    /// The first mistake found, with its place in the text, what is allowed, and a suggestion for a near miss.
    pub fn parse(name: &str, text: &str, overrides: &[String]) -> Result<Self, Diagnostic> {
        let source = Source::new(name, text, overrides)?;
        let file: SpaceFile = source.deserialize()?;
        check_protocol(&source, &file)?;
        check_search(&source, &file)?;
        check_latency(&source, &file)?;
        check_reference(&source, &file)?;
        check_ladder(&source, &file)?;
        let mut genes = genes(&source, &file)?;
        genes.extend(resolution_gene(&source, &file)?);
        let space = Space::new(file, genes);
        check_limits(&source, &space)?;
        Ok(space)
    }
}

/// Refuses a number outside `allowed`, NaN included.
pub(super) fn number<T: PartialOrd + Display>(
    source: &Source,
    path: &[&str],
    value: T,
    allowed: RangeInclusive<T>,
) -> Result<(), Diagnostic> {
    if allowed.contains(&value) {
        return Ok(());
    }
    let message = format!("{} is {value}", path.last().unwrap_or(&"this"));
    let help = format!("give a number from {} to {}", allowed.start(), allowed.end());
    Err(source.mistake(path, message).with_help(help))
}

fn check_protocol(source: &Source, file: &SpaceFile) -> Result<(), Diagnostic> {
    let protocol = &file.protocol;
    let whole = |key, value, allowed| number(source, &["protocol", key], value, allowed);
    whole("resolution", protocol.resolution, ranges::RESOLUTION)?;
    whole("train_images", protocol.train_images, ranges::TRAIN_IMAGES)?;
    whole("validation_images", protocol.validation_images, ranges::VALIDATION_IMAGES)?;
    whole("epochs", protocol.epochs, ranges::EPOCHS)?;
    whole("batch", protocol.batch, ranges::BATCH)?;
    if protocol.batch > protocol.train_images {
        let message = format!("batch is {}, but train_images is {}", protocol.batch, protocol.train_images);
        return Err(source.mistake(&["protocol", "batch"], message).with_help("one batch must fit into an epoch"));
    }
    let real = |key, value, allowed| number(source, &["protocol", key], value, allowed);
    real("peak_learning_rate", protocol.peak_learning_rate, ranges::LEARNING_RATE)?;
    real("warmup", protocol.warmup, ranges::SHARE)?;
    real("momentum", protocol.momentum, ranges::BELOW_ONE)?;
    real("weight_decay", protocol.weight_decay, ranges::SHARE)?;
    real("label_smoothing", protocol.label_smoothing, ranges::BELOW_ONE)
}

fn check_reference(source: &Source, file: &SpaceFile) -> Result<(), Diagnostic> {
    if let Some(error) = file.reference.error {
        number(source, &["reference", "error"], error, ranges::ERROR)?;
    }
    number(source, &["reference", "macs_ratio"], file.reference.macs_ratio, ranges::MACS_RATIO)
}

fn check_latency(source: &Source, file: &SpaceFile) -> Result<(), Diagnostic> {
    let Limits { max_latency_ms, latency_batch, .. } = file.limits;
    if let Some(batch) = latency_batch {
        number(source, &["limits", "latency_batch"], batch, ranges::LATENCY_BATCH)?;
        if max_latency_ms.is_none() {
            let message = format!("latency_batch is {batch}, but there is no limit for the time that it takes");
            return Err(source.mistake(&["limits", "latency_batch"], message).with_help("add max_latency_ms"));
        }
    }
    max_latency_ms.map_or(Ok(()), |most| number(source, &["limits", "max_latency_ms"], most, ranges::LATENCY_MS))
}

/// Rungs must get longer from one to the next, and the protocol's training is the last of them.
fn check_ladder(source: &Source, file: &SpaceFile) -> Result<(), Diagnostic> {
    let protocol = &file.protocol;
    let mut before = 0;
    for (i, rung) in file.ladder.iter().enumerate() {
        let position = i.to_string();
        let path = |key| ["ladder", &position, key];
        number(source, &path("train_images"), rung.train_images, protocol.batch..=protocol.train_images)?;
        number(source, &path("epochs"), rung.epochs, ranges::EPOCHS)?;
        let (seen, longest) = (rung.seen(), protocol.rung().seen());
        if seen <= before || seen >= longest {
            let than = if seen <= before {
                format!("no more than the {before} of the rung before")
            } else {
                format!("not fewer than the {longest} of [protocol]")
            };
            let message = format!("train_images x epochs is {seen}, {than}");
            return Err(source
                .mistake(&["ladder", &position], message)
                .with_help("list the briefest training first; the one of [protocol] comes after the last"));
        }
        before = seen;
    }
    Ok(())
}

/// The genes in network order: from the grid around the paper's widths, or from an explicit list.
fn genes(source: &Source, file: &SpaceFile) -> Result<Vec<Gene>, Diagnostic> {
    let widths = &file.widths;
    number(source, &["widths", "min_ratio"], widths.min_ratio, ranges::RATIO)?;
    number(source, &["widths", "max_ratio"], widths.max_ratio, ranges::RATIO)?;
    number(source, &["widths", "steps_per_octave"], widths.steps_per_octave, ranges::STEPS_PER_OCTAVE)?;
    if widths.min_ratio > widths.max_ratio {
        let message = format!("min_ratio {} is larger than max_ratio {}", widths.min_ratio, widths.max_ratio);
        return Err(source.mistake(&["widths", "min_ratio"], message).with_help("swap them, or lower min_ratio"));
    }

    let paper = grid::paper_widths();
    for name in widths.choices.keys() {
        if !paper.iter().any(|(known, _)| known == name) {
            let names = paper.iter().map(|(known, _)| known.as_str());
            let guess = suggest(name, names).map_or_else(String::new, |near| format!("; did you mean \"{near}\"?"));
            let message = format!("there is no convolution \"{name}\"{guess}");
            return Err(source
                .key_mistake(&["widths", "choices", name], message)
                .with_help("names are like \"stem.conv1\", \"3a.b1x1\", \"5b.pool_proj\", in quotes"));
        }
    }
    paper
        .into_iter()
        .map(|(name, width)| {
            let choices = match widths.choices.get(&name) {
                Some(listed) => explicit(source, &name, listed)?,
                None => grid::widths(width, widths.min_ratio, widths.max_ratio, widths.steps_per_octave),
            };
            if choices.is_empty() {
                let message = format!("no step of the grid lies between {} and {}", widths.min_ratio, widths.max_ratio);
                return Err(source
                    .mistake(&["widths", "min_ratio"], message)
                    .with_help("move min_ratio and max_ratio apart, or raise steps_per_octave"));
            }
            Ok(Gene::new(name, choices))
        })
        .collect()
}

/// The gene of the input's resolution, if there is more than one.
fn resolution_gene(source: &Source, file: &SpaceFile) -> Result<Option<Gene>, Diagnostic> {
    let Some(input) = &file.input else { return Ok(None) };
    let allowed = ranges::RESOLUTION;
    if let Some(wrong) = input.resolutions.iter().position(|resolution| !allowed.contains(resolution)) {
        let message = format!("resolutions has {}", input.resolutions[wrong]);
        let help = format!("give sides from {} to {} pixels", allowed.start(), allowed.end());
        return Err(source.mistake(&["input", "resolutions", &wrong.to_string()], message).with_help(help));
    }
    let own = file.protocol.resolution;
    if !input.resolutions.contains(&own) {
        let message = format!("resolutions are without {own}, protocol.resolution");
        let help = "the paper's network is trained at that one, so add it here, or change it there";
        return Err(source.mistake(&["input", "resolutions"], message).with_help(help));
    }
    let gene = Gene::new("input.resolution".to_owned(), input.resolutions.clone());
    Ok((gene.last() > 0).then_some(gene))
}

/// The choices of one gene as listed in the file.
fn explicit(source: &Source, gene: &str, listed: &[i64]) -> Result<Vec<usize>, Diagnostic> {
    if listed.is_empty() {
        return Err(source
            .mistake(&["widths", "choices", gene], format!("\"{gene}\" has no choices"))
            .with_help("list at least one width, or remove the line to use the grid"));
    }
    let check = |(i, &width): (usize, &i64)| {
        usize::try_from(width).ok().filter(|w| (1..=MAX_WIDTH).contains(w) && width % WIDTH_UNIT == 0).ok_or_else(
            || {
                source
                    .mistake(&["widths", "choices", gene, &i.to_string()], format!("\"{gene}\" has a width of {width}"))
                    .with_help(format!("give multiples of {WIDTH_UNIT} from {WIDTH_UNIT} to {MAX_WIDTH}"))
            },
        )
    };
    listed.iter().enumerate().map(check).collect()
}

/// Refuses limits that rule out everything.
fn check_limits(source: &Source, space: &Space) -> Result<(), Diagnostic> {
    // With the fewest classes; a data set with more of them adds a little to the last layer.
    let smallest = space.smallest();
    let Ok(architecture) = space.decode(&smallest, 2) else { return Ok(()) };
    match space.within_limits(&architecture, space.resolution(&smallest)) {
        Ok(_) => Ok(()),
        Err(over) => {
            let path = match over {
                OverLimit::Macs { .. } => ["limits", "max_macs"],
                OverLimit::Parameters { .. } => ["limits", "max_parameters"],
                OverLimit::Resolution(_) => ["protocol", "resolution"],
            };
            let message = format!("nothing can be searched: even with every width at its narrowest, {over}");
            Err(source.mistake(&path, message).with_help("raise the limit, or lower min_ratio or the choices"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Architecture;
    use crate::space::{ReferencePoint, Screen, Strategy};

    const DEFAULT: &str = include_str!("../../search_spaces/default.toml");
    const TINY: &str = include_str!("../../search_spaces/tiny.toml");

    /// The mistake found in default.toml after replacing `from` by `to`.
    fn mistake(from: &str, to: &str) -> Diagnostic {
        assert!(DEFAULT.contains(from), "{from}");
        Space::parse("default.toml", &DEFAULT.replacen(from, to, 1), &[]).expect_err(to)
    }

    /// Line of default.toml on which `text` first stands, from 1.
    fn line(text: &str) -> usize {
        DEFAULT.lines().position(|line| line.contains(text)).unwrap() + 1
    }

    fn set(overrides: &[&str]) -> Result<Space, Diagnostic> {
        let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
        Space::parse("default.toml", DEFAULT, &overrides)
    }

    #[test]
    fn the_default_space_holds_the_paper_s_network() {
        let space = set(&[]).unwrap();
        let googlenet = Architecture::googlenet(2, space.protocol().aux_heads).unwrap();
        assert!(space.within_limits(&googlenet, 64).is_ok());
        assert_eq!(space.decode(&space.nearest(&googlenet, 64), 2), Ok(googlenet));
        assert_eq!(space.genes().len(), 57);
        assert!(space.size_log10() > 50.0, "{}", space.size_log10());
        assert_eq!(space.protocol().resolution, 64);
        assert_eq!((space.reference(), space.ladder()), (ReferencePoint { error: 0.5, macs_ratio: 1.1 }, &[][..]));
    }

    #[test]
    fn the_tiny_space_is_tiny() {
        let space = Space::parse("tiny.toml", TINY, &[]).unwrap();
        assert_eq!(space.protocol().resolution, 32);
        assert!(space.genes().iter().all(|gene| *gene.choices().last().unwrap() <= 96));
        let largest = space.decode(&space.largest(), 2).unwrap();
        assert!(space.within_limits(&largest, 32).is_ok());
    }

    #[test]
    fn overrides_change_single_values() {
        let space = set(&["search.trials=40", "search.strategy=random", "limits.max_macs=600M"]).unwrap();
        assert_eq!((space.search().trials, space.search().strategy), (40, Strategy::Random));
        assert_eq!(space.limits().max_macs, Some(600_000_000));
        let error = set(&["search.trails=40"]).unwrap_err();
        assert!(error.message().contains("did you mean `trials`?"), "{error}");
        let error = set(&["search.trials=0"]).unwrap_err().to_string();
        assert!(error.contains("trials is 0") && error.contains("default.toml with --set search.trials=0:"), "{error}");
    }

    #[test]
    fn the_reference_and_the_ladder_can_be_set() {
        let ladder = "ladder=[{train_images=500, epochs=1}, {train_images=1000, epochs=2}]";
        let space = set(&["reference.error=0.9", ladder, "search.eta=2"]).unwrap();
        assert_eq!(space.reference(), ReferencePoint { error: 0.9, macs_ratio: 1.1 });
        assert_eq!((space.ladder().len(), space.ladder()[1].epochs, space.search().eta), (2, 2, 2));
        let written = Space::parse("config.toml", &space.to_toml().unwrap(), &[]).unwrap();
        assert_eq!(written, space);
        let changes = space.changes_since(&set(&[]).unwrap()).unwrap();
        let keys: Vec<&str> = changes.iter().filter_map(|change| change.split(':').next()).collect();
        assert_eq!(keys, ["ladder", "reference.error", "search.eta"]);
    }

    #[test]
    fn candidates_and_a_screen_come_together() {
        let space = set(&["search.candidates=16", "search.screen=surrogate"]).unwrap();
        assert_eq!((space.search().candidates, space.search().screen), (16, Screen::Surrogate));
        let without = set(&[]).unwrap();
        assert_eq!((without.search().candidates, without.search().screen), (1, Screen::None));
        for (text, message) in [
            ("search.candidates=2", "candidates is 2, but nothing chooses among them"),
            ("search.screen=surrogate", "there is a screen, but candidates is 1"),
            ("search.candidates=0", "candidates is 0"),
            ("search.candidates=101", "candidates is 101"),
        ] {
            let error = set(&[text]).unwrap_err();
            assert!(error.message().contains(message), "{error}");
        }
    }

    #[test]
    fn a_ladder_must_lead_up_to_the_protocol() {
        let rungs = |rungs: &str| mistake("[search]", &format!("{rungs}\n[search]"));
        for (text, message, at) in [
            ("[[ladder]]\ntrain_images = 500", "missing key `epochs`", 0),
            ("[[ladder]]\nepochs = 1\ntrain_images = 31", "train_images is 31", 2),
            ("[[ladder]]\nepochs = 1\ntrain_images = 8001", "train_images is 8001", 2),
            ("[[ladder]]\ntrain_images = 500\nepochs = 0", "epochs is 0", 2),
            ("[[ladder]]\ntrain_images = 8000\nepochs = 3", "is 24000, not fewer than the 24000 of [protocol]", 0),
            (
                "[[ladder]]\ntrain_images = 500\nepochs = 2\n[[ladder]]\ntrain_images = 1000\nepochs = 1",
                "is 1000, no more than the 1000 of the rung before",
                3,
            ),
            ("[[ladder]]\ntrain_images = 500\nepochs = 1\nresolution = 32", "unknown key `resolution`", 3),
        ] {
            let error = rungs(text);
            assert!(error.message().contains(message), "{error}");
            assert_eq!(error.position().0, line("[search]") + at, "{error}");
        }
    }

    #[test]
    fn explicit_choices_replace_the_grid() {
        let space = set(&["widths.choices.\"3a.b1x1\"=[16, 8, 16]"]).unwrap();
        let gene = space.genes().iter().find(|gene| gene.name() == "3a.b1x1").unwrap();
        assert_eq!(gene.choices(), [8, 16]);
    }

    #[test]
    fn a_wrong_type_or_key_is_shown_where_it_stands() {
        let error = mistake("trials = 24", "trials = \"many\"");
        assert_eq!(error.position().0, line("trials = 24"));
        assert!(error.message().contains("expected a whole number"), "{error}");

        let error = mistake("population =", "poplation =");
        assert_eq!(error.position(), (line("population ="), 1));
        assert!(error.message().contains("did you mean `population`?"), "{error}");

        let error = mistake("strategy = \"nsga2\"", "strategy = \"evolutoin\"");
        assert!(error.message().contains("did you mean `evolution`?"), "{error}");

        let error = mistake("epochs = 3", "epochs = -3");
        assert_eq!(error.position(), (line("epochs = 3"), 10));

        let error = mistake("140M", "140X");
        assert_eq!(error.position(), (line("140M"), 12));
        assert!(error.message().contains("`140X` is no count"), "{error}");
        assert!(mistake("\"140M\"", "0").message().contains("no count"));

        let error = mistake("seed = 0", "# seed");
        assert!(error.message().contains("missing key `seed`"), "{error}");
        assert_eq!(error.position().0, line("[search]"));
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for (from, to, message) in [
            ("resolution = 64", "resolution = 31", "resolution is 31"),
            ("train_images = 8000", "train_images = 0", "train_images is 0"),
            ("validation_images = 2000", "validation_images = 0", "validation_images is 0"),
            ("epochs = 3", "epochs = 0", "epochs is 0"),
            ("batch = 32", "batch = 1", "batch is 1"),
            ("batch = 32", "batch = 8001", "batch is 8001, but train_images is 8000"),
            ("peak_learning_rate = 0.01", "peak_learning_rate = nan", "peak_learning_rate is NaN"),
            ("peak_learning_rate = 0.01", "peak_learning_rate = 0.0", "peak_learning_rate is 0"),
            ("warmup = 0.1", "warmup = 1.5", "warmup is 1.5"),
            ("momentum = 0.9", "momentum = 1", "momentum is 1"),
            ("weight_decay = 5e-4", "weight_decay = -1", "weight_decay is -1"),
            ("label_smoothing = 0.05", "label_smoothing = 1.0", "label_smoothing is 1"),
            ("trials = 24", "trials = 0", "trials is 0"),
            ("population = 10", "population = 1", "population is 1"),
            ("sample = 4", "sample = 11", "sample is 11, but population is 10"),
            ("sample = 4", "sample = 0", "sample is 0"),
            ("immigrants = 0.1", "immigrants = inf", "immigrants is inf"),
            ("window = 4", "window = 0", "window is 0"),
            ("window = 4", "eta = 1\nwindow = 4", "eta is 1"),
            ("max_failures = 5", "max_failures = 0", "max_failures is 0"),
            ("min_ratio = 0.1", "min_ratio = 2.0", "min_ratio 2 is larger than max_ratio 1.5"),
            ("min_ratio = 0.1", "min_ratio = 0", "min_ratio is 0"),
            ("max_ratio = 1.5", "max_ratio = 9", "max_ratio is 9"),
            ("min_ratio = 0.1", "min_ratio = 1.45", "no step of the grid lies between 1.45 and 1.5"),
            ("steps_per_octave = 4", "steps_per_octave = 0", "steps_per_octave is 0"),
        ] {
            let error = mistake(from, to);
            assert!(error.message().contains(message), "{error}");
            assert_eq!(error.position().0, line(from), "{error}");
            assert!(error.to_string().contains("help: "), "{error}");
        }
    }

    #[test]
    fn a_seed_that_no_file_can_hold_is_refused() {
        let with = |seed: u64| Space::parse("tiny.toml", TINY, &[format!("search.seed={seed}")]);
        assert_eq!(with(i64::MAX as u64).unwrap().search().seed, i64::MAX as u64);
        assert!(with(1 << 63).is_err());
    }

    #[test]
    fn wrong_choices_are_refused() {
        for (line, message, column) in [
            ("\"3a.b1x1\" = []", "\"3a.b1x1\" has no choices", 13),
            ("\"3a.b1x1\" = [8, 0]", "\"3a.b1x1\" has a width of 0", 17),
            ("\"3a.b1x1\" = [-8]", "\"3a.b1x1\" has a width of -8", 14),
            ("\"3a.b1x1\" = [8, 16, 18]", "\"3a.b1x1\" has a width of 18", 21),
            ("\"3a.b1x1\" = [4100]", "\"3a.b1x1\" has a width of 4100", 14),
            ("\"3a.b1x2\" = [8]", "did you mean \"3a.b1x1\"?", 1),
            ("\"stem\" = [8]", "there is no convolution \"stem\"", 1),
            ("\"3a.b1x1\" = 8", "expected a list", 13),
        ] {
            let text = format!("{DEFAULT}\n[widths.choices]\n{line}\n");
            let error = Space::parse("default.toml", &text, &[]).unwrap_err();
            assert!(error.message().contains(message), "{error}");
            assert_eq!(error.position(), (DEFAULT.lines().count() + 3, column), "{error}");
        }
    }

    #[test]
    fn wrong_resolutions_are_refused() {
        for (list, message, column) in [
            ("[48, 64, 31]", "resolutions has 31", 24),
            ("[48, 96]", "resolutions are without 64, protocol.resolution", 15),
            ("[]", "resolutions are without 64, protocol.resolution", 15),
            ("64", "expected a list", 15),
        ] {
            let text = format!("{DEFAULT}\n[input]\nresolutions = {list}\n");
            let error = Space::parse("default.toml", &text, &[]).unwrap_err();
            assert!(error.message().contains(message), "{error}");
            assert_eq!(error.position(), (DEFAULT.lines().count() + 3, column), "{error}");
        }
        assert_eq!(set(&["input.resolutions=[64, 64]"]).unwrap().resolutions(), [64]);
    }

    #[test]
    fn limits_that_rule_out_everything_are_refused() {
        for (from, to, key) in [("\"140M\"", "1000", "max_macs"), ("\"10M\"", "1000", "max_parameters")] {
            let error = mistake(from, to);
            assert!(error.message().contains("even with every width at its narrowest, it"), "{error}");
            assert!(error.message().contains(&format!("over {key} = 1000")), "{error}");
            assert_eq!(error.position().0, line(&format!("{key} = ")));
        }
    }

    #[test]
    fn the_resolved_text_reads_back() {
        for space in [
            set(&[]).unwrap(),
            set(&["input.resolutions=[48, 64]"]).unwrap(),
            set(&["search.max_seconds=60", "search.max_training_macs=1.5T", "widths.choices.\"3a.b1x1\"=[16, 8]"])
                .unwrap(),
            Space::parse("tiny.toml", TINY, &[]).unwrap(),
        ] {
            let text = space.to_toml().unwrap();
            assert_eq!(Space::parse("config.toml", &text, &[]).as_ref(), Ok(&space), "{text}");
        }
    }

    #[test]
    fn changes_are_named_but_for_the_budget() {
        let space = set(&[]).unwrap();
        let budget =
            ["search.trials=99", "search.max_seconds=5", "search.max_training_macs=1T", "search.max_failures=1"];
        let more = set(&budget).unwrap();
        assert_eq!(more.changes_since(&space), Ok(vec![]));
        let other = set(&["search.seed=1", "protocol.augmentation.flip=false", "search.max_seconds=5"]).unwrap();
        assert_eq!(
            other.changes_since(&space),
            Ok(vec!["protocol.augmentation.flip: true -> false".to_owned(), "search.seed: 0 -> 1".to_owned()])
        );
    }
}
