//! What the operations of one engine share.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use cudarc::driver::CudaSlice;
use dfdx::prelude::*;

use super::images::KeptImages;
use super::input::Halves;
use super::kernels::Kernels;
use super::operands::MOST_VALUES;
use super::products::Products;
use crate::ops::budget::Promise;
use crate::ops::{OpError, Spans, workspace};

/// What the operations of one engine share.
pub struct Context {
    /// Where tensors live.
    pub device: Cuda,
    /// Kernels.
    pub kernels: Kernels,
    /// Matrix products.
    pub products: Products,
    /// Copies of maps that convolutions keep.
    pub halves: Halves,
    /// Values of windows that a convolution may put side by side at once.
    pub window_values: usize,
    /// The tables of the spans that were pooled over so far.
    pub spans: RefCell<BTreeMap<Spans, Rc<CudaSlice<u32>>>>,
    /// The images that all trainings share.
    pub images: Arc<KeptImages>,
    /// The memory that is kept for whoever computes here, for as long as it may be in use.
    _promise: Option<Promise>,
}

impl Context {
    /// For the calling thread.
    pub fn new(
        device: Cuda,
        kernels: Kernels,
        products: Products,
        images: Arc<KeptImages>,
        promise: Option<Promise>,
    ) -> Self {
        let (window_values, halves, spans) = (workspace::WINDOW_VALUES, Halves::default(), RefCell::default());
        Self { device, kernels, products, halves, window_values, spans, images, _promise: promise }
    }
}

/// `Ok` if kernels can count the values of each of these tensors.
pub fn countable<const N: usize>(op: &'static str, tensors: [usize; N]) -> Result<(), OpError> {
    match tensors.into_iter().max() {
        Some(values) if values > MOST_VALUES => {
            Err(OpError::Device(format!("{op}: a tensor of {values} values is too large: take fewer images a step")))
        }
        _ => Ok(()),
    }
}
