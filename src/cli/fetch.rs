//! `inception-nas data fetch`.

use std::cell::Cell;
use std::path::PathBuf;

use indicatif::HumanBytes;
use serde_json::json;

use super::bar::{bar, style};
use super::{Failure, Output, stdout};
use crate::fetch::{Archive, FetchError, Stage, fetch};

/// Options of `inception-nas data fetch`.
#[derive(clap::Args, Debug)]
pub(super) struct FetchArgs {
    /// Which images.
    #[arg(value_name = "SET")]
    set: Set,
    /// The folder to make [default: the name of the set]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Another place that has the same archive.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum Set {
    /// Microsoft's 25,000 photographs of cats and dogs, 825 MB.
    CatsVsDogs,
}

/// Runs the command.
///
/// # Errors
/// [`Failure::Usage`] if the folder exists, [`Failure::Failed`] if the images cannot be had.
pub(super) fn execute(args: FetchArgs, output: Output) -> Result<(), Failure> {
    let (name, known) = match args.set {
        Set::CatsVsDogs => ("cats-vs-dogs", Archive::cats_vs_dogs()),
    };
    let dir = args.to.unwrap_or_else(|| PathBuf::from(name));
    let archive = Archive { url: args.url.unwrap_or(known.url), ..known };
    if !output.quiet {
        say!("{} from {}", HumanBytes(archive.bytes), archive.url);
    }
    let images = watched(output, |watch| fetch(&archive, &dir, watch)).map_err(|error| match error {
        FetchError::Exists(_) => Failure::Usage(error.into()),
        _ => Failure::Failed(error.into()),
    })?;
    if output.json {
        return stdout::print_json(&json!({ "dir": dir.display().to_string(), "images": images }));
    }
    let dir = dir.display();
    stdout::print(&format!("written: {dir}, {images} images; `run --data {dir}` searches on them\n"))
}

/// Does `work`, and shows how far it is: by a bar on a terminal, by lines elsewhere.
fn watched<T>(output: Output, work: impl FnOnce(&dyn Fn(Stage, u64, u64)) -> T) -> T {
    let bar = bar(output, 0, "{bar:24}");
    let (shown, tenths) = (Cell::new(None), Tenths::default());
    let lines = !output.quiet && bar.is_hidden();
    let done = work(&|stage, done, all| {
        if shown.replace(Some(stage)) != Some(stage) {
            let numbers = match stage {
                Stage::Download => "{bytes} of {total_bytes}  {bytes_per_sec}  left {eta}",
                Stage::Check => "{bytes} of {total_bytes}",
                Stage::Unpack => "{pos} of {len} files  left {eta}",
            };
            bar.set_style(style(&format!("{} {{bar:24}} {numbers}", doing(stage))));
            bar.reset();
            bar.set_length(all);
        }
        bar.set_position(done);
        if let Some(line) = tenths.reached(stage, done, all).filter(|_| lines) {
            say!("{line}");
        }
    });
    bar.finish_and_clear();
    done
}

fn doing(stage: Stage) -> &'static str {
    match stage {
        Stage::Download => "downloading",
        Stage::Check => "checking",
        Stage::Unpack => "unpacking",
    }
}

/// The last tenth of a stage that was told of.
#[derive(Default)]
struct Tenths(Cell<Option<(Stage, u64)>>);

impl Tenths {
    /// A line where a stage begins or another tenth of it is done.
    fn reached(&self, stage: Stage, done: u64, all: u64) -> Option<String> {
        let tenth = done.saturating_mul(10) / all.max(1);
        let now = Some((stage, tenth));
        (self.0.replace(now) != now).then(|| format!("{} {} %", doing(stage), tenth * 10))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_told_of_at_its_beginning_and_after_every_tenth() {
        let tenths = Tenths::default();
        let told = |stage, parts: &[u64]| {
            parts.iter().filter_map(|&done| tenths.reached(stage, done, 200)).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(
            told(Stage::Download, &[70, 75, 79, 80, 119, 200]),
            "downloading 30 %, downloading 40 %, downloading 50 %, downloading 100 %"
        );
        assert_eq!(told(Stage::Check, &[200]), "checking 100 %");
        assert_eq!(tenths.reached(Stage::Unpack, 0, 0), Some("unpacking 0 %".to_owned()));
    }
}
