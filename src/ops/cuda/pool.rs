//! Pooling, and its spans as kernels read them.

use std::rc::Rc;

use cudarc::driver::CudaSlice;
use dfdx::tensor::CudaError;

use super::context::{Context, countable};
use super::memory::{View, ViewMut};
use super::operands::Pool;
use crate::ops::{OpError, Spans, sizes};

/// Most elements of a max-pooling window: positions in it are kept as bytes.
const MAX_WINDOW: usize = 256;

/// Sizes of a pooling and the table of its spans.
pub struct Pooling {
    pool: Pool,
    /// See `pool.cu`.
    spans: Rc<CudaSlice<u32>>,
    /// `[N, H', W', C]`.
    pub output_shape: (usize, usize, usize, usize),
}

impl Pooling {
    /// Of `x: [N, H, W, C]`.
    pub fn new(
        op: &'static str,
        context: &Context,
        x: (usize, usize, usize, usize),
        spans: &Spans,
    ) -> Result<Self, OpError> {
        sizes::pool(op, &x, spans)?;
        let ((images, height, width, channels), [out_height, out_width]) = (x, spans.output());
        countable(op, [images * height * width * channels, images * out_height * out_width * channels])?;
        let known = context.spans.borrow().get(spans).cloned();
        let table = match known {
            Some(table) => table,
            None => {
                let table = context.kernels.upload(table(op, spans)?).map(Rc::new).map_err(OpError::device)?;
                context.spans.borrow_mut().insert(spans.clone(), table.clone());
                table
            }
        };
        let [height, width, channels, rows, columns] =
            [height, width, channels, out_height, out_width].map(|extent| extent as u32);
        let pool = Pool { height, width, channels, out_height: rows, out_width: columns };
        Ok(Self { pool, spans: table, output_shape: (images, out_height, out_width, channels as usize) })
    }

    /// The maximum of each span, and where to say which it is.
    pub fn max(
        &self,
        context: &Context,
        x: View<'_>,
        y: ViewMut<'_>,
        chosen: Option<ViewMut<'_, u8>>,
    ) -> Result<(), CudaError> {
        context.kernels.max_pool(self.pool, View::of(&self.spans), x, y, chosen)
    }

    /// Adds the gradient of [`Pooling::max`] to `dx`.
    pub fn max_gradient(
        &self,
        context: &Context,
        chosen: &CudaSlice<u8>,
        dy: View<'_>,
        dx: ViewMut<'_>,
    ) -> Result<(), CudaError> {
        context.kernels.max_pool_gradient(self.pool, View::of(&self.spans), View::of(chosen), dy, dx)
    }

    /// The mean of each span.
    pub fn avg(&self, context: &Context, x: View<'_>, y: ViewMut<'_>) -> Result<(), CudaError> {
        context.kernels.avg_pool(self.pool, View::of(&self.spans), x, y)
    }

    /// Adds the gradient of [`Pooling::avg`] to `dx`.
    pub fn avg_gradient(&self, context: &Context, dy: View<'_>, dx: ViewMut<'_>) -> Result<(), CudaError> {
        context.kernels.avg_pool_gradient(self.pool, View::of(&self.spans), dy, dx)
    }
}

/// `Ok` if positions in the windows fit into a byte.
pub fn check_windows(spans: &Spans) -> Result<(), OpError> {
    let longest = |spans: &[(usize, usize)]| spans.iter().map(|(start, end)| end - start).max().unwrap_or(0);
    let window = longest(&spans.rows) * longest(&spans.columns);
    if window <= MAX_WINDOW {
        return Ok(());
    }
    Err(OpError::Shape { op: "max_pool", what: "elements in a window", got: window, expected: MAX_WINDOW })
}

/// First and end of the inputs of each output, for rows and columns; then first and end of the outputs of each input.
fn table(op: &'static str, spans: &Spans) -> Result<Vec<u32>, OpError> {
    let axes = [(&spans.rows, spans.input[0]), (&spans.columns, spans.input[1])];
    let mut table = Vec::new();
    for (spans, extent) in axes {
        if let Some(&(start, end)) = spans.iter().find(|(start, end)| start >= end || *end > extent) {
            return Err(OpError::Shape { op, what: "end of a span", got: end, expected: extent.max(start + 1) });
        }
        table.extend(spans.iter().map(|(start, _)| *start as u32));
        table.extend(spans.iter().map(|(_, end)| *end as u32));
    }
    for (spans, extent) in axes {
        let holders = (0..extent).map(|at| {
            let holds = |(start, end): &(usize, usize)| (*start..*end).contains(&at);
            let first = spans.iter().position(holds).unwrap_or(0);
            (first as u32, spans.iter().rposition(holds).map_or(0, |last| last as u32 + 1))
        });
        let (first, end): (Vec<u32>, Vec<u32>) = holders.unzip();
        table.extend(first);
        table.extend(end);
    }
    Ok(table)
}
