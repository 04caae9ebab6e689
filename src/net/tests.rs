//! The whole network against PyTorch. `tests/golden/googlenet.py` makes the expected values.

use std::collections::BTreeMap;

use dfdx::prelude::*;
use serde::Deserialize;

use super::weights;
use super::*;
use crate::arch::Architecture;
#[cfg(feature = "cuda")]
use crate::device::Precision;
use crate::ops::{Composed, Engine, Gemm, Maps, OpError, Rows, Timeline};
#[cfg(feature = "cuda")]
use crate::ops::{Engines, Gpu, conformance::on_gpu};

#[derive(Deserialize)]
pub(crate) struct Golden {
    ratio: f64,
    classes: usize,
    batch: usize,
    size: usize,
    inference: Vec<f32>,
    training: Vec<Vec<f32>>,
    loss: f32,
    gradient_norms: BTreeMap<String, f32>,
    running_mean_norm: BTreeMap<String, f32>,
    losses: Vec<f32>,
}

impl Golden {
    pub fn read() -> Self {
        serde_json::from_str(include_str!("../../tests/golden/googlenet.json")).unwrap()
    }

    pub fn architecture(&self, aux_heads: bool) -> Architecture {
        Architecture::googlenet_scaled(self.ratio, self.classes, aux_heads).unwrap()
    }

    /// Side of the images.
    pub fn resolution(&self) -> usize {
        self.size
    }

    /// The class of each image.
    pub fn labels(&self) -> Vec<usize> {
        (0..self.batch).map(|image| image % self.classes).collect()
    }

    fn network<E: Engine>(&self, engine: E) -> GoogLeNet<E> {
        self.network_with(engine, true)
    }

    /// A network with the weights of the PyTorch model, through a file in torchvision's layout.
    pub fn network_with<E: Engine>(&self, engine: E, aux_heads: bool) -> GoogLeNet<E> {
        let architecture = self.architecture(true);
        let mut tensors = GoogLeNet::new(Gemm::new(), &architecture, 0).unwrap().tensors().unwrap();
        for (salt, (name, stored)) in tensors.iter_mut().enumerate() {
            let fan_in: usize = stored.shape[1..].iter().product();
            let value = |u: f64| match name.rsplit('.').next() {
                Some("running_var") => 1.0 + 0.3 * u,
                Some("weight") if name.ends_with("bn.weight") => 1.0 + 0.3 * u,
                Some("running_mean") => 0.1 * u,
                Some("bias") if name.ends_with("bn.bias") => 0.1 * u,
                Some("bias") => 0.05 * u,
                _ => u * (6.0 / fan_in as f64).sqrt(),
            };
            stored.values = noise(salt as u32, stored.values.len()).map(|u| value(u) as f32).collect();
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), weights::encode(&tensors, architecture.canonical()).unwrap()).unwrap();
        let mut network = GoogLeNet::new(engine, &self.architecture(aux_heads), 0).unwrap();
        network.load(file.path()).unwrap();
        network
    }

    pub fn images<D: Device<f32>>(&self, device: &D) -> Maps<D> {
        let patch = self.size / 4;
        let coarse: Vec<f64> = noise(8888, self.batch * 4 * 4 * 3).collect();
        let pixels = noise(9999, self.batch * self.size * self.size * 3).enumerate().map(|(at, fine)| {
            let (channel, x, y) = (at % 3, at / 3 % self.size, at / 3 / self.size % self.size);
            let image = at / 3 / self.size / self.size;
            (coarse[((image * 4 + y / patch) * 4 + x / patch) * 3 + channel] + 0.25 * fine) as f32
        });
        device.tensor_from_vec(pixels.collect::<Vec<_>>(), (self.batch, self.size, self.size, 3))
    }

    /// Cross-entropy of the classifier plus 0.3 times that of each auxiliary head.
    fn loss<D: Device<f32>>(&self, output: TrainOutput<D>) -> Tensor<(), f32, D, OwnedTape<f32, D>> {
        let device = output.logits.device().clone();
        let mut targets = vec![0.0; self.batch * self.classes];
        self.labels().iter().enumerate().for_each(|(image, label)| targets[image * self.classes + label] = 1.0);
        let targets: Rows<D> = device.tensor_from_vec(targets, (self.batch, self.classes));
        let cross_entropy = |logits: Rows<D, OwnedTape<f32, D>>| {
            // dfdx's own loss divides by the number of all elements of the last axis' batch only for constant shapes.
            let picked = logits.log_softmax::<Axis<1>>() * targets.clone();
            picked.sum::<(), _>() * (-1.0 / self.batch as f32)
        };
        let mut loss = cross_entropy(output.logits);
        for logits in output.aux_logits {
            loss = loss + cross_entropy(logits) * 0.3;
        }
        loss
    }
}

/// The same hash as in the script.
fn noise(salt: u32, count: usize) -> impl Iterator<Item = f64> {
    (0..count as u32).map(move |index| {
        let mut x = index.wrapping_mul(2_654_435_769).wrapping_add(salt.wrapping_mul(40503));
        x ^= x >> 16;
        x = x.wrapping_mul(0x7FEB_352D);
        x ^= x >> 15;
        x = x.wrapping_mul(0x846C_A68B);
        x ^= x >> 16;
        f64::from(x >> 8) / f64::from(1 << 23) - 1.0
    })
}

fn assert_close(what: &str, got: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0f32, |largest, value| largest.max(value.abs()));
    for (got, expected) in got.iter().zip(expected) {
        assert!((got - expected).abs() <= tolerance * largest, "{what}: {got} is not {expected}");
    }
}

/// Norms of all gradients or running statistics.
struct Norms<'a, D: Device<f32>> {
    gradients: &'a Gradients<f32, D>,
    norms: BTreeMap<String, f32>,
}

fn norm(values: &[f32]) -> f32 {
    values.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt() as f32
}

impl<D: Device<f32>> Visitor<D> for Norms<'_, D> {
    fn parameter<S: Shape>(&mut self, name: &str, _: Role, tensor: &mut Tensor<S, f32, D>) -> Result<(), OpError> {
        self.norms.insert(name.to_owned(), norm(&self.gradients.get(&*tensor).as_vec()));
        Ok(())
    }

    fn buffer<S: Shape>(&mut self, name: &str, tensor: &mut Tensor<S, f32, D>) -> Result<(), OpError> {
        self.norms.insert(name.to_owned(), norm(&tensor.as_vec()));
        Ok(())
    }
}

/// Plain SGD with Nesterov momentum over dfdx's optimiser, weights decayed.
struct Step<'a, D: Device<f32>> {
    gradients: &'a mut Gradients<f32, D>,
    velocity: &'a mut Gradients<f32, D>,
}

impl<D: Device<f32>> Visitor<D> for Step<'_, D> {
    fn parameter<S: Shape>(&mut self, _: &str, role: Role, tensor: &mut Tensor<S, f32, D>) -> Result<(), OpError> {
        let decay = matches!(role, Role::Weight { .. }).then_some(dfdx::optim::WeightDecay::L2(5e-4));
        let momentum = Some(dfdx::optim::Momentum::Nesterov(0.9));
        let config = dfdx::optim::SgdConfig { lr: 3e-5, momentum, weight_decay: decay };
        let velocity = self.velocity.get_or_alloc_mut(&*tensor).map_err(OpError::device)?;
        let gradient = self.gradients.get_or_alloc_mut(&*tensor).map_err(OpError::device)?;
        config.try_update(tensor, velocity, gradient).map_err(OpError::device)
    }
}

fn agrees_with_pytorch<E: Engine>(engine: E) {
    let golden = Golden::read();
    let mut network = golden.network(engine);
    let images = golden.images(network.engine().device());
    assert_close("inference", &network.forward(images.clone()).unwrap().as_vec(), &golden.inference, 1e-3);

    let output = network.forward_train(images.clone().leaky_traced(), None).unwrap();
    let logits = std::iter::once(&output.logits).chain(&output.aux_logits).map(|logits| logits.as_vec());
    for (got, expected) in logits.zip(&golden.training) {
        assert_close("training logits", &got, expected, 1e-3);
    }
    let loss = golden.loss(output);
    assert_close("loss", &loss.as_vec(), &[golden.loss], 1e-3);
    let gradients = loss.backward();
    let mut norms = Norms { gradients: &gradients, norms: BTreeMap::new() };
    network.visit(&mut norms).unwrap();
    let expected = golden.gradient_norms.iter().chain(&golden.running_mean_norm);
    assert_eq!(norms.norms.len(), expected.clone().count());
    for (name, expected) in expected {
        assert_close(name, &[norms.norms[name]], &[*expected], 1e-2);
    }
}

fn trains_as_pytorch<E: Engine>(engine: E) {
    let golden = Golden::read();
    let mut network = golden.network(engine);
    let images = golden.images(network.engine().device());
    let mut velocity = Gradients::leaky();
    for (step, expected) in golden.losses.iter().enumerate() {
        let loss = golden.loss(network.forward_train(images.clone().leaky_traced(), None).unwrap());
        assert_close(&format!("loss of step {step}"), &loss.as_vec(), &[*expected], 1e-2);
        let mut gradients = loss.backward();
        network.visit(&mut Step { gradients: &mut gradients, velocity: &mut velocity }).unwrap();
    }
}

#[test]
fn the_gemm_engine_agrees_with_pytorch() {
    agrees_with_pytorch(Gemm::new());
}

#[test]
fn the_gemm_engine_trains_as_pytorch() {
    trains_as_pytorch(Gemm::new());
}

#[test]
fn the_composed_engine_agrees_with_pytorch() {
    agrees_with_pytorch(Composed::new(Cpu::default()));
}

#[test]
fn the_composed_engine_trains_as_pytorch() {
    trains_as_pytorch(Composed::new(Cpu::default()));
}

#[cfg(feature = "cuda")]
#[test]
fn a_gpu_agrees_with_pytorch() {
    on_gpu(|gpu| agrees_with_pytorch(gpu.engine().unwrap()));
}

/// All gradients of a step on 32 images of 64 pixels, one after the other.
#[cfg(feature = "cuda")]
fn gradients<E: Engine>(engine: E) -> Vec<f32> {
    struct All<'a, D: Device<f32>>(&'a Gradients<f32, D>, Vec<f32>);

    impl<D: Device<f32>> Visitor<D> for All<'_, D> {
        fn parameter<S: Shape>(&mut self, _: &str, _: Role, tensor: &mut Tensor<S, f32, D>) -> Result<(), OpError> {
            self.1.extend(self.0.get(&*tensor).as_vec());
            Ok(())
        }
    }

    let golden = Golden { batch: 32, size: 64, ..Golden::read() };
    let architecture = Architecture::googlenet_scaled(0.25, golden.classes, false).unwrap();
    let mut network = GoogLeNet::new(engine, &architecture, 1).unwrap();
    let images = golden.images(network.engine().device());
    let gradients = golden.loss(network.forward_train(images.leaky_traced(), None).unwrap()).backward();
    let mut all = All(&gradients, Vec::new());
    network.visit(&mut all).unwrap();
    all.1
}

/// How far all gradients of a step are from those in f32 on the CPU, relative to these. Where a value comes to lie on the other
/// side of ReLU's corner, or another one is the maximum, a gradient goes elsewhere: so this grows with the root of the rounding.
#[cfg(feature = "cuda")]
fn distance(gpu: &Gpu, precision: Precision) -> f32 {
    let expected = gradients(Gemm::new());
    let got = gradients(gpu.clone().with_precision(precision).engine().unwrap());
    let differences: Vec<f32> = got.iter().zip(&expected).map(|(got, expected)| got - expected).collect();
    let distance = norm(&differences) / norm(&expected);
    println!("{}: {distance:.1e}", precision.name());
    distance
}

#[cfg(feature = "cuda")]
#[test]
fn a_gpu_takes_nearly_the_same_step_with_rounded_factors() {
    on_gpu(|gpu| {
        let [exact, tf32, f16] = Precision::ALL.map(|precision| distance(gpu, precision));
        // Another order of sums alone takes a few values over these corners.
        let rounded = 3.0 * exact..0.5;
        assert!(exact < 0.03 && rounded.contains(&tf32) && rounded.contains(&f16), "{exact} {tf32} {f16}");
    });
}

#[cfg(feature = "cuda")]
#[test]
fn a_gpu_trains_as_pytorch() {
    on_gpu(|gpu| trains_as_pytorch(gpu.engine().unwrap()));
}

#[test]
fn reloaded_weights_give_the_same_bits() {
    let golden = Golden::read();
    let mut network = golden.network(Gemm::new());
    let images = golden.images(network.engine().device());
    let file = tempfile::NamedTempFile::new().unwrap();
    network.save(file.path()).unwrap();
    let mut reloaded = GoogLeNet::new(Gemm::new(), network.architecture(), 1).unwrap();
    reloaded.load(file.path()).unwrap();
    let bits = |logits: Rows<Cpu>| logits.as_vec().into_iter().map(f32::to_bits).collect::<Vec<_>>();
    assert_eq!(bits(network.forward(images.clone()).unwrap()), bits(reloaded.forward(images).unwrap()));
}

#[test]
fn weights_of_another_architecture_are_refused() {
    let golden = Golden::read();
    let file = tempfile::NamedTempFile::new().unwrap();
    golden.network(Gemm::new()).save(file.path()).unwrap();
    let other = Architecture::googlenet_scaled(0.5, golden.classes, true).unwrap();
    let refused = GoogLeNet::new(Gemm::new(), &other, 0).unwrap().load(file.path());
    assert!(refused.unwrap_err().to_string().contains("conv1.conv.weight is [16, 3, 7, 7], expected [32, 3, 7, 7]"));
    std::fs::write(file.path(), b"no weights").unwrap();
    let broken = GoogLeNet::new(Gemm::new(), &other, 0).unwrap().load(file.path());
    assert!(matches!(broken, Err(WeightsError::Format { .. })));
}

#[test]
fn weights_that_are_not_finite_are_refused() {
    let architecture = Architecture::googlenet_scaled(0.1, 2, false).unwrap();
    let mut network = GoogLeNet::new(Gemm::new(), &architecture, 1).unwrap();
    let mut bytes = network.safetensors().unwrap();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    assert!(network.load(file.path()).unwrap_err().to_string().contains("not finite"));
}

#[test]
fn smallest_and_odd_inputs_train() {
    let architecture = Architecture::googlenet_scaled(0.1, 2, true).unwrap();
    let mut network = GoogLeNet::new(Gemm::new(), &architecture, 3).unwrap();
    for size in [32, 33, 47, 63] {
        let images = network.engine().device().tensor_from_vec(vec![0.5; 2 * size * size * 3], (2, size, size, 3));
        let output = network.forward_train(images.leaky_traced(), Some(1)).unwrap();
        assert_eq!((output.logits.shape(), output.aux_logits.len()), (&(2, 2), 2));
    }
}

#[test]
fn a_step_keeps_no_more_memory_than_the_one_before() {
    let architecture = Architecture::googlenet_scaled(0.1, 2, true).unwrap();
    let golden = Golden { batch: 2, size: 32, ..Golden::read() };
    let mut network = GoogLeNet::new(Gemm::new(), &architecture, 3).unwrap();
    let kept: Vec<usize> = (0..4)
        .map(|step| {
            let images = golden.images(network.engine().device());
            let output = network.forward_train(images.leaky_traced(), Some(step)).unwrap();
            drop(output.aux_logits.into_iter().fold(output.logits, |sum, aux| sum + aux).exp().sum().backward());
            network.engine().pooled()
        })
        .collect();
    assert!(kept[1] > 0 && kept[2..].iter().all(|&kept_now| kept_now == kept[1]), "{kept:?}");
}

#[test]
fn a_timeline_hears_of_every_module_and_changes_no_bit() {
    fn check<E: Engine>(engine: fn() -> E, aux_heads: bool) {
        let architecture = Architecture::googlenet_scaled(0.05, 2, aux_heads).unwrap();
        let golden = Golden { batch: 2, size: 32, ..Golden::read() };
        let pass = |timeline: Timeline| {
            let mut network = GoogLeNet::new(engine(), &architecture, 3).unwrap().with_timeline(timeline);
            let images = golden.images(network.engine().device());
            let output = network.forward_train(images.leaky_traced(), Some(1)).unwrap();
            let logits = output.logits.as_vec();
            let gradients =
                output.aux_logits.into_iter().fold(output.logits, |sum, aux| sum + aux).exp().sum().backward();
            let mut norms = Norms { gradients: &gradients, norms: BTreeMap::new() };
            network.visit(&mut norms).unwrap();
            (logits, norms.norms)
        };
        let (timeline, marks) = Timeline::new();
        assert_eq!(pass(timeline), pass(Timeline::default()));

        let mut modules: Vec<_> = architecture.layers(32).unwrap().iter().map(|layer| layer.name.module).collect();
        modules.dedup();
        modules.retain(|&module| module != "dropout");
        modules.push("loss");
        let marks: Vec<_> = marks.iter().map(|mark| mark.part).collect();
        assert_eq!(marks[..modules.len()], modules);
        modules.reverse();
        assert_eq!(marks[modules.len()..], modules);
    }
    check(Gemm::new, true);
    check(Gemm::new, false);
    check(|| Composed::new(Cpu::default()), true);
}
