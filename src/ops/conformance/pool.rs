//! Pooling.

use super::*;
use crate::ops::reference::{avg_pool, avg_pool_gradient, max_pool, max_pool_gradient};
use crate::ops::{OpError, global_avg_pool};

/// Shapes with spans over them: sliding windows in floor and ceil mode, and adaptive ones.
fn cases() -> impl Iterator<Item = ([usize; 4], Spans)> {
    windows().cycle().take(3 * windows().count()).enumerate().flat_map(|(i, window)| {
        let (shape, _) = odd_shape(i);
        let extents = [shape[1], shape[2]];
        let sliding = [false, true].map(|ceil| Spans::sliding("pool", window, extents, ceil).ok());
        let adaptive = (i % 7 == 0).then(|| Spans::adaptive(extents, [1 + i % 3, 1 + i % 4]));
        sliding.into_iter().flatten().chain(adaptive).map(move |spans| (shape, spans))
    })
}

fn check_max<E: Engine>(engine: &E, x: &Array, spans: &Spans, seed: u64) {
    let expected = max_pool(x, spans);
    let dy = Array::random(expected.shape, seed);
    let x_tensor = maps(engine.device(), x);
    let y = engine.max_pool(x_tensor.leaky_trace(), spans).unwrap();
    assert_eq!((shape(&y), y.as_vec()), (expected.shape, expected.data), "{:?}, {spans:?}", x.shape);
    let untaped = engine.max_pool(x_tensor.clone(), spans).unwrap();
    assert_eq!(untaped.as_vec(), y.as_vec(), "{:?}, {spans:?}: without a tape", x.shape);
    let dx = backward(y, &dy).get(&x_tensor).as_vec();
    assert_close(&format!("{:?}, {spans:?}: dx", x.shape), &dx, &max_pool_gradient(x, &dy, spans).data);
}

pub fn max_pool_matches_reference<E: Engine>(engine: &E) {
    for (i, (shape, spans)) in cases().enumerate() {
        check_max(engine, &Array::random(shape, i as u64), &spans, i as u64 + 1000);
    }
}

/// Of few different values, as behind a ReLU or another pooling, so that most windows have several maxima.
pub fn max_pool_gives_ties_to_the_first<E: Engine>(engine: &E) {
    for (i, (shape, spans)) in cases().enumerate() {
        let mut x = Array::random(shape, i as u64);
        x.data.iter_mut().for_each(|v| *v = (*v * 1.5).round());
        check_max(engine, &x, &spans, i as u64 + 1000);
    }
}

pub fn avg_pool_matches_reference<E: Engine>(engine: &E) {
    for (i, (shape_x, spans)) in cases().enumerate() {
        let x = Array::random(shape_x, i as u64);
        let expected = avg_pool(&x, &spans);
        let dy = Array::random(expected.shape, i as u64 + 1000);
        let x_tensor = maps(engine.device(), &x);
        let y = engine.avg_pool(x_tensor.leaky_trace(), &spans).unwrap();
        assert_eq!(shape(&y), expected.shape);
        assert_close(&format!("{shape_x:?}, {spans:?}: y"), &y.as_vec(), &expected.data);
        let dx = backward(y, &dy).get(&x_tensor).as_vec();
        assert_close(&format!("{shape_x:?}, {spans:?}: dx"), &dx, &avg_pool_gradient(shape_x, &dy, &spans).data);
    }
}

pub fn global_avg_pool_matches_reference<E: Engine>(engine: &E) {
    let x = Array::random([3, 5, 4, 7], 1);
    let expected = avg_pool(&x, &Spans::adaptive([5, 4], [1, 1]));
    let y = global_avg_pool(engine, maps(engine.device(), &x)).unwrap();
    assert_eq!(*y.shape(), (3, 7));
    assert_close("y", &y.as_vec(), &expected.data);
}

pub fn pools_match_finite_differences<E: Engine>(engine: &E) {
    let spans = Spans::sliding("pool", Window::square(3, 2, 1), [4, 5], true).unwrap();
    let shape = [2, 4, 5, 2];
    // Values a step apart and more, so that no step of the differences changes which is the largest.
    let mut x = Array::random(shape, 1);
    let mut order: Vec<usize> = (0..x.data.len()).collect();
    order.sort_by(|&a, &b| x.data[a].total_cmp(&x.data[b]));
    order.iter().enumerate().for_each(|(rank, &i)| x.data[i] = 0.05 * rank as f32);

    let dy = Array::random([2, spans.rows.len(), spans.columns.len(), 2], 2);
    let x_tensor = maps(engine.device(), &x);
    let moved = |x: &[f32]| maps(engine.device(), &Array::new(shape, x.to_vec()));
    let dx = backward(engine.max_pool(x_tensor.leaky_trace(), &spans).unwrap(), &dy).get(&x_tensor).as_vec();
    let max = |x: &[f32]| weighted_sum(&engine.max_pool(moved(x), &spans).unwrap(), &dy);
    assert_finite_differences("max_pool dx", &x.data, &dx, max);
    let dx = backward(engine.avg_pool(x_tensor.leaky_trace(), &spans).unwrap(), &dy).get(&x_tensor).as_vec();
    let average = |x: &[f32]| weighted_sum(&engine.avg_pool(moved(x), &spans).unwrap(), &dy);
    assert_finite_differences("avg_pool dx", &x.data, &dx, average);
}

pub fn pools_refuse_spans_of_another_input<E: Engine>(engine: &E) {
    let spans = Spans::adaptive([4, 4], [2, 2]);
    let x = maps(engine.device(), &Array::random([1, 4, 5, 2], 1));
    let error = |op| OpError::Shape { op, what: "width", got: 5, expected: 4 };
    assert_eq!(engine.max_pool(x.clone(), &spans).unwrap_err(), error("max_pool"));
    assert_eq!(engine.avg_pool(x, &spans).unwrap_err(), error("avg_pool"));
}
