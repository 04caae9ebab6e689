//! Batch norm.

use super::*;
use crate::ops::Moments;
use crate::ops::reference::{self, Affine, ChannelMoments};

const EPSILON: f32 = 1e-3;

/// Gains from 0.5 to 1.5, offsets from -1 to 1.
fn affine(channels: usize, seed: u64) -> Affine {
    let scale = random(channels, seed).iter().map(|v| 1.0 + v / 2.0).collect();
    Affine { scale, shift: random(channels, seed + 1), epsilon: EPSILON }
}

/// A map whose channels have means far from 0.
fn input(shape: [usize; 4], seed: u64) -> Array {
    let mut x = Array::random(shape, seed);
    x.data.iter_mut().enumerate().for_each(|(i, v)| *v += (i % shape[3]) as f32);
    x
}

pub fn batch_norm_train_matches_reference<E: Engine>(engine: &E) {
    // The last has more rows than an engine may want to sum up in one go.
    let shapes = (0..30).map(|i| odd_shape(i).0).chain([[2, 40, 41, 3]]);
    for (i, shape) in shapes.enumerate() {
        // Two values normalise to plus and minus one whatever they are: the gradient of their input is but rounding.
        if shape[0] * shape[1] * shape[2] <= 2 {
            continue;
        }
        let (x, dy) = (input(shape, i as u64), Array::random(shape, i as u64 + 100));
        let affine = affine(shape[3], i as u64 + 200);
        let (expected, expected_moments) = reference::batch_norm_train(&x, &affine);
        let device = engine.device();
        let (x_tensor, scale, shift) =
            (maps(device, &x), channels(device, &affine.scale), channels(device, &affine.shift));
        let (y, moments) = engine.batch_norm_train(x_tensor.leaky_trace(), &scale, &shift, EPSILON).unwrap();
        assert_close(&format!("{shape:?}: y"), &y.as_vec(), &expected.data);
        assert_close(&format!("{shape:?}: mean"), &moments.mean.as_vec(), &expected_moments.mean);
        assert_close(&format!("{shape:?}: variance"), &moments.variance.as_vec(), &expected_moments.variance);
        let gradients = backward(y, &dy);
        let expected = reference::batch_norm_train_gradients(&x, &dy, &affine);
        assert_close(&format!("{shape:?}: dx"), &gradients.get(&x_tensor).as_vec(), &expected.x.data);
        assert_close(&format!("{shape:?}: dscale"), &gradients.get(&scale).as_vec(), &expected.scale);
        assert_close(&format!("{shape:?}: dshift"), &gradients.get(&shift).as_vec(), &expected.shift);
    }
}

pub fn batch_norm_matches_reference<E: Engine>(engine: &E) {
    for i in 0..30 {
        let (shape, _) = odd_shape(i);
        let (x, dy) = (input(shape, i as u64), Array::random(shape, i as u64 + 100));
        let affine = affine(shape[3], i as u64 + 200);
        let variance = random(shape[3], i as u64 + 300).iter().map(|v| 1.5 + v).collect();
        let given = ChannelMoments { mean: random(shape[3], i as u64 + 400), variance };
        let device = engine.device();
        let (x_tensor, scale, shift) =
            (maps(device, &x), channels(device, &affine.scale), channels(device, &affine.shift));
        let moments = Moments { mean: channels(device, &given.mean), variance: channels(device, &given.variance) };
        let y = engine.batch_norm(x_tensor.leaky_trace(), &scale, &shift, &moments, EPSILON).unwrap();
        assert_close(&format!("{shape:?}: y"), &y.as_vec(), &reference::batch_norm(&x, &affine, &given).data);
        let gradients = backward(y, &dy);
        let expected = reference::batch_norm_gradients(&x, &dy, &affine, &given);
        assert_close(&format!("{shape:?}: dx"), &gradients.get(&x_tensor).as_vec(), &expected.x.data);
        assert_close(&format!("{shape:?}: dscale"), &gradients.get(&scale).as_vec(), &expected.scale);
        assert_close(&format!("{shape:?}: dshift"), &gradients.get(&shift).as_vec(), &expected.shift);
    }
}

pub fn batch_norm_train_matches_finite_differences<E: Engine>(engine: &E) {
    let shape = [2, 3, 2, 3];
    let (x, dy, affine) = (Array::random(shape, 1), Array::random(shape, 2), affine(3, 3));
    let device = engine.device();
    let (scale, shift) = (channels(device, &affine.scale), channels(device, &affine.shift));
    let f = |x: &[f32]| {
        let x = maps(device, &Array::new(shape, x.to_vec()));
        weighted_sum(&engine.batch_norm_train(x, &scale, &shift, EPSILON).unwrap().0, &dy)
    };
    let x_tensor = maps(device, &x);
    let (y, _) = engine.batch_norm_train(x_tensor.leaky_trace(), &scale, &shift, EPSILON).unwrap();
    assert_finite_differences("dx", &x.data, &backward(y, &dy).get(&x_tensor).as_vec(), f);
}

/// A variance cannot be taken of one value; nothing may become infinite or NaN.
pub fn batch_norm_of_one_value_gives_the_shift<E: Engine>(engine: &E) {
    let device = engine.device();
    let (x, scale, shift) = (maps(device, &Array::random([1, 1, 1, 2], 1)), [2.0, 3.0], [0.5, -0.5]);
    let (y, moments) =
        engine.batch_norm_train(x.clone(), &channels(device, &scale), &channels(device, &shift), EPSILON).unwrap();
    assert_close("y", &y.as_vec(), &shift);
    assert_eq!(moments.mean.as_vec(), x.as_vec());
    assert_eq!(moments.variance.as_vec(), [0.0, 0.0]);
}
