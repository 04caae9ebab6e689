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
    /// A GPU has not enough memory.
    #[error(
        "the GPU's memory is full: take fewer images a step, smaller ones, or fewer trainings at once (--workers, \
         --threads)"
    )]
    OutOfMemory,
    /// A training would not fit into the memory of the device, whatever else ends.
    #[error(
        "the training takes about {} MiB of memory, and there are {} MiB: take fewer images a step (protocol.batch), \
         smaller ones, or smaller networks (limits.max_macs), or end other programs on the GPU if it is one",
         .needed.div_ceil(1 << 20), .there >> 20
    )]
    TooLarge {
        /// Bytes that it takes.
        needed: u64,
        /// Bytes that it could have.
        there: u64,
    },
    /// The device refused.
    #[error("device: {0}")]
    Device(String),
}

impl OpError {
    /// Wraps an error of dfdx or its device.
    pub fn device(error: impl Display) -> Self {
        let text = error.to_string();
        // All that dfdx's errors on any device have in common is their text.
        let full = ["CUDA_ERROR_OUT_OF_MEMORY", "CUBLAS_STATUS_ALLOC_FAILED"].iter().any(|code| text.contains(code));
        if full { Self::OutOfMemory } else { Self::Device(text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_memory_is_told_from_other_refusals() {
        let full = OpError::device("Driver(DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\"))");
        assert_eq!(full, OpError::OutOfMemory);
        assert_eq!(OpError::device("lost"), OpError::Device("lost".to_owned()));
    }
}
