//! The memory that a training takes on a GPU, by arithmetic: known before it starts.

use crate::arch::{Architecture, Layer, LayerKind, MAX_RESOLUTION, MIN_RESOLUTION, Shape};
use crate::ops::workspace::{WINDOW_VALUES, images_at_once, shards};
use crate::ops::{Engines, OpError};

/// Bytes of a value.
const F32: u64 = 4;

/// What part more than tensors take is reckoned with: a pool of memory has gaps.
const SPARE_PART: u64 = 32;

/// The tensor that comes first.
const IMAGES: usize = 0;

/// Values that a channel of batch norm takes beside its parameters: running statistics, the batch's, and its map.
const NORM: u64 = 8;

/// Bytes of a GPU's memory that training a network on `batch` images a step takes at the peak, by following what is taken and
/// freed in a step's forward and backward pass. Held against the driver's count it is 3 to 9 % over.
///
/// `copied_factor_bytes` are those of a value where matrix products read copies of their factors.
///
/// # Errors
/// [`OpError::Shape`] if there is no network for images of this size.
pub fn training_bytes(
    architecture: &Architecture,
    resolution: usize,
    batch: usize,
    copied_factor_bytes: Option<u64>,
) -> Result<u64, OpError> {
    let (what, expected) = ("side of the images", resolution.clamp(MIN_RESOLUTION, MAX_RESOLUTION));
    let no_network = |_| OpError::Shape { op: "network", what, got: resolution, expected };
    let layers = architecture.layers(resolution).map_err(no_network)?;
    let mut graph = Graph { batch, copied_factor_bytes, ..Graph::default() };
    let mut x = graph.tensor(graph.bytes(Shape::new(3, resolution)));
    for module in layers.chunk_by(|one, next| one.name.module == next.name.module) {
        let output = graph.module(x, module);
        // A head's output is nobody's input.
        if !module[0].name.module.starts_with("aux") {
            x = output;
        }
    }
    let peak = graph.peak();
    Ok(peak + peak / SPARE_PART)
}

/// An engine for the training of a network on `batch` images a step, with the memory that it takes promised to it.
///
/// # Errors
/// [`OpError::Shape`] if there is no network for images of this size, [`OpError::TooLarge`] if there is not so much memory.
pub fn training_engine<G: Engines>(
    engines: &G,
    architecture: &Architecture,
    resolution: usize,
    batch: usize,
) -> Result<G::Engine, OpError> {
    let copied = engines.device().copied_factor_bytes();
    engines.engine_for(training_bytes(architecture, resolution, batch, copied)?)
}

/// The operations of a training pass, in order, and the tensors between them.
#[derive(Default)]
struct Graph {
    batch: usize,
    copied_factor_bytes: Option<u64>,
    /// Bytes of each tensor.
    tensors: Vec<u64>,
    operations: Vec<Operation>,
    /// Bytes of all parameters.
    parameters: u64,
    /// Bytes beside the parameters that are not freed within a step.
    stays: u64,
}

/// What an operation takes, in bytes.
#[derive(Default)]
struct Operation {
    inputs: Vec<usize>,
    output: usize,
    /// Whether it is a convolution or a linear layer, whose backward pass reads the inputs again.
    multiplies: bool,
    /// Of its own, from the forward to the backward pass.
    own: u64,
    /// Taken and freed within each pass: sums over rows.
    sums: u64,
    /// After these, windows side by side and copied factors: in the forward and in the backward pass.
    factors: [u64; 2],
    /// Of the gradients of its parameters, which stay until the update.
    gradients: u64,
}

impl Graph {
    fn tensor(&mut self, bytes: u64) -> usize {
        self.tensors.push(bytes);
        self.tensors.len() - 1
    }

    fn bytes(&self, shape: Shape) -> u64 {
        F32 * self.batch as u64 * shape.elements()
    }

    /// The tensor that a module makes of `x`: a chain of layers, or branches over `x` and what joins them.
    fn module(&mut self, x: usize, layers: &[Layer]) -> usize {
        let (mut last, mut parts) = (x, Vec::new());
        for unit in layers.chunk_by(|one, next| one.name.unit == next.name.unit) {
            let name = unit[0].name.unit;
            if name.starts_with("branch") && !name.ends_with(".1") {
                parts.extend((last != x).then_some(last));
                last = x;
            }
            last = unit.iter().fold(last, |x, layer| self.layer(x, layer));
        }
        if parts.is_empty() {
            return last;
        }
        parts.push(last);
        let output = self.tensor(parts.iter().map(|&part| self.tensors[part]).sum());
        self.operations.push(Operation { inputs: parts, output, ..Operation::default() });
        output
    }

    fn layer(&mut self, x: usize, layer: &Layer) -> usize {
        let gradients = F32 * layer.parameters();
        self.parameters += gradients;
        if layer.kind == LayerKind::BatchNorm {
            // Rides on the convolution before it.
            self.stays += F32 * NORM * layer.output.channels as u64;
            if let Some(convolution) = self.operations.last_mut() {
                convolution.gradients += gradients;
            }
            return x;
        }
        let bytes = self.bytes(layer.output);
        let operation = match layer.kind {
            LayerKind::Conv { geometry, .. } => {
                let (pixels, channels) = (layer.output.positions() as usize, layer.output.channels);
                let one = pixels * geometry.kernel * geometry.kernel * layer.input.channels;
                let side_by_side = (images_at_once(self.batch, one, WINDOW_VALUES) * one) as u64;
                let windows = if geometry.kernel == 1 { 0 } else { side_by_side };
                let factors = match self.copied_factor_bytes {
                    None => [F32 * windows; 2],
                    Some(size) => {
                        let copied = |values: u64| size * values;
                        let (weight, output) = (gradients / F32, bytes / F32);
                        let input = if geometry.kernel == 1 { self.tensors[x] / F32 } else { windows };
                        // The copy of the output's gradient is there for both products; the images have no gradient.
                        let of_input = if x == IMAGES { 0 } else { F32 * windows + copied(weight) };
                        [copied(input + weight), copied(input).max(of_input) + copied(output)]
                    }
                };
                let sums = F32 * (2 * channels * shards(self.batch * pixels, channels)) as u64;
                Operation { multiplies: true, own: bytes, sums, factors, gradients, ..Operation::default() }
            }
            // A byte for the place of each maximum.
            LayerKind::MaxPool { .. } => Operation { own: bytes / F32, ..Operation::default() },
            // dfdx's own operations keep what they have made, and its gradients; there is little of that.
            LayerKind::Linear | LayerKind::Dropout => {
                self.stays += 4 * (self.tensors[x] + bytes);
                Operation { multiplies: true, gradients, ..Operation::default() }
            }
            _ => Operation::default(),
        };
        let output = self.tensor(bytes);
        self.operations.push(Operation { inputs: vec![x], output, ..operation });
        output
    }

    /// The most bytes in use at once.
    fn peak(&self) -> u64 {
        // The parameters and what the optimiser remembers of each, and the images.
        let base = 2 * self.parameters + self.stays + self.tensors[IMAGES];
        let mut memory = Memory { now: base, most: base };
        let mut readers = vec![0; self.tensors.len()];
        self.operations.iter().flat_map(|operation| &operation.inputs).for_each(|&input| readers[input] += 1);
        let mut have_read = |memory: &mut Memory, inputs: &[usize]| {
            for &input in inputs {
                readers[input] -= 1;
                if readers[input] == 0 {
                    memory.free(self.tensors[input]);
                }
            }
        };
        for operation in &self.operations {
            memory.take(operation.own);
            memory.take_for_a_while(operation.sums.max(operation.factors[0]));
            memory.take(self.tensors[operation.output]);
            if !operation.multiplies {
                have_read(&mut memory, &operation.inputs);
            }
        }
        let mut has_gradient = vec![false; self.tensors.len()];
        let mut need_gradient = |memory: &mut Memory, tensor: usize| {
            if tensor != IMAGES && !has_gradient[tensor] {
                has_gradient[tensor] = true;
                memory.take(self.tensors[tensor]);
            }
        };
        for operation in self.operations.iter().rev() {
            need_gradient(&mut memory, operation.output);
            memory.take_for_a_while(operation.sums);
            if operation.multiplies {
                memory.free(operation.own);
            }
            memory.take(operation.gradients);
            operation.inputs.iter().for_each(|&input| need_gradient(&mut memory, input));
            memory.take_for_a_while(operation.factors[1]);
            memory.free(self.tensors[operation.output]);
            if operation.multiplies {
                have_read(&mut memory, &operation.inputs);
            } else {
                memory.free(operation.own);
            }
        }
        memory.most
    }
}

/// Bytes in use, and the most that were.
struct Memory {
    now: u64,
    most: u64,
}

impl Memory {
    fn take(&mut self, bytes: u64) {
        self.now += bytes;
        self.most = self.most.max(self.now);
    }

    fn take_for_a_while(&mut self, bytes: u64) {
        self.most = self.most.max(self.now + bytes);
    }

    fn free(&mut self, bytes: u64) {
        self.now -= bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(ratio: f64, heads: bool, resolution: usize, batch: usize) -> u64 {
        bytes_with(None, ratio, heads, resolution, batch)
    }

    fn bytes_with(copied: Option<u64>, ratio: f64, heads: bool, resolution: usize, batch: usize) -> u64 {
        let architecture = Architecture::googlenet_scaled(ratio, 2, heads).unwrap();
        training_bytes(&architecture, resolution, batch, copied).unwrap()
    }

    /// What the stand-in for a GPU has counted in KiB at the peak of `inception-nas bench`; `tests/cuda/standin.sh` counts
    /// the first ones again.
    #[test]
    fn agrees_with_what_was_counted() {
        let counted = [
            (0.1, false, 32, 8, 2_115_u64),
            (0.5, false, 33, 5, 18_728),
            (0.25, true, 96, 32, 105_909),
            (1.0, false, 224, 64, 1_667_618),
            (1.0, true, 224, 64, 1_709_742),
            (1.0, false, 224, 128, 3_288_229),
            (1.0, false, 64, 256, 580_556),
            (0.1, false, 64, 64, 43_581),
            (0.1, true, 32, 4, 50_998),
            (2.0, false, 299, 16, 1_587_308),
            (0.05, false, 128, 512, 392_649),
        ];
        let counted_in_f16 = [(1.0, false, 224, 64, 1_671_266_u64), (0.05, false, 128, 512, 339_572)];
        let counted = counted.map(|counted| (None, counted)).into_iter();
        for (copied, counted) in counted.chain(counted_in_f16.map(|counted| (Some(2), counted))) {
            let (ratio, heads, resolution, batch, counted) = counted;
            let over = bytes_with(copied, ratio, heads, resolution, batch) as f64 / (counted << 10) as f64 - 1.0;
            println!("x{ratio}, heads {heads}, {resolution} px, {batch} images: {:.1} % over", 100.0 * over);
            assert!((0.0..0.09).contains(&over), "x{ratio}, {resolution} px, {batch} images: {over}");
        }
    }

    #[test]
    fn grows_with_all_that_takes_memory() {
        let base = bytes(0.25, false, 64, 32);
        for more in [bytes(0.5, false, 64, 32), bytes(0.25, true, 64, 32), bytes(0.25, false, 96, 32)] {
            assert!(more > base);
        }
        assert!(bytes(0.25, false, 64, 64) > 3 * base / 2);
        let googlenet = Architecture::googlenet(2, true).unwrap();
        let refused = training_bytes(&googlenet, 31, 32, None).unwrap_err();
        assert_eq!(refused.to_string(), "network: side of the images is 31, expected 32");
    }
}
