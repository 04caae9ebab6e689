//! Walking over the parameters of a network.

use dfdx::prelude::*;

use crate::ops::OpError;

/// What a parameter is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Weights of a convolution or a linear layer, `[kernel_h * kernel_w * c_in, c_out]`; the only ones that decay.
    Weight {
        /// Window that one output sees: `[1, 1]` for a linear layer over channels.
        kernel: [usize; 2],
        /// Whether this is a linear layer, which PyTorch keeps as a matrix.
        linear: bool,
    },
    /// Scale or shift of batch norm, `[C]`.
    Norm,
    /// Bias of a linear layer, `[C]`.
    Bias,
}

/// Sees every tensor of a network, in network order. Names are those of torchvision's GoogLeNet.
pub trait Visitor<D: Device<f32>> {
    /// Sees one trainable parameter.
    ///
    /// # Errors
    /// Whatever the visitor's work may fail with.
    fn parameter<S: Shape>(&mut self, name: &str, role: Role, tensor: &mut Tensor<S, f32, D>) -> Result<(), OpError>;

    /// Sees one running statistic.
    ///
    /// # Errors
    /// Whatever the visitor's work may fail with.
    fn buffer<S: Shape>(&mut self, _name: &str, _tensor: &mut Tensor<S, f32, D>) -> Result<(), OpError> {
        Ok(())
    }
}
