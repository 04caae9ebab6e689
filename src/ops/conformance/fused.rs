//! Fused operations: an engine that overrides one has to agree with the parts that it stands for, which are checked
//! against the references. [`Composed`] overrides none.

use super::*;
use crate::ops::{ConvBn, Moments};

/// The parameters of a convolution with batch norm and ReLU.
pub struct Parameters<D: Device<f32>> {
    pub weight: Rows<D>,
    pub scale: Channels<D>,
    pub shift: Channels<D>,
    pub window: Window,
}

impl<D: Device<f32>> Parameters<D> {
    fn random(device: &D, c_in: usize, c_out: usize, window: Window, seed: u64) -> Self {
        let scale: Vec<f32> = random(c_out, seed + 1).iter().map(|v| 1.0 + v / 2.0).collect();
        Self {
            weight: rows(device, &random(window.kernel[0] * window.kernel[1] * c_in * c_out, seed), c_out),
            scale: channels(device, &scale),
            shift: channels(device, &random(c_out, seed + 2)),
            window,
        }
    }

    pub fn layer(&self) -> ConvBn<'_, D> {
        ConvBn {
            weight: &self.weight,
            window: self.window,
            scale: &self.scale,
            shift: &self.shift,
            epsilon: 1e-3,
            input_gradient: true,
        }
    }

    /// Checks that two passes left the same gradients of these parameters.
    fn assert_equal_gradients(&self, case: &str, got: &Gradients<f32, D>, expected: &Gradients<f32, D>) {
        let [got_w, expected_w] = [got, expected].map(|gradients| gradients.get(&self.weight).as_vec());
        assert_close(&format!("{case}: dweight"), &got_w, &expected_w);
        for (what, parameter) in [("dscale", &self.scale), ("dshift", &self.shift)] {
            let [got, expected] = [got, expected].map(|gradients| gradients.get(parameter).as_vec());
            assert_close(&format!("{case}: {what}"), &got, &expected);
        }
    }
}

fn assert_equal_moments<D: Device<f32>>(case: &str, got: &Moments<D>, expected: &Moments<D>) {
    assert_close(&format!("{case}: mean"), &got.mean.as_vec(), &expected.mean.as_vec());
    assert_close(&format!("{case}: variance"), &got.variance.as_vec(), &expected.variance.as_vec());
}

/// Windows and shapes that fit each other, leave enough values for batch statistics, and have more than one weight an
/// output channel: the norm undoes any scaling, so that the gradient of a single weight is nearly 0, all rounding.
fn cases() -> impl Iterator<Item = ([usize; 4], usize, Window, u64)> {
    windows().enumerate().filter_map(|(i, window)| {
        let (shape, c_out) = odd_shape(i);
        let [out_h, out_w] = window.output("conv2d", [shape[1], shape[2]]).ok()?;
        let weights = window.kernel[0] * window.kernel[1] * shape[3];
        (weights > 1 && shape[0] * out_h * out_w >= 6).then_some((shape, c_out, window, 10 * i as u64))
    })
}

pub fn conv_bn_relu_train_matches_its_parts<E: Engine>(engine: &E) {
    let (device, parts) = (engine.device(), Composed::new(engine.device().clone()));
    for (x_shape, c_out, window, seed) in cases() {
        let case = format!("{x_shape:?} to {c_out} channels, {window:?}");
        let x = maps(device, &Array::random(x_shape, seed));
        let parameters = Parameters::random(device, x_shape[3], c_out, window, seed + 1);
        let (y, moments) = engine.conv_bn_relu_train(x.leaky_trace(), &parameters.layer()).unwrap();
        let (expected, expected_moments) = parts.conv_bn_relu_train(x.leaky_trace(), &parameters.layer()).unwrap();
        assert_close(&format!("{case}: y"), &y.as_vec(), &expected.as_vec());
        assert_equal_moments(&case, &moments, &expected_moments);
        let dy = Array::random(shape(&y), seed + 5);
        let (got, expected) = (backward(y, &dy), backward(expected, &dy));
        assert_close(&format!("{case}: dx"), &got.get(&x).as_vec(), &expected.get(&x).as_vec());
        parameters.assert_equal_gradients(&case, &got, &expected);

        let no_input_gradient = ConvBn { input_gradient: false, ..parameters.layer() };
        let (y, _) = engine.conv_bn_relu_train(x.leaky_trace(), &no_input_gradient).unwrap();
        parameters.assert_equal_gradients(&format!("{case}, no dx"), &backward(y, &dy), &expected);
    }
}

pub fn conv_bn_relu_matches_its_parts<E: Engine>(engine: &E) {
    let (device, parts) = (engine.device(), Composed::new(engine.device().clone()));
    for (x_shape, c_out, window, seed) in cases() {
        let case = format!("{x_shape:?} to {c_out} channels, {window:?}");
        let x = maps(device, &Array::random(x_shape, seed));
        let parameters = Parameters::random(device, x_shape[3], c_out, window, seed + 1);
        let variance: Vec<f32> = random(c_out, seed + 6).iter().map(|v| 1.5 + v).collect();
        let moments =
            Moments { mean: channels(device, &random(c_out, seed + 5)), variance: channels(device, &variance) };
        let expected = parts.conv_bn_relu(x.leaky_trace(), &parameters.layer(), &moments).unwrap();
        let untaped = engine.conv_bn_relu(x.clone(), &parameters.layer(), &moments).unwrap();
        assert_close(&format!("{case}: y without a tape"), &untaped.as_vec(), &expected.as_vec());
        let y = engine.conv_bn_relu(x.leaky_trace(), &parameters.layer(), &moments).unwrap();
        assert_close(&format!("{case}: y"), &y.as_vec(), &expected.as_vec());
        let dy = Array::random(shape(&y), seed + 7);
        let (got, expected) = (backward(y, &dy), backward(expected, &dy));
        assert_close(&format!("{case}: dx"), &got.get(&x).as_vec(), &expected.get(&x).as_vec());
        parameters.assert_equal_gradients(&case, &got, &expected);
    }
}

pub fn inception_train_matches_its_parts<E: Engine>(engine: &E) {
    let (device, parts) = (engine.device(), Composed::new(engine.device().clone()));
    // At least two input channels: batch norm undoes any scaling of a single one, so its weight has next to no gradient.
    let cases =
        [([2, 5, 4, 3], [4, 3, 5, 2, 3, 4]), ([1, 7, 3, 17], [1, 8, 9, 1, 1, 5]), ([3, 2, 3, 2], [17, 1, 3, 5, 8, 1])];
    for (i, (x_shape, [w1, r3, w3, r5, w5, wp])) in cases.into_iter().enumerate() {
        let (case, seed) = (format!("inception block on {x_shape:?}"), 100 * i as u64);
        let mut array = Array::random(x_shape, seed);
        // Few different values, so that the pooling branch meets ties.
        array.data.iter_mut().for_each(|v| *v = (*v * 4.0).round() / 4.0);
        let x = maps(device, &array);
        let [pointwise, three, five] = [(1, 0), (3, 1), (5, 2)].map(|(side, padding)| Window::square(side, 1, padding));
        let parameters = [
            (x_shape[3], w1, pointwise),
            (x_shape[3], r3, pointwise),
            (r3, w3, three),
            (x_shape[3], r5, pointwise),
            (r5, w5, five),
            (x_shape[3], wp, pointwise),
        ];
        let mut seeds = (seed + 10..).step_by(10);
        let parameters = parameters
            .map(|(c_in, c_out, window)| Parameters::random(device, c_in, c_out, window, seeds.next().unwrap()));
        let layers = parameters.each_ref().map(Parameters::layer);
        let (y, moments) = engine.inception_train(x.leaky_trace(), &layers).unwrap();
        let (expected, expected_moments) = parts.inception_train(x.leaky_trace(), &layers).unwrap();
        assert_close(&format!("{case}: y"), &y.as_vec(), &expected.as_vec());
        let running = expected_moments.each_ref();
        let (inferred, inferred_by_parts) =
            (engine.inception(x.clone(), &layers, running), parts.inception(x.clone(), &layers, running));
        assert_close(&format!("{case}: inference"), &inferred.unwrap().as_vec(), &inferred_by_parts.unwrap().as_vec());
        let dy = Array::random(shape(&y), seed + 5);
        let (got, expected) = (backward(y, &dy), backward(expected, &dy));
        assert_close(&format!("{case}: dx"), &got.get(&x).as_vec(), &expected.get(&x).as_vec());
        for (i, parameters) in parameters.iter().enumerate() {
            let case = format!("{case}, convolution {i}");
            assert_equal_moments(&case, &moments[i], &expected_moments[i]);
            parameters.assert_equal_gradients(&case, &got, &expected);
        }
    }
}

/// A second pass on the gradients of a first adds to them, as accumulation over batches needs.
pub fn gradients_accumulate<E: Engine>(engine: &E) {
    let device = engine.device();
    let x = maps(device, &Array::random([2, 4, 5, 3], 1));
    let parameters = Parameters::random(device, 3, 5, Window::square(3, 1, 1), 2);
    let dy = Array::random([2, 4, 5, 5], 6);
    let pass = |gradients| {
        let (y, _) = engine.conv_bn_relu_train(x.trace(gradients), &parameters.layer()).unwrap();
        backward(y, &dy)
    };
    let mut once = pass(Gradients::leaky());
    let of_parameters = |gradients: &Gradients<f32, E::Device>| {
        let [scale, shift] = [&parameters.scale, &parameters.shift].map(|vector| gradients.get(vector).as_vec());
        [gradients.get(&parameters.weight).as_vec(), scale, shift]
    };
    let expected = of_parameters(&once);
    // What a training loop keeps between passes: gradients of leaves.
    let mut leaves = UnusedTensors::default();
    leaves.add(&parameters.weight);
    leaves.add(&parameters.scale);
    leaves.add(&parameters.shift);
    once.retain_leafs(&leaves.ids);
    let twice = of_parameters(&pass(once));
    for (what, (got, expected)) in ["dweight", "dscale", "dshift"].into_iter().zip(twice.iter().zip(&expected)) {
        let doubled: Vec<f32> = expected.iter().map(|gradient| 2.0 * gradient).collect();
        assert_close(what, got, &doubled);
    }
}

/// A map that two operations read gets the gradients of both.
pub fn gradients_of_a_shared_input_add_up<E: Engine>(engine: &E) {
    type Taped<D> = Maps<D, OwnedTape<f32, D>>;
    let device = engine.device();
    let x = maps(device, &Array::random([2, 5, 4, 3], 1));
    let other = maps(device, &Array::random([2, 5, 4, 2], 2));
    let Parameters { weight, scale, shift, window } = Parameters::random(device, 3, 3, Window::square(3, 1, 1), 3);
    let layer = ConvBn { weight: &weight, window, scale: &scale, shift: &shift, epsilon: 1e-3, input_gradient: true };
    let spans = Spans::sliding("pool", window, [5, 4], false).unwrap();
    let check = |what: &str, operation: &dyn Fn(Taped<E::Device>) -> Taped<E::Device>| {
        let y = operation(x.leaky_trace());
        let dy = Array::random(shape(&y), 9);
        let once = backward(y, &dy).get(&x).as_vec();
        let both = operation(x.leaky_trace()) + operation(x.retaped());
        let doubled: Vec<f32> = once.iter().map(|gradient| 2.0 * gradient).collect();
        assert_close(what, &backward(both, &dy).get(&x).as_vec(), &doubled);
    };
    check("conv2d", &|x| engine.conv2d(x, &weight, window).unwrap());
    check("batch_norm_train", &|x| engine.batch_norm_train(x, &scale, &shift, 1e-3).unwrap().0);
    check("conv_bn_relu_train", &|x| engine.conv_bn_relu_train(x, &layer).unwrap().0);
    check("max_pool", &|x| engine.max_pool(x, &spans).unwrap());
    check("avg_pool", &|x| engine.avg_pool(x, &spans).unwrap());
    check("concat", &|x| engine.concat(vec![x, other.retaped()]).unwrap());
}
