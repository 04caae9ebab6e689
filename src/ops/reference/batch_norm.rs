//! Batch norm and its gradients (Ioffe and Szegedy 2015, algorithm 1 and section 3).

use super::array::{Array, Sums, round};

/// Gain and offset of every channel.
#[derive(Clone, Debug)]
pub struct Affine {
    /// `[C]`.
    pub scale: Vec<f32>,
    /// `[C]`.
    pub shift: Vec<f32>,
    /// Added to the variance.
    pub epsilon: f32,
}

/// Mean and variance of every channel, the variance with n - 1.
#[derive(Clone, Debug)]
pub struct ChannelMoments {
    /// `[C]`.
    pub mean: Vec<f32>,
    /// `[C]`.
    pub variance: Vec<f32>,
}

/// Gradients of batch norm.
#[derive(Clone, Debug)]
pub struct BatchNormGradients {
    /// With respect to the input.
    pub x: Array,
    /// With respect to the gain, `[C]`.
    pub scale: Vec<f32>,
    /// With respect to the offset, `[C]`.
    pub shift: Vec<f32>,
}

/// Statistics of the batch as the normalisation uses them: the variance with n.
struct Statistics {
    mean: Vec<f64>,
    variance: Vec<f64>,
    /// Values a channel.
    count: f64,
}

fn statistics(x: &Array) -> Statistics {
    let channels = x.shape[3];
    let count = (x.data.len() / channels) as f64;
    let (mut mean, mut variance) = (vec![0.0; channels], vec![0.0; channels]);
    x.positions().for_each(|p| mean[p[3]] += x.at(p) / count);
    x.positions().for_each(|p| variance[p[3]] += (x.at(p) - mean[p[3]]).powi(2) / count);
    Statistics { mean, variance, count }
}

fn normalize(x: &Array, affine: &Affine, mean: &[f64], variance: &[f64]) -> Array {
    let mut y = Sums::zeros(x.shape);
    for p in x.positions() {
        let c = p[3];
        let normalized = (x.at(p) - mean[c]) / (variance[c] + f64::from(affine.epsilon)).sqrt();
        y.add(p, normalized * f64::from(affine.scale[c]) + f64::from(affine.shift[c]));
    }
    y.round()
}

/// With the statistics of this batch, which are returned too.
pub fn batch_norm_train(x: &Array, affine: &Affine) -> (Array, ChannelMoments) {
    let Statistics { mean, variance, count } = statistics(x);
    let unbiased: Vec<f64> = variance.iter().map(|v| v * count / (count - 1.0)).collect();
    let moments = ChannelMoments { mean: round(&mean), variance: round(&unbiased) };
    (normalize(x, affine, &mean, &variance), moments)
}

/// With given statistics.
pub fn batch_norm(x: &Array, affine: &Affine, moments: &ChannelMoments) -> Array {
    normalize(x, affine, &widen(&moments.mean), &widen(&moments.variance))
}

/// Gradients of [`batch_norm_train`], given that with respect to its output, `dy`.
pub fn batch_norm_train_gradients(x: &Array, dy: &Array, affine: &Affine) -> BatchNormGradients {
    let Statistics { mean, variance, count } = statistics(x);
    let sums = parameter_gradients(x, dy, affine, &mean, &variance);
    let mut dx = Sums::zeros(x.shape);
    for p in x.positions() {
        let c = p[3];
        let inverse_std = 1.0 / (variance[c] + f64::from(affine.epsilon)).sqrt();
        let normalized = (x.at(p) - mean[c]) * inverse_std;
        let through_statistics = (sums.shift[c] + normalized * sums.scale[c]) / count;
        dx.add(p, f64::from(affine.scale[c]) * inverse_std * (dy.at(p) - through_statistics));
    }
    BatchNormGradients { x: dx.round(), scale: round(&sums.scale), shift: round(&sums.shift) }
}

/// Gradients of [`batch_norm`], given that with respect to its output, `dy`. The statistics are constants.
pub fn batch_norm_gradients(x: &Array, dy: &Array, affine: &Affine, moments: &ChannelMoments) -> BatchNormGradients {
    let (mean, variance) = (widen(&moments.mean), widen(&moments.variance));
    let sums = parameter_gradients(x, dy, affine, &mean, &variance);
    let mut dx = Sums::zeros(x.shape);
    for p in x.positions() {
        let c = p[3];
        dx.add(p, dy.at(p) * f64::from(affine.scale[c]) / (variance[c] + f64::from(affine.epsilon)).sqrt());
    }
    BatchNormGradients { x: dx.round(), scale: round(&sums.scale), shift: round(&sums.shift) }
}

struct ParameterGradients {
    scale: Vec<f64>,
    shift: Vec<f64>,
}

fn parameter_gradients(x: &Array, dy: &Array, affine: &Affine, mean: &[f64], variance: &[f64]) -> ParameterGradients {
    let channels = x.shape[3];
    let mut sums = ParameterGradients { scale: vec![0.0; channels], shift: vec![0.0; channels] };
    for p in x.positions() {
        let c = p[3];
        sums.scale[c] += dy.at(p) * (x.at(p) - mean[c]) / (variance[c] + f64::from(affine.epsilon)).sqrt();
        sums.shift[c] += dy.at(p);
    }
    sums
}

fn widen(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}
