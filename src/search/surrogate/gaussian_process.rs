//! Gaussian-process regression: what a smooth function is likely to be at one place after noisy looks at others.
//!
//! Source: Rasmussen & Williams 2006, "Gaussian Processes for Machine Learning", algorithm 2.1 and section 5.4.1.

use crate::stats::Cholesky;

/// What is assumed of the function and of the noise: a Matern kernel of order 5/2 with a length scale for every axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Kernel {
    /// How far the function stays much the same along each axis.
    pub length_scales: Vec<f64>,
    /// Variance of the function.
    pub signal: f64,
    /// Variance of the noise.
    pub noise: f64,
}

impl Kernel {
    /// A place in units of the length scales.
    fn scaled(&self, input: &[f64]) -> Vec<f64> {
        input.iter().zip(&self.length_scales).map(|(value, scale)| value / scale).collect()
    }

    /// Covariance of the function at two scaled places, and its slope: the derivative by the logarithm of a length scale is
    /// the slope times the squared distance along that axis.
    fn covariance(&self, a: &[f64], b: &[f64]) -> (f64, f64) {
        let square: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
        let r = (5.0 * square).sqrt();
        let decay = self.signal * (-r).exp();
        (decay * (1.0 + r + r * r / 3.0), decay * (1.0 + r) * 5.0 / 3.0)
    }
}

/// A function of mean 0 that was looked at in some places.
pub(super) struct GaussianProcess {
    kernel: Kernel,
    /// Scaled places, `[count][axes]`.
    places: Vec<Vec<f64>>,
    factor: Cholesky,
    /// Inverse covariance times targets.
    weights: Vec<f64>,
    /// Derivative of the covariance of two places, as of [`Kernel::covariance`]; a lower triangle.
    slopes: Vec<Vec<f64>>,
}

impl GaussianProcess {
    /// The function that was seen to be about `targets` at `inputs`, `[count][axes]`. `None` if the covariance is, after
    /// rounding, that of nothing.
    pub fn new(inputs: &[Vec<f64>], targets: &[f64], kernel: Kernel) -> Option<Self> {
        let places: Vec<Vec<f64>> = inputs.iter().map(|input| kernel.scaled(input)).collect();
        let row = |(i, a): (usize, &Vec<f64>)| places[..=i].iter().map(|b| kernel.covariance(a, b)).unzip();
        let (mut covariances, slopes): (Vec<Vec<f64>>, Vec<Vec<f64>>) = places.iter().enumerate().map(row).unzip();
        covariances.iter_mut().enumerate().for_each(|(i, row)| row[i] += kernel.noise);
        let factor = Cholesky::of(covariances)?;
        let weights = factor.solve(targets);
        Some(Self { kernel, places, factor, weights, slopes })
    }

    /// The mean of the function at `input`.
    pub fn mean(&self, input: &[f64]) -> f64 {
        let input = self.kernel.scaled(input);
        let covariances = self.places.iter().map(|place| self.kernel.covariance(&input, place).0);
        covariances.zip(&self.weights).map(|(covariance, weight)| covariance * weight).sum()
    }

    /// Derivatives of the log likelihood by the logarithms of the length scales and of the noise.
    pub fn gradient(&self) -> (Vec<f64>, f64) {
        let inverse = self.factor.inverse();
        let mut by_scale = vec![0.0; self.kernel.length_scales.len()];
        let mut by_noise = 0.0;
        for (i, a) in self.places.iter().enumerate() {
            for (j, b) in self.places[..i].iter().enumerate() {
                // Both triangles.
                let pull = (self.weights[i] * self.weights[j] - inverse[i][j]) * self.slopes[i][j];
                by_scale.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += pull * (a - b) * (a - b));
            }
            by_noise += 0.5 * self.kernel.noise * (self.weights[i] * self.weights[i] - inverse[i][i]);
        }
        (by_scale, by_noise)
    }
}
