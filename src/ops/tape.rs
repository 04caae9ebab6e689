//! The one place where host code reaches into dfdx's tensors and gradients on the CPU.
//!
//! dfdx keeps a tensor's buffer private: reading copies it, making a tensor from a `Vec` does not. A gradient buffer derefs
//! to a `Vec`, so it can be moved out, changed and moved back without a copy.

use dfdx::prelude::*;

use super::OpError;

/// Gradients on the CPU.
pub(super) type CpuGradients = Gradients<f32, Cpu>;

/// A copy of a tensor's elements, in row-major order.
pub(super) fn read<S: Shape, T>(tensor: &Tensor<S, f32, Cpu, T>) -> Vec<f32> {
    let mut elements = vec![0.0; tensor.shape().num_elements()];
    read_into(tensor, &mut elements);
    elements
}

/// Copies a tensor's elements, in row-major order, to where there is room for exactly so many.
pub(super) fn read_into<S: Shape, T>(tensor: &Tensor<S, f32, Cpu, T>, elements: &mut [f32]) {
    if is_contiguous(tensor) {
        tensor.copy_into(elements);
    } else {
        elements.copy_from_slice(&tensor.as_vec());
    }
}

/// Whether a tensor's buffer holds its elements in row-major order, judged by the addresses of its elements: dfdx does not
/// tell the strides of a tensor.
fn is_contiguous<S: Shape, T>(tensor: &Tensor<S, f32, Cpu, T>) -> bool {
    if tensor.shape().num_elements() == 0 {
        return false;
    }
    let origin = S::Concrete::default();
    let address = |index: S::Concrete| std::ptr::from_ref(&tensor[index]).addr();
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

/// The place of one tensor's gradient. Holds no data, so that the tensor's memory is free to go.
pub(super) struct Slot(Box<dyn Fn(&mut CpuGradients) -> Result<&mut Vec<f32>, CpuError>>);

impl Slot {
    /// The place of `tensor`'s gradient.
    pub(super) fn of<S: Shape, T>(tensor: &Tensor<S, f32, Cpu, T>) -> Self {
        let ghost = tensor.ghost();
        // Boxed, since dfdx's type of a tensor without data has no public name.
        Self(Box::new(move |gradients| Ok(&mut **gradients.get_or_alloc_mut(&ghost)?)))
    }

    /// Moves the gradient out; all zeros if nothing has been added to it yet.
    ///
    /// What is not put back is gone: so the gradient of an output is freed once its producer has run.
    pub(super) fn take(&self, gradients: &mut CpuGradients) -> Result<Vec<f32>, CpuError> {
        Ok(std::mem::take((self.0)(gradients)?))
    }

    /// Moves the gradient back.
    pub(super) fn put(&self, gradients: &mut CpuGradients, gradient: Vec<f32>) -> Result<(), CpuError> {
        *(self.0)(gradients)? = gradient;
        Ok(())
    }

    /// Lets `change` change the gradient in place.
    pub(super) fn update(&self, gradients: &mut CpuGradients, change: impl FnOnce(&mut [f32])) -> Result<(), CpuError> {
        change((self.0)(gradients)?);
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
}
