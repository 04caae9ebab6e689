//! What leaves the program as a file for people and other programs.

pub mod architecture_file;
pub mod model_dir;
mod onnx;
mod pytorch;

pub use onnx::onnx;
pub use pytorch::pytorch;

/// What the file of [`onnx`] is called in a model folder.
pub const ONNX_FILE: &str = "model.onnx";
/// What that of [`pytorch`] is.
pub const PYTORCH_FILE: &str = "model.py";
