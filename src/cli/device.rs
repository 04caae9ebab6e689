//! The device that trainings are computed on: the option, and the one place that opens it.

use anyhow::anyhow;

use super::Failure;
use super::machine::peak_mib;
use crate::device::{Device, DeviceKind, Precision};
use crate::ops::Gemm;
#[cfg(feature = "cuda")]
use crate::ops::{Gpu, GpuError};

/// The option that says where networks are computed.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(super) struct DeviceArgs {
    /// Where to compute: cpu, cuda, or cuda:N for the NVIDIA GPU number N, from 0. Results of the two are never mixed.
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: Device,
    /// Factors of a GPU's matrix products in convolutions: f32; tf32, 11 instead of 24 bits for tensor cores of GPUs since A100; or
    /// f16, as many in half the memory. Results of these are never mixed.
    #[arg(long, value_name = "PRECISION", default_value = "f32")]
    precision: Precision,
}

/// A device that is there and works.
#[derive(Clone, Debug)]
pub(super) enum Opened {
    Cpu,
    #[cfg(feature = "cuda")]
    Cuda(Gpu),
}

impl Opened {
    /// What computes, as far as the last bits of a result depend on it: an instruction set, or a GPU.
    pub(super) fn processor(&self) -> String {
        match self {
            Self::Cpu => Gemm::instruction_set().to_owned(),
            #[cfg(feature = "cuda")]
            Self::Cuda(gpu) => gpu.description().to_string(),
        }
    }

    /// The most memory used at once in MiB, where the system tells: of this process, or of the GPU by this process.
    pub(super) fn peak_mib(&self) -> Option<u64> {
        match self {
            Self::Cpu => peak_mib(),
            #[cfg(feature = "cuda")]
            Self::Cuda(gpu) => gpu.peak_memory().map(|bytes| bytes >> 20),
        }
    }
}

impl DeviceArgs {
    /// The kind of device asked for.
    pub(super) fn kind(self) -> DeviceKind {
        self.device.kind(self.precision)
    }

    /// Opens the device.
    ///
    /// # Errors
    /// [`Failure::Usage`] if there is no such device, [`Failure::Failed`] if it does not work.
    pub(super) fn open(self) -> Result<Opened, Failure> {
        match self.device {
            Device::Cpu if self.precision != Precision::F32 => Err(Failure::Usage(anyhow!(
                "the processor computes in f32: give --device cuda, or leave --precision out"
            ))),
            Device::Cpu => Ok(Opened::Cpu),
            Device::Cuda(number) => open_gpu(number, self.precision),
        }
    }
}

/// What the first GPU is, or why there is none to compute on.
#[cfg(feature = "cuda")]
pub(super) fn first_gpu() -> Result<String, String> {
    let gpu = Gpu::open(0).map_err(|error| error.to_string())?;
    let free = gpu.description().free_memory as f64 / f64::from(1 << 30);
    Ok(format!("{}, {free:.1} GiB free", gpu.description()))
}

/// What the first GPU is, or why there is none to compute on.
#[cfg(not(feature = "cuda"))]
pub(super) fn first_gpu() -> Result<String, String> {
    Err("not in this build, which computes on the processor".to_owned())
}

#[cfg(feature = "cuda")]
fn open_gpu(number: usize, precision: Precision) -> Result<Opened, Failure> {
    match Gpu::open(number) {
        Ok(gpu) => Ok(Opened::Cuda(gpu.with_precision(precision))),
        Err(error @ (GpuError::None(_) | GpuError::NoSuch { .. })) => Err(Failure::Usage(anyhow!(error))),
        Err(error) => Err(Failure::Failed(anyhow!(error))),
    }
}

#[cfg(not(feature = "cuda"))]
fn open_gpu(_: usize, _: Precision) -> Result<Opened, Failure> {
    Err(Failure::Usage(anyhow!(
        "this program was built without CUDA: build it with `cargo build --release --features cuda` on a machine with an \
         NVIDIA driver and nvcc, or leave --device out"
    )))
}

/// Evaluates an expression with the [`Engines`](crate::ops::Engines) of an [`Opened`] device, those of the CPU being
/// `$crew`. The expression is compiled once for each kind of device.
macro_rules! on_device {
    ($opened:expr, $crew:expr, $engines:ident => $body:expr) => {
        match $opened {
            $crate::cli::device::Opened::Cpu => {
                let $engines = $crew;
                $body
            }
            #[cfg(feature = "cuda")]
            $crate::cli::device::Opened::Cuda($engines) => $body,
        }
    };
}
pub(super) use on_device;
