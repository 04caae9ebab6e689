//! Pooling on slices.

use super::context::{Context, cut, cut_mut};
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
/// `x: [images, H, W, channels]` -> `y` and the chosen elements: `[images, H', W', channels]`.
///
/// # Errors
/// [`OpError::Shape`] if a window has more than 256 elements.
pub fn max_forward(
    context: &Context,
    spans: &Spans,
    images: usize,
    channels: usize,
    x: &[f32],
    y: &mut [f32],
) -> Result<Vec<u8>, OpError> {
    let longest = |spans: &[(usize, usize)]| spans.iter().map(|(start, end)| end - start).max().unwrap_or(0);
    let window = longest(&spans.rows) * longest(&spans.columns);
    if window > MAX_WINDOW {
        return Err(OpError::Shape { op: "max_pool", what: "elements in a window", got: window, expected: MAX_WINDOW });
    }
    let [height, width] = spans.input;
    let outputs = spans.rows.len() * spans.columns.len() * channels;
    let mut chosen = vec![0; images * outputs];
    let shares = context.shares(images);
    let parts = shares.clone().zip(cut(x, shares.clone(), height * width * channels));
    let parts = parts.zip(cut_mut(y, shares.clone(), outputs)).zip(cut_mut(&mut chosen, shares, outputs));
    context.each(parts, |(((images, x), y), chosen)| {
        for_each_window(spans, images.len(), |output, pixels| {
            let at = output * channels..(output + 1) * channels;
            window_max(x, pixels, &mut y[at.clone()], &mut chosen[at]);
        });
    });
    Ok(chosen)
}

/// Calls `$run!(first, count)` for stretches of 16 of `$channels` channels, then of 4 and 1: constants, so that the
/// compiler keeps a stretch in registers.
macro_rules! for_each_stretch {
    ($channels:expr, $run:ident) => {{
        let (channels, mut at) = ($channels, 0);
        while at + 16 <= channels {
            $run!(at, 16);
            at += 16;
        }
        while at + 4 <= channels {
            $run!(at, 4);
            at += 4;
        }
        while at < channels {
            $run!(at, 1);
            at += 1;
        }
    }};
}

vectorised! {
    /// The maximum of each channel over some pixels, and its place among them.
    fn window_max(x: &[f32], pixels: &[usize], y: &mut [f32], chosen: &mut [u8]) {
        let channels = y.len();
        macro_rules! stretch {
            ($at:expr, $count:literal) => {{
                let (mut best, mut best_tap) = ([0.0; $count], [0i32; $count]);
                best.copy_from_slice(&x[pixels[0] * channels + $at..][..$count]);
                for (tap, pixel) in (0i32..).zip(pixels).skip(1) {
                    let values = &x[pixel * channels + $at..][..$count];
                    for lane in 0..$count {
                        let better = (values[lane] > best[lane]) | values[lane].is_nan();
                        best[lane] = if better { values[lane] } else { best[lane] };
                        best_tap[lane] = if better { tap } else { best_tap[lane] };
                    }
                }
                y[$at..][..$count].copy_from_slice(&best);
                chosen[$at..][..$count].copy_from_slice(&best_tap.map(|tap| tap as u8));
            }};
        }
        for_each_stretch!(channels, stretch);
    }

    /// Adds to each channel of an input pixel the gradients of those outputs `(output, tap)` that chose it.
    fn add_chosen(outputs: &[(usize, u8)], chosen: &[u8], dy: &[f32], dx: &mut [f32]) {
        let channels = dx.len();
        macro_rules! stretch {
            ($at:expr, $count:literal) => {{
                let mut sum = [0.0; $count];
                sum.copy_from_slice(&dx[$at..][..$count]);
                for (output, tap) in outputs {
                    let at = output * channels + $at;
                    let (dy, chosen) = (&dy[at..][..$count], &chosen[at..][..$count]);
                    for lane in 0..$count {
                        // A mask instead of a branch, so that it becomes vector code.
                        let mask = u32::from(chosen[lane] == *tap).wrapping_neg();
                        sum[lane] += f32::from_bits(dy[lane].to_bits() & mask);
                    }
                }
                dx[$at..][..$count].copy_from_slice(&sum);
            }};
        }
        for_each_stretch!(channels, stretch);
    }
}

/// Adds each output's gradient to the input element that was chosen.
pub fn max_backward(
    context: &Context,
    spans: &Spans,
    images: usize,
    channels: usize,
    chosen: &[u8],
    dy: &[f32],
    dx: &mut [f32],
) {
    let ([height, width], (rows, columns)) = (spans.input, (&spans.rows, &spans.columns));
    // For each input row or column: the output rows or columns whose spans hold it.
    let holders = |spans: &[(usize, usize)], extent: usize| -> Vec<Vec<usize>> {
        let holds = |at: usize, i: &usize| (spans[*i].0..spans[*i].1).contains(&at);
        (0..extent).map(|at| (0..spans.len()).filter(|i| holds(at, i)).collect()).collect()
    };
    let (row_holders, column_holders) = (holders(rows, height), holders(columns, width));
    let (inputs, outputs) = (height * width * channels, rows.len() * columns.len() * channels);
    let shares = context.shares(images);
    let parts = cut(chosen, shares.clone(), outputs).zip(cut(dy, shares.clone(), outputs));
    context.each(parts.zip(cut_mut(dx, shares, inputs)), |((chosen, dy), dx)| {
        let mut holders = Vec::new();
        for (pixel, dx) in dx.chunks_exact_mut(channels).enumerate() {
            let (image, y, x) = (pixel / width / height, pixel / width % height, pixel % width);
            holders.clear();
            for &i in &row_holders[y] {
                for &j in &column_holders[x] {
                    let tap = (y - rows[i].0) * (columns[j].1 - columns[j].0) + x - columns[j].0;
                    // Windows have at most 256 elements.
                    holders.push(((image * rows.len() + i) * columns.len() + j, tap as u8));
                }
            }
            add_chosen(&holders, chosen, dy, dx);
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
