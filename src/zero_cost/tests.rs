//! Against PyTorch. `tests/golden/zero_cost.py` makes the expected values.

use dfdx::prelude::*;
use serde::Deserialize;

use super::grad_norm::norms;
use super::naswot::{Watching, log_determinant};
use super::synflow::{Linear, flow};
use super::unit::WithUnit;
use super::*;
use crate::net::tests::Golden;
use crate::ops::{Engine, Gemm};
#[cfg(feature = "cuda")]
use crate::ops::{Engines, conformance::on_gpu};

#[derive(Deserialize)]
struct Expected {
    grad_norm: f64,
    synflow: f64,
    naswot: f64,
}

fn assert_near(what: &str, got: f64, expected: f64, tolerance: f64) {
    assert!((got - expected).abs() < tolerance * expected.abs(), "{what}: {got}, expected {expected}");
}

fn gives_the_scores_of_pytorch<E: Engine>(engine: impl Fn() -> E) {
    let expected: Expected = serde_json::from_str(include_str!("../../tests/golden/zero_cost.json")).unwrap();
    let golden = Golden::read();
    let (labels, resolution) = (golden.labels(), golden.resolution());
    let network = golden.network_with(engine(), false);
    let images = golden.images(network.engine().device());
    assert_near("gradient norm", norms(network, images, &labels).unwrap(), expected.grad_norm, 1e-3);
    let network = golden.network_with(WithUnit { engine: engine(), unit: Linear }, false);
    assert_near("synflow", flow(network, resolution).unwrap(), expected.synflow, 1e-6);
    let network = golden.network_with(WithUnit { engine: engine(), unit: Watching::default() }, false);
    let images = golden.images(network.engine().device());
    assert_near("NASWOT", log_determinant(network, images).unwrap().unwrap(), expected.naswot, 1e-3);
}

#[test]
fn scores_are_those_of_pytorch() {
    gives_the_scores_of_pytorch(Gemm::new);
}

#[cfg(feature = "cuda")]
#[test]
fn scores_on_a_gpu_are_those_of_pytorch() {
    on_gpu(|gpu| gives_the_scores_of_pytorch(|| gpu.engine().unwrap()));
}

#[test]
fn they_are_functions_of_the_seed_and_auxiliary_heads_change_nothing() {
    let golden = Golden::read();
    let scores = |seed, aux_heads| {
        let architecture = golden.architecture(aux_heads);
        let images = golden.images(Gemm::new().device());
        let grad_norm = grad_norm(Gemm::new(), &architecture, seed, images.clone(), &golden.labels()).unwrap();
        let naswot = naswot(Gemm::new(), &architecture, seed, images).unwrap();
        (grad_norm, synflow(Gemm::new(), &architecture, seed, golden.resolution()).unwrap(), naswot)
    };
    assert_eq!(scores(1, true), scores(1, false));
    let (first, second) = (scores(1, false), scores(2, false));
    assert!(first.0 != second.0 && first.1 != second.1 && first.2 != second.2);
}

#[test]
fn images_that_cannot_be_told_apart_have_no_determinant() {
    let golden = Golden::read();
    let engine = Gemm::new();
    let images = engine.device().tensor_from_vec(vec![0.5; 2 * 32 * 32 * 3], (2, 32, 32, 3));
    assert_eq!(naswot(engine, &golden.architecture(false), 1, images).unwrap(), None);
}
