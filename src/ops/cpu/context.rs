//! What the kernels run with.

use super::buffers::Buffers;
use super::simd::Isa;

/// The processor's instruction set and the memory of one training.
#[derive(Clone, Debug)]
pub struct Context {
    /// What to compute with.
    pub isa: Isa,
    /// Where to compute.
    pub buffers: Buffers,
}

impl Default for Context {
    fn default() -> Self {
        Self { isa: Isa::best(), buffers: Buffers::default() }
    }
}
