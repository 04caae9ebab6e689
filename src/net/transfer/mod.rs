//! The weights that a network starts from when it inherits those of another one of other widths.
//!
//! Source: Chen, Goodfellow and Shlens 2016, "Net2Net: Accelerating learning via knowledge transfer", section 2.2, for layers
//! that get wider.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::aux_head::CONV;
use super::googlenet::{AUX, behind};
use super::inception::NAMES;
use super::weights::{StoredTensor, Tensors};
use crate::arch::{Architecture, BLOCK_MODULES, BranchWidths};

/// How far the weights of a repeated channel may be moved, as a share of the root mean square of its kernel. Equal channels
/// would have equal gradients, and stay equal for ever.
const NOISE: f32 = 0.1;

/// The weights of `child` that follow from those of its parent. The draws depend on `seed` alone.
///
/// - A layer that is as wide as the parent's is copied.
/// - One that is wider repeats channels, drawn at random. What reads a channel that is there several times has its weight
///   divided by their number. So but for a little noise in the repeated ones the child computes what its parent does.
/// - One that is narrower keeps the channels of the largest scales in batch norm, in their order. The length of a kernel says
///   nothing, since batch norm takes it out again; the scale is what is left of how strong a channel is (Liu et al. 2017,
///   "Learning efficient convolutional networks through network slimming").
///
/// Batch norm's scale, shift and running statistics go with their channels.
///
/// # Errors
/// A text that says which tensor is missing or of another shape than a parent with these classes and heads has.
pub(super) fn transfer(parent: &Tensors, child: &Architecture, seed: u64) -> Result<Tensors, String> {
    transfer_with(parent, child, seed, NOISE)
}

/// The same with a certain amount of noise.
fn transfer_with(parent: &Tensors, child: &Architecture, seed: u64, noise: f32) -> Result<Tensors, String> {
    let generator = ChaCha8Rng::seed_from_u64(seed);
    let mut heir = Transfer { parent, noise, generator, child: Tensors::new() };
    let stem = child.stem();
    let x = heir.conv_bn("conv1", &Channels::same(3), stem.conv1)?;
    let x = heir.conv_bn("conv2", &x, stem.conv2_reduce)?;
    let mut x = heir.conv_bn("conv3", &x, stem.conv2)?;
    for (index, (module, &widths)) in BLOCK_MODULES.into_iter().zip(child.blocks()).enumerate() {
        // Poolings between the blocks, and the global one at the end, work on each channel alone.
        x = heir.inception(module, &x, widths)?;
        if let Some(head) = behind(index, AUX).filter(|_| child.aux_heads()) {
            heir.auxiliary_head(head, &x)?;
        }
    }
    let classes = Channels::same(child.classes());
    heir.weight("fc.weight", &x, &classes)?;
    heir.vector("fc.bias", &classes)?;
    Ok(heir.child)
}

/// For every channel of the child the one of its parent that it repeats.
struct Channels {
    origins: Vec<usize>,
    /// Channels that the parent has.
    width: usize,
}

impl Channels {
    /// As many as the parent has, in the same order.
    fn same(width: usize) -> Self {
        Self { origins: (0..width).collect(), width }
    }

    /// Those of branches that lie behind each other.
    fn concat(branches: [Self; 4]) -> Self {
        let mut all = Self::same(0);
        for Self { origins, width } in branches {
            all.origins.extend(origins.into_iter().map(|origin| all.width + origin));
            all.width += width;
        }
        all
    }

    /// For every channel of the parent how often it is there.
    fn copies(&self) -> Vec<f32> {
        let mut copies = vec![0.0; self.width];
        self.origins.iter().for_each(|&origin| copies[origin] += 1.0);
        copies
    }
}

struct Transfer<'a> {
    parent: &'a Tensors,
    noise: f32,
    generator: ChaCha8Rng,
    child: Tensors,
}

impl<'a> Transfer<'a> {
    fn inception(&mut self, module: &str, x: &Channels, widths: BranchWidths) -> Result<Channels, String> {
        let names = NAMES.map(|part| format!("{module}.{part}"));
        let [b1x1, b3x3_reduce, b3x3, b5x5_reduce, b5x5, pool_proj] = widths.to_array();
        let first = self.conv_bn(&names[0], x, b1x1)?;
        let reduced = self.conv_bn(&names[1], x, b3x3_reduce)?;
        let second = self.conv_bn(&names[2], &reduced, b3x3)?;
        let reduced = self.conv_bn(&names[3], x, b5x5_reduce)?;
        let third = self.conv_bn(&names[4], &reduced, b5x5)?;
        let fourth = self.conv_bn(&names[5], x, pool_proj)?;
        Ok(Channels::concat([first, second, third, fourth]))
    }

    fn auxiliary_head(&mut self, module: &str, x: &Channels) -> Result<(), String> {
        self.conv_bn(&format!("{module}.conv"), x, CONV)?;
        for layer in ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"] {
            let name = format!("{module}.{layer}");
            let tensor = self.tensor(&name)?.clone();
            self.child.insert(name, tensor);
        }
        Ok(())
    }

    /// A convolution of `width` channels with its batch norm.
    fn conv_bn(&mut self, name: &str, inputs: &Channels, width: usize) -> Result<Channels, String> {
        let scales = self.tensor(&format!("{name}.bn.weight"))?;
        let outputs = self.channels(&scales.values, width);
        self.weight(&format!("{name}.conv.weight"), inputs, &outputs)?;
        for layer in ["weight", "bias", "running_mean", "running_var"] {
            self.vector(&format!("{name}.bn.{layer}"), &outputs)?;
        }
        Ok(outputs)
    }

    /// The `width` channels of a layer whose channels have these scales.
    fn channels(&mut self, scales: &[f32], width: usize) -> Channels {
        let mut origins = Channels::same(scales.len()).origins;
        if width < scales.len() {
            origins.sort_by(|&a, &b| scales[b].abs().total_cmp(&scales[a].abs()));
            origins.truncate(width);
            origins.sort_unstable();
        }
        while origins.len() < width && !scales.is_empty() {
            // All in a random order, and so on: none is there twice more often than another.
            let mut round = Channels::same(scales.len()).origins;
            for last in (1..round.len()).rev() {
                round.swap(last, self.generator.next_u32() as usize % (last + 1));
            }
            round.truncate(width - origins.len());
            origins.append(&mut round);
        }
        Channels { origins, width: scales.len() }
    }

    /// Weights `[outputs, inputs, ...]`.
    fn weight(&mut self, name: &str, inputs: &Channels, outputs: &Channels) -> Result<(), String> {
        let tensor = self.tensor(name)?;
        let [rows, columns, kernel @ ..] = &tensor.shape[..] else { return Err(misfit(name, tensor)) };
        if (*rows, *columns) != (outputs.width, inputs.width) {
            return Err(misfit(name, tensor));
        }
        let (pixels, copies) = (kernel.iter().product::<usize>(), inputs.copies());
        let shape = [&[outputs.origins.len(), inputs.origins.len()], kernel].concat();
        let mut values = Vec::with_capacity(shape.iter().product());
        for (position, row) in outputs.origins.iter().enumerate() {
            let start = values.len();
            for &column in &inputs.origins {
                let first = (row * columns + column) * pixels;
                values.extend(tensor.values[first..first + pixels].iter().map(|weight| weight / copies[column]));
            }
            // The first of equal channels stays as it is.
            if position >= outputs.width {
                self.shake(&mut values[start..]);
            }
        }
        self.child.insert(name.to_owned(), StoredTensor { shape, values });
        Ok(())
    }

    /// Moves the weights of a kernel, each on its own.
    fn shake(&mut self, kernel: &mut [f32]) {
        let square: f64 = kernel.iter().map(|&weight| f64::from(weight) * f64::from(weight)).sum();
        let most = self.noise * (square / kernel.len() as f64).sqrt() as f32;
        for weight in kernel {
            // Between -1 and 1, by steps of 2^-31.
            *weight += most * (self.generator.next_u32() as i32 as f32 / (1_u32 << 31) as f32);
        }
    }

    /// One value a channel.
    fn vector(&mut self, name: &str, channels: &Channels) -> Result<(), String> {
        let tensor = self.tensor(name)?;
        if tensor.shape != [channels.width] {
            return Err(misfit(name, tensor));
        }
        let values = channels.origins.iter().map(|&origin| tensor.values[origin]).collect();
        self.child.insert(name.to_owned(), StoredTensor { shape: vec![channels.origins.len()], values });
        Ok(())
    }

    fn tensor(&self, name: &str) -> Result<&'a StoredTensor, String> {
        self.parent.get(name).ok_or_else(|| format!("{name} is missing"))
    }
}

fn misfit(name: &str, tensor: &StoredTensor) -> String {
    format!("{name} is {:?}, which does not fit the other tensors", tensor.shape)
}

#[cfg(test)]
mod tests;
