//! The linear layer.

use super::*;
use crate::ops::reference::{linear, linear_gradients};
use crate::ops::{OpError, linear as layer};

pub fn linear_matches_reference<E: Engine>(engine: &E) {
    for (seed, (n, inputs, outputs)) in [(1, 1, 1), (3, 5, 2), (2, 17, 9)].into_iter().enumerate() {
        let seed = 10 * seed as u64;
        let [x, w] = [(n * inputs, seed), (inputs * outputs, seed + 1)].map(|(len, seed)| random(len, seed));
        let [b, dy] = [(outputs, seed + 2), (n * outputs, seed + 3)].map(|(len, seed)| random(len, seed));
        let device = engine.device();
        let (input, weight) = (rows(device, &x, inputs), rows(device, &w, outputs));
        let bias = channels(device, &b);
        let y = layer(engine, input.leaky_trace(), &weight, &bias).unwrap();
        assert_close("y", &y.as_vec(), &linear(&x, &w, &b));
        let gradients = (y * rows(device, &dy, outputs)).sum().backward();
        let expected = linear_gradients(&x, &w, &dy, outputs);
        assert_close("dx", &gradients.get(&input).as_vec(), &expected.x);
        assert_close("dweight", &gradients.get(&weight).as_vec(), &expected.weight);
        assert_close("dbias", &gradients.get(&bias).as_vec(), &expected.bias);
    }
}

pub fn linear_refuses_sizes_that_do_not_agree<E: Engine>(engine: &E) {
    let matrix = |columns| rows(engine.device(), &random(2 * 3 * 4 * 5, 1), columns);
    let bias = |outputs| channels(engine.device(), &random(outputs, 2));
    let error = layer(engine, matrix(3), &matrix(5), &bias(5)).unwrap_err();
    assert_eq!(error, OpError::Shape { op: "matmul", what: "rows of the weight", got: 24, expected: 3 });
    let error = layer(engine, matrix(24), &matrix(5), &bias(4)).unwrap_err();
    assert_eq!(error, OpError::Shape { op: "linear", what: "bias", got: 4, expected: 5 });
}
