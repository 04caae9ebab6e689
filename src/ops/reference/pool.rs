//! Pooling over spans, and its gradients.

use super::array::{Array, Sums, positions};
use crate::ops::Spans;

/// Input positions that output position `[n, y, x, c]` reduces, in row-major order.
fn window(spans: &Spans, [n, y, x, c]: [usize; 4]) -> impl Iterator<Item = [usize; 4]> {
    let columns = spans.column(x);
    spans.row(y).flat_map(move |row| columns.clone().map(move |column| [n, row, column, c]))
}

fn output(x: &Array, spans: &Spans) -> Sums {
    let [n, height, width, channels] = x.shape;
    assert_eq!(spans.input, [height, width]);
    Sums::zeros([n, spans.output()[0], spans.output()[1], channels])
}

/// The first position of the maximum of each span.
fn argmax(x: &Array, spans: &Spans, output: [usize; 4]) -> [usize; 4] {
    window(spans, output).reduce(|best, p| if x.at(p) > x.at(best) { p } else { best }).unwrap()
}

/// Maximum over each span.
pub fn max_pool(x: &Array, spans: &Spans) -> Array {
    let mut y = output(x, spans);
    for p in positions(y.shape) {
        y.add(p, x.at(argmax(x, spans, p)));
    }
    y.round()
}

/// Gradient of [`max_pool`]: the first maximum of each span gets all of it.
pub fn max_pool_gradient(x: &Array, dy: &Array, spans: &Spans) -> Array {
    let mut dx = Sums::zeros(x.shape);
    for p in dy.positions() {
        dx.add(argmax(x, spans, p), dy.at(p));
    }
    dx.round()
}

/// Mean over each span.
pub fn avg_pool(x: &Array, spans: &Spans) -> Array {
    let mut y = output(x, spans);
    for p in positions(y.shape) {
        let count = window(spans, p).count() as f64;
        window(spans, p).for_each(|input| y.add(p, x.at(input) / count));
    }
    y.round()
}

/// Gradient of [`avg_pool`] with respect to an input of shape `x`.
pub fn avg_pool_gradient(x: [usize; 4], dy: &Array, spans: &Spans) -> Array {
    let mut dx = Sums::zeros(x);
    for p in dy.positions() {
        let count = window(spans, p).count() as f64;
        window(spans, p).for_each(|input| dx.add(input, dy.at(p) / count));
    }
    dx.round()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Window;

    #[test]
    fn first_maximum_in_row_major_order_gets_the_gradient() {
        let x = Array::new([1, 2, 3, 1], vec![0.0, 7.0, 7.0, 7.0, 7.0, 1.0]);
        let spans = Spans::sliding("max_pool", Window::square(2, 1, 0), [2, 3], false).unwrap();
        assert_eq!(max_pool(&x, &spans).data, [7.0, 7.0]);
        let dy = Array::new([1, 1, 2, 1], vec![1.0, 10.0]);
        assert_eq!(max_pool_gradient(&x, &dy, &spans).data, [0.0, 11.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn average_counts_only_what_is_inside() {
        let x = Array::new([1, 1, 3, 1], vec![1.0, 2.0, 6.0]);
        let spans = Spans::sliding("avg_pool", Window::square(3, 2, 1), [1, 3], false).unwrap();
        assert_eq!(avg_pool(&x, &spans).data, [1.5, 4.0]);
        let dy = Array::new([1, 1, 2, 1], vec![2.0, 8.0]);
        assert_eq!(avg_pool_gradient(x.shape, &dy, &spans).data, [1.0, 5.0, 4.0]);
    }
}
