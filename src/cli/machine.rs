//! What the system tells of itself.

use std::env::consts;
use std::fs;

use serde::Serialize;

/// Where a container's limit stands.
const CONTAINER_LIMIT: &str = "/sys/fs/cgroup/memory.max";

/// Main memory in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Memory {
    /// What the machine has, or its container may have of it.
    pub(super) total: u64,
    /// What programs can have without swapping.
    pub(super) available: u64,
}

impl Memory {
    /// On Linux; `None` elsewhere.
    pub(super) fn now() -> Option<Self> {
        let memory = Self::parse(&fs::read_to_string("/proc/meminfo").ok()?)?;
        // "max" where there is none.
        let limit = fs::read_to_string(CONTAINER_LIMIT).ok().and_then(|text| text.trim().parse().ok());
        Some(memory.within(limit.unwrap_or(u64::MAX)))
    }

    fn within(self, limit: u64) -> Self {
        Self { total: self.total.min(limit), available: self.available.min(limit) }
    }

    fn parse(meminfo: &str) -> Option<Self> {
        Some(Self { total: kib(meminfo, "MemTotal")? << 10, available: kib(meminfo, "MemAvailable")? << 10 })
    }
}

/// Peak resident memory of this process in MiB, on Linux.
pub(super) fn peak_mib() -> Option<u64> {
    Some(kib(&fs::read_to_string("/proc/self/status").ok()?, "VmHWM")? >> 10)
}

/// The operating system, with its release where it tells: `linux 6.1.0, x86_64`.
pub(super) fn system() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{}, {}", format!("{} {}", consts::OS, release.trim()).trim(), consts::ARCH)
}

/// The processor's name, on Linux where it has one.
pub(super) fn processor() -> Option<String> {
    value(&fs::read_to_string("/proc/cpuinfo").ok()?, "model name").map(str::to_owned)
}

/// The KiB that Linux gives for `key`.
fn kib(text: &str, key: &str) -> Option<u64> {
    value(text, key)?.strip_suffix(" kB")?.parse().ok()
}

/// What stands after the first `key` and its colon.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_as_linux_writes_it() {
        let text = "MemTotal:       24683656 kB\nMemFree:        17000444 kB\nMemAvailable:   22041144 kB\n";
        assert_eq!(Memory::parse(text), Some(Memory { total: 24_683_656 << 10, available: 22_041_144 << 10 }));
        let memory = Memory { total: 400, available: 300 };
        assert_eq!(memory.within(350), Memory { total: 350, available: 300 });
        assert_eq!(memory.within(100), Memory { total: 100, available: 100 });
        for other in ["", "MemTotal: 1 kB\n", "MemTotal: many kB\nMemAvailable: 1 kB\n"] {
            assert_eq!(Memory::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_value_is_what_stands_behind_the_colon() {
        let text = "processor\t: 0\nmodel name\t: AMD EPYC: 7003\nmodel name\t: other\n";
        assert_eq!((value(text, "model name"), value(text, "Hardware")), (Some("AMD EPYC: 7003"), None));
        assert!(system().ends_with(consts::ARCH) && !system().contains(" ,"));
    }
}
