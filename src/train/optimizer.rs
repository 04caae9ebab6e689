//! Stochastic gradient descent with Nesterov momentum.

use dfdx::optim::{Momentum, SgdConfig, WeightDecay};
use dfdx::prelude::*;

use crate::net::{Role, Visitor};
use crate::ops::OpError;

/// Stochastic gradient descent with Nesterov momentum, as PyTorch has it (`torch.optim.SGD(nesterov=True)`).
///
/// With gradient `g`, weight `w`, velocity `v`, momentum `m`, decay `d` and learning rate `r`, a step is
/// `g += d w; v = m v + g; w -= r (g + m v)`. The velocity does not hold the learning rate, so a schedule acts on the
/// accumulated momentum at once. Only weights decay ([`Role::Weight`]), batch norm and biases do not.
/// Source: Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning".
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
        let momentum = Some(Momentum::Nesterov(self.sgd.momentum));
        let config = SgdConfig { lr: self.learning_rate, momentum, weight_decay };
        let velocity = self.sgd.velocities.get_or_alloc_mut(tensor).map_err(OpError::device)?;
        let gradient = self.gradients.get_or_alloc_mut(tensor).map_err(OpError::device)?;
        config.try_update(tensor, velocity, gradient).map_err(OpError::device)
    }
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
    fn batch_norm_and_biases_do_not_decay() {
        let expected = [-0.563809, -0.891242, 0.222217];
        assert_near(&ten_steps(Role::Norm), expected);
        assert_near(&ten_steps(Role::Bias), expected);
    }
}
