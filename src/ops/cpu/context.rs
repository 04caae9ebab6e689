//! What the kernels run with: an instruction set, memory, threads.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

use super::buffers::Buffers;
use super::simd::Isa;

/// The processor's instruction set, and the memory and threads of one training.
#[derive(Clone, Debug)]
pub struct Context {
    /// What to compute with.
    pub isa: Isa,
    /// Where to compute.
    pub buffers: Buffers,
    /// Who computes; nobody but the calling thread if there is none.
    pool: Option<Arc<ThreadPool>>,
}

impl Default for Context {
    fn default() -> Self {
        Self { isa: Isa::best(), buffers: Buffers::default(), pool: None }
    }
}

impl Context {
    /// Computes with `threads` threads.
    pub fn with_threads(threads: usize) -> Result<Self, ThreadPoolBuildError> {
        let pool = (threads > 1).then(|| ThreadPoolBuilder::new().num_threads(threads).build()).transpose()?;
        Ok(Self { pool: pool.map(Arc::new), ..Self::default() })
    }

    /// Computes with one thread and the given instructions.
    #[cfg(test)]
    pub fn on(isa: Isa) -> Self {
        Self { isa, ..Self::default() }
    }

    /// `0..count` in as many nearly equal ranges as there are threads.
    ///
    /// Where the ranges end depends on the number of threads, so it must not matter for any bit of the result.
    pub fn shares(&self, count: usize) -> impl Iterator<Item = Range<usize>> + Clone + use<> {
        let shares = self.pool.as_ref().map_or(1, |pool| pool.current_num_threads()).min(count.max(1));
        (0..shares).map(move |share| count * share / shares..count * (share + 1) / shares)
    }

    /// `work` for each of `parts`, on all threads; the results in order.
    pub fn map<T: Send, R: Send>(&self, parts: impl Iterator<Item = T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
        match &self.pool {
            Some(pool) => {
                let parts: Vec<T> = parts.collect();
                pool.install(|| parts.into_par_iter().with_max_len(1).map(&work).collect())
            }
            None => parts.map(work).collect(),
        }
    }

    /// `work` for each of `parts`, on all threads.
    pub fn each<T: Send>(&self, parts: impl Iterator<Item = T>, work: impl Fn(T) + Sync) {
        self.map(parts, work);
    }
}

/// The pieces of a slice that hold `each` elements for every index of the ranges, which follow each other.
pub fn cut<T>(slice: &[T], ranges: impl Iterator<Item = Range<usize>>, each: usize) -> impl Iterator<Item = &[T]> {
    ranges.map(move |range| &slice[range.start * each..range.end * each])
}

/// The same, to be written.
pub fn cut_mut<T>(
    mut slice: &mut [T],
    ranges: impl Iterator<Item = Range<usize>>,
    each: usize,
) -> impl Iterator<Item = &mut [T]> {
    ranges.map(move |range| {
        let (piece, rest) = std::mem::take(&mut slice).split_at_mut(range.len() * each);
        slice = rest;
        piece
    })
}
