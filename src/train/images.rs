//! Images of a data set, on their way to where an engine computes.

use std::collections::BTreeSet;
use std::mem;

use dfdx::prelude::*;

use crate::data::{Augment, Batch, Dataset, MEAN, STD, Split};
use crate::ops::{Engine, Images, Maps, OpError};

/// How images are varied.
#[derive(Clone, Copy)]
pub struct Varied<'a> {
    pub augment: &'a Augment,
    pub seed: u64,
    pub epoch: u64,
}

/// Lets `engine` keep the images that networks are trained and measured on, and the images `others`, if it does so.
///
/// # Errors
/// [`OpError`] if the device refuses.
pub fn keep<E: Engine>(engine: &E, dataset: &Dataset, others: &[u32]) -> Result<(), OpError> {
    let splits = [Split::Train, Split::Validation].map(|split| dataset.split(split));
    let numbers: BTreeSet<u32> = splits.into_iter().flatten().chain(others).copied().collect();
    engine.keep_images(&Images {
        name: dataset.fingerprint(),
        side: dataset.resolution(),
        numbers: numbers.into_iter().collect(),
        bytes: &|image| dataset.pixels(image),
        mean: MEAN,
        deviation: STD,
    })
}

/// The images `indices` of `dataset` where `engine` computes: `[N, resolution, resolution, 3]`, cut out there or brought
/// there. Their labels are then in `batch`.
///
/// # Errors
/// [`OpError`] if the device has not enough memory.
pub fn load<E: Engine>(
    engine: &E,
    dataset: &Dataset,
    indices: &[u32],
    varied: Option<Varied<'_>>,
    batch: &mut Batch,
) -> Result<Maps<E::Device>, OpError> {
    let augment = varied.map(|varied| varied.augment);
    let (seed, epoch) = varied.map_or((0, 0), |varied| (varied.seed, varied.epoch));
    let cuts = dataset.cuts(indices, augment, seed, epoch);
    if let Some(maps) = engine.cut_images(dataset.fingerprint(), cuts)? {
        dataset.fill_labels(indices, batch);
        return Ok(maps);
    }
    dataset.fill(indices, augment, seed, epoch, batch);
    maps(engine.device(), batch, dataset.resolution())
}

/// Moves a batch's pixels onto a device: `[N, resolution, resolution, 3]`.
///
/// # Errors
/// [`OpError`] if the device has not enough memory.
pub fn maps<D: Device<f32>>(device: &D, batch: &mut Batch, resolution: usize) -> Result<Maps<D>, OpError> {
    let shape = (batch.labels.len(), resolution, resolution, 3);
    device.try_tensor_from_vec(mem::take(&mut batch.pixels), shape).map_err(OpError::device)
}

#[cfg(all(test, feature = "cuda"))]
mod tests {
    use super::*;
    use crate::data::{Crop, synthetic};
    use crate::ops::conformance::on_gpu;
    use crate::ops::{Engines, Gemm};

    #[test]
    fn a_gpu_cuts_out_what_the_cpu_does_to_the_bit() {
        on_gpu(|gpu| {
            let engine = gpu.engine().unwrap();
            for side in [32, 45] {
                let set = synthetic(60, side, 0.5, 7).unwrap();
                let (train, test) = (set.split(Split::Train), set.split(Split::Test));
                let cut = |images: &[u32]| {
                    engine.cut_images(set.fingerprint(), set.cuts(images, None, 0, 0)).unwrap().is_some()
                };
                assert!(!cut(train));
                keep(&engine, &set, &train[..1]).unwrap();
                // Only those that are trained and measured on.
                assert!(cut(train) && cut(set.split(Split::Validation)) && !cut(test));
                for crop in [Crop::None, Crop::Shift, Crop::Resized] {
                    let augment = Augment { crop, flip: true };
                    for varied in [None, Some(Varied { augment: &augment, seed: 5, epoch: 6 })] {
                        let [mut here, mut there] = [Batch::default(), Batch::default()];
                        let got = load(&engine, &set, train, varied, &mut there).unwrap().as_vec();
                        let expected = load(&Gemm::new(), &set, train, varied, &mut here).unwrap().as_vec();
                        assert_eq!(here.labels, there.labels);
                        assert!(got == expected, "{side} px, {crop:?}");
                    }
                }
            }
        });
    }
}
