//! Where trainings are computed, by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A device of this machine: `cpu`, `cuda` or `cuda:N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// The processor.
    Cpu,
    /// An NVIDIA GPU by its number, from 0.
    Cuda(usize),
}

/// How precise the factors of a GPU's matrix products are in convolutions. Sums, weights and all else are in f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 24 bits, as everywhere else.
    #[default]
    F32,
    /// 11 bits, rounded by the GPU's tensor cores (compute capability 8.0 and newer).
    Tf32,
    /// 11 bits and a small range, in half the memory: what convolutions read and write is kept so for the backward pass.
    F16,
}

/// What of a device is written down beside results: trainings on devices of two kinds differ in their last bits and, a
/// few steps later, in more. A file that does not say is of the CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    /// The processor.
    #[default]
    Cpu,
    /// Any NVIDIA GPU.
    Cuda,
    /// Any NVIDIA GPU with [`Precision::Tf32`].
    CudaTf32,
    /// Any NVIDIA GPU with [`Precision::F16`].
    CudaF16,
}

/// A text that names no device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("give cpu, cuda, or cuda:N for the GPU number N, from 0")]
pub struct NoDevice;

/// A text that names no precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("give f32, tf32 or f16")]
pub struct NoPrecision;

impl Device {
    /// What is written down of it. The CPU has one precision.
    pub fn kind(self, precision: Precision) -> DeviceKind {
        match (self, precision) {
            (Self::Cpu, _) => DeviceKind::Cpu,
            (Self::Cuda(_), Precision::F32) => DeviceKind::Cuda,
            (Self::Cuda(_), Precision::Tf32) => DeviceKind::CudaTf32,
            (Self::Cuda(_), Precision::F16) => DeviceKind::CudaF16,
        }
    }
}

impl DeviceKind {
    /// Whether it is the CPU, which files do not say.
    pub fn is_cpu(&self) -> bool {
        *self == Self::Cpu
    }

    /// Whether convolutions keep their inputs and outputs for the backward pass in f16.
    pub fn keeps_f16(self) -> bool {
        self == Self::CudaF16
    }

    /// The options that ask for it.
    pub fn options(self) -> &'static str {
        match self {
            Self::Cpu => "--device cpu",
            Self::Cuda => "--device cuda --precision f32",
            Self::CudaTf32 => "--device cuda --precision tf32",
            Self::CudaF16 => "--device cuda --precision f16",
        }
    }
}

impl Precision {
    /// All that there are.
    pub const ALL: [Self; 3] = [Self::F32, Self::Tf32, Self::F16];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::F16 => "f16",
        }
    }
}

impl FromStr for Precision {
    type Err = NoPrecision;

    fn from_str(text: &str) -> Result<Self, NoPrecision> {
        Self::ALL.into_iter().find(|precision| precision.name() == text).ok_or(NoPrecision)
    }
}

impl FromStr for Device {
    type Err = NoDevice;

    fn from_str(text: &str) -> Result<Self, NoDevice> {
        match text {
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => text.strip_prefix("cuda:").and_then(|number| number.parse().ok()).map(Self::Cuda).ok_or(NoDevice),
        }
    }
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::CudaTf32 => "cuda with tf32",
            Self::CudaF16 => "cuda with f16",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_go_by_name() {
        let named =
            [("cpu", Device::Cpu), ("cuda", Device::Cuda(0)), ("cuda:0", Device::Cuda(0)), ("cuda:3", Device::Cuda(3))];
        for (name, device) in named {
            assert_eq!(name.parse(), Ok(device));
        }
        for wrong in ["", "gpu", "CUDA", "cuda:", "cuda:x", "cuda:-1", "cpu:0"] {
            assert_eq!(wrong.parse::<Device>(), Err(NoDevice), "{wrong}");
        }
    }

    #[test]
    fn precisions_go_by_name() {
        for precision in Precision::ALL {
            assert_eq!(precision.name().parse(), Ok(precision));
            assert!(NoPrecision.to_string().contains(precision.name()));
        }
        assert_eq!("F32".parse::<Precision>(), Err(NoPrecision));
    }

    #[test]
    fn what_is_written_down_is_the_kind() {
        let kinds = Precision::ALL.map(|precision| Device::Cuda(3).kind(precision));
        let kinds: Vec<DeviceKind> = std::iter::once(Device::Cpu.kind(Precision::F32)).chain(kinds).collect();
        assert_eq!(serde_json::to_string(&kinds).unwrap(), r#"["cpu","cuda","cuda-tf32","cuda-f16"]"#);
        let texts: Vec<String> = kinds.iter().map(DeviceKind::to_string).collect();
        assert_eq!(texts, ["cpu", "cuda", "cuda with tf32", "cuda with f16"]);
        for (at, kind) in kinds.iter().enumerate() {
            assert_eq!(kinds.iter().position(|other| other.options() == kind.options()), Some(at));
        }
    }
}
