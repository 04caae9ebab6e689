//! Times one training step of GoogLeNet in candle on the CPU, with the options and figures of `torch_step.py`.
//!
//! candle lacks some operations for training. What stands in for them costs no more, so the figures err in its favour:
//!
//! - max pooling has no backward pass where windows overlap: 2x2 windows at stride 2 take the place of 3x3 windows at
//!   stride 2, and the 3x3 pooling at stride 1 in the blocks is left out;
//! - SGD has no momentum.
//!
//! Without the feature `mkl`: it links Intel's library, which its build downloads.

#[path = "../../googlenet.rs"]
mod googlenet;

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{
    BatchNorm, BatchNormConfig, Conv2d, Conv2dConfig, Linear, Module, Optimizer, SGD, VarBuilder, VarMap, batch_norm,
    conv2d_no_bias, linear, loss,
};
use googlenet::{BATCH_NORM_EPSILON, Block, CLASSES, LEARNING_RATE, Options};

/// Convolution, batch norm with the statistics of the batch, ReLU.
struct Unit {
    conv: Conv2d,
    norm: BatchNorm,
}

impl Unit {
    fn new(input: usize, output: usize, kernel: usize, stride: usize, vars: VarBuilder) -> Result<Self> {
        let config = Conv2dConfig { padding: kernel / 2, stride, ..Default::default() };
        let conv = conv2d_no_bias(input, output, kernel, config, vars.pp("conv"))?;
        let norm = BatchNormConfig { eps: BATCH_NORM_EPSILON, ..Default::default() };
        Ok(Self { conv, norm: batch_norm(output, norm, vars.pp("bn"))? })
    }

    fn forward(&self, input: &Tensor, macs: &mut u64) -> Result<Tensor> {
        let output = self.conv.forward(input)?;
        *macs += (output.elem_count() / output.dim(0)? * self.conv.weight().get(0)?.elem_count()) as u64;
        self.norm.forward_train(&output)?.relu()
    }
}

/// A block, in which each branch is a row of units.
struct Inception {
    branches: [Vec<Unit>; 4],
    ends_stage: bool,
}

impl Inception {
    fn new(input: usize, block: &Block, vars: VarBuilder) -> Result<Self> {
        let unit = |name: &str, input, output, kernel| Unit::new(input, output, kernel, 1, vars.pp(name));
        let [b1x1, b3x3_reduce, b3x3, b5x5_reduce, b5x5, pool_proj] = block.widths;
        let branches = [
            vec![unit("b1x1", input, b1x1, 1)?],
            vec![unit("b3x3_reduce", input, b3x3_reduce, 1)?, unit("b3x3", b3x3_reduce, b3x3, 3)?],
            vec![unit("b5x5_reduce", input, b5x5_reduce, 1)?, unit("b5x5", b5x5_reduce, b5x5, 5)?],
            vec![unit("pool_proj", input, pool_proj, 1)?],
        ];
        Ok(Self { branches, ends_stage: block.ends_stage() })
    }

    fn forward(&self, input: &Tensor, macs: &mut u64) -> Result<Tensor> {
        let row = |units: &Vec<Unit>| units.iter().try_fold(input.clone(), |x, unit| unit.forward(&x, macs));
        let branches = self.branches.iter().map(row).collect::<Result<Vec<_>>>()?;
        let output = Tensor::cat(&branches, 1)?;
        if self.ends_stage { output.max_pool2d(2) } else { Ok(output) }
    }
}

struct GoogLeNet {
    stem: [Unit; 3],
    blocks: Vec<Inception>,
    classifier: Linear,
}

impl GoogLeNet {
    fn new(options: &Options, vars: VarBuilder) -> Result<Self> {
        let [first, second, third] = options.stem();
        let stem = [
            Unit::new(3, first, 7, 2, vars.pp("conv1"))?,
            Unit::new(first, second, 1, 1, vars.pp("conv2"))?,
            Unit::new(second, third, 3, 1, vars.pp("conv3"))?,
        ];
        let mut channels = third;
        let mut blocks = Vec::new();
        for block in options.blocks() {
            blocks.push(Inception::new(channels, &block, vars.pp(block.name))?);
            channels = block.out();
        }
        Ok(Self { stem, blocks, classifier: linear(channels, CLASSES, vars.pp("fc"))? })
    }

    fn forward(&self, images: &Tensor, macs: &mut u64) -> Result<Tensor> {
        let [first, second, third] = &self.stem;
        let x = first.forward(images, macs)?.max_pool2d(2)?;
        let x = third.forward(&second.forward(&x, macs)?, macs)?.max_pool2d(2)?;
        let x = self.blocks.iter().try_fold(x, |x, block| block.forward(&x, macs))?;
        self.classifier.forward(&x.mean((2, 3))?)
    }
}

fn main() -> Result<()> {
    let options = Options::from_args();
    if options.size % 32 != 0 {
        candle_core::bail!("--size {}: give a multiple of 32, which 2x2 pooling divides evenly", options.size);
    }
    let device = Device::Cpu;
    let vars = VarMap::new();
    let network = GoogLeNet::new(&options, VarBuilder::from_varmap(&vars, DType::F32, &device))?;
    let images = Tensor::randn(0f32, 1.0, (options.batch, 3, options.size, options.size), &device)?;
    let labels: Vec<u32> = (0..options.batch).map(|image| (image % CLASSES) as u32).collect();
    let labels = Tensor::new(labels, &device)?;
    let mut sgd = SGD::new(vars.all_vars(), LEARNING_RATE)?;
    options.time(|| {
        let mut macs = 0;
        let logits = network.forward(&images, &mut macs)?;
        sgd.backward_step(&loss::cross_entropy(&logits, &labels)?)?;
        Ok(macs)
    })
}
