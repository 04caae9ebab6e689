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
        eprintln!("{} from {}", HumanBytes(archive.bytes), archive.url);
    }
    let images = with_bar(output, |watch| fetch(&archive, &dir, watch)).map_err(|error| match error {
        FetchError::Exists(_) => Failure::Usage(error.into()),
        _ => Failure::Failed(error.into()),
    })?;
    if output.json {
        return stdout::print(&(serde_json::to_string_pretty(&json!({ "dir": dir, "images": images }))? + "\n"));
    }
    let dir = dir.display();
    stdout::print(&format!("written: {dir}, {images} images; `run --data {dir}` searches on them\n"))
}

/// Does `work`, and shows on a terminal how far it is.
fn with_bar<T>(output: Output, work: impl FnOnce(&dyn Fn(Stage, u64, u64)) -> T) -> T {
    let bar = bar(output, 0, "{bar:24}");
    let shown = Cell::new(None);
    let done = work(&|stage, done, all| {
        if shown.replace(Some(stage)) != Some(stage) {
            bar.set_style(style(match stage {
                Stage::Download => "downloading {bar:24} {bytes} of {total_bytes}  {bytes_per_sec}  left {eta}",
                Stage::Check => "checking {bar:24} {bytes} of {total_bytes}",
                Stage::Unpack => "unpacking {bar:24} {pos} of {len} files  left {eta}",
            }));
            bar.reset();
            bar.set_length(all);
        }
        bar.set_position(done);
    });
    bar.finish_and_clear();
    done
}
