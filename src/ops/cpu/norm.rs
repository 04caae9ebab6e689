//! Batch norm on slices, with ReLU riding along.

use pulp::Arch;

/// Rows summed in f32 before their sum joins an f64 total.
const CHUNK: usize = 256;

/// Channels `offset..offset + channels` of rows `stride` apart.
#[derive(Clone, Copy)]
pub struct Columns<'a> {
    /// All rows.
    pub data: &'a [f32],
    /// Distance between rows.
    pub stride: usize,
    /// First channel.
    pub offset: usize,
}

/// Channels `offset..offset + channels` of rows `stride` apart, to be written.
pub struct ColumnsMut<'a> {
    /// All rows.
    pub data: &'a mut [f32],
    /// Distance between rows.
    pub stride: usize,
    /// First channel.
    pub offset: usize,
}

impl ColumnsMut<'_> {
    /// The same channels, to be read.
    fn as_ref(&self) -> Columns<'_> {
        Columns { data: self.data, stride: self.stride, offset: self.offset }
    }
}

/// The statistics of a batch and the affine map they make: `y = x * gain + offset`.
pub struct Norm {
    mean: Vec<f32>,
    inverse_deviation: Vec<f32>,
    gain: Vec<f32>,
    offset: Vec<f32>,
}

/// Gradients of a norm's parameters, `[C]` each.
pub struct NormGradients {
    /// Of the scale.
    pub scale: Vec<f32>,
    /// Of the shift.
    pub shift: Vec<f32>,
}

/// Mean and biased variance of each of `channels` channels over the rows of `x`.
pub fn moments(x: &[f32], channels: usize) -> (Vec<f32>, Vec<f32>) {
    let [sum, squares] = sums(channels, x.chunks(CHUNK * channels), |chunk, sum, squares| {
        for row in chunk.chunks_exact(channels) {
            for ((x, sum), squares) in row.iter().zip(&mut *sum).zip(&mut *squares) {
                *sum += x;
                *squares += x * x;
            }
        }
    });
    let n = (x.len() / channels) as f64;
    let mean: Vec<f64> = sum.iter().map(|sum| sum / n).collect();
    let variance = squares.iter().zip(&mean).map(|(squares, mean)| (squares / n - mean * mean).max(0.0) as f32);
    (mean.iter().map(|&mean| mean as f32).collect(), variance.collect())
}

/// Two sums a channel: `add` sums a chunk in f32, the chunks are summed in f64. The order is fixed.
#[inline(always)]
fn sums<I: Iterator>(channels: usize, chunks: I, add: impl Fn(I::Item, &mut [f32], &mut [f32])) -> [Vec<f64>; 2] {
    let mut totals = [vec![0.0; channels], vec![0.0; channels]];
    let mut partial = [vec![0.0; channels], vec![0.0; channels]];
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for chunk in chunks {
                let [a, b] = &mut partial;
                a.fill(0.0);
                b.fill(0.0);
                add(chunk, a, b);
                for (total, partial) in totals.iter_mut().zip(&partial) {
                    total.iter_mut().zip(partial).for_each(|(total, &partial)| *total += f64::from(partial));
                }
            }
        },
    );
    totals
}

impl Norm {
    /// The map for given statistics; `variance` is the biased one for a batch, the running one at inference.
    pub fn new(mean: Vec<f32>, variance: &[f32], scale: &[f32], shift: &[f32], epsilon: f32) -> Self {
        let inverse_deviation: Vec<f32> = variance.iter().map(|variance| 1.0 / (variance + epsilon).sqrt()).collect();
        let gain: Vec<f32> = scale.iter().zip(&inverse_deviation).map(|(scale, inverse)| scale * inverse).collect();
        let offset = shift.iter().zip(&mean).zip(&gain).map(|((shift, mean), gain)| shift - mean * gain).collect();
        Self { mean, inverse_deviation, gain, offset }
    }

    /// Number of channels.
    pub fn channels(&self) -> usize {
        self.mean.len()
    }

    /// The norm of some of the channels.
    pub fn slice(&self, channels: std::ops::Range<usize>) -> Self {
        let part = |values: &Vec<f32>| values[channels.clone()].to_vec();
        Self {
            mean: part(&self.mean),
            inverse_deviation: part(&self.inverse_deviation),
            gain: part(&self.gain),
            offset: part(&self.offset),
        }
    }

    /// `out = x * gain + offset`, through ReLU if `RELU`. NaN stays NaN, so that a divergence is seen.
    pub fn apply<const RELU: bool>(&self, x: Columns<'_>, out: ColumnsMut<'_>) {
        let channels = self.channels();
        Arch::new().dispatch(
            #[inline(always)]
            || {
                let (gain, offset) = (&self.gain[..channels], &self.offset[..channels]);
                let (x_offset, out_offset) = (x.offset, out.offset);
                for (x, out) in x.data.chunks_exact(x.stride).zip(out.data.chunks_exact_mut(out.stride)) {
                    let (x, out) = (&x[x_offset..][..channels], &mut out[out_offset..][..channels]);
                    for (((x, out), gain), offset) in x.iter().zip(out).zip(gain).zip(offset) {
                        let y = x * gain + offset;
                        *out = if RELU && y < 0.0 { 0.0 } else { y };
                    }
                }
            },
        );
    }

    /// The same map in place, over rows of exactly these channels.
    pub fn apply_in_place<const RELU: bool>(&self, x: &mut [f32]) {
        let channels = self.channels();
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for row in x.chunks_exact_mut(channels) {
                    for ((x, gain), offset) in row.iter_mut().zip(&self.gain).zip(&self.offset) {
                        let y = *x * gain + offset;
                        *x = if RELU && y < 0.0 { 0.0 } else { y };
                    }
                }
            },
        );
    }

    /// The gradient of [`Norm::apply`] with the statistics of the batch: `x` becomes its gradient.
    ///
    /// Source: Ioffe and Szegedy 2015, section 3; the mask of ReLU is computed again from `x`, so that no output is kept.
    pub fn backward<const RELU: bool>(&self, x: ColumnsMut<'_>, dy: Columns<'_>) -> NormGradients {
        let channels = self.channels();
        let [shift, product] = self.reduce::<RELU>(x.as_ref(), dy);
        let n = (x.data.len() / x.stride) as f64;
        let mean = self.mean.iter().map(|&mean| f64::from(mean));
        let inverse = self.inverse_deviation.iter().map(|&inverse| f64::from(inverse));
        let scale: Vec<f64> =
            product.iter().zip(&shift).zip(mean).zip(inverse).map(|(((p, s), m), i)| (p - m * s) * i).collect();
        // dx = gain * (dy - mean(dy) - normalised x * mean(dy * normalised x)), gathered into one multiple of x.
        let mut slope = vec![0.0; channels];
        let mut constant = vec![0.0; channels];
        for j in 0..channels {
            let gain = f64::from(self.gain[j]);
            let per_x = gain * scale[j] / n * f64::from(self.inverse_deviation[j]);
            slope[j] = per_x as f32;
            constant[j] = (gain * shift[j] / n - f64::from(self.mean[j]) * per_x) as f32;
        }
        Arch::new().dispatch(
            #[inline(always)]
            || {
                let (gain, offset) = (&self.gain[..channels], &self.offset[..channels]);
                let (slope, constant) = (&slope[..channels], &constant[..channels]);
                let (x_offset, dy_offset) = (x.offset, dy.offset);
                for (x, dy) in x.data.chunks_exact_mut(x.stride).zip(dy.data.chunks_exact(dy.stride)) {
                    let (x, dy) = (&mut x[x_offset..][..channels], &dy[dy_offset..][..channels]);
                    for j in 0..channels {
                        let passes = !RELU || x[j] * gain[j] + offset[j] > 0.0;
                        let dy = if passes { dy[j] } else { 0.0 };
                        x[j] = gain[j] * dy - constant[j] - x[j] * slope[j];
                    }
                }
            },
        );
        let narrow = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect();
        NormGradients { scale: narrow(scale), shift: narrow(shift) }
    }

    /// The gradient of [`Norm::apply`] without ReLU with fixed statistics: `dx += gain * dy`.
    pub fn backward_fixed(&self, x: &[f32], dy: &[f32], dx: &mut [f32]) -> NormGradients {
        let channels = self.channels();
        let rows = |data| Columns { data, stride: channels, offset: 0 };
        let [shift, product] = self.reduce::<false>(rows(x), rows(dy));
        for (dx, dy) in dx.chunks_exact_mut(channels).zip(dy.chunks_exact(channels)) {
            dx.iter_mut().zip(dy).zip(&self.gain).for_each(|((dx, dy), gain)| *dx += gain * dy);
        }
        let scale = (0..channels)
            .map(|j| ((product[j] - f64::from(self.mean[j]) * shift[j]) * f64::from(self.inverse_deviation[j])) as f32);
        NormGradients { scale: scale.collect(), shift: shift.iter().map(|&shift| shift as f32).collect() }
    }

    /// Sums of `dy` and of `dy * x` a channel, where ReLU let `x` through.
    fn reduce<const RELU: bool>(&self, x: Columns<'_>, dy: Columns<'_>) -> [Vec<f64>; 2] {
        let channels = self.channels();
        let chunks = x.data.chunks(CHUNK * x.stride).zip(dy.data.chunks(CHUNK * dy.stride));
        sums(
            channels,
            chunks,
            #[inline(always)]
            |(xs, dys), sum, product| {
                let (gain, offset) = (&self.gain[..channels], &self.offset[..channels]);
                let (sum, product) = (&mut sum[..channels], &mut product[..channels]);
                for (row, dy_row) in xs.chunks_exact(x.stride).zip(dys.chunks_exact(dy.stride)) {
                    let (row, dy_row) = (&row[x.offset..][..channels], &dy_row[dy.offset..][..channels]);
                    for j in 0..channels {
                        let passes = !RELU || row[j] * gain[j] + offset[j] > 0.0;
                        let dy = if passes { dy_row[j] } else { 0.0 };
                        sum[j] += dy;
                        product[j] += dy * row[j];
                    }
                }
            },
        )
    }
}
