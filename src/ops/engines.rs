//! Where trainings get their engines from.

use super::{Crew, Engine, Gemm, OpError};
use crate::device::DeviceKind;

/// Hands out an engine for each training, so that all memory of a network goes with it.
pub trait Engines: Sync {
    /// What is handed out.
    type Engine: Engine;

    /// The kind of device that the engines compute on.
    fn device(&self) -> DeviceKind;

    /// An engine of its own for one training, to be used on the calling thread.
    ///
    /// # Errors
    /// [`OpError`] if the device refuses.
    fn engine(&self) -> Result<Self::Engine, OpError>;

    /// The same for a training that takes `gpu_bytes` of a GPU's memory at its peak. They, or on the processor what it takes
    /// there, are kept for it as long as the engine is in use; where others are in the way, this waits until they end.
    ///
    /// # Errors
    /// [`OpError::TooLarge`] if there is not so much memory.
    fn engine_for(&self, _gpu_bytes: u64) -> Result<Self::Engine, OpError> {
        self.engine()
    }
}

impl<G: Engines> Engines for &G {
    type Engine = G::Engine;

    fn device(&self) -> DeviceKind {
        (**self).device()
    }

    fn engine(&self) -> Result<G::Engine, OpError> {
        (**self).engine()
    }

    fn engine_for(&self, gpu_bytes: u64) -> Result<G::Engine, OpError> {
        (**self).engine_for(gpu_bytes)
    }
}

/// Engines that compute on the thread that calls them.
#[derive(Clone, Copy, Debug)]
pub struct OneThread;

impl Engines for OneThread {
    type Engine = Gemm;

    fn device(&self) -> DeviceKind {
        DeviceKind::Cpu
    }

    fn engine(&self) -> Result<Gemm, OpError> {
        Ok(Gemm::new())
    }
}

/// Engines that share the threads of the crew.
impl Engines for Crew {
    type Engine = Gemm;

    fn device(&self) -> DeviceKind {
        DeviceKind::Cpu
    }

    fn engine(&self) -> Result<Gemm, OpError> {
        Ok(Gemm::in_crew(self))
    }

    fn engine_for(&self, gpu_bytes: u64) -> Result<Gemm, OpError> {
        Gemm::in_crew_for(self, gpu_bytes)
    }
}
