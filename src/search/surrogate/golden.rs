//! Gaussian processes against scikit-learn. `tests/golden/gp.py` makes the expected values.

use serde::Deserialize;

use super::gaussian_process::{GaussianProcess, Kernel};

#[derive(Deserialize)]
struct Golden {
    inputs: Vec<Vec<f64>>,
    targets: Vec<f64>,
    length_scales: Vec<f64>,
    signal: f64,
    noise: f64,
    asked: Vec<Vec<f64>>,
    means: Vec<f64>,
    slopes: Vec<f64>,
}

fn assert_close(ours: f64, expected: f64) {
    assert!((ours - expected).abs() < 1e-9 * expected.abs().max(1.0), "{ours}, expected {expected}");
}

#[test]
fn means_and_slopes_are_those_of_scikit_learn() {
    let all: Vec<Golden> = serde_json::from_str(include_str!("../../../tests/golden/gp.json")).unwrap();
    for golden in all {
        let kernel = Kernel { length_scales: golden.length_scales, signal: golden.signal, noise: golden.noise };
        let process = GaussianProcess::new(&golden.inputs, &golden.targets, kernel).unwrap();
        for (place, expected) in golden.asked.iter().zip(golden.means) {
            assert_close(process.mean(place), expected);
        }
        let (by_scales, by_noise) = process.gradient();
        assert_eq!(by_scales.len() + 1, golden.slopes.len());
        by_scales
            .into_iter()
            .chain([by_noise])
            .zip(golden.slopes)
            .for_each(|(ours, theirs)| assert_close(ours, theirs));
    }
}

#[test]
fn a_kernel_of_no_variance_is_refused() {
    let kernel = Kernel { length_scales: vec![1.0], signal: 0.0, noise: 0.0 };
    assert!(GaussianProcess::new(&[vec![0.5]], &[0.0], kernel).is_none());
}
