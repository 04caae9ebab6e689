//! Images that stay on a GPU from training to training, as bytes, and batches cut out of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cudarc::driver::CudaSlice;
use dfdx::tensor::CudaError;

use super::kernels::Kernels;
use super::memory::{View, ViewMut};
use super::operands::{Colours, PlacedCut};
use crate::cut::Cut;
use crate::ops::budget::{Budget, Promise};
use crate::ops::{Images, OpError};

/// The sets of images on a GPU, by name.
#[derive(Debug)]
pub struct KeptImages {
    kernels: Kernels,
    budget: Budget,
    /// Nothing in place of a set that had to go.
    sets: Mutex<BTreeMap<String, Option<Arc<Set>>>>,
}

/// Some images on a GPU, one after the other.
#[derive(Debug)]
pub struct Set {
    side: usize,
    /// `[N, side, side, 3]`.
    pixels: CudaSlice<u8>,
    /// Which one each is, by its number.
    places: BTreeMap<u32, u32>,
    colours: Colours,
    kernels: Kernels,
    /// Goes last, when the memory has gone.
    _promise: Promise,
}

/// The memory is freed in the order of this thread. Others may have begun to cut something out in the order of theirs: all of it
/// is waited for.
impl Drop for Set {
    fn drop(&mut self) {
        // A GPU that has failed does nothing more to be waited for.
        let _ = self.kernels.wait_for_all();
    }
}

impl KeptImages {
    /// None yet, on the GPU of `kernels`, in memory of `budget`.
    pub fn new(kernels: Kernels, budget: Budget) -> Self {
        Self { kernels, budget, sets: Mutex::default() }
    }

    /// Uploads images if there is room, unless they are here or had to go.
    pub fn keep(&self, images: &Images<'_>) -> Result<(), OpError> {
        let mut sets = self.sets();
        if !sets.contains_key(images.name)
            && let Some(set) = self.upload(images)?
        {
            sets.insert(images.name.to_owned(), Some(Arc::new(set)));
        }
        Ok(())
    }

    /// The images of that name, if they are here.
    pub fn get(&self, name: &str) -> Option<Arc<Set>> {
        self.sets().get(name).cloned().flatten()
    }

    /// Makes room. None of these images comes back.
    pub fn drop_all(&self) {
        self.sets().values_mut().for_each(|set| *set = None);
    }

    fn sets(&self) -> MutexGuard<'_, BTreeMap<String, Option<Arc<Set>>>> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn upload(&self, images: &Images<'_>) -> Result<Option<Set>, OpError> {
        let (side, size) = (images.side, images.side * images.side * 3);
        let bytes = images.numbers.len() * size;
        let Some(promise) = self.budget.promise_to_stay(bytes as u64)? else { return Ok(None) };
        let mut pixels = self.kernels.scratch(bytes).map_err(OpError::device)?;
        for (&number, at) in images.numbers.iter().zip((0..).step_by(size)) {
            self.kernels.write(&mut pixels, at, (images.bytes)(number)).map_err(OpError::device)?;
        }
        let places = images.numbers.iter().copied().zip(0..).collect();
        let colours = Colours { mean: images.mean, deviation: images.deviation };
        Ok(Some(Set { side, pixels, places, colours, kernels: self.kernels.clone(), _promise: promise }))
    }
}

impl Set {
    /// Side of the images in pixels.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Where on the GPU what is cut out lies; nothing if one of the images is not here.
    pub fn find(&self, cuts: impl Iterator<Item = Cut>) -> Option<Vec<PlacedCut>> {
        let place = |Cut { image, corner, size, flip }| {
            Some(PlacedCut { place: *self.places.get(&image)?, flip: flip.into(), corner, size })
        };
        cuts.map(place).collect()
    }

    /// Cuts out and normalises: `[cuts, side, side, 3]`.
    pub fn cut(&self, cuts: Vec<PlacedCut>, maps: ViewMut<'_>) -> Result<(), CudaError> {
        let cuts = self.kernels.upload(cuts)?;
        self.kernels.cut_images(self.side, View::of(&self.pixels), View::of(&cuts), self.colours, maps)
    }
}
