//! Pooling on slices.

use super::context::{Context, cut, cut_mut};
use super::simd::{for_each_stretch, vectorised};
use crate::ops::{OpError, Spans};

/// Largest number of elements in a max-pooling window: positions in it are kept as bytes.
const MAX_WINDOW: usize = 256;

/// A pixel on the other side of a pooling, and its position in the window that is shared with it.
type Link = (u32, u32);

/// For each pixel on one side of a pooling the pixels of the same image on the other side that it has to do with, in
/// row-major order.
struct Links {
    ends: Vec<usize>,
    links: Vec<Link>,
}

impl Links {
    /// The input pixels under each output pixel.
    fn windows(spans: &Spans) -> Self {
        let width = spans.input[1];
        let (mut ends, mut links) = (Vec::new(), Vec::new());
        for i in 0..spans.rows.len() {
            for j in 0..spans.columns.len() {
                let pixels = spans.row(i).flat_map(|y| spans.column(j).map(move |x| (y * width + x) as u32));
                links.extend(pixels.zip(0..));
                ends.push(links.len());
            }
        }
        Self { ends, links }
    }

    /// The output pixels whose windows hold each input pixel.
    fn holders(spans: &Spans) -> Self {
        let ([height, width], (rows, columns)) = (spans.input, (&spans.rows, &spans.columns));
        // For each input row or column: the output rows or columns whose spans hold it.
        let holders = |spans: &[(usize, usize)], extent: usize| -> Vec<Vec<usize>> {
            let holds = |at: usize, i: &usize| (spans[*i].0..spans[*i].1).contains(&at);
            (0..extent).map(|at| (0..spans.len()).filter(|i| holds(at, i)).collect()).collect()
        };
        let (row_holders, column_holders) = (holders(rows, height), holders(columns, width));
        let (mut ends, mut links) = (Vec::new(), Vec::new());
        for (y, row_holders) in row_holders.iter().enumerate() {
            for (x, column_holders) in column_holders.iter().enumerate() {
                for &i in row_holders {
                    for &j in column_holders {
                        let tap = (y - rows[i].0) * (columns[j].1 - columns[j].0) + x - columns[j].0;
                        links.push(((i * columns.len() + j) as u32, tap as u32));
                    }
                }
                ends.push(links.len());
            }
        }
        Self { ends, links }
    }

    /// Those of each pixel, pixel by pixel.
    fn iter(&self) -> impl Iterator<Item = &[Link]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends).map(|(&start, &end)| &self.links[start..end])
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
    let Sizes { inputs, outputs } = Sizes::of(spans, channels);
    let mut chosen = vec![0; images * outputs];
    let (windows, shares) = (Links::windows(spans), context.shares(images));
    let parts = cut(x, shares.clone(), inputs).zip(cut_mut(y, shares.clone(), outputs));
    context.each(parts.zip(cut_mut(&mut chosen, shares, outputs)), |((x, y), chosen)| {
        let images = x.chunks_exact(inputs).zip(y.chunks_exact_mut(outputs)).zip(chosen.chunks_exact_mut(outputs));
        for ((x, y), chosen) in images {
            let pixels = y.chunks_exact_mut(channels).zip(chosen.chunks_exact_mut(channels));
            for (window, (y, chosen)) in windows.iter().zip(pixels) {
                choose_max(x, window, y, chosen);
            }
        }
    });
    Ok(chosen)
}

/// The same without the chosen elements, for whoever needs no gradient.
pub fn max(context: &Context, spans: &Spans, images: usize, channels: usize, x: &[f32], y: &mut [f32]) {
    let Sizes { inputs, outputs } = Sizes::of(spans, channels);
    let (windows, shares) = (Links::windows(spans), context.shares(images));
    context.each(cut(x, shares.clone(), inputs).zip(cut_mut(y, shares, outputs)), |(x, y)| {
        for (x, y) in x.chunks_exact(inputs).zip(y.chunks_exact_mut(outputs)) {
            for (window, y) in windows.iter().zip(y.chunks_exact_mut(channels)) {
                window_max(x, window, y);
            }
        }
    });
}

/// Elements of one image on both sides of a pooling.
struct Sizes {
    inputs: usize,
    outputs: usize,
}

impl Sizes {
    fn of(spans: &Spans, channels: usize) -> Self {
        let [height, width] = spans.input;
        Self { inputs: height * width * channels, outputs: spans.rows.len() * spans.columns.len() * channels }
    }
}

vectorised! {
    /// The maximum of each channel over the pixels of a window, and its position there.
    fn choose_max(x: &[f32], window: &[Link], y: &mut [f32], chosen: &mut [u8]) {
        let channels = y.len();
        macro_rules! stretch {
            ($at:expr, $count:literal) => {{
                let (mut best, mut best_tap) = ([0.0; $count], [0i32; $count]);
                best.copy_from_slice(&x[window[0].0 as usize * channels + $at..][..$count]);
                for &(pixel, tap) in &window[1..] {
                    let (values, tap) = (&x[pixel as usize * channels + $at..][..$count], tap as i32);
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

    /// The maximum of each channel over the pixels of a window.
    fn window_max(x: &[f32], window: &[Link], y: &mut [f32]) {
        let channels = y.len();
        macro_rules! stretch {
            ($at:expr, $count:literal) => {{
                let mut best = [0.0; $count];
                best.copy_from_slice(&x[window[0].0 as usize * channels + $at..][..$count]);
                for &(pixel, _) in &window[1..] {
                    let values = &x[pixel as usize * channels + $at..][..$count];
                    for lane in 0..$count {
                        let better = (values[lane] > best[lane]) | values[lane].is_nan();
                        best[lane] = if better { values[lane] } else { best[lane] };
                    }
                }
                y[$at..][..$count].copy_from_slice(&best);
            }};
        }
        for_each_stretch!(channels, stretch);
    }

    /// Adds to each channel of an input pixel the gradients of those outputs `(output, tap)` that chose it.
    fn add_chosen(outputs: &[Link], chosen: &[u8], dy: &[f32], dx: &mut [f32]) {
        let channels = dx.len();
        macro_rules! stretch {
            ($at:expr, $count:literal) => {{
                let mut sum = [0.0; $count];
                sum.copy_from_slice(&dx[$at..][..$count]);
                for (output, tap) in outputs {
                    let at = *output as usize * channels + $at;
                    let (dy, chosen) = (&dy[at..][..$count], &chosen[at..][..$count]);
                    for lane in 0..$count {
                        // A mask instead of a branch, so that it becomes vector code.
                        let mask = u32::from(u32::from(chosen[lane]) == *tap).wrapping_neg();
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
    let Sizes { inputs, outputs } = Sizes::of(spans, channels);
    let (holders, shares) = (Links::holders(spans), context.shares(images));
    let parts = cut(chosen, shares.clone(), outputs).zip(cut(dy, shares.clone(), outputs));
    context.each(parts.zip(cut_mut(dx, shares, inputs)), |((chosen, dy), dx)| {
        let images = chosen.chunks_exact(outputs).zip(dy.chunks_exact(outputs)).zip(dx.chunks_exact_mut(inputs));
        for ((chosen, dy), dx) in images {
            for (holders, dx) in holders.iter().zip(dx.chunks_exact_mut(channels)) {
                add_chosen(holders, chosen, dy, dx);
            }
        }
    });
}

/// Mean over each window: `x: [images, H, W, channels]` -> `[images, H', W', channels]`.
pub fn avg_forward(spans: &Spans, images: usize, channels: usize, x: &[f32]) -> Vec<f32> {
    let Sizes { inputs, outputs } = Sizes::of(spans, channels);
    let windows = Links::windows(spans);
    let mut y = vec![0.0; images * outputs];
    for (x, y) in x.chunks_exact(inputs).zip(y.chunks_exact_mut(outputs)) {
        for (window, mean) in windows.iter().zip(y.chunks_exact_mut(channels)) {
            for (pixel, _) in window {
                mean.iter_mut().zip(&x[*pixel as usize * channels..][..channels]).for_each(|(mean, x)| *mean += x);
            }
            mean.iter_mut().for_each(|mean| *mean /= window.len() as f32);
        }
    }
    y
}

/// Spreads each output's gradient evenly over its window, adding to `dx`.
pub fn avg_backward(spans: &Spans, channels: usize, dy: &[f32], dx: &mut [f32]) {
    let Sizes { inputs, outputs } = Sizes::of(spans, channels);
    let windows = Links::windows(spans);
    for (dy, dx) in dy.chunks_exact(outputs).zip(dx.chunks_exact_mut(inputs)) {
        for (window, dy) in windows.iter().zip(dy.chunks_exact(channels)) {
            let share = 1.0 / window.len() as f32;
            for (pixel, _) in window {
                dx[*pixel as usize * channels..][..channels].iter_mut().zip(dy).for_each(|(dx, dy)| *dx += share * dy);
            }
        }
    }
}
