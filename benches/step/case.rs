//! What is timed, and one run of a program on it.

use std::process::{Child, Stdio};

use serde::Deserialize;

use super::peer::Program;

/// A training step of GoogLeNet.
pub struct Case {
    pub name: &'static str,
    /// The paper's network with its widths multiplied.
    arch: &'static str,
    /// Side of the images in pixels.
    size: &'static str,
    /// Images a step.
    batch: &'static str,
    /// Steps of ours.
    pub steps: usize,
    /// Processes side by side, each with a training of its own.
    pub processes: usize,
}

impl Case {
    const fn one(
        name: &'static str,
        arch: &'static str,
        size: &'static str,
        batch: &'static str,
        steps: usize,
    ) -> Self {
        Self { name, arch, size, batch, steps, processes: 1 }
    }

    /// The same with two trainings at once.
    const fn twice(self, name: &'static str) -> Self {
        // Long beside the start of a process, so that the steps run side by side.
        Self { name, steps: 2 * self.steps, processes: 2, ..self }
    }
}

const HALF_64: Case = Case::one("half-64", "googlenet:0.5", "64", "32", 12);
const QUARTER_96: Case = Case::one("quarter-96", "googlenet:0.25", "96", "32", 12);

pub const CASES: [Case; 6] = [
    Case::one("paper-224", "googlenet:1", "224", "16", 4),
    Case::one("paper-64", "googlenet:1", "64", "32", 8),
    HALF_64,
    QUARTER_96,
    HALF_64.twice("half-64-pair"),
    QUARTER_96.twice("quarter-96-pair"),
];

/// What every program prints. Of several processes: sums.
#[derive(Deserialize)]
pub struct Figures {
    pub macs_per_image: u64,
    pub images_per_s: f64,
    pub gflops: f64,
    pub peak_mib: Option<f64>,
}

impl Case {
    /// Runs a program, in as many processes at once as the case says. Fails with what went wrong.
    pub fn run(&self, program: &Program, threads: usize, steps: usize) -> Result<Figures, String> {
        let start = |_| {
            let mut command = program.command();
            command.args(["--arch", self.arch, "--size", self.size, "--batch", self.batch]);
            command.args(["--threads", &threads.to_string(), "--steps", &steps.to_string()]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|error| error.to_string())
        };
        let children = (0..self.processes).map(start).collect::<Result<Vec<_>, _>>()?;
        // All of them end before any is judged.
        let outputs: Vec<_> = children.into_iter().map(Child::wait_with_output).collect();
        let mut sum: Option<Figures> = None;
        for output in outputs {
            let output = output.map_err(|error| error.to_string())?;
            if !output.status.success() {
                return Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)));
            }
            let figures: Figures = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
            sum = Some(match sum {
                None => figures,
                Some(sum) => sum.and(&figures),
            });
        }
        sum.ok_or_else(|| "no process".to_owned())
    }
}

impl Figures {
    /// Of both at once.
    fn and(self, other: &Self) -> Self {
        Self {
            macs_per_image: self.macs_per_image,
            images_per_s: self.images_per_s + other.images_per_s,
            gflops: self.gflops + other.gflops,
            peak_mib: self.peak_mib.zip(other.peak_mib).map(|(one, two)| one + two),
        }
    }
}
