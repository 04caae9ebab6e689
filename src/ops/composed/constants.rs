//! Constant tensors that depend on a geometry alone, made on first use.

use std::cell::RefCell;
use std::collections::BTreeMap;

use dfdx::prelude::*;

use crate::ops::{OpError, Rows, Spans, Window};

/// Positions in one axis of a tensor.
pub type Indices<D> = Tensor<(usize,), usize, D>;

/// Constant tensors that depend on a geometry alone, made on first use.
pub struct Constants<D: Device<f32>> {
    patches: RefCell<BTreeMap<(Window, [usize; 2]), Indices<D>>>,
    taps: RefCell<BTreeMap<Vec<usize>, Indices<D>>>,
    averages: RefCell<BTreeMap<Spans, Rows<D>>>,
}

impl<D: Device<f32>> Default for Constants<D> {
    fn default() -> Self {
        Self { patches: RefCell::default(), taps: RefCell::default(), averages: RefCell::default() }
    }
}

impl<D: Device<f32>> Constants<D> {
    /// Which pixel each tap of each output pixel of a convolution reads: `[H' * W' * kernel_h * kernel_w]`.
    ///
    /// Pixels are counted in row-major order; `H * W`, one past the last, stands for a pixel of the padding.
    pub fn patches(
        &self,
        device: &D,
        window: Window,
        input: [usize; 2],
        output: [usize; 2],
    ) -> Result<Indices<D>, OpError> {
        cached(&self.patches, (window, input), || {
            let ([height, width], [kernel_h, kernel_w]) = (input, window.kernel);
            let inside = |axis: usize, output: usize, tap: usize| {
                let position = (output * window.stride[axis] + tap).checked_sub(window.padding[axis])?;
                (position < input[axis]).then_some(position)
            };
            let mut pixels = Vec::with_capacity(output[0] * output[1] * kernel_h * kernel_w);
            for (y, x) in grid(output) {
                for (ky, kx) in grid(window.kernel) {
                    let pixel = inside(0, y, ky).zip(inside(1, x, kx)).map(|(row, column)| row * width + column);
                    pixels.push(pixel.unwrap_or(height * width));
                }
            }
            indices(device, pixels)
        })
    }

    /// The `tap`-th position of every span of one axis; the last one of those that are shorter.
    pub fn tap(&self, device: &D, spans: &[(usize, usize)], tap: usize) -> Result<Indices<D>, OpError> {
        let positions: Vec<usize> = spans.iter().map(|&(start, end)| (start + tap).min(end - 1)).collect();
        cached(&self.taps, positions.clone(), || indices(device, positions))
    }

    /// The averages over spans as a matrix: `[H * W, H' * W']`, each column sums to 1.
    pub fn averages(&self, device: &D, spans: &Spans) -> Result<Rows<D>, OpError> {
        cached(&self.averages, spans.clone(), || {
            let ([height, width], output) = (spans.input, spans.output());
            let columns = output[0] * output[1];
            let mut matrix = vec![0.0; height * width * columns];
            for (column, (y, x)) in grid(output).enumerate() {
                let (rows, line) = (spans.row(y), spans.column(x));
                let share = 1.0 / (rows.len() * line.len()) as f32;
                for row in rows {
                    line.clone().for_each(|x| matrix[(row * width + x) * columns + column] = share);
                }
            }
            device.try_tensor_from_vec(matrix, (height * width, columns)).map_err(OpError::device)
        })
    }
}

/// Every `(y, x)` inside `[height, width]`, in row-major order.
fn grid([height, width]: [usize; 2]) -> impl Iterator<Item = (usize, usize)> {
    (0..height).flat_map(move |y| (0..width).map(move |x| (y, x)))
}

fn indices<D: Device<f32>>(device: &D, positions: Vec<usize>) -> Result<Indices<D>, OpError> {
    let count = positions.len();
    device.try_tensor_from_vec(positions, (count,)).map_err(OpError::device)
}

fn cached<K: Ord, V: Clone>(
    cache: &RefCell<BTreeMap<K, V>>,
    key: K,
    make: impl FnOnce() -> Result<V, OpError>,
) -> Result<V, OpError> {
    if let Some(value) = cache.borrow().get(&key) {
        return Ok(value.clone());
    }
    let value = make()?;
    cache.borrow_mut().insert(key, value.clone());
    Ok(value)
}
