//! `inception-nas export`: a trained model for other programs.

use std::path::PathBuf;

use clap::ValueEnum;
use serde::Serialize;

use super::stdout::{path, print, print_json};
use super::{Failure, Output};
use crate::export::model_dir::Model;
use crate::export::{ONNX_FILE, PYTORCH_FILE, onnx, pytorch};
use crate::ops::Gemm;
use crate::store::write_atomically;

/// Options of `inception-nas export`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Folder of a model, as `train` writes it.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// ONNX, or a Python module that builds the network in PyTorch and loads the model's weights.safetensors.
    #[arg(long, default_value = "onnx")]
    format: Format,
    /// Keep batch norm as operators of its own in ONNX, instead of putting it into the convolutions.
    #[arg(long)]
    no_fold: bool,
    /// Where to write [default: model.onnx or model.py, in the folder of the model]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// For whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Onnx,
    Pytorch,
}

/// The stable machine form.
#[derive(Serialize)]
struct Report {
    #[serde(serialize_with = "path")]
    file: PathBuf,
    bytes: usize,
    classes: Vec<String>,
    resolution: usize,
}

/// Writes a model as a file for other programs.
///
/// # Errors
/// [`Failure::Usage`] if the model cannot be read, [`Failure::Failed`] if the file cannot be written.
pub fn execute(args: Args, output: Output) -> Result<(), Failure> {
    let (model, mut network) = Model::read(&args.model, Gemm::new()).map_err(|error| Failure::Usage(error.into()))?;
    let (file, name) = match args.format {
        Format::Onnx => (onnx(&model, &mut network, !args.no_fold)?, ONNX_FILE),
        Format::Pytorch => (pytorch(&model, network.architecture()).into_bytes(), PYTORCH_FILE),
    };
    let path = args.out.unwrap_or_else(|| args.model.join(name));
    write_atomically(&path, &file)?;
    let Model { classes, resolution, .. } = model;
    let report = Report { bytes: file.len(), file: path, classes, resolution };
    if output.json {
        return print_json(&report);
    }
    let (path, classes) = (report.file.display(), report.classes.join(", "));
    print(&format!(
        "written: {path}\nimages [batch, 3, {resolution}, {resolution}], normalised -> logits [batch, {}]: {classes}\n\
         mean, std and class names are in the file\n",
        report.classes.len()
    ))
}
