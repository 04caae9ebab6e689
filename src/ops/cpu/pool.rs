//! Pooling on slices.

use super::simd::vectorised;
use crate::ops::{OpError, Spans};

/// Largest number of elements in a max-pooling window: positions in it are kept as bytes.
const MAX_WINDOW: usize = 256;

/// Calls `each(output pixel, input pixels under it in row-major order)` for every output pixel of every image.
#[inline(always)]
fn for_each_window(spans: &Spans, images: usize, mut each: impl FnMut(usize, &[usize])) {
    let [height, width] = spans.input;
    let mut pixels = Vec::new();
    let mut output = 0;
    for image in 0..images {
        for i in 0..spans.rows.len() {
            for j in 0..spans.columns.len() {
                pixels.clear();
                for y in spans.row(i) {
                    pixels.extend(spans.column(j).map(|x| (image * height + y) * width + x));
                }
                each(output, &pixels);
                output += 1;
            }
        }
    }
}

/// Maximum over each window, and which element of the window it was: the first on a tie, NaN above all.
///
/// `x: [images, H, W, channels]` -> two of `[images, H', W', channels]`.
///
/// # Errors
/// [`OpError::Shape`] if a window has more than 256 elements.
pub fn max_forward(spans: &Spans, images: usize, channels: usize, x: &[f32]) -> Result<(Vec<f32>, Vec<u8>), OpError> {
    let longest = |spans: &[(usize, usize)]| spans.iter().map(|(start, end)| end - start).max().unwrap_or(0);
    let window = longest(&spans.rows) * longest(&spans.columns);
    if window > MAX_WINDOW {
        return Err(OpError::Shape { op: "max_pool", what: "elements in a window", got: window, expected: MAX_WINDOW });
    }
    let outputs = images * spans.rows.len() * spans.columns.len() * channels;
    let (mut y, mut chosen) = (vec![0.0; outputs], vec![0; outputs]);
    let mut best_tap = vec![0; channels];
    for_each_window(spans, images, |output, pixels| {
        let best = &mut y[output * channels..][..channels];
        best.copy_from_slice(&x[pixels[0] * channels..][..channels]);
        best_tap.fill(0);
        for (tap, pixel) in (0i32..).zip(pixels).skip(1) {
            keep_larger(&x[pixel * channels..][..channels], tap, best, &mut best_tap);
        }
        let chosen = &mut chosen[output * channels..][..channels];
        chosen.iter_mut().zip(&best_tap).for_each(|(chosen, &tap)| *chosen = tap as u8);
    });
    Ok((y, chosen))
}

vectorised! {
    /// Takes over each `x` that is larger than the best so far, or NaN, and notes its tap.
    fn keep_larger(x: &[f32], tap: i32, best: &mut [f32], best_tap: &mut [i32]) {
        let channels = x.len();
        let (best, best_tap) = (&mut best[..channels], &mut best_tap[..channels]);
        for j in 0..channels {
            let better = (x[j] > best[j]) | x[j].is_nan();
            best[j] = if better { x[j] } else { best[j] };
            best_tap[j] = if better { tap } else { best_tap[j] };
        }
    }
}

/// Adds each output's gradient to the input element that was chosen.
pub fn max_backward(spans: &Spans, images: usize, channels: usize, chosen: &[u8], dy: &[f32], dx: &mut [f32]) {
    for_each_window(spans, images, |output, pixels| {
        let (dy, chosen) = (&dy[output * channels..][..channels], &chosen[output * channels..][..channels]);
        for (channel, (dy, &tap)) in dy.iter().zip(chosen).enumerate() {
            dx[pixels[usize::from(tap)] * channels + channel] += dy;
        }
    });
}

/// Mean over each window: `x: [images, H, W, channels]` -> `[images, H', W', channels]`.
pub fn avg_forward(spans: &Spans, images: usize, channels: usize, x: &[f32]) -> Vec<f32> {
    let mut y = vec![0.0; images * spans.rows.len() * spans.columns.len() * channels];
    for_each_window(spans, images, |output, pixels| {
        let mean = &mut y[output * channels..][..channels];
        for pixel in pixels {
            mean.iter_mut().zip(&x[pixel * channels..][..channels]).for_each(|(mean, x)| *mean += x);
        }
        mean.iter_mut().for_each(|mean| *mean /= pixels.len() as f32);
    });
    y
}

/// Spreads each output's gradient evenly over its window, adding to `dx`.
pub fn avg_backward(spans: &Spans, images: usize, channels: usize, dy: &[f32], dx: &mut [f32]) {
    for_each_window(spans, images, |output, pixels| {
        let dy = &dy[output * channels..][..channels];
        let share = 1.0 / pixels.len() as f32;
        for pixel in pixels {
            dx[pixel * channels..][..channels].iter_mut().zip(dy).for_each(|(dx, dy)| *dx += share * dy);
        }
    });
}
