//! How long a network takes to classify.

use std::time::{Duration, Instant};

use crate::data::Batch;
use crate::net::GoogLeNet;
use crate::ops::{Engine, OpError};

/// Passes before the first that counts, which find caches and memory as they will be.
const WARM_UP: usize = 3;

/// Passes that count: at least so many, and for so long.
const REPEATS: usize = 15;
const SPAN: Duration = Duration::from_millis(500);

/// Milliseconds of inference passes of `network` over the same `batch` images of `resolution` pixels, one after the other, logits read
/// back included. What the images show and what the weights are does not matter for the time.
///
/// # Errors
/// [`OpError`] if the images are too small for the network, or the device refuses.
pub fn latency<E: Engine>(network: &GoogLeNet<E>, resolution: usize, batch: usize) -> Result<Vec<f64>, OpError> {
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
        let images = super::fit::maps(network.engine().device(), &mut images, resolution)?;
        let start = Instant::now();
        std::hint::black_box(network.forward(images)?.as_vec());
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times.split_off(WARM_UP))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Architecture;
    use crate::ops::Gemm;

    #[test]
    fn every_pass_is_timed_and_more_images_take_longer() {
        let network = GoogLeNet::new(Gemm::new(), &Architecture::googlenet_scaled(0.1, 2, false).unwrap(), 0).unwrap();
        let least = |batch| {
            let times = latency(&network, 32, batch).unwrap();
            assert!(times.len() >= REPEATS && times.iter().all(|ms| *ms > 0.0), "{times:?}");
            times.into_iter().fold(f64::INFINITY, f64::min)
        };
        assert!(least(16) > least(1));
        assert!(latency(&network, 8, 1).is_err());
    }
}
