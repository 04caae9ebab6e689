//! How long networks take to classify on this machine, one thread each.

use serde::Serialize;

use super::Failure;
use crate::arch::Architecture;
use crate::net::GoogLeNet;
use crate::ops::Gemm;
use crate::stats::quartiles;
use crate::train::latency;

/// The time of one pass.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Latency {
    /// Images in it.
    pub(super) batch: usize,
    /// Lower quartile, median and upper quartile in milliseconds.
    pub(super) quartiles_ms: [f64; 3],
}

impl Latency {
    /// Times passes over `batch` images of `resolution` pixels, on the calling thread.
    ///
    /// # Errors
    /// [`Failure::Failed`] if the network cannot be built or run.
    pub(super) fn measure(architecture: &Architecture, resolution: usize, batch: usize) -> Result<Self, Failure> {
        let network = GoogLeNet::new(Gemm::new(), architecture, 0)?;
        Ok(Self { batch, quartiles_ms: quartiles(&latency(&network, resolution, batch)?)? })
    }

    pub(super) fn median_ms(&self) -> f64 {
        self.quartiles_ms[1]
    }

    /// `3.10 ms (3.05 to 3.31)`.
    pub(super) fn text(&self) -> String {
        let [low, middle, high] = self.quartiles_ms;
        format!("{middle:.2} ms ({low:.2} to {high:.2})")
    }
}
