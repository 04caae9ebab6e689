//! Times one training step of GoogLeNet in burn on the CPU, with the options and figures of `torch_step.py`.
//!
//! On burn's backend flex. Of paper widths, 64 px, 8 images a step on two threads it does 17.4 images/s where ndarray, with
//! its features for vectors and threads, does 0.85 (AMD EPYC with AVX2, burn 0.22.1). The backend cpu (CubeCL) downloads
//! LLVM when it is built, and tch is PyTorch itself.

#[path = "../../googlenet.rs"]
mod googlenet;

use std::convert::Infallible;

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::optim::momentum::MomentumConfig;
use burn::optim::{GradientsParams, SgdConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Distribution, Int, Tensor};
use googlenet::{BATCH_NORM_EPSILON, Block, CLASSES, LEARNING_RATE, Options};

/// Convolution, batch norm with the statistics of the batch, ReLU.
#[derive(Module, Debug)]
struct Unit {
    conv: Conv2d,
    norm: BatchNorm,
}

impl Unit {
    fn new(input: usize, output: usize, kernel: usize, stride: usize, device: &Device) -> Self {
        let side = kernel / 2;
        let conv = Conv2dConfig::new([input, output], [kernel, kernel])
            .with_stride([stride, stride])
            .with_padding(PaddingConfig2d::Explicit(side, side, side, side))
            .with_bias(false)
            .init(device);
        Self { conv, norm: BatchNormConfig::new(output).with_epsilon(BATCH_NORM_EPSILON).init(device) }
    }

    fn forward(&self, input: Tensor<4>, macs: &mut u64) -> Tensor<4> {
        let output = self.conv.forward(input);
        let ([_, channels, height, width], weights) = (output.dims(), self.conv.weight.dims());
        *macs += (channels * height * width * weights[1..].iter().product::<usize>()) as u64;
        relu(self.norm.forward(output))
    }
}

/// A block, in which each branch is a row of units.
#[derive(Module, Debug)]
struct Inception {
    branches: Vec<Vec<Unit>>,
    pool: MaxPool2d,
    ends_stage: bool,
}

impl Inception {
    fn new(input: usize, block: &Block, device: &Device) -> Self {
        let unit = |input, output, kernel| Unit::new(input, output, kernel, 1, device);
        let [b1x1, b3x3_reduce, b3x3, b5x5_reduce, b5x5, pool_proj] = block.widths;
        let branches = vec![
            vec![unit(input, b1x1, 1)],
            vec![unit(input, b3x3_reduce, 1), unit(b3x3_reduce, b3x3, 3)],
            vec![unit(input, b5x5_reduce, 1), unit(b5x5_reduce, b5x5, 5)],
            vec![unit(input, pool_proj, 1)],
        ];
        let pool = MaxPool2dConfig::new([3, 3]).with_strides([1, 1]);
        let pool = pool.with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1)).init();
        Self { branches, pool, ends_stage: block.ends_stage() }
    }

    fn forward(&self, input: Tensor<4>, macs: &mut u64) -> Tensor<4> {
        let pooled = self.pool.forward(input.clone());
        let inputs = [input.clone(), input.clone(), input, pooled];
        let row = |(units, input): (&Vec<Unit>, _)| units.iter().fold(input, |x, unit| unit.forward(x, macs));
        let output = Tensor::cat(self.branches.iter().zip(inputs).map(row).collect(), 1);
        if self.ends_stage { halve(output) } else { output }
    }
}

/// The max pool between stages.
fn halve(input: Tensor<4>) -> Tensor<4> {
    MaxPool2dConfig::new([3, 3]).with_strides([2, 2]).with_ceil_mode(true).init().forward(input)
}

#[derive(Module, Debug)]
struct GoogLeNet {
    stem: Vec<Unit>,
    blocks: Vec<Inception>,
    classifier: Linear,
}

impl GoogLeNet {
    fn new(options: &Options, device: &Device) -> Self {
        let [first, second, third] = options.stem();
        let stem = vec![
            Unit::new(3, first, 7, 2, device),
            Unit::new(first, second, 1, 1, device),
            Unit::new(second, third, 3, 1, device),
        ];
        let mut channels = third;
        let mut blocks = Vec::new();
        for block in options.blocks() {
            blocks.push(Inception::new(channels, &block, device));
            channels = block.out();
        }
        Self { stem, blocks, classifier: LinearConfig::new(channels, CLASSES).init(device) }
    }

    fn forward(&self, images: Tensor<4>, macs: &mut u64) -> Tensor<2> {
        let x = halve(self.stem[0].forward(images, macs));
        let x = self.stem[2].forward(self.stem[1].forward(x, macs), macs);
        let x = self.blocks.iter().fold(halve(x), |x, block| block.forward(x, macs));
        self.classifier.forward(x.mean_dim(3).mean_dim(2).flatten(1, 3))
    }
}

fn main() {
    let options = Options::from_args();
    let device = Device::flex().autodiff();
    let mut network = GoogLeNet::new(&options, &device);
    let shape = [options.batch, 3, options.size, options.size];
    let images = Tensor::<4>::random(shape, Distribution::Normal(0.0, 1.0), &device);
    let labels: Vec<i32> = (0..options.batch).map(|image| (image % CLASSES) as i32).collect();
    let labels = Tensor::<1, Int>::from_ints(labels.as_slice(), &device);
    let momentum = MomentumConfig { momentum: 0.9, dampening: 0.0, nesterov: true };
    let mut sgd = SgdConfig::new().with_momentum(Some(momentum)).init();
    let loss = CrossEntropyLossConfig::new().init(&device);
    let done: Result<(), Infallible> = options.time(|| {
        let mut macs = 0;
        let logits = network.forward(images.clone(), &mut macs);
        let gradients = loss.forward(logits, labels.clone()).backward();
        let gradients = GradientsParams::from_grads(gradients, &network);
        // The optimiser takes the network and gives it back: a clone shares the weights.
        network = sgd.step(LEARNING_RATE, network.clone(), gradients);
        Ok(macs)
    });
    let Ok(()) = done;
}
