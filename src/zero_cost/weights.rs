//! A number for all the weights of a network together.

use dfdx::prelude::*;

use crate::net::{Role, Visitor};
use crate::ops::OpError;

/// Adds up what `score` gives for the weights of each layer and their gradients. Batch norm and biases have no part in it.
pub(super) struct OverWeights<'a> {
    pub gradients: &'a mut Gradients<f32, Cpu>,
    pub score: fn(&[f32], &[f32]) -> f64,
    pub sum: f64,
}

impl Visitor<Cpu> for OverWeights<'_> {
    fn parameter<S: Shape>(
        &mut self,
        _name: &str,
        role: Role,
        tensor: &mut Tensor<S, f32, Cpu>,
    ) -> Result<(), OpError> {
        if let Role::Weight { .. } = role {
            let gradient: &Vec<f32> = self.gradients.get_or_alloc_mut(&*tensor).map_err(OpError::device)?;
            self.sum += (self.score)(&tensor.as_vec(), gradient);
        }
        Ok(())
    }
}
