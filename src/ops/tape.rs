//! The one place where host code reaches into dfdx's tensors and gradients on the CPU.
//!
//! dfdx keeps a tensor's buffer private: reading copies it, making a tensor from a `Vec` does not. A gradient buffer derefs
//! to a `Vec`, so it can be moved out, changed and moved back without a copy. [`Memory`] remembers where the elements of
//! the tensors that it made lie, so that those are read in place.

use std::collections::VecDeque;
use std::ops::Deref;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

use dfdx::optim::UnusedTensors;
use dfdx::prelude::*;

use super::OpError;

/// Gradients on the CPU.
pub(super) type CpuGradients = Gradients<f32, Cpu>;

/// A copy of a tensor's elements, in row-major order.
pub(super) fn read<S: Shape, T>(tensor: &Tensor<S, f32, Cpu, T>) -> Vec<f32> {
    if is_contiguous(tensor) {
        let mut elements = vec![0.0; tensor.shape().num_elements()];
        tensor.copy_into(&mut elements);
        elements
    } else {
        tensor.as_vec()
    }
}

/// Whether a tensor's buffer holds its elements in row-major order, judged by the addresses of its elements: dfdx does not
/// tell the strides of a tensor.
fn is_contiguous<S: Shape, T>(tensor: &Tensor<S, f32, Cpu, T>) -> bool {
    if tensor.shape().num_elements() == 0 {
        return false;
    }
    let origin = S::Concrete::default();
    let address = |index: S::Concrete| ptr::from_ref(&tensor[index]).addr();
    let (sizes, strides) = (tensor.shape().concrete(), tensor.shape().strides());
    (0..S::NUM_DIMS).filter(|&axis| sizes[axis] > 1).all(|axis| {
        let mut neighbour = origin;
        neighbour[axis] = 1;
        let distance = strides[axis] * size_of::<f32>();
        address(neighbour).wrapping_sub(address(origin)) == distance
    })
}

/// A tensor that takes over `elements`.
pub(super) fn tensor<S: Shape>(device: &Cpu, elements: Vec<f32>, shape: S) -> Result<Tensor<S, f32, Cpu>, OpError> {
    device.try_tensor_from_vec(elements, shape).map_err(OpError::device)
}

/// Tensors whose places are remembered: more than are made before one of them is last asked for.
const REMEMBERED: usize = 64;

/// The device of one engine, and where the elements of the latest tensors made with it lie.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    device: Cpu,
    /// The identity of each tensor, and the address of its elements with exposed provenance.
    places: Arc<Mutex<VecDeque<(UnusedTensors, usize)>>>,
}

impl Memory {
    /// Where the tensors live.
    pub fn device(&self) -> &Cpu {
        &self.device
    }

    /// A tensor that takes over `elements`, and whose elements [`Memory::hold`] reads in place.
    pub fn tensor<S: Shape>(&self, elements: Vec<f32>, shape: S) -> Result<Tensor<S, f32, Cpu>, OpError> {
        let address = elements.as_ptr().expose_provenance();
        let tensor = tensor(&self.device, elements, shape)?;
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.truncate(REMEMBERED - 1);
        places.push_front((identity(&tensor), address));
        Ok(tensor)
    }

    /// The elements of a tensor, in row-major order: in place if it was made here, else a copy.
    pub fn hold<S: Shape, T>(&self, tensor: &Tensor<S, f32, Cpu, T>) -> Held<S> {
        let identity = identity(tensor);
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let place = places.iter().find(|(other, _)| other.ids == identity.ids).map(|(_, address)| *address);
        match place {
            Some(address)
                if is_contiguous(tensor) && ptr::from_ref(&tensor[S::Concrete::default()]).addr() == address =>
            {
                Held::InPlace { tensor: tensor.retaped(), address }
            }
            _ => Held::Copied(read(tensor)),
        }
    }
}

/// What makes a tensor the one it is: clones share it, dfdx's operations give a new one.
pub(super) fn identity<S: Shape, D: Storage<f32>, T>(tensor: &Tensor<S, f32, D, T>) -> UnusedTensors {
    let mut identity = UnusedTensors::default();
    identity.add(tensor);
    identity
}

/// The elements of a tensor, in row-major order.
pub(super) enum Held<S: Shape> {
    /// Where they lie.
    InPlace {
        /// Keeps them alive and, being one of its owners, unchanged.
        tensor: Tensor<S, f32, Cpu>,
        /// Where they begin; the provenance was exposed when the tensor was made.
        address: usize,
    },
    /// A copy of them.
    Copied(Vec<f32>),
}

impl<S: Shape> Deref for Held<S> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::InPlace { tensor, address } => {
                let elements = tensor.shape().num_elements();
                // SAFETY: [`Memory::tensor`] exposed the `Vec` of so many elements that this tensor took over, and
                // [`Memory::hold`] found the tensor's first element at its start, so the tensor still owns that very
                // allocation. Nobody changes it: dfdx writes to a buffer only through its sole owner, which is
                // `tensor` if anybody is.
                unsafe { std::slice::from_raw_parts(ptr::with_exposed_provenance(*address), elements) }
            }
            Self::Copied(elements) => elements,
        }
    }
}

/// The place of one tensor's gradient. Holds no data, so that the tensor's memory is free to go.
pub(super) struct Slot<D: Storage<f32> = Cpu>(Box<Find<D>>);

/// Finds a gradient among all, or makes it, of zeros.
type Find<D> = dyn Fn(&mut Gradients<f32, D>) -> Result<&mut <D as Storage<f32>>::Vec, <D as HasErr>::Err>;

impl<D: Storage<f32>> Slot<D> {
    /// The place of `tensor`'s gradient.
    pub(super) fn of<S: Shape, T>(tensor: &Tensor<S, f32, D, T>) -> Self {
        let ghost = tensor.ghost();
        // Boxed, since dfdx's type of a tensor without data has no public name.
        Self(Box::new(move |gradients| gradients.get_or_alloc_mut(&ghost)))
    }

    /// The gradient's memory; all zeros if nothing has been added to it yet.
    pub(super) fn find<'a>(
        &self,
        gradients: &'a mut Gradients<f32, D>,
    ) -> Result<&'a mut <D as Storage<f32>>::Vec, <D as HasErr>::Err> {
        (self.0)(gradients)
    }
}

impl Slot {
    /// Moves the gradient out; all zeros if nothing has been added to it yet.
    ///
    /// What is not put back is gone: so the gradient of an output is freed once its producer has run.
    pub(super) fn take(&self, gradients: &mut CpuGradients) -> Result<Vec<f32>, CpuError> {
        Ok(std::mem::take(&mut **self.find(gradients)?))
    }

    /// Moves the gradient back.
    pub(super) fn put(&self, gradients: &mut CpuGradients, gradient: Vec<f32>) -> Result<(), CpuError> {
        **self.find(gradients)? = gradient;
        Ok(())
    }

    /// Lets `change` change the gradient in place.
    pub(super) fn update(&self, gradients: &mut CpuGradients, change: impl FnOnce(&mut [f32])) -> Result<(), CpuError> {
        change(self.find(gradients)?);
        Ok(())
    }

    /// Adds `amount` to the gradient.
    pub(super) fn add(&self, gradients: &mut CpuGradients, amount: &[f32]) -> Result<(), CpuError> {
        self.update(gradients, |gradient| gradient.iter_mut().zip(amount).for_each(|(to, from)| *to += from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permuted_tensor_is_read_in_its_own_order() {
        let device = Cpu::default();
        let tensor = device.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        assert_eq!(read(&tensor), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let transposed: Tensor<Rank2<3, 2>, f32, Cpu> = tensor.permute();
        assert_eq!(read(&transposed), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        let broadcast: Tensor<Rank2<2, 3>, f32, Cpu> = device.tensor([7.0, 8.0, 9.0]).broadcast();
        assert_eq!(read(&broadcast), [7.0, 8.0, 9.0, 7.0, 8.0, 9.0]);
    }

    #[test]
    fn own_tensors_are_read_in_place_and_stay_as_they_were() {
        let memory = Memory::default();
        let mut tensor = memory.tensor(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], (2, 3)).unwrap();
        let held = memory.hold(&tensor);
        assert!(matches!(held, Held::InPlace { .. }));
        assert_eq!(held[..], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        // Written through a clone with the same identity: that one moves away.
        tensor[[0, 0]] = 9.0;
        assert_eq!(held[0], 1.0);
        let moved = memory.hold(&tensor);
        assert!(matches!(moved, Held::Copied(_)));
        assert_eq!(moved[0], 9.0);
    }

    #[test]
    fn other_tensors_are_copied() {
        let memory = Memory::default();
        let foreign = memory.device().tensor([[1.0, 2.0], [3.0, 4.0]]);
        assert!(matches!(memory.hold(&foreign), Held::Copied(_)));
        let own = memory.tensor(vec![1.0, 2.0, 3.0, 4.0], (2, 2)).unwrap();
        let result = memory.hold(&(own.clone() + 1.0));
        assert!(matches!(result, Held::Copied(_)));
        assert_eq!(result[..], [2.0, 3.0, 4.0, 5.0]);
        (0..REMEMBERED).for_each(|_| drop(memory.tensor(vec![0.0], (1, 1)).unwrap()));
        assert_eq!(memory.hold(&own)[..], [1.0, 2.0, 3.0, 4.0]);
    }
}
