//! Weights to and from safetensors, under the names and in the layout of torchvision's GoogLeNet.
//!
//! Convolutions are `[out, in, height, width]` and linear layers `[out, in]` there, `[height * width * in, out]` here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dfdx::prelude::*;
use safetensors::tensor::{Dtype as Kind, SafeTensors, TensorView};

use super::googlenet::GoogLeNet;
use super::transfer::transfer;
use super::visitor::{Role, Visitor};
use crate::ops::{Engine, OpError};

/// Why weights could not be saved or loaded.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file could not be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file is no safetensors file, or a damaged one.
    #[error("{}: not a readable safetensors file ({error})", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        error: safetensors::SafeTensorError,
    },
    /// The file holds the weights of another architecture.
    #[error("{}: these are the weights of another architecture: {difference}", path.display())]
    Architecture {
        /// Which file.
        path: PathBuf,
        /// The first difference.
        difference: String,
    },
    /// A weight is infinite or no number.
    #[error("{}: {tensor} has weights that are not finite, so the network computes nothing", path.display())]
    NotFinite {
        /// Which file.
        path: PathBuf,
        /// Which tensor.
        tensor: String,
    },
    /// The tensors cannot be put into the form of a safetensors file; there are none that cannot.
    #[error("the weights cannot be written as safetensors: {0}")]
    Encode(safetensors::SafeTensorError),
    /// The device refused.
    #[error(transparent)]
    Op(#[from] OpError),
}

/// A tensor as it stands in a file: weights of a convolution are `[out, in, height, width]`, of a linear layer `[out, in]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredTensor {
    /// Its extents.
    pub shape: Vec<usize>,
    /// Its elements, in row-major order.
    pub values: Vec<f32>,
}

impl StoredTensor {
    /// The elements as files hold them: four bytes each, the least significant first.
    pub fn bytes(&self) -> Vec<u8> {
        self.values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }
}

/// Tensors of a network under torchvision's names.
pub type Tensors = BTreeMap<String, StoredTensor>;

/// Shape in a file of a tensor of `shape`.
fn stored_shape(role: Option<Role>, shape: &[usize]) -> Vec<usize> {
    match (role, shape) {
        (Some(Role::Weight { linear: true, .. }), [inputs, outputs]) => vec![*outputs, *inputs],
        (Some(Role::Weight { kernel: [height, width], .. }), [taps, outputs]) => {
            vec![*outputs, taps / (height * width), height, width]
        }
        _ => shape.to_vec(),
    }
}

/// For each element in the file's order, its place in ours.
fn order(role: Option<Role>, shape: &[usize]) -> Vec<usize> {
    let (Some(Role::Weight { kernel: [height, width], .. }), [taps, outputs]) = (role, shape) else {
        return (0..shape.iter().product()).collect();
    };
    let pixels = height * width;
    let channels = taps / pixels;
    let place = |output, channel, pixel| (pixel * channels + channel) * outputs + output;
    (0..*outputs)
        .flat_map(|output| (0..channels).map(move |channel| (output, channel)))
        .flat_map(|(output, channel)| (0..pixels).map(move |pixel| place(output, channel, pixel)))
        .collect()
}

/// Takes every tensor out of a network.
#[derive(Default)]
struct Collect(Tensors);

impl Collect {
    fn take<S: Shape, D: Device<f32>>(&mut self, name: &str, role: Option<Role>, tensor: &Tensor<S, f32, D>) {
        let shape: Vec<usize> = tensor.shape().concrete().into();
        let ours = tensor.as_vec();
        let values = order(role, &shape).into_iter().map(|place| ours[place]).collect();
        self.0.insert(name.to_owned(), StoredTensor { shape: stored_shape(role, &shape), values });
    }
}

impl<D: Device<f32>> Visitor<D> for Collect {
    fn parameter<S: Shape>(&mut self, name: &str, role: Role, tensor: &mut Tensor<S, f32, D>) -> Result<(), OpError> {
        self.take(name, Some(role), tensor);
        Ok(())
    }

    fn buffer<S: Shape>(&mut self, name: &str, tensor: &mut Tensor<S, f32, D>) -> Result<(), OpError> {
        self.take(name, None, tensor);
        Ok(())
    }
}

/// Compares tensors with a network's, then puts them in.
struct Fill<'a> {
    tensors: &'a Tensors,
    write: bool,
    expected: usize,
    difference: Option<String>,
}

impl Fill<'_> {
    fn put<S: Shape, D: Device<f32>>(&mut self, name: &str, role: Option<Role>, tensor: &mut Tensor<S, f32, D>) {
        self.expected += 1;
        let shape: Vec<usize> = tensor.shape().concrete().into();
        let expected = stored_shape(role, &shape);
        let found = match self.tensors.get(name) {
            Some(found) if found.shape == expected => found,
            Some(StoredTensor { shape, .. }) => {
                self.difference.get_or_insert(format!("{name} is {shape:?}, expected {expected:?}"));
                return;
            }
            None => {
                self.difference.get_or_insert(format!("{name} is missing"));
                return;
            }
        };
        if self.write {
            let mut ours = vec![0.0; tensor.shape().num_elements()];
            order(role, &shape).into_iter().zip(&found.values).for_each(|(place, value)| ours[place] = *value);
            tensor.copy_from(&ours);
        }
    }
}

impl<D: Device<f32>> Visitor<D> for Fill<'_> {
    fn parameter<S: Shape>(&mut self, name: &str, role: Role, tensor: &mut Tensor<S, f32, D>) -> Result<(), OpError> {
        self.put(name, Some(role), tensor);
        Ok(())
    }

    fn buffer<S: Shape>(&mut self, name: &str, tensor: &mut Tensor<S, f32, D>) -> Result<(), OpError> {
        self.put(name, None, tensor);
        Ok(())
    }
}

/// Tensors as a safetensors file that also names the architecture.
pub(super) fn encode(tensors: &Tensors, architecture: String) -> Result<Vec<u8>, WeightsError> {
    let tensors: Vec<_> = tensors.iter().map(|(name, stored)| (name, stored.bytes(), stored.shape.clone())).collect();
    let views = tensors
        .iter()
        .map(|(name, bytes, shape)| Ok((name, TensorView::new(Kind::F32, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(WeightsError::Encode)?;
    let metadata = [("architecture".to_owned(), architecture)].into_iter().collect();
    safetensors::serialize(views, Some(metadata)).map_err(WeightsError::Encode)
}

/// The tensors of a safetensors file, but for PyTorch's counters of batches.
fn read(path: &Path) -> Result<Tensors, WeightsError> {
    let bytes = std::fs::read(path).map_err(|error| WeightsError::Io { path: path.to_owned(), error })?;
    let file =
        SafeTensors::deserialize(&bytes).map_err(|error| WeightsError::Format { path: path.to_owned(), error })?;
    let tensors = file.iter().filter(|(name, _)| !name.ends_with("num_batches_tracked"));
    tensors
        .map(|(name, view)| {
            if view.dtype() != Kind::F32 {
                let difference = format!("{name} is {:?}, expected F32", view.dtype());
                return Err(WeightsError::Architecture { path: path.to_owned(), difference });
            }
            let values: Vec<f32> =
                view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            if values.iter().any(|value| !value.is_finite()) {
                return Err(WeightsError::NotFinite { path: path.to_owned(), tensor: name.to_owned() });
            }
            Ok((name.to_owned(), StoredTensor { shape: view.shape().to_vec(), values }))
        })
        .collect()
}

impl<E: Engine> GoogLeNet<E> {
    /// All parameters and running statistics under torchvision's names.
    ///
    /// # Errors
    /// [`OpError`] if the device refuses.
    pub fn tensors(&mut self) -> Result<Tensors, OpError> {
        let mut tensors = Collect::default();
        self.visit(&mut tensors)?;
        Ok(tensors.0)
    }

    /// All parameters and running statistics as f32, as the content of a safetensors file.
    ///
    /// # Errors
    /// [`WeightsError::Op`] if the device refuses.
    pub fn safetensors(&mut self) -> Result<Vec<u8>, WeightsError> {
        encode(&self.tensors()?, self.architecture().canonical())
    }

    /// Writes them to a file.
    ///
    /// # Errors
    /// [`WeightsError`] if the file cannot be written.
    pub fn save(&mut self, path: &Path) -> Result<(), WeightsError> {
        let file = self.safetensors()?;
        std::fs::write(path, file).map_err(|error| WeightsError::Io { path: path.to_owned(), error })
    }

    /// Takes all parameters and running statistics from a safetensors file; unchanged if the file does not fit.
    ///
    /// Tensors of auxiliary heads are passed over where the network has none, PyTorch's counters of batches everywhere.
    ///
    /// # Errors
    /// [`WeightsError`] if the file cannot be read, is damaged, or belongs to another architecture.
    pub fn load(&mut self, path: &Path) -> Result<(), WeightsError> {
        self.fill(&read(path)?, path)
    }

    /// Takes over what can be of the weights of a parent, a network of other widths and as many classes, from a safetensors
    /// file: equal layers are copied, wider ones repeat channels, narrower ones leave some out. Which ones are repeated, and
    /// a little noise in them, is drawn from `seed`. See `net/transfer.rs`.
    ///
    /// # Errors
    /// [`WeightsError`] if the file cannot be read, is damaged, or is of a network with other classes or heads.
    pub fn inherit(&mut self, path: &Path, seed: u64) -> Result<(), WeightsError> {
        let inherited = transfer(&read(path)?, self.architecture(), seed);
        let refused = |difference| WeightsError::Architecture { path: path.to_owned(), difference };
        self.fill(&inherited.map_err(refused)?, path)
    }

    /// Puts in the tensors that were found in the file `path`.
    fn fill(&mut self, tensors: &Tensors, path: &Path) -> Result<(), WeightsError> {
        let mut check = Fill { tensors, write: false, expected: 0, difference: None };
        self.visit(&mut check)?;
        let heads = self.architecture().aux_heads();
        let found = tensors.keys().filter(|name| heads || !name.starts_with("aux")).count();
        let difference = check.difference.or_else(|| {
            let expected = check.expected;
            (found != expected).then(|| format!("it holds {found} tensors, expected {expected}"))
        });
        if let Some(difference) = difference {
            return Err(WeightsError::Architecture { path: path.to_owned(), difference });
        }
        Ok(self.visit(&mut Fill { tensors, write: true, expected: 0, difference: None })?)
    }
}
