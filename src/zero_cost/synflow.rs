//! How much signal can flow through the weights.

use dfdx::prelude::*;

use super::unit::{Unit, WithUnit};
use super::weights::OverWeights;
use crate::arch::Architecture;
use crate::net::{GoogLeNet, Role, Visitor};
use crate::ops::{ConvBn, Engine, Maps, Moments, OpError};

/// Synaptic flow: every parameter is replaced by its absolute value, batch norm is left out, and an image of ones, of
/// `resolution` px, is sent through. The result is the natural logarithm of the sum over all weights of weight times
/// derivative of the summed logits. No data is needed.
///
/// Source: Tanaka et al. 2020, "Pruning neural networks without any data by iteratively conserving synaptic flow",
/// equation 3 and algorithm 1.
///
/// # Errors
/// [`OpError`] if `resolution` is under 32, or the device refuses.
pub fn synflow<E: Engine>(
    engine: E,
    architecture: &Architecture,
    seed: u64,
    resolution: usize,
) -> Result<f64, OpError> {
    flow(WithUnit::network(engine, Linear, architecture, seed)?, resolution)
}

pub(super) fn flow<E: Engine>(mut network: GoogLeNet<WithUnit<E, Linear>>, resolution: usize) -> Result<f64, OpError> {
    network.visit(&mut Absolute)?;
    let (pixels, shape) = (vec![1.0; resolution * resolution * 3], (1, resolution, resolution, 3));
    let ones: Maps<E::Device> =
        network.engine().device().try_tensor_from_vec(pixels, shape).map_err(OpError::device)?;
    let logits = network.forward_train(ones.leaky_traced(), None)?.logits;
    let sum = logits.try_sum::<Rank0, _>().map_err(OpError::device)?;
    let gradients = sum.try_backward().map_err(OpError::device)?;
    let mut flow = OverWeights { gradients: &gradients, score: product, sum: 0.0 };
    network.visit(&mut flow)?;
    Ok(flow.sum.ln())
}

fn product(weights: &[f32], gradient: &[f32]) -> f64 {
    weights.iter().zip(gradient).map(|(&weight, &slope)| f64::from(weight) * f64::from(slope)).sum()
}

/// A convolution alone. Nothing is negative here, so ReLU would change nothing.
pub(super) struct Linear;

impl Unit for Linear {
    fn pass<E: Engine, T: Tape<f32, E::Device>>(
        &self,
        engine: &E,
        x: Maps<E::Device, T>,
        layer: &ConvBn<'_, E::Device>,
    ) -> Result<(Maps<E::Device, T>, Moments<E::Device>), OpError> {
        // Nobody reads the running statistics of this network.
        let moments = Moments { mean: layer.shift.clone(), variance: layer.scale.clone() };
        Ok((engine.conv2d(x, layer.weight, layer.window)?, moments))
    }
}

/// Takes the sign off all parameters.
struct Absolute;

impl<D: Device<f32>> Visitor<D> for Absolute {
    fn parameter<S: Shape>(&mut self, _name: &str, _: Role, tensor: &mut Tensor<S, f32, D>) -> Result<(), OpError> {
        let values: Vec<f32> = tensor.as_vec().into_iter().map(f32::abs).collect();
        tensor.copy_from(&values);
        Ok(())
    }
}
