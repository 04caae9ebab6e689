//! Differentiable NHWC operations with run-time shapes, on dfdx tensors and dfdx's tape.

mod cpu;
mod dropout;
mod engine;
mod error;
mod linear;
mod tape;
mod window;

pub use cpu::Gemm;
pub use dropout::dropout;
pub use engine::{ConvBn, Engine, Moments};
pub use error::OpError;
pub use linear::linear;
pub use window::{Spans, Window};

use dfdx::prelude::*;

/// A batch of feature maps: `[N, H, W, C]`.
pub type Maps<D, T = NoneTape> = Tensor<(usize, usize, usize, usize), f32, D, T>;

/// Rows of features: `[N, C]`. Also the layout of weights: `[inputs, outputs]`.
pub type Rows<D, T = NoneTape> = Tensor<(usize, usize), f32, D, T>;

/// One value a channel: `[C]`.
pub type Channels<D> = Tensor<(usize,), f32, D>;
