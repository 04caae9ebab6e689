//! An architecture as a TOML file that a person can read and edit.

use std::fmt::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use crate::arch::{
    Architecture, ArchitectureError, BLOCK_NAMES, BLOCKS, Branch, BranchWidths, MAX_RESOLUTION, MIN_RESOLUTION,
    StemWidths,
};
use crate::diagnostic::{Diagnostic, suggest};

/// The version of the file that is written and read.
const VERSION: u64 = 1;

/// The name under which the paper's network is always at hand.
pub const GOOGLENET: &str = "googlenet";

/// Classes of the paper's data set, ImageNet: those of a network asked for by name.
pub const IMAGENET_CLASSES: usize = 1000;

/// Why there is no architecture under a name or in a file.
#[derive(Debug, thiserror::Error)]
pub enum ArchitectureFileError {
    /// Neither a known name nor a file.
    #[error(
        "there is no architecture file {}: give the path of one, `{GOOGLENET}`, or `{GOOGLENET}:0.25` for a quarter of its \
         widths{guess}",
        path.display()
    )]
    NotFound {
        /// What was asked for.
        path: PathBuf,
        /// A suggestion, ready to be shown; empty where nothing is close.
        guess: String,
    },
    /// The file is there but cannot be read.
    #[error("cannot read the architecture file {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not an architecture.
    #[error(transparent)]
    Invalid(#[from] Diagnostic),
    /// What stands after `googlenet:` is no factor for widths.
    #[error(
        "`{GOOGLENET}:{0}`: after the colon give a number over 0 that all widths are multiplied by, as in `{GOOGLENET}:0.25`"
    )]
    Ratio(String),
    /// The number of classes asked for, or a width, is out of range.
    #[error(transparent)]
    Range(#[from] ArchitectureError),
}

/// What is in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The network.
    pub architecture: Architecture,
    /// Side of the images that it is for, in pixels, if the file says so.
    pub resolution: Option<usize>,
}

/// The architecture called `name_or_path`: `googlenet`, `googlenet:0.25` for that with every width multiplied by 0.25
/// ([`Architecture::googlenet_scaled`]), or a file written by [`to_toml`].
///
/// `classes` overrides the number of classes; without it a file keeps its own and `googlenet` has ImageNet's 1000.
/// `googlenet` comes with auxiliary heads.
///
/// # Errors
/// [`ArchitectureFileError`] if there is no such file or it holds no architecture, the factor is none, or `classes` or a width
/// is out of range.
pub fn resolve(name_or_path: &str, classes: Option<usize>) -> Result<Written, ArchitectureFileError> {
    if let Some(ratio) = named(name_or_path)? {
        let architecture = Architecture::googlenet_scaled(ratio, classes.unwrap_or(IMAGENET_CLASSES), true)?;
        return Ok(Written { architecture, resolution: None });
    }
    let Written { architecture, resolution } = read(Path::new(name_or_path))?;
    let architecture = match classes {
        Some(classes) => architecture.with_classes(classes)?,
        None => architecture,
    };
    Ok(Written { architecture, resolution })
}

/// What the paper's widths are multiplied by in the network called `name`; none if that is no name but a path.
fn named(name: &str) -> Result<Option<f64>, ArchitectureFileError> {
    match name.strip_prefix(GOOGLENET).map(|rest| (rest, rest.strip_prefix(':'))) {
        Some(("", _)) => Ok(Some(1.0)),
        Some((_, Some(written))) => match written.parse::<f64>() {
            Ok(ratio) if ratio.is_finite() && ratio > 0.0 => Ok(Some(ratio)),
            _ => Err(ArchitectureFileError::Ratio(written.to_owned())),
        },
        _ => Ok(None),
    }
}

/// Reads a file written by [`to_toml`], or by hand.
///
/// # Errors
/// [`ArchitectureFileError`] if the file cannot be read or holds no architecture.
pub fn read(path: &Path) -> Result<Written, ArchitectureFileError> {
    let file = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(source) => Ok(from_toml(&file, &source)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let (name, ratio) = file.split_at(file.find(':').unwrap_or(file.len()));
            let guess =
                suggest(name, [GOOGLENET]).map_or_else(String::new, |it| format!("; did you mean `{it}{ratio}`?"));
            Err(ArchitectureFileError::NotFound { path: path.to_owned(), guess })
        }
        Err(source) => Err(ArchitectureFileError::Unreadable { path: path.to_owned(), source }),
    }
}

/// The file's text: version, classes, auxiliary heads, the side of the images in pixels if it is given, and the output channels
/// of every convolution.
pub fn to_toml(architecture: &Architecture, resolution: Option<usize>) -> String {
    let StemWidths { conv1, conv2_reduce, conv2 } = architecture.stem();
    let mut text = format!(
        "\
# A network in the form of GoogLeNet: output channels of every convolution.
# Every --arch option of inception-nas takes this file.
version = {VERSION}
classes = {}
# Whether the two auxiliary heads are trained along.
aux_heads = {}
{}
[stem]
conv1 = {conv1}
conv2_reduce = {conv2_reduce}
conv2 = {conv2}
",
        architecture.classes(),
        architecture.aux_heads(),
        resolution.map_or_else(String::new, |side| {
            format!("# Side of the images that the network is for, in pixels; may be left out.\nresolution = {side}\n")
        })
    );
    for (name, widths) in BLOCK_NAMES.iter().zip(architecture.blocks()) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "\n[blocks.{name}]");
        for branch in Branch::ALL {
            let _ = writeln!(text, "{} = {}", branch.name(), widths.get(branch));
        }
    }
    text
}

/// Reads the text of a file; `file` is its name for messages.
///
/// # Errors
/// A [`Diagnostic`] that shows the first mistake where it stands.
pub fn from_toml(file: &str, source: &str) -> Result<Written, Diagnostic> {
    let in_toml = |error| Diagnostic::from_toml(file, source, &error);
    // First alone, since another version may have other keys.
    let version = toml::from_str::<Version>(source).map_err(in_toml)?.version;
    if *version.get_ref() != VERSION {
        let message = format!("this file is version {}; this program reads version {VERSION}", version.get_ref());
        return Err(Diagnostic::new(file, source, version.span(), message));
    }
    let written: File = toml::from_str(source).map_err(|error| {
        let mistake = in_toml(error);
        if mistake.message().starts_with("missing key") { mistake.with_help(whole_file()) } else { mistake }
    })?;
    let allowed = MIN_RESOLUTION..=MAX_RESOLUTION;
    if let Some(wrong) = written.resolution.as_ref().filter(|side| !allowed.contains(side.get_ref())) {
        let message = format!("resolution is {}", wrong.get_ref());
        let help = format!("give a number from {MIN_RESOLUTION} to {MAX_RESOLUTION}");
        return Err(Diagnostic::new(file, source, wrong.span(), message).with_help(help));
    }
    let architecture =
        written.check().map_err(|(error, span)| Diagnostic::new(file, source, span, error.to_string()))?;
    Ok(Written { architecture, resolution: written.resolution.map(Spanned::into_inner) })
}

/// What a file must have, for whoever left something out.
fn whole_file() -> String {
    let (blocks, widths) = (BLOCK_NAMES.join(", "), Branch::ALL.map(Branch::name).join(", "));
    format!("a file has version, classes, aux_heads, [stem] and the blocks {blocks}, each with {widths}")
}

#[derive(Deserialize)]
struct Version {
    version: Spanned<u64>,
}

/// The file as written: right keys and types, values unchecked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "version")]
    _version: u64,
    classes: Spanned<usize>,
    aux_heads: bool,
    resolution: Option<Spanned<usize>>,
    stem: Stem,
    blocks: Blocks,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stem {
    conv1: Spanned<usize>,
    conv2_reduce: Spanned<usize>,
    conv2: Spanned<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Blocks {
    #[serde(rename = "3a")]
    block3a: Block,
    #[serde(rename = "3b")]
    block3b: Block,
    #[serde(rename = "4a")]
    block4a: Block,
    #[serde(rename = "4b")]
    block4b: Block,
    #[serde(rename = "4c")]
    block4c: Block,
    #[serde(rename = "4d")]
    block4d: Block,
    #[serde(rename = "4e")]
    block4e: Block,
    #[serde(rename = "5a")]
    block5a: Block,
    #[serde(rename = "5b")]
    block5b: Block,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Block {
    b1x1: Spanned<usize>,
    b3x3_reduce: Spanned<usize>,
    b3x3: Spanned<usize>,
    b5x5_reduce: Spanned<usize>,
    b5x5: Spanned<usize>,
    pool_proj: Spanned<usize>,
}

impl File {
    /// The architecture, or what is wrong with which bytes of the file.
    fn check(&self) -> Result<Architecture, (ArchitectureError, Range<usize>)> {
        let [conv1, conv2_reduce, conv2] = self.stem.widths().map(|width| *width.get_ref());
        let stem = StemWidths { conv1, conv2_reduce, conv2 };
        let blocks =
            self.blocks.in_order().map(|block| BranchWidths::new(block.widths().map(|width| *width.get_ref())));
        Architecture::new(stem, blocks, *self.classes.get_ref(), self.aux_heads).map_err(|error| {
            let span = match &error {
                ArchitectureError::Classes(_) => self.classes.span(),
                // Widths are checked in the order of the file, so the offending one is the first of its value.
                ArchitectureError::Width { width, .. } => self.first_with(*width).map_or(0..0, Spanned::span),
            };
            (error, span)
        })
    }

    fn first_with(&self, width: usize) -> Option<&Spanned<usize>> {
        let blocks = self.blocks.in_order();
        let widths = self.stem.widths().into_iter().chain(blocks.into_iter().flat_map(Block::widths));
        widths.into_iter().find(|candidate| *candidate.get_ref() == width)
    }
}

impl Stem {
    fn widths(&self) -> [&Spanned<usize>; 3] {
        [&self.conv1, &self.conv2_reduce, &self.conv2]
    }
}

impl Blocks {
    /// In the order of [`BLOCK_NAMES`].
    fn in_order(&self) -> [&Block; BLOCKS] {
        let Self { block3a, block3b, block4a, block4b, block4c, block4d, block4e, block5a, block5b } = self;
        [block3a, block3b, block4a, block4b, block4c, block4d, block4e, block5a, block5b]
    }
}

impl Block {
    /// In the order of [`Branch::ALL`].
    fn widths(&self) -> [&Spanned<usize>; 6] {
        [&self.b1x1, &self.b3x3_reduce, &self.b3x3, &self.b5x5_reduce, &self.b5x5, &self.pool_proj]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn googlenet() -> Architecture {
        Architecture::googlenet(2, true).unwrap()
    }

    /// The message for GoogLeNet's file with `from` replaced by `to`.
    fn mistake(from: &str, to: &str) -> String {
        let source = to_toml(&googlenet(), None);
        assert!(source.contains(from), "nothing to replace: {from}");
        from_toml("net.toml", &source.replacen(from, to, 1)).unwrap_err().to_string()
    }

    #[test]
    fn what_is_written_reads_back() {
        for architecture in [googlenet(), Architecture::googlenet_scaled(0.37, 1000, false).unwrap()] {
            for resolution in [None, Some(96)] {
                let text = to_toml(&architecture, resolution);
                let written = Written { architecture: architecture.clone(), resolution };
                assert_eq!(from_toml("net.toml", &text).unwrap(), written);
            }
        }
    }

    #[test]
    fn every_width_has_its_own_place() {
        let stem = StemWidths { conv1: 1, conv2_reduce: 2, conv2: 3 };
        let blocks = std::array::from_fn(|block| BranchWidths::new(std::array::from_fn(|i| 4 + 6 * block + i)));
        let counted = Architecture::new(stem, blocks, 7, false).unwrap();
        let text = to_toml(&counted, None);
        assert_eq!(from_toml("net.toml", &text).unwrap().architecture, counted);
        assert!(text.contains("[blocks.5b]\nb1x1 = 52\nb3x3_reduce = 53\n"), "{text}");
    }

    #[test]
    fn an_impossible_width_is_shown_where_it_stands() {
        assert_eq!(
            mistake("b3x3 = 208", "b3x3 = 0"),
            "\
4a.b3x3 has width 0: give a width from 1 to 4096
  --> net.toml:32:8
   |
32 | b3x3 = 0
   |        ^"
        );
        assert!(mistake("conv2 = 192", "conv2 = 5000").contains("stem.conv2 has width 5000"));
        let side = mistake("[stem]", "resolution = 20\n[stem]");
        assert!(side.starts_with("resolution is 20") && side.contains("from 32 to"), "{side}");
        assert!(mistake("classes = 2", "classes = 1").contains("1 classes: give a number from 2 to 65536"));
    }

    #[test]
    fn unknown_and_missing_keys_are_named() {
        let unknown = mistake("b5x5_reduce = 24", "b5x5_reduced = 24");
        assert!(unknown.starts_with("unknown key `b5x5_reduced`; did you mean `b5x5_reduce`?"), "{unknown}");
        assert!(unknown.contains("allowed here: b1x1, b3x3_reduce, b3x3, b5x5_reduce, b5x5, pool_proj"), "{unknown}");
        let block = mistake("[blocks.4c]", "[blocks.4f]");
        assert!(block.starts_with("unknown key `4f`"), "{block}");
        let missing = mistake("pool_proj = 32\n", "");
        assert!(missing.starts_with("missing key `pool_proj`"), "{missing}");
        assert!(missing.contains("[blocks.3a]"), "{missing}");
        let source = to_toml(&googlenet(), None);
        let (whole, _) = source.split_once("[blocks.5b]").unwrap();
        let missing = from_toml("net.toml", whole).unwrap_err().to_string();
        assert!(missing.starts_with("missing key `5b`"), "{missing}");
        assert!(missing.contains("the blocks 3a, 3b, 4a, 4b, 4c, 4d, 4e, 5a, 5b, each with b1x1"), "{missing}");
    }

    #[test]
    fn wrong_types_are_shown() {
        let shown = mistake("conv1 = 64", "conv1 = \"wide\"");
        assert!(shown.starts_with("invalid type: string \"wide\", expected a whole number"), "{shown}");
        assert!(mistake("b1x1 = 64", "b1x1 = -64").contains("`-64`, expected a whole number, 0 or more"));
        assert!(mistake("aux_heads = true", "aux_heads = 1").contains("expected true or false"));
    }

    #[test]
    fn another_version_is_refused_before_its_keys_are_read() {
        let shown = from_toml("net.toml", "version = 2\nstages = []\n").unwrap_err().to_string();
        assert!(shown.starts_with("this file is version 2; this program reads version 1\n"), "{shown}");
        assert!(from_toml("net.toml", "").unwrap_err().to_string().starts_with("missing key `version`"));
    }

    #[test]
    fn names_and_paths_resolve() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.toml");
        std::fs::write(&path, to_toml(&googlenet(), Some(48))).unwrap();
        let path = path.to_str().unwrap();
        assert_eq!(resolve(path, None).unwrap(), Written { architecture: googlenet(), resolution: Some(48) });
        assert_eq!(resolve(path, Some(5)).unwrap().architecture.classes(), 5);
        let error = resolve("googlnet", None).unwrap_err().to_string();
        assert!(error.contains("give the path of one, `googlenet`, or"), "{error}");
        assert!(error.ends_with("; did you mean `googlenet`?"), "{error}");
        let error = resolve("googlnet:0.5", None).unwrap_err().to_string();
        assert!(error.ends_with("; did you mean `googlenet:0.5`?"), "{error}");
        let folder = folder.path().to_str().unwrap();
        assert!(matches!(resolve(folder, None), Err(ArchitectureFileError::Unreadable { .. })));
    }

    #[test]
    fn the_papers_network_goes_by_its_name_and_a_factor() {
        let named = |name: &str, classes| resolve(name, classes).map(|written| written.architecture);
        let scaled = |ratio, classes| Architecture::googlenet_scaled(ratio, classes, true).unwrap();
        assert_eq!(named("googlenet", None).unwrap(), Architecture::googlenet(1000, true).unwrap());
        assert_eq!(named("googlenet:1", Some(2)).unwrap(), googlenet());
        assert_eq!(named("googlenet:0.125", Some(2)).unwrap(), scaled(0.125, 2));
        assert_eq!(named("googlenet:1.5", None).unwrap(), scaled(1.5, 1000));
        for none in ["googlenet:", "googlenet:0", "googlenet:-1", "googlenet:wide", "googlenet:inf", "googlenet:NaN"] {
            let error = named(none, None).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{none}`: after the colon give a number over 0")), "{error}");
        }
        for range in [named("googlenet", Some(1)), named("googlenet:0.5", Some(1)), named("googlenet:100", None)] {
            assert!(matches!(range, Err(ArchitectureFileError::Range(_))), "{range:?}");
        }
        assert!(matches!(named("googlenet.toml", None), Err(ArchitectureFileError::NotFound { .. })));
    }
}
