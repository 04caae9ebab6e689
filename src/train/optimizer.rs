//! Stochastic gradient descent with Nesterov momentum.

use dfdx::optim::{Momentum, SgdConfig, WeightDecay};
use dfdx::prelude::*;

use crate::net::{Role, Visitor};
use crate::ops::OpError;

/// Inputs up to which a linear layer learns at the full rate.
const FULL_RATE_INPUTS: f64 = 64.0;

/// Stochastic gradient descent with Nesterov momentum, as PyTorch has it (`torch.optim.SGD(nesterov=True)`).
///
/// With gradient `g`, weight `w`, velocity `v`, momentum `m`, decay `d` and learning rate `r`, a step is
/// `g += d w; v = m v + g; w -= r (g + m v)`. The velocity does not hold the learning rate, so a schedule acts on the
/// accumulated momentum at once. Only weights decay ([`Role::Weight`]), batch norm and biases do not.
/// Source: Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning".
///
/// The weights of a linear layer move at `r min(1, 64 / inputs)`. Its inputs are all positive, so a step moves the logits by
/// an amount that grows with their number, and a rate that suits a narrow network makes the logits of a wide one swing;
/// batch norm keeps convolutions from that. So one rate fits networks of all widths, and a search compares them fairly.
/// Source: Yang et al. 2022, "Tensor Programs V", table 3 (SGD, output weights).
pub struct Sgd<D: Device<f32>> {
    momentum: f64,
    weight_decay: f64,
    velocities: Gradients<f32, D>,
}

impl<D: Device<f32>> Sgd<D> {
    /// An optimiser whose velocities are zero.
    pub fn new(momentum: f64, weight_decay: f64) -> Self {
        Self { momentum, weight_decay, velocities: Gradients::leaky() }
    }

    /// One step along `gradients`: show it to every parameter of the network.
    pub fn step(&mut self, learning_rate: f64, gradients: Gradients<f32, D>) -> Step<'_, D> {
        Step { sgd: self, learning_rate, gradients }
    }
}

/// One update of all parameters it visits.
pub struct Step<'a, D: Device<f32>> {
    sgd: &'a mut Sgd<D>,
    learning_rate: f64,
    gradients: Gradients<f32, D>,
}

impl<D: Device<f32>> Visitor<D> for Step<'_, D> {
    fn parameter<S: Shape>(&mut self, _name: &str, role: Role, tensor: &mut Tensor<S, f32, D>) -> Result<(), OpError> {
        let weight_decay = match role {
            Role::Weight { .. } => Some(WeightDecay::L2(self.sgd.weight_decay)),
            Role::Norm | Role::Bias => None,
        };
        let share = match role {
            Role::Weight { linear: true, .. } => rate_share(tensor.shape().concrete()),
            Role::Weight { .. } | Role::Norm | Role::Bias => 1.0,
        };
        let momentum = Some(Momentum::Nesterov(self.sgd.momentum));
        let config = SgdConfig { lr: self.learning_rate * share, momentum, weight_decay };
        let velocity = self.sgd.velocities.get_or_alloc_mut(tensor).map_err(OpError::device)?;
        let gradient = self.gradients.get_or_alloc_mut(tensor).map_err(OpError::device)?;
        config.try_update(tensor, velocity, gradient).map_err(OpError::device)
    }
}

/// Share of the learning rate at which the weights `[inputs, outputs]` of a linear layer move.
fn rate_share(shape: impl IntoIterator<Item = usize>) -> f64 {
    shape.into_iter().next().map_or(1.0, |inputs| (FULL_RATE_INPUTS / inputs as f64).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten steps as in `tests/golden/sgd.py`.
    fn ten_steps(role: Role) -> Vec<f32> {
        let cpu = Cpu::default();
        let mut weight = cpu.tensor_from_vec(vec![1.0, -2.0, 0.5], (3,));
        let mut sgd = Sgd::new(0.9, 0.05);
        for step in 0..10 {
            let mut gradients = Gradients::leaky();
            let gradient: &mut Vec<f32> = gradients.get_or_alloc_mut(&weight).unwrap();
            for ((g, w), factor) in gradient.iter_mut().zip(weight.as_vec()).zip([1.0, 0.5, -0.25]) {
                *g = w * factor + 0.1 * step as f32;
            }
            let rate = 0.1 * f64::from(10 - step) / 10.0;
            sgd.step(rate, gradients).parameter("w", role, &mut weight).unwrap();
        }
        weight.as_vec()
    }

    fn assert_near(got: &[f32], expected: [f32; 3]) {
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() < 1e-5, "{got} is not {expected}");
        }
    }

    #[test]
    fn weights_move_as_in_pytorch_under_a_schedule() {
        assert_near(&ten_steps(Role::Weight { kernel: [1, 1], linear: false }), [-0.578773, -0.779346, 0.161235]);
    }

    #[test]
    fn a_linear_layer_of_many_inputs_moves_more_slowly() {
        let moved = |inputs: usize, linear| {
            let cpu = Cpu::default();
            let mut weight: Tensor<(usize, usize), f32, _> = cpu.zeros_like(&(inputs, 2));
            let mut gradients = Gradients::leaky();
            let gradient: &mut Vec<f32> = gradients.get_or_alloc_mut(&weight).unwrap();
            gradient.fill(1.0);
            let role = Role::Weight { kernel: [1, 1], linear };
            Sgd::new(0.0, 0.0).step(0.5, gradients).parameter("w", role, &mut weight).unwrap();
            weight.as_vec()[0]
        };
        assert_eq!([moved(32, true), moved(64, true), moved(256, true), moved(256, false)], [-0.5, -0.5, -0.125, -0.5]);
    }

    #[test]
    fn batch_norm_and_biases_do_not_decay() {
        let expected = [-0.563809, -0.891242, 0.222217];
        assert_near(&ten_steps(Role::Norm), expected);
        assert_near(&ten_steps(Role::Bias), expected);
    }
}
