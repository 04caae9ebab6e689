//! `inception-nas evaluate`: a trained model on labelled images.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::ValueEnum;
use serde::Serialize;

use super::device::{DeviceArgs, on_device};
use super::load::dataset;
use super::stdout::{path, print, print_json};
use super::threads::ThreadArgs;
use super::{Failure, Output};
use crate::data::{Dataset, Split};
use crate::export::model_dir::Model;
use crate::ops::Engines;
use crate::report::counted;
use crate::train::{Measurement, measure};

/// Images a step; changes nothing but memory and speed.
const BATCH: usize = 64;

/// Options of `inception-nas evaluate`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Folder of a model, as `train` writes it.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Folder of labelled images: one folder a class, or files named like cat.0.jpg.
    #[arg(long, value_name = "DIR", env = "INCEPTION_NAS_DATA")]
    data: PathBuf,
    /// Which of the images: a folder that the model was trained on is split as it was then.
    #[arg(long, default_value = "all")]
    split: Part,
    #[command(flatten)]
    threads: ThreadArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

/// Part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Part {
    All,
    Train,
    Validation,
    Test,
}

impl Part {
    fn of(self, data: &Dataset) -> Vec<u32> {
        match self {
            Part::All => data.all(),
            Part::Train => data.split(Split::Train).to_vec(),
            Part::Validation => data.split(Split::Validation).to_vec(),
            Part::Test => data.split(Split::Test).to_vec(),
        }
    }
}

/// The stable machine form.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    measurement: Measurement,
    #[serde(serialize_with = "path")]
    model: PathBuf,
    data_fingerprint: String,
    /// Whether this is the very data set that the model was trained on; its test split is new to the model all the same.
    same_data: bool,
}

/// Runs the command.
pub fn execute(args: Args, output: Output) -> Result<(), Failure> {
    on_device!(args.device.open()?, args.threads.crew()?, engines => evaluate(&args, &engines, output))
}

fn evaluate(args: &Args, engines: &impl Engines, output: Output) -> Result<(), Failure> {
    let (model, network) = Model::read(&args.model, engines.engine()?).map_err(|error| Failure::Usage(error.into()))?;
    let data = dataset(Some(&args.data), model.resolution, output)?;
    let classes = class_positions(&model.classes, data.classes()).map_err(Failure::Usage)?;
    let images = args.split.of(&data);
    if images.is_empty() {
        return Err(Failure::Usage(anyhow!("no image of {} is in this split: use --split all", args.data.display())));
    }
    let measurement = measure(&network, &data, &images, BATCH, |label| classes[label])?;
    let same_data = data.fingerprint() == model.data_fingerprint;
    if output.json {
        let data_fingerprint = data.fingerprint().to_owned();
        let report = Report { measurement, model: args.model.clone(), data_fingerprint, same_data };
        return print_json(&report);
    }
    let Measurement { images, accuracy, accuracy_se, loss } = measurement;
    let (accuracy, accuracy_se) = (accuracy * 100.0, accuracy_se * 100.0);
    print(&format!("accuracy {accuracy:.2} % ± {accuracy_se:.2}  loss {loss:.3}  {}\n", counted(images, "image")))?;
    if same_data && matches!(args.split, Part::All | Part::Train) {
        say!("note: the model was trained on some of these images; --split test has those that it has never seen");
    }
    Ok(())
}

/// For each label of the data, the class of the model with the same name, or with one that differs in case only.
fn class_positions(model: &[String], data: &[String]) -> anyhow::Result<Vec<usize>> {
    let position = |name: &String| {
        let exact = model.iter().position(|class| class == name);
        exact.or_else(|| model.iter().position(|class| class.eq_ignore_ascii_case(name))).ok_or_else(|| {
            anyhow!("the images have a class {name}, which the model does not know: it knows {}", model.join(", "))
        })
    };
    data.iter().map(position).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_matched_by_name() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(class_positions(&names(&["cat", "dog"]), &names(&["Dog", "cat"])).unwrap(), [1, 0]);
        assert_eq!(class_positions(&names(&["Cat", "cat"]), &names(&["cat", "Cat"])).unwrap(), [1, 0]);
        let error = class_positions(&names(&["cat", "dog"]), &names(&["cat", "fox"])).unwrap_err().to_string();
        assert_eq!(error, "the images have a class fox, which the model does not know: it knows cat, dog");
    }
}
