//! Values of two types: f32, or f16 as bits.

use std::ops::Range;

use cudarc::driver::CudaSlice;
use cudarc::driver::sys::CUdeviceptr;
use dfdx::tensor::CudaError;

use super::kernels::Kernels;
use super::memory::{View, ViewMut};
use crate::device::Precision;

/// Values that are read.
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    /// In f32.
    F32(View<'a>),
    /// The bits in f16.
    F16(View<'a, u16>),
}

/// Values that are written.
#[derive(Debug)]
pub enum ValuesMut<'a> {
    /// In f32.
    F32(ViewMut<'a>),
    /// The bits in f16.
    F16(ViewMut<'a, u16>),
}

/// Memory of values.
#[derive(Debug)]
pub enum Stored {
    /// In f32.
    F32(CudaSlice<f32>),
    /// The bits in f16.
    F16(CudaSlice<u16>),
}

impl Values<'_> {
    /// Where they begin.
    pub fn address(&self) -> CUdeviceptr {
        match self {
            Self::F32(values) => values.address(),
            Self::F16(bits) => bits.address(),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F16(bits) => bits.len(),
        }
    }
}

impl ValuesMut<'_> {
    /// Some of them. Panics if there are not so many.
    pub fn part(&mut self, range: Range<usize>) -> ValuesMut<'_> {
        match self {
            Self::F32(values) => ValuesMut::F32(values.part(range)),
            Self::F16(bits) => ValuesMut::F16(bits.part(range)),
        }
    }

    /// All of them, to be read.
    pub fn read(&self) -> Values<'_> {
        match self {
            Self::F32(values) => Values::F32(values.read()),
            Self::F16(bits) => Values::F16(bits.read()),
        }
    }
}

impl Stored {
    /// Memory for so many values, which are anything, of the type that an engine of this precision keeps them in.
    pub fn scratch(kernels: &Kernels, precision: Precision, len: usize) -> Result<Self, CudaError> {
        match precision {
            Precision::F32 | Precision::Tf32 => kernels.scratch(len).map(Self::F32),
            Precision::F16 => kernels.scratch(len).map(Self::F16),
        }
    }

    /// All of them.
    pub fn values(&self) -> Values<'_> {
        match self {
            Self::F32(values) => Values::F32(View::of(values)),
            Self::F16(bits) => Values::F16(View::of(bits)),
        }
    }

    /// All of them, to be written.
    pub fn values_mut(&mut self) -> ValuesMut<'_> {
        match self {
            Self::F32(values) => ValuesMut::F32(ViewMut::of(values)),
            Self::F16(bits) => ValuesMut::F16(ViewMut::of(bits)),
        }
    }
}

impl<'a> From<View<'a>> for Values<'a> {
    fn from(values: View<'a>) -> Self {
        Self::F32(values)
    }
}

impl<'a> From<View<'a, u16>> for Values<'a> {
    fn from(bits: View<'a, u16>) -> Self {
        Self::F16(bits)
    }
}

impl<'a> From<ViewMut<'a>> for ValuesMut<'a> {
    fn from(values: ViewMut<'a>) -> Self {
        Self::F32(values)
    }
}
