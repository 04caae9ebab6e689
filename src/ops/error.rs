//! Why an operation could not be done.

use std::fmt::Display;

/// Why an operation could not be done.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OpError {
    /// Two sizes that have to agree do not.
    #[error("{op}: {what} is {got}, expected {expected}")]
    Shape {
        /// The operation.
        op: &'static str,
        /// Which size.
        what: &'static str,
        /// What was given.
        got: usize,
        /// What was needed.
        expected: usize,
    },
    /// A window is larger than the padded input, or a stride is zero.
    #[error("{op}: window of {kernel} at stride {stride} and padding {padding} does not fit an input of {input}")]
    Window {
        /// The operation.
        op: &'static str,
        /// Side of the window.
        kernel: usize,
        /// Step of the window.
        stride: usize,
        /// Padding on each side.
        padding: usize,
        /// Side of the input.
        input: usize,
    },
    /// The device refused: out of memory, or a driver error.
    #[error("device: {0}")]
    Device(String),
}

impl OpError {
    /// Wraps an error of dfdx or its device.
    pub fn device(error: impl Display) -> Self {
        Self::Device(error.to_string())
    }
}
