//! What leaves the program as a file for people and other programs.

pub mod architecture_file;
pub mod model_dir;
mod onnx;
mod pytorch;

pub use onnx::onnx;
pub use pytorch::pytorch;
