//! Where on a GPU the values of dfdx's tensors and gradients lie, for kernels.
//!
//! dfdx keeps a tensor's memory private, but tells its address where it describes the tensor for debugging. Its version and
//! that of cudarc are pinned, and [`Gpu::open`](super::Gpu::open) tries out whether the text is still the same.

use std::fmt::{self, Write};
use std::marker::PhantomData;
use std::mem;
use std::ops::Range;

use cudarc::driver::sys::CUdeviceptr;
use cudarc::driver::{CudaSlice, DevicePtr, DevicePtrMut, DeviceSlice};
use dfdx::prelude::*;
use dfdx::tensor::CudaError;

use crate::ops::OpError;
use crate::ops::tape::Slot;

/// Gradients on a GPU.
pub type CudaGradients = Gradients<f32, Cuda>;

/// The memory of a gradient.
pub type Buffer = <Cuda as Storage<f32>>::Vec;

/// Values that kernels read. The address comes first: it is what a kernel gets.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct View<'a, E = f32> {
    address: CUdeviceptr,
    len: usize,
    owner: PhantomData<&'a E>,
}

/// Values that kernels write, and nobody else has to do with meanwhile.
#[derive(Debug)]
#[repr(C)]
pub struct ViewMut<'a, E = f32> {
    address: CUdeviceptr,
    len: usize,
    owner: PhantomData<&'a mut E>,
}

impl<'a, E> View<'a, E> {
    /// All of a buffer.
    pub fn of(buffer: &'a CudaSlice<E>) -> Self {
        Self { address: *buffer.device_ptr(), len: buffer.len(), owner: PhantomData }
    }

    /// Where they begin.
    pub fn address(&self) -> CUdeviceptr {
        self.address
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Some of them. Panics if there are not so many.
    pub fn part(self, range: Range<usize>) -> Self {
        let (address, len) = part::<E>(self.address, self.len, range);
        Self { address, len, ..self }
    }
}

impl<'a, E> ViewMut<'a, E> {
    /// All of a buffer.
    pub fn of(buffer: &'a mut CudaSlice<E>) -> Self {
        Self { address: *buffer.device_ptr_mut(), len: buffer.len(), owner: PhantomData }
    }

    /// Where they begin.
    pub fn address(&self) -> CUdeviceptr {
        self.address
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Some of them. Panics if there are not so many.
    pub fn part(&mut self, range: Range<usize>) -> ViewMut<'_, E> {
        let (address, len) = part::<E>(self.address, self.len, range);
        ViewMut { address, len, owner: PhantomData }
    }

    /// All of them, for a while.
    pub fn reborrow(&mut self) -> ViewMut<'_, E> {
        ViewMut { address: self.address, len: self.len, owner: PhantomData }
    }

    /// All of them, to be read.
    pub fn read(&self) -> View<'_, E> {
        View { address: self.address, len: self.len, owner: PhantomData }
    }
}

fn part<E>(address: CUdeviceptr, len: usize, range: Range<usize>) -> (CUdeviceptr, usize) {
    assert!(range.start <= range.end && range.end <= len, "{range:?} of {len} values");
    (address + (range.start * size_of::<E>()) as CUdeviceptr, range.len())
}

/// A tensor whose values are read: held, and by that unchanged, since dfdx writes to a tensor's memory only through its sole
/// owner.
pub struct Source<S: Shape> {
    tensor: Tensor<S, f32, Cuda>,
    address: CUdeviceptr,
}

impl<S: Shape> Source<S> {
    /// The values in row-major order; a copy of them where they lie in another one.
    pub fn of<T>(tensor: &Tensor<S, f32, Cuda, T>) -> Result<Self, OpError> {
        let tensor = tensor.retaped::<NoneTape>().try_contiguous().map_err(OpError::device)?;
        let address = address(&tensor)?;
        Ok(Self { tensor, address })
    }

    /// The values.
    pub fn view(&self) -> View<'_> {
        View { address: self.address, len: self.tensor.shape().num_elements(), owner: PhantomData }
    }
}

/// A tensor that is being made: nobody else knows it yet.
pub struct Output<S: Shape> {
    tensor: Tensor<S, f32, Cuda>,
    address: CUdeviceptr,
}

impl<S: Shape> Output<S> {
    /// Full of zeros.
    pub fn new(device: &Cuda, shape: S) -> Result<Self, OpError> {
        let tensor = device.try_zeros_like(&shape).map_err(OpError::device)?;
        let address = address(&tensor)?;
        Ok(Self { tensor, address })
    }

    /// The values.
    pub fn view(&mut self) -> ViewMut<'_> {
        ViewMut { address: self.address, len: self.tensor.shape().num_elements(), owner: PhantomData }
    }

    /// The tensor, from now on not to be written to.
    pub fn finish(self) -> Tensor<S, f32, Cuda> {
        self.tensor
    }
}

/// Where the memory of a contiguous tensor begins.
fn address<S: Shape>(tensor: &Tensor<S, f32, Cuda>) -> Result<CUdeviceptr, OpError> {
    let mut text = Beginning::default();
    // Ends with an error when enough is there.
    let _ = write!(text, "{tensor:?}");
    match find(&text.0) {
        Some((address, len)) if len == tensor.shape().num_elements() => Ok(address),
        _ => Err(OpError::Device(format!("a tensor's memory is not where it was expected: {}", text.0))),
    }
}

/// Address and number of elements from the text that describes a tensor.
fn find(text: &str) -> Option<(CUdeviceptr, usize)> {
    let (_, text) = text.split_once("CachableCudaSlice { data: CudaSlice { cu_device_ptr: ")?;
    let (address, text) = text.split_once(", len: ")?;
    let (len, _) = text.split_once(", ")?;
    Some((address.parse().ok()?, len.parse().ok()?))
}

/// The beginning of a text, long enough for [`find`]; the rest is not even put together.
#[derive(Default)]
struct Beginning(String);

impl Write for Beginning {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        const ENOUGH: usize = 180;
        self.0.push_str(text);
        if self.0.len() < ENOUGH { Ok(()) } else { Err(fmt::Error) }
    }
}

impl Slot<Cuda> {
    /// Moves the gradient out; all zeros if nothing has been added to it yet.
    ///
    /// What is not put back is gone: so the gradient of an output is freed once its producer has run.
    pub fn take(&self, device: &Cuda, gradients: &mut CudaGradients) -> Result<Buffer, CudaError> {
        Ok(mem::replace(self.find(gradients)?, Storage::<f32>::try_alloc_len(device, 0)?))
    }

    /// Moves the gradient back.
    pub fn put(&self, gradients: &mut CudaGradients, gradient: Buffer) -> Result<(), CudaError> {
        *self.find(gradients)? = gradient;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_in_the_known_text_alone() {
        let text = "Tensor { id: UniqueId(7), data: CachableCudaSlice { data: CudaSlice { cu_device_ptr: 4096, len: 6, device: ";
        assert_eq!(find(text), Some((4096, 6)));
        for (known, other) in [
            ("CudaSlice {", "Slice {"),
            ("cu_device_ptr: 4096", "cu_device_ptr: 0x1000"),
            ("cu_device_ptr: 4096, len: 6", "len: 6, cu_device_ptr: 4096"),
            (", device: ", ""),
        ] {
            assert_eq!(find(&text.replace(known, other)), None, "{other}");
        }
    }
}
