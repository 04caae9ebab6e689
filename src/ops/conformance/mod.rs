//! What every engine has to fulfil: agreement with the reference twins, with PyTorch, and with finite differences.
//!
//! Each check is written once, over any engine; the table at the end runs all of them on each.

mod batch_norm;
mod concat;
mod conv2d;
mod fused;
mod golden;
mod linear;
mod pool;

use dfdx::prelude::*;

use super::reference::{Array, random};
use super::{Channels, Composed, Engine, Gemm, Maps, Rows, Spans, Window};

/// Largest difference allowed, relative to the largest expected magnitude.
const TOLERANCE: f32 = 1e-4;

/// Panics unless the largest difference is within [`TOLERANCE`] of the largest expected magnitude.
pub fn assert_close(what: &str, got: &[f32], expected: &[f32]) {
    assert_eq!(got.len(), expected.len(), "{what}: number of values");
    let difference = got.iter().zip(expected).map(|(g, e)| (g - e).abs()).fold(0.0, f32::max);
    let scale = expected.iter().map(|e| e.abs()).fold(f32::MIN_POSITIVE, f32::max);
    let finite = got.iter().all(|g| g.is_finite());
    assert!(finite && difference <= TOLERANCE * scale, "{what}: off by {difference} at a scale of {scale}");
}

/// A map on a device.
fn maps<D: Device<f32>>(device: &D, array: &Array) -> Maps<D> {
    let [n, height, width, channels] = array.shape;
    device.tensor_from_vec(array.data.clone(), (n, height, width, channels))
}

/// A matrix on a device, of as many rows as `data` gives.
fn rows<D: Device<f32>>(device: &D, data: &[f32], columns: usize) -> Rows<D> {
    device.tensor_from_vec(data.to_vec(), (data.len() / columns, columns))
}

/// One value a channel, on a device.
fn channels<D: Device<f32>>(device: &D, data: &[f32]) -> Channels<D> {
    device.tensor_from_vec(data.to_vec(), (data.len(),))
}

/// Extents of a map.
fn shape<D: Device<f32>, T>(maps: &Maps<D, T>) -> [usize; 4] {
    let (n, height, width, channels) = *maps.shape();
    [n, height, width, channels]
}

/// Gradients of `sum(y * dy)`.
fn backward<D: Device<f32>>(y: Maps<D, OwnedTape<f32, D>>, dy: &Array) -> Gradients<f32, D> {
    let dy = maps(y.device(), dy);
    (y * dy).sum().backward()
}

/// Checks a gradient against central differences of `f`, at every one of `x`.
fn assert_finite_differences(what: &str, x: &[f32], gradient: &[f32], f: impl Fn(&[f32]) -> f64) {
    const STEP: f32 = 1e-2;
    let at = |i: usize, step: f32| {
        let mut moved = x.to_vec();
        moved[i] += step;
        f(&moved)
    };
    let scale = gradient.iter().map(|g| f64::from(g.abs())).fold(f64::MIN_POSITIVE, f64::max);
    for (i, &g) in gradient.iter().enumerate() {
        let difference = (at(i, STEP) - at(i, -STEP)) / f64::from(2.0 * STEP);
        assert!(
            (difference - f64::from(g)).abs() <= 5e-3 * scale,
            "{what}[{i}]: gradient {g}, differences {difference}"
        );
    }
}

/// `sum(y * dy)`, the function whose gradient [`backward`] takes.
fn weighted_sum<D: Device<f32>>(y: &Maps<D>, dy: &Array) -> f64 {
    y.as_vec().iter().zip(&dy.data).map(|(&y, &dy)| f64::from(y) * f64::from(dy)).sum()
}

/// Windows of odd kernels, strides and paddings; not every one fits every input.
fn windows() -> impl Iterator<Item = Window> + Clone {
    let kernels = [[1, 1], [3, 3], [5, 5], [7, 7], [1, 3], [3, 1]];
    let strides = [[1, 1], [2, 2], [1, 2]];
    kernels.into_iter().flat_map(move |kernel: [usize; 2]| {
        strides.into_iter().flat_map(move |stride| {
            (0..4).map(move |padding| Window { kernel, stride, padding: kernel.map(|side| padding.min(side - 1)) })
        })
    })
}

/// The `i`-th of a sequence of odd shapes, with another number of channels beside it.
fn odd_shape(i: usize) -> ([usize; 4], usize) {
    const CHANNELS: [usize; 5] = [1, 3, 5, 8, 17];
    // Steps prime to the lengths, so that all combinations come up.
    ([1 + i % 3, 1 + (i * 5 + 6) % 9, 1 + (i * 7 + 4) % 9, CHANNELS[i * 3 % 5]], CHANNELS[(i * 2 + i / 5 + 1) % 5])
}

/// Runs `check` on the first GPU where `INCEPTION_NAS_TEST_CUDA` says that there is one; elsewhere there is nothing to
/// check.
#[cfg(feature = "cuda")]
pub fn on_gpu(check: impl FnOnce(&super::Gpu)) {
    use std::sync::LazyLock;

    use super::{Gpu, GpuError};

    static GPU: LazyLock<Option<Result<Gpu, GpuError>>> =
        LazyLock::new(|| std::env::var_os("INCEPTION_NAS_TEST_CUDA").map(|_| Gpu::open(0)));
    if let Some(gpu) = &*GPU {
        check(gpu.as_ref().unwrap());
    }
}

macro_rules! on_every_engine {
    ($($check:ident::$name:ident),* $(,)?) => {
        mod gemm {
            $(#[test] fn $name() { super::$check::$name(&super::Gemm::new()); })*
        }
        mod composed {
            $(#[test] fn $name() { super::$check::$name(&super::Composed::new(dfdx::tensor::Cpu::default())); })*
        }
        #[cfg(feature = "cuda")]
        mod cuda {
            use crate::ops::Engines;
            $(#[test] fn $name() { super::on_gpu(|gpu| super::$check::$name(&gpu.engine().unwrap())); })*
        }
        #[cfg(feature = "cuda")]
        mod composed_on_cuda {
            use crate::ops::{Engine, Engines};
            $(#[test] fn $name() {
                super::on_gpu(|gpu| {
                    let device = gpu.engine().unwrap().device().clone();
                    super::$check::$name(&super::Composed::new(device));
                });
            })*
        }
    };
}

on_every_engine![
    batch_norm::batch_norm_train_matches_reference,
    batch_norm::batch_norm_matches_reference,
    batch_norm::batch_norm_train_matches_finite_differences,
    batch_norm::batch_norm_of_one_value_gives_the_shift,
    concat::concat_matches_reference,
    concat::concat_refuses_other_extents,
    conv2d::conv2d_matches_reference,
    conv2d::conv2d_matches_finite_differences,
    conv2d::conv2d_refuses_what_does_not_fit,
    fused::conv_bn_relu_train_matches_its_parts,
    fused::conv_bn_relu_matches_its_parts,
    fused::inception_train_matches_its_parts,
    fused::gradients_accumulate,
    fused::gradients_of_a_shared_input_add_up,
    golden::conv2d_matches_pytorch,
    golden::batch_norm_matches_pytorch,
    golden::pools_match_pytorch,
    golden::conv_bn_relu_matches_pytorch,
    golden::inception_matches_pytorch,
    linear::linear_matches_reference,
    linear::linear_refuses_sizes_that_do_not_agree,
    pool::max_pool_matches_reference,
    pool::max_pool_gives_ties_to_the_first,
    pool::avg_pool_matches_reference,
    pool::global_avg_pool_matches_reference,
    pool::pools_match_finite_differences,
    pool::pools_refuse_spans_of_another_input,
];
