//! Convolution.

use super::*;
use crate::ops::OpError;
use crate::ops::reference::{conv2d, conv2d_data_gradient, conv2d_weight_gradient};

fn check<E: Engine>(engine: &E, x_shape: [usize; 4], c_out: usize, window: Window, seed: u64) {
    let x = Array::random(x_shape, seed);
    let weight = random(window.kernel[0] * window.kernel[1] * x_shape[3] * c_out, seed + 1);
    let expected = conv2d(&x, &weight, c_out, window);
    let dy = Array::random(expected.shape, seed + 2);

    let (x_tensor, weight_tensor) = (maps(engine.device(), &x), rows(engine.device(), &weight, c_out));
    let y = engine.conv2d(x_tensor.leaky_trace(), &weight_tensor, window).unwrap();
    let case = format!("conv2d of {x_shape:?} to {c_out} channels, {window:?}");
    assert_eq!(shape(&y), expected.shape, "{case}");
    assert_close(&format!("{case}: y"), &y.as_vec(), &expected.data);
    let gradients = backward(y, &dy);
    let dx = conv2d_data_gradient(&dy, &weight, x_shape, window);
    assert_close(&format!("{case}: dx"), &gradients.get(&x_tensor).as_vec(), &dx.data);
    let dweight = conv2d_weight_gradient(&x, &dy, window);
    assert_close(&format!("{case}: dweight"), &gradients.get(&weight_tensor).as_vec(), &dweight);
}

pub fn conv2d_matches_reference<E: Engine>(engine: &E) {
    let mut checked = 0;
    for (i, window) in windows().cycle().take(3 * windows().count()).enumerate() {
        let (x_shape, c_out) = odd_shape(i);
        if window.output("conv2d", [x_shape[1], x_shape[2]]).is_ok() {
            check(engine, x_shape, c_out, window, 3 * i as u64);
            checked += 1;
        }
    }
    assert!(checked > 100, "only {checked} windows fitted");
    // More rows than an engine may want to hold at a time.
    check(engine, [3, 17, 19, 5], 8, Window::square(3, 1, 1), 1000);
    check(engine, [2, 23, 21, 3], 9, Window::square(7, 2, 3), 1003);
    // Channels enough for a fast algorithm, in more than one group of tiles.
    for (i, (x, c_out, padding)) in
        [([3, 12, 10, 24], 20, 1), ([2, 7, 9, 13], 40, 1), ([1, 15, 16, 160], 8, 0), ([1, 9, 8, 9], 17, 2)]
            .into_iter()
            .enumerate()
    {
        check(engine, x, c_out, Window::square(3, 1, padding), 1006 + i as u64);
    }
}

pub fn conv2d_matches_finite_differences<E: Engine>(engine: &E) {
    let window = Window { kernel: [3, 2], stride: [2, 1], padding: [1, 0] };
    let (x, weight) = (Array::random([2, 4, 3, 2], 1), random(3 * 2 * 2 * 3, 2));
    let dy = Array::random([2, 2, 2, 3], 3);
    let f = |x: &[f32], weight: &[f32]| {
        let x = maps(engine.device(), &Array::new([2, 4, 3, 2], x.to_vec()));
        weighted_sum(&engine.conv2d(x, &rows(engine.device(), weight, 3), window).unwrap(), &dy)
    };
    let (x_tensor, weight_tensor) = (maps(engine.device(), &x), rows(engine.device(), &weight, 3));
    let gradients = backward(engine.conv2d(x_tensor.leaky_trace(), &weight_tensor, window).unwrap(), &dy);
    assert_finite_differences("dx", &x.data, &gradients.get(&x_tensor).as_vec(), |x| f(x, &weight));
    let dweight = gradients.get(&weight_tensor).as_vec();
    assert_finite_differences("dweight", &weight, &dweight, |weight| f(&x.data, weight));
}

pub fn conv2d_refuses_what_does_not_fit<E: Engine>(engine: &E) {
    let x = maps(engine.device(), &Array::random([1, 4, 4, 2], 1));
    let weight = rows(engine.device(), &random(9 * 2 * 5, 2), 5);
    let error = engine.conv2d(x.clone(), &weight, Window::square(2, 1, 0)).unwrap_err();
    assert_eq!(error, OpError::Shape { op: "conv2d", what: "rows of the weight", got: 18, expected: 8 });
    let weight = rows(engine.device(), &random(25 * 2 * 5, 2), 5);
    let error = engine.conv2d(x, &weight, Window::square(5, 1, 0)).unwrap_err();
    assert_eq!(error, OpError::Window { op: "conv2d", kernel: 5, stride: 1, padding: 0, input: 4 });
}
