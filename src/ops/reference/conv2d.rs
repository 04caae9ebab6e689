//! Convolution without bias, and its two gradients.

use super::array::{Array, Sums, positions, round};
use crate::ops::Window;

/// One multiplication of a convolution: `y[output] += x[input] * weight[row, output channel]`.
struct Term {
    input: [usize; 4],
    output: [usize; 4],
    /// Row of the weight.
    row: usize,
}

/// Every multiplication of the convolution of an input of shape `x` to an output of shape `y`.
fn terms(x: [usize; 4], y: [usize; 4], window: Window) -> impl Iterator<Item = Term> {
    let [_, height, width, c_in] = x;
    let ([kernel_h, kernel_w], [stride_h, stride_w], [pad_h, pad_w]) = (window.kernel, window.stride, window.padding);
    positions(y).flat_map(move |output| {
        positions([1, kernel_h, kernel_w, c_in]).filter_map(move |[_, ky, kx, c]| {
            let row = (output[1] * stride_h + ky).checked_sub(pad_h).filter(|&row| row < height)?;
            let column = (output[2] * stride_w + kx).checked_sub(pad_w).filter(|&column| column < width)?;
            Some(Term { input: [output[0], row, column, c], output, row: (ky * kernel_w + kx) * c_in + c })
        })
    })
}

/// `x: [N, H, W, C_in]`, `weight: [kernel_h * kernel_w * C_in, C_out]` -> `[N, H', W', C_out]`.
pub fn conv2d(x: &Array, weight: &[f32], c_out: usize, window: Window) -> Array {
    let [n, height, width, _] = x.shape;
    let [out_h, out_w] = window.output("conv2d", [height, width]).unwrap();
    let mut y = Sums::zeros([n, out_h, out_w, c_out]);
    for term in terms(x.shape, y.shape, window) {
        y.add(term.output, x.at(term.input) * f64::from(weight[term.row * c_out + term.output[3]]));
    }
    y.round()
}

/// Gradient with respect to the input, of shape `x`, given that with respect to the output, `dy`.
pub fn conv2d_data_gradient(dy: &Array, weight: &[f32], x: [usize; 4], window: Window) -> Array {
    let c_out = dy.shape[3];
    let mut dx = Sums::zeros(x);
    for term in terms(x, dy.shape, window) {
        dx.add(term.input, dy.at(term.output) * f64::from(weight[term.row * c_out + term.output[3]]));
    }
    dx.round()
}

/// Gradient with respect to the weight: `[kernel_h * kernel_w * C_in, C_out]`.
pub fn conv2d_weight_gradient(x: &Array, dy: &Array, window: Window) -> Vec<f32> {
    let c_out = dy.shape[3];
    let mut sums = vec![0.0; window.kernel[0] * window.kernel[1] * x.shape[3] * c_out];
    for term in terms(x.shape, dy.shape, window) {
        sums[term.row * c_out + term.output[3]] += x.at(term.input) * dy.at(term.output);
    }
    round(&sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: a 2x2 kernel over a 2x3 map, stride 1, one row of padding above and below.
    #[test]
    fn agrees_with_an_example_worked_by_hand() {
        let x = Array::new([1, 2, 3, 1], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let weight = [1.0, 10.0, 100.0, 1000.0];
        let window = Window { kernel: [2, 2], stride: [1, 1], padding: [1, 0] };
        let y = conv2d(&x, &weight, 1, window);
        assert_eq!(y, Array::new([1, 3, 2, 1], vec![2100.0, 3200.0, 5421.0, 6532.0, 54.0, 65.0]));

        let dy = Array::new(y.shape, vec![1.0, 0.0, 0.0, 0.0, 0.0, 2.0]);
        let dx = conv2d_data_gradient(&dy, &weight, x.shape, window);
        assert_eq!(dx.data, [100.0, 1000.0, 0.0, 0.0, 2.0, 20.0]);
        assert_eq!(conv2d_weight_gradient(&x, &dy, window), [10.0, 12.0, 1.0, 2.0]);
    }
}
