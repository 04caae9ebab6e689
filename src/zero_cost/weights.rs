//! A number for all the weights of a network together.

use dfdx::prelude::*;

use crate::net::{Role, Visitor};
use crate::ops::OpError;

/// Adds up what `score` gives for the weights of each layer and their gradients. Batch norm and biases have no part in it.
///
/// Every weight must have a gradient, as all do of networks without auxiliary heads.
pub(super) struct OverWeights<'a, D: Device<f32>> {
    pub gradients: &'a Gradients<f32, D>,
    pub score: fn(&[f32], &[f32]) -> f64,
    pub sum: f64,
}

impl<D: Device<f32>> Visitor<D> for OverWeights<'_, D> {
    fn parameter<S: Shape>(&mut self, _name: &str, role: Role, tensor: &mut Tensor<S, f32, D>) -> Result<(), OpError> {
        if let Role::Weight { .. } = role {
            self.sum += (self.score)(&tensor.as_vec(), &self.gradients.get(&*tensor).as_vec());
        }
        Ok(())
    }
}
