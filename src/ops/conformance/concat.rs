//! Joining along the channels.

use super::*;
use crate::ops::OpError;
use crate::ops::reference::{concat, split};

pub fn concat_matches_reference<E: Engine>(engine: &E) {
    for widths in [&[3][..], &[1, 5], &[8, 1, 17, 3]] {
        let parts: Vec<Array> = widths.iter().map(|&c| Array::random([2, 3, 5, c], c as u64)).collect();
        let expected = concat(&parts);
        let dy = Array::random(expected.shape, 100);
        let tensors: Vec<_> = parts.iter().map(|part| maps(engine.device(), part)).collect();
        let y = engine.concat(tensors.iter().map(|part| part.leaky_trace()).collect()).unwrap();
        assert_eq!((shape(&y), y.as_vec()), (expected.shape, expected.data), "{widths:?}");
        let gradients = backward(y, &dy);
        for (tensor, expected) in tensors.iter().zip(split(&dy, widths)) {
            assert_eq!(gradients.get(tensor).as_vec(), expected.data, "{widths:?}");
        }
    }
}

pub fn concat_refuses_other_extents<E: Engine>(engine: &E) {
    let part = |height| maps(engine.device(), &Array::random([2, height, 5, 3], 1));
    let error = engine.concat(vec![part(3), part(4)]).unwrap_err();
    assert!(matches!(error, OpError::Shape { op: "concat", .. }), "{error}");
}
