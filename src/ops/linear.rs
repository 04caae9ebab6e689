//! A linear layer.

use dfdx::prelude::*;

use super::sizes::expect;
use super::{Channels, OpError, Rows};

/// Multiplies by a matrix and adds a bias, on any device.
///
/// `x: [N, inputs]`, `weight: [inputs, outputs]`, `bias: [outputs]` -> `[N, outputs]`.
///
/// # Errors
/// [`OpError::Shape`] if sizes do not agree, [`OpError::Device`] if the device refuses.
pub fn linear<D: Device<f32>, T: Tape<f32, D>>(
    x: Rows<D, T>,
    weight: &Rows<D>,
    bias: &Channels<D>,
) -> Result<Rows<D, T>, OpError> {
    let (rows, inputs) = *x.shape();
    let (weight_rows, outputs) = *weight.shape();
    expect("linear", "rows of the weight", weight_rows, inputs)?;
    expect("linear", "bias", bias.shape().0, outputs)?;
    let bias = bias.retaped::<T>().try_broadcast_like::<_, Axis<0>>(&(rows, outputs)).map_err(OpError::device)?;
    x.try_matmul(weight.retaped::<T>()).and_then(|y| y.try_add(bias)).map_err(OpError::device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::conformance::assert_close;
    use crate::ops::reference::{self, random};

    #[test]
    fn values_and_gradients_match_the_reference() {
        let device = Cpu::default();
        for (seed, (rows, inputs, outputs)) in [(1, 1, 1), (3, 5, 2), (2, 17, 9)].into_iter().enumerate() {
            let seed = 10 * seed as u64;
            let [x, w] = [(rows * inputs, seed), (inputs * outputs, seed + 1)].map(|(n, seed)| random(n, seed));
            let [b, dy] = [(outputs, seed + 2), (rows * outputs, seed + 3)].map(|(n, seed)| random(n, seed));
            let x_tensor = device.tensor_from_vec(x.clone(), (rows, inputs));
            let w_tensor = device.tensor_from_vec(w.clone(), (inputs, outputs));
            let b_tensor = device.tensor_from_vec(b.clone(), (outputs,));
            let y = linear(x_tensor.leaky_trace(), &w_tensor, &b_tensor).unwrap();
            assert_close("y", &y.as_vec(), &reference::linear(&x, &w, &b));
            let gradients = (y * device.tensor_from_vec(dy.clone(), (rows, outputs))).sum().backward();
            let expected = reference::linear_gradients(&x, &w, &dy, outputs);
            assert_close("dx", &gradients.get(&x_tensor).as_vec(), &expected.x);
            assert_close("dweight", &gradients.get(&w_tensor).as_vec(), &expected.weight);
            assert_close("dbias", &gradients.get(&b_tensor).as_vec(), &expected.bias);
        }
    }

    #[test]
    fn refuses_sizes_that_do_not_agree() {
        let device = Cpu::default();
        let x: Rows<Cpu> = device.zeros_like(&(2, 3));
        let weight: Rows<Cpu> = device.zeros_like(&(4, 5));
        let error = linear(x, &weight, &device.zeros_like(&(5,))).unwrap_err();
        assert_eq!(error, OpError::Shape { op: "linear", what: "rows of the weight", got: 4, expected: 3 });
    }
}
