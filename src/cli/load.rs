//! What several commands load: a space file and a data set.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::bar::bar;
use super::machine::Memory;
use super::{Failure, Output};
use crate::data::{Dataset, ImportReport, Pyramid, Split, default_cache_dir, open_folder, synthetic};
use crate::diagnostic::suggest;
use crate::report::counted;
use crate::space::Space;

/// What the images are where nobody has given any.
pub(super) const BUILT_IN_DATA: &str = "the built-in drawn cats and dogs";

/// Where space files are looked for that are not found as given.
const SPACES_DIR: &str = "search_spaces";

/// The space files that every copy of the program has.
const BUILT_IN_SPACES: [(&str, &str); 2] = [
    ("default.toml", include_str!("../../search_spaces/default.toml")),
    ("tiny.toml", include_str!("../../search_spaces/tiny.toml")),
];

/// Pictures in the built-in set: about 400 of them are validation images.
const SYNTHETIC_IMAGES: usize = 4000;

/// Easy enough that a brief training beats guessing.
const SYNTHETIC_DIFFICULTY: f32 = 0.25;

const SYNTHETIC_SEED: u64 = 0;

/// The options that choose a data set.
#[derive(clap::Args, Debug)]
pub(super) struct DataArgs {
    /// A folder with one folder of images per class, or with files named like cat.0.jpg [default: drawn cats and dogs]
    #[arg(long, value_name = "DIR", env = "INCEPTION_NAS_DATA")]
    pub(super) data: Option<PathBuf>,
}

impl DataArgs {
    /// What the images are, in words: where they lie, or that nobody has given any.
    pub(super) fn name(&self) -> String {
        self.full().map_or_else(|| BUILT_IN_DATA.to_owned(), |dir| dir.display().to_string())
    }

    /// What the set is called in file names and reports.
    pub(super) fn label(&self) -> String {
        let Some(dir) = self.full() else { return "synthetic".to_owned() };
        dir.file_name().map_or_else(|| "data".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    /// The folder by its full path: `.` and `..` have no name of their own.
    fn full(&self) -> Option<PathBuf> {
        self.data.as_ref().map(|dir| dir.canonicalize().unwrap_or_else(|_| dir.clone()))
    }
}

/// The options that choose a search space.
#[derive(clap::Args, Debug)]
pub(super) struct SpaceArgs {
    /// What to search and how: a file, one in search_spaces/, or a built-in one (default.toml, tiny.toml).
    #[arg(long, value_name = "FILE", default_value = "default.toml")]
    pub(super) space: String,
    #[command(flatten)]
    pub(super) overrides: OverrideArgs,
}

/// The options that change values of a space file.
#[derive(clap::Args, Debug)]
pub(super) struct OverrideArgs {
    /// Replace a value of the space file, such as search.trials=200; can be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
    /// Seed of everything random: search.seed of the space file.
    #[arg(long)]
    pub(super) seed: Option<u64>,
}

impl SpaceArgs {
    /// The space, with `more` overrides (`key=value`) behind those of the options.
    pub(super) fn load(&self, more: &[String]) -> Result<Space, Failure> {
        self.overrides.load(&self.space, more)
    }
}

impl OverrideArgs {
    /// The space file `name`, with `more` overrides (`key=value`) behind those of the options.
    pub(super) fn load(&self, name: &str, more: &[String]) -> Result<Space, Failure> {
        let seed = self.seed.map(|seed| format!("search.seed={seed}"));
        let set: Vec<String> = self.set.iter().cloned().chain(seed).chain(more.iter().cloned()).collect();
        space(name, &set)
    }
}

/// The space file `name`, as given, else in `search_spaces/`, else built in, with every `key=value` of `set` replaced.
///
/// # Errors
/// [`Failure::Usage`] with the places looked in, or with the first mistake where it stands.
pub(super) fn space(name: &str, set: &[String]) -> Result<Space, Failure> {
    let (shown, text) = space_text(name).map_err(Failure::Usage)?;
    // A diagnostic is several lines, the first of them a message: it stands alone.
    Space::parse(&shown, &text, set).map_err(|diagnostic| Failure::Usage(diagnostic.into()))
}

/// The name to show and the text of a space file.
fn space_text(name: &str) -> anyhow::Result<(String, String)> {
    let mut places = vec![PathBuf::from(name)];
    if Path::new(name).is_relative() {
        places.push(Path::new(SPACES_DIR).join(name));
    }
    for path in &places {
        match std::fs::read_to_string(path) {
            Ok(text) => return Ok((path.display().to_string(), text)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).context(format!("cannot read the space file {}", path.display())),
        }
    }
    if let Some((_, text)) = BUILT_IN_SPACES.iter().find(|(built_in, _)| *built_in == name) {
        return Ok((name.to_owned(), (*text).to_owned()));
    }
    let names = BUILT_IN_SPACES.map(|(name, _)| name);
    let guess = suggest(name, names).map_or_else(String::new, |guess| format!("; did you mean {guess}?"));
    let places: Vec<String> = places.iter().map(|path| path.display().to_string()).collect();
    Err(anyhow!(
        "no space file {name}: looked for {}, and among the built-in ones, {}{guess}",
        places.join(" and "),
        names.join(" and ")
    ))
}

/// The images in the folder `data`, or the built-in ones, as squares of `resolution` pixels; what there is to say about
/// them goes to stderr.
///
/// # Errors
/// [`Failure::Usage`] if the folder is no data set, or the resolution cannot be served.
pub(super) fn dataset(data: Option<&Path>, resolution: usize, output: Output) -> Result<Dataset, Failure> {
    let (dataset, report) = read(data, resolution, output)?;
    match &report {
        Some(report) => tell(report, output),
        None if !output.quiet => say!(
            "no --data DIR: using the built-in drawn cats and dogs; for photographs, unpack Kaggle's \"Dogs vs. Cats\" or \
             Microsoft's \"Kaggle Cats and Dogs Dataset\" and give their folder"
        ),
        None => {}
    }
    Ok(dataset)
}

/// The images, and what there is to say about a folder of them.
fn read(data: Option<&Path>, resolution: usize, output: Output) -> Result<(Dataset, Option<ImportReport>), Failure> {
    let usage = |error: crate::data::DataError| Failure::Usage(error.into());
    let Some(dir) = data else {
        let bytes = (SYNTHETIC_IMAGES * 3) as u64 * (resolution as u64).saturating_pow(2);
        if let Some(memory) = Memory::now().map(|memory| memory.total).filter(|memory| bytes > *memory) {
            return Err(Failure::Usage(anyhow!(
                "{SYNTHETIC_IMAGES} drawn images of {resolution} px take {} GiB, and this machine has {}: give smaller ones, or \
                 photographs with --data DIR",
                bytes >> 30,
                memory >> 30
            )));
        }
        let drawn = synthetic(SYNTHETIC_IMAGES, resolution, SYNTHETIC_DIFFICULTY, SYNTHETIC_SEED);
        return Ok((drawn.map_err(usage)?, None));
    };
    let cache = default_cache_dir();
    let opened = with_decoding_bar(output, |progress| open_folder(dir, resolution, cache.as_deref(), progress));
    let (dataset, report) = opened.map_err(usage)?;
    Ok((dataset, Some(report)))
}

/// [`dataset`], if it can be trained on.
///
/// # Errors
/// [`Failure::Usage`], also if a split or a class of the training split is empty.
pub(super) fn training_set(data: Option<&Path>, resolution: usize, output: Output) -> Result<Dataset, Failure> {
    let dataset = dataset(data, resolution, output)?;
    dataset.check_splits().map_err(|error| Failure::Usage(error.into()))?;
    Ok(dataset)
}

/// The images in the folder `data`, or the built-in ones, at every resolution of `space`.
///
/// # Errors
/// As [`training_set`].
pub(super) fn training_sets(data: Option<&Path>, space: &Space, output: Output) -> Result<Pyramid, Failure> {
    let own = space.protocol().resolution;
    let base = training_set(data, own, output)?;
    let others = space.resolutions().iter().filter(|&&resolution| resolution != own);
    // What there is to say about the images has been said.
    let others = others.map(|&resolution| read(data, resolution, output).map(|(dataset, _)| dataset));
    Pyramid::new(base, others.collect::<Result<Vec<_>, _>>()?).map_err(|error| Failure::Usage(error.into()))
}

/// `space` for the images of `data`.
///
/// # Errors
/// [`Failure::Usage`] if they are too few for its ladder.
pub(super) fn fitted(space: Space, data: &Dataset) -> Result<Space, Failure> {
    let images = |split| data.split(split).len();
    let fitted = space.fitted(data.classes().len(), images(Split::Train), images(Split::Validation));
    fitted.map_err(|error| Failure::Usage(error.into()))
}

/// Does `work`, and shows how far it says it is: numbers of images done and in all.
pub(super) fn with_decoding_bar<T>(output: Output, work: impl FnOnce(&(dyn Fn(usize, usize) + Sync)) -> T) -> T {
    let bar = bar(output, 0, "decoding images {bar:24} {pos}/{len}  left {eta}");
    let done = work(&|done, total| {
        bar.set_length(total as u64);
        // The calls of several threads may overtake each other.
        bar.set_position(bar.position().max(done as u64));
    });
    bar.finish_and_clear();
    done
}

/// What went wrong is said even with -q.
fn tell(report: &ImportReport, output: Output) {
    for warning in &report.warnings {
        say!("warning: {warning}");
    }
    if let Some((path, reason)) = report.skipped.first() {
        let all = report.skipped_list.as_ref().map_or_else(String::new, |list| format!("; all in {}", list.display()));
        let (count, first) = (counted(report.skipped.len(), "file"), path.display());
        say!("warning: skipped {count} without a readable image, first {first}: {reason}{all}");
    }
    if output.verbose > 0 {
        let how = if report.from_cache { "from the cache" } else { "decoded" };
        say!("{} {how}", counted(report.decoded, "image"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(result: Result<impl Sized, Failure>) -> String {
        match result {
            Err(Failure::Usage(error)) => format!("{error:#}"),
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("no error"),
        }
    }

    #[test]
    fn a_space_is_found_as_given_or_built_in() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mine.toml");
        std::fs::write(&path, BUILT_IN_SPACES[1].1).unwrap();
        let set = ["search.trials=3".to_owned()];
        assert_eq!(space(path.to_str().unwrap(), &set).unwrap(), space("tiny.toml", &set).unwrap());
        assert_eq!(space("default.toml", &set).unwrap().search().trials, 3);
    }

    #[test]
    fn a_space_that_is_not_there_is_refused_with_all_places() {
        let error = message(space("defalt.toml", &[]));
        assert_eq!(
            error,
            "no space file defalt.toml: looked for defalt.toml and search_spaces/defalt.toml, and among the built-in \
             ones, default.toml and tiny.toml; did you mean default.toml?"
        );
        let dir = tempfile::tempdir().unwrap();
        assert!(message(space(dir.path().to_str().unwrap(), &[])).starts_with("cannot read the space file"));
    }

    #[test]
    fn options_replace_values_of_the_file() {
        let args = |seed| OverrideArgs { set: vec!["search.seed=5".to_owned()], seed };
        assert_eq!(args(None).load("tiny.toml", &[]).unwrap().search().seed, 5);
        assert_eq!(args(Some(7)).load("tiny.toml", &["search.trials=9".to_owned()]).unwrap().search().seed, 7);
        let error = message(args(None).load("tiny.toml", &["search.trails=9".to_owned()]));
        assert!(error.contains("trials"), "{error}");
    }

    #[test]
    fn a_wrong_folder_is_a_usage_error() {
        let output = Output { json: false, quiet: true, verbose: 0 };
        assert!(message(dataset(Some(Path::new("no/such")), 32, output)).contains("no/such does not exist"));
        assert_eq!(training_set(None, 32, output).unwrap().classes(), ["cat", "dog"]);
    }
}
