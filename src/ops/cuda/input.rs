//! The input of a convolution, kept from its forward to its backward pass.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use cudarc::driver::CudaSlice;
use dfdx::optim::UnusedTensors;
use dfdx::prelude::*;

use super::context::Context;
use super::memory::{Source, View, ViewMut};
use super::values::Values;
use crate::device::Precision;
use crate::ops::tape::identity;
use crate::ops::{Maps, OpError};

/// The input of a convolution as its products read it.
pub enum Input {
    /// The tensor.
    F32(Source<(usize, usize, usize, usize)>),
    /// The bits of a copy in f16, in place of the tensor, which may go.
    F16(Rc<CudaSlice<u16>>),
}

impl Input {
    /// Of a tensor in row-major order.
    pub fn of(context: &Context, x: &Maps<Cuda>) -> Result<Self, OpError> {
        let source = Source::of(x)?;
        match context.products.precision() {
            Precision::F32 | Precision::Tf32 => Ok(Self::F32(source)),
            Precision::F16 => context.halves.of(context, x, source.view()).map(Self::F16),
        }
    }

    /// The values.
    pub fn values(&self) -> Values<'_> {
        match self {
            Self::F32(source) => source.view().into(),
            Self::F16(bits) => View::of(bits).into(),
        }
    }
}

/// Copies of tensors in f16, by the identity of the tensor: the branches of a block share the copy of its input.
#[derive(Default)]
pub struct Halves(RefCell<Vec<(UnusedTensors, Weak<CudaSlice<u16>>)>>);

impl Halves {
    /// The copy of `x`, whose values are these: the one that is still kept by another convolution, or a new one.
    ///
    /// A map is written to only while it is made, so a copy is good for as long as its tensor's identity.
    fn of(&self, context: &Context, x: &Maps<Cuda>, values: View<'_>) -> Result<Rc<CudaSlice<u16>>, OpError> {
        let identity = identity(x);
        let mut copies = self.0.borrow_mut();
        copies.retain(|(_, copy)| copy.strong_count() > 0);
        let known = copies.iter().find(|(other, _)| other.ids == identity.ids);
        if let Some(copy) = known.and_then(|(_, copy)| copy.upgrade()) {
            return Ok(copy);
        }
        let kernels = &context.kernels;
        let mut bits = kernels.scratch(values.len()).map_err(OpError::device)?;
        kernels.to_half(values, None, ViewMut::of(&mut bits)).map_err(OpError::device)?;
        let copy = Rc::new(bits);
        copies.push((identity, Rc::downgrade(&copy)));
        Ok(copy)
    }
}
