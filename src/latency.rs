//! How long networks take to classify on this machine, one thread each.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::arch::Architecture;
use crate::data::Batch;
use crate::net::GoogLeNet;
use crate::ops::{Engine, Gemm, OpError};
use crate::stats::{Undefined, quartiles};
use crate::train::maps;

/// Passes before the first that counts, which find caches and memory as they will be.
const WARM_UP: usize = 3;

/// Passes that count: at least so many, and for so long.
const REPEATS: usize = 15;
const SPAN: Duration = Duration::from_millis(300);

/// The time of one pass.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// Images in it.
    pub batch: usize,
    /// Lower quartile, median and upper quartile in milliseconds.
    pub quartiles_ms: [f64; 3],
}

/// Why a network cannot be timed.
#[derive(Debug, thiserror::Error)]
pub enum LatencyError {
    /// It cannot be built or run.
    #[error(transparent)]
    Op(#[from] OpError),
    /// The times have no quartiles.
    #[error(transparent)]
    Undefined(#[from] Undefined),
}

impl Latency {
    /// Times inference passes over `batch` images of `resolution` pixels, on the calling thread of the processor, whatever
    /// trains elsewhere; logits read back included. What the images show and what the weights are does not matter for the time.
    ///
    /// # Errors
    /// [`LatencyError`], such as for images too small for the network.
    pub fn measure(architecture: &Architecture, resolution: usize, batch: usize) -> Result<Self, LatencyError> {
        let network = GoogLeNet::new(Gemm::new(), architecture, 0)?;
        Ok(Self { batch, quartiles_ms: quartiles(&passes(&network, resolution, batch)?)? })
    }

    /// The median in milliseconds.
    pub fn median_ms(&self) -> f64 {
        self.quartiles_ms[1]
    }

    /// `3.10 ms (3.05 to 3.31) for a batch of 1 on one thread`.
    pub fn text(&self) -> String {
        let [low, middle, high] = self.quartiles_ms;
        format!("{middle:.2} ms ({low:.2} to {high:.2}) for a batch of {} on one thread", self.batch)
    }
}

/// Milliseconds of passes one after the other.
fn passes<E: Engine>(network: &GoogLeNet<E>, resolution: usize, batch: usize) -> Result<Vec<f64>, OpError> {
    let mut times = Vec::new();
    let mut begin = Instant::now();
    for pass in 0.. {
        if pass == WARM_UP {
            begin = Instant::now();
        }
        if pass >= WARM_UP + REPEATS && begin.elapsed() > SPAN {
            break;
        }
        let pixels = vec![0.5; batch * resolution * resolution * 3];
        let mut images = Batch { pixels, labels: vec![0; batch] };
        let images = maps(network.engine().device(), &mut images, resolution)?;
        let start = Instant::now();
        std::hint::black_box(network.forward(images)?.as_vec());
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times.split_off(WARM_UP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pass_is_timed_and_more_images_take_longer() {
        let architecture = Architecture::googlenet_scaled(0.1, 2, false).unwrap();
        let network = GoogLeNet::new(Gemm::new(), &architecture, 0).unwrap();
        let least = |batch| {
            let times = passes(&network, 32, batch).unwrap();
            assert!(times.len() >= REPEATS && times.iter().all(|ms| *ms > 0.0), "{times:?}");
            times.into_iter().fold(f64::INFINITY, f64::min)
        };
        assert!(least(16) > least(1));
        let [low, middle, high] = Latency::measure(&architecture, 32, 1).unwrap().quartiles_ms;
        assert!(0.0 < low && low <= middle && middle <= high);
        assert!(Latency::measure(&architecture, 8, 1).is_err());
    }
}
