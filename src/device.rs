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

/// What of a device is written down beside results: trainings on devices of two kinds differ in their last bits and, a
/// few steps later, in more. A file that does not say is of the CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// The processor.
    #[default]
    Cpu,
    /// Any NVIDIA GPU.
    Cuda,
}

/// A text that names no device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("give cpu, cuda, or cuda:N for the GPU number N, from 0")]
pub struct NoDevice;

impl Device {
    /// What is written down of it.
    pub fn kind(self) -> DeviceKind {
        match self {
            Self::Cpu => DeviceKind::Cpu,
            Self::Cuda(_) => DeviceKind::Cuda,
        }
    }
}

impl DeviceKind {
    /// Whether it is the CPU, which files do not say.
    pub fn is_cpu(&self) -> bool {
        *self == Self::Cpu
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
    fn what_is_written_down_is_the_kind() {
        let kinds = [Device::Cpu, Device::Cuda(3)].map(Device::kind);
        assert_eq!(serde_json::to_string(&kinds).unwrap(), r#"["cpu","cuda"]"#);
        assert_eq!(kinds.map(|kind| kind.to_string()), ["cpu", "cuda"]);
    }
}
