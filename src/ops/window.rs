//! Where the windows of convolutions and poolings lie.

use std::ops::Range;

use super::OpError;

/// A window that slides over height and width: kernel, stride and padding as `[vertical, horizontal]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    /// Side lengths.
    pub kernel: [usize; 2],
    /// Steps.
    pub stride: [usize; 2],
    /// Rows or columns added on each side.
    pub padding: [usize; 2],
}

impl Window {
    /// A square window.
    pub const fn square(kernel: usize, stride: usize, padding: usize) -> Self {
        Self { kernel: [kernel; 2], stride: [stride; 2], padding: [padding; 2] }
    }

    /// Whether the window is one pixel at stride 1, so that a convolution is a plain matrix product.
    pub fn is_pointwise(&self) -> bool {
        *self == Self::square(1, 1, 0)
    }

    /// Output extents for an input of `[height, width]`, windows inside the padded input only (floor mode).
    ///
    /// # Errors
    /// [`OpError::Window`] if a kernel exceeds the padded input or a kernel or stride is 0.
    pub fn output(&self, op: &'static str, input: [usize; 2]) -> Result<[usize; 2], OpError> {
        let axis = |axis| self.count(op, input[axis], axis, false);
        Ok([axis(0)?, axis(1)?])
    }

    fn count(&self, op: &'static str, input: usize, axis: usize, ceil: bool) -> Result<usize, OpError> {
        let (kernel, stride, padding) = (self.kernel[axis], self.stride[axis], self.padding[axis]);
        let padded = input + 2 * padding;
        // In ceil mode a window may hang over the end by less than a step.
        let reach = if ceil { padded + stride.saturating_sub(1) } else { padded };
        if kernel == 0 || stride == 0 || input == 0 || kernel > reach || padding >= kernel {
            return Err(OpError::Window { op, kernel, stride, padding, input });
        }
        let count = (reach - kernel) / stride + 1;
        // As in PyTorch: the last window must start inside the input or its leading padding.
        Ok(if ceil && (count - 1) * stride >= input + padding { count - 1 } else { count })
    }
}

/// The input ranges that a pooling reduces, one a output position, for each axis. Never empty, never in the padding.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Spans {
    /// Input extents `[height, width]`.
    pub input: [usize; 2],
    /// Ranges of input rows, one for each output row.
    pub rows: Vec<(usize, usize)>,
    /// Ranges of input columns, one for each output column.
    pub columns: Vec<(usize, usize)>,
}

impl Spans {
    /// The spans of a sliding window, clipped to the input; `ceil` lets the last one hang over the end.
    ///
    /// # Errors
    /// [`OpError::Window`] if the window does not fit.
    pub fn sliding(op: &'static str, window: Window, input: [usize; 2], ceil: bool) -> Result<Self, OpError> {
        let axis = |axis: usize| -> Result<Vec<(usize, usize)>, OpError> {
            let (kernel, stride, padding) = (window.kernel[axis], window.stride[axis], window.padding[axis]);
            let span = |i: usize| {
                let end = (i * stride + kernel).saturating_sub(padding).min(input[axis]);
                ((i * stride).saturating_sub(padding), end)
            };
            Ok((0..window.count(op, input[axis], axis, ceil)?).map(span).collect())
        };
        Ok(Self { input, rows: axis(0)?, columns: axis(1)? })
    }

    /// The spans that reduce any input to exactly `output`, of nearly equal length (PyTorch's adaptive pooling).
    pub fn adaptive(input: [usize; 2], output: [usize; 2]) -> Self {
        let axis = |input: usize, output: usize| {
            (0..output).map(|i| (i * input / output, ((i + 1) * input).div_ceil(output))).collect()
        };
        Self { input, rows: axis(input[0], output[0]), columns: axis(input[1], output[1]) }
    }

    /// Output extents `[height, width]`.
    pub fn output(&self) -> [usize; 2] {
        [self.rows.len(), self.columns.len()]
    }

    /// The input range of output row `i`.
    pub fn row(&self, i: usize) -> Range<usize> {
        self.rows[i].0..self.rows[i].1
    }

    /// The input range of output column `i`.
    pub fn column(&self, i: usize) -> Range<usize> {
        self.columns[i].0..self.columns[i].1
    }
}
