//! Differentiable NHWC operations with run-time shapes, on dfdx tensors and dfdx's tape.

mod budget;
mod composed;
#[cfg(test)]
pub(crate) mod conformance;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod dropout;
mod engine;
mod engines;
mod error;
mod global_pool;
mod heap;
mod images;
mod linear;
#[cfg(test)]
mod reference;
mod sizes;
mod tape;
mod timeline;
mod window;
pub mod workspace;

pub use composed::Composed;
pub use cpu::{Crew, Gemm};
#[cfg(feature = "cuda")]
pub use cuda::{Gpu, GpuDescription, GpuError, OnCuda};
pub use dropout::dropout;
pub use engine::{ConvBn, Engine, Moments};
pub use engines::{Engines, OneThread};
pub use error::OpError;
pub use global_pool::global_avg_pool;
pub use heap::keep_freed_memory;
pub use images::Images;
pub use linear::linear;
pub use timeline::{Mark, Timeline};
pub use window::{Spans, Window};

use dfdx::prelude::*;

/// A batch of feature maps: `[N, H, W, C]`.
pub type Maps<D, T = NoneTape> = Tensor<(usize, usize, usize, usize), f32, D, T>;

/// Rows of features: `[N, C]`. Also the layout of weights: `[inputs, outputs]`.
pub type Rows<D, T = NoneTape> = Tensor<(usize, usize), f32, D, T>;

/// One value a channel: `[C]`.
pub type Channels<D> = Tensor<(usize,), f32, D>;
