//! `inception-nas doctor`: what a report of a bug needs, and what stands in a user's way.

use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::anyhow;
use serde::Serialize;

use super::device::first_gpu;
use super::folder::Folder;
use super::machine::{Memory, processor, system};
use super::rate::{Rate, Workload};
use super::threads::cores;
use super::{Failure, Output, stdout};
use crate::arch::Architecture;
use crate::data::default_cache_dir;
use crate::ops::Gemm;

/// Where commands look for runs unless told otherwise.
const RESULTS: &str = "results";

/// The networks that are timed, as multiples of the paper's widths.
const RATIOS: [f64; 2] = [1.0, 0.25];
/// Side of their input in pixels, images a step, and steps.
const SIZE: usize = 64;
const BATCH: usize = 32;
const STEPS: usize = 8;

/// A search of small networks takes a tenth of this, training the paper's at 224 px nearly all.
const ENOUGH_MEMORY: u64 = 1 << 30;

/// The stable machine form.
#[derive(Serialize)]
struct Report {
    version: &'static str,
    system: String,
    processor: Option<String>,
    /// Threads that the machine runs at once, which is how many commands use.
    threads: NonZeroUsize,
    instruction_set: &'static str,
    /// Whether the compiler optimised the program.
    optimised: bool,
    /// Whether the program was built with the feature `cuda`.
    cuda: bool,
    /// The GPU number 0: name, compute capability, memory, newest CUDA that its driver knows.
    gpu: Option<String>,
    /// Why there is none, or why it does not work.
    gpu_refused: Option<String>,
    memory: Option<Memory>,
    /// Where decoded images go; `None` if the environment names no place.
    cache: Option<Folder>,
    results: Folder,
    speeds: Vec<Speed>,
    problems: Vec<Problem>,
}

/// Training steps of one network.
#[derive(Serialize)]
struct Speed {
    /// Of the paper's widths.
    ratio: f64,
    threads: NonZeroUsize,
    #[serde(flatten)]
    rate: Rate,
}

/// What stands in the way.
#[derive(Debug, PartialEq, Serialize)]
struct Problem {
    what: String,
    /// What the user can do about it.
    advice: String,
}

/// Runs the command.
///
/// # Errors
/// [`Failure::Failed`] if there is a problem, after the report is printed, or if the timed training fails.
pub fn execute(output: Output) -> Result<(), Failure> {
    let gpu = first_gpu();
    let mut report = Report {
        version: env!("CARGO_PKG_VERSION"),
        system: system(),
        processor: processor(),
        threads: cores(),
        instruction_set: Gemm::instruction_set(),
        optimised: !cfg!(debug_assertions),
        cuda: cfg!(feature = "cuda"),
        gpu: gpu.as_ref().ok().cloned(),
        gpu_refused: gpu.err(),
        memory: Memory::now(),
        cache: default_cache_dir().map(|dir| Folder::look(&dir)),
        results: Folder::look(Path::new(RESULTS)),
        speeds: Vec::new(),
        problems: Vec::new(),
    };
    if !output.quiet {
        say!("timing training steps");
    }
    report.speeds = speeds(report.threads)?;
    report.problems = report.find_problems();
    stdout::print(&if output.json { stdout::json(&report)? } else { report.to_text() })?;
    match report.problems.len() {
        0 => Ok(()),
        1 => Err(Failure::Failed(anyhow!("there is a problem"))),
        problems => Err(Failure::Failed(anyhow!("there are {problems} problems"))),
    }
}

/// Every network on one thread and on all.
fn speeds(all: NonZeroUsize) -> Result<Vec<Speed>, Failure> {
    let mut speeds = Vec::new();
    for ratio in RATIOS {
        let architecture = Architecture::googlenet_scaled(ratio, 2, false)?;
        let mut counts = vec![NonZeroUsize::MIN, all];
        counts.dedup();
        for threads in counts {
            let workload = Workload { architecture: &architecture, size: SIZE, batch: BATCH, steps: STEPS };
            let timed = workload.time(Gemm::with_threads(threads)?, false)?;
            speeds.push(Speed { ratio, threads, rate: workload.rate(&timed)? });
        }
    }
    Ok(speeds)
}

impl Report {
    fn find_problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut problem = |what: String, advice: &str| problems.push(Problem { what, advice: advice.to_owned() });
        if !self.optimised {
            problem("the program was built without optimisation".to_owned(), "build it with `cargo build --release`");
        }
        if let Some(memory) = self.memory.filter(|memory| memory.available < ENOUGH_MEMORY) {
            let what = format!("only {} of memory are available", size(memory.available));
            problem(what, "end other programs, or keep to small networks and images: --set protocol.resolution=48");
        }
        match &self.cache {
            None => problem(
                "there is no place for decoded images".to_owned(),
                "set INCEPTION_NAS_CACHE to a folder; until then images are decoded again by every command",
            ),
            Some(Folder { path, refused: Some(reason), .. }) => problem(
                format!("decoded images cannot be kept in {}: {reason}", path.display()),
                "set INCEPTION_NAS_CACHE to a folder that can be written to; until then images are decoded again by every \
                 command",
            ),
            Some(_) => {}
        }
        if let Some(reason) = &self.results.refused {
            problem(
                format!("results cannot be written to {}: {reason}", self.results.path.display()),
                "change to a folder that can be written to, or give commands one with --results DIR",
            );
        }
        problems
    }

    fn to_text(&self) -> String {
        let unknown = || "unknown".to_owned();
        let processor = self.processor.clone().unwrap_or_else(unknown);
        let memory = self.memory.map_or_else(unknown, |memory| {
            format!("{}, {} of them available", size(memory.total), size(memory.available))
        });
        let cuda = self.gpu.clone().or_else(|| self.gpu_refused.clone()).unwrap_or_else(unknown);
        let folder = |folder: &Folder| {
            let state = match &folder.refused {
                Some(reason) => reason,
                None if folder.exists => "can be written to",
                None => "not there yet, can be made",
            };
            format!("{}, {state}", folder.path.display())
        };
        let cache =
            self.cache.as_ref().map_or_else(unknown, |cache| format!("{}, {}", folder(cache), size(cache.bytes)));
        let mut text = format!(
            "version    {}\nsystem     {}\nprocessor  {processor}, {} threads at once, computing with {}\n\
             memory     {memory}\nCUDA       {cuda}\ncache      {cache}\nresults    {}\n",
            self.version,
            self.system,
            self.threads,
            self.instruction_set,
            folder(&self.results),
        );
        for Speed { ratio, threads, rate } in &self.speeds {
            text += &format!(
                "training   {:.1} images/s at {SIZE} px, widths of the paper x {ratio}, threads: {threads} ({:.1} GFLOP/s)\n",
                rate.images_per_s, rate.gflops,
            );
        }
        if self.problems.is_empty() {
            return text + "\nno problems found\n";
        }
        for Problem { what, advice } in &self.problems {
            text += &format!("\nproblem: {what}\n         {advice}\n");
        }
        text
    }
}

/// Bytes in a unit that people read.
fn size(bytes: u64) -> String {
    match bytes {
        0..0x4000_0000 => format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20)),
        _ => format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(refused: Option<&str>) -> Folder {
        Folder { path: "some/where".into(), exists: true, bytes: 5 << 20, refused: refused.map(str::to_owned) }
    }

    fn report() -> Report {
        Report {
            version: "1",
            system: "linux".to_owned(),
            processor: None,
            threads: NonZeroUsize::MIN,
            instruction_set: "AVX2",
            optimised: true,
            cuda: false,
            gpu: None,
            gpu_refused: Some("not in this build".to_owned()),
            memory: Some(Memory { total: 8 << 30, available: 4 << 30 }),
            cache: Some(folder(None)),
            results: folder(None),
            speeds: Vec::new(),
            problems: Vec::new(),
        }
    }

    #[test]
    fn a_sound_machine_has_no_problems() {
        let sound = report();
        assert_eq!(sound.find_problems(), []);
        let text = sound.to_text();
        for expected in [
            "8.0 GiB, 4.0 GiB of them available",
            "CUDA       not in this build",
            "some/where, can be written to, 5 MiB",
            "no problems",
        ] {
            assert!(text.contains(expected), "no {expected:?} in\n{text}");
        }
        assert_eq!(Report { memory: None, ..report() }.find_problems(), []);
    }

    #[test]
    fn every_problem_comes_with_what_to_do() {
        let mut poor = Report {
            optimised: false,
            memory: Some(Memory { total: 8 << 30, available: 1 << 29 }),
            cache: Some(folder(Some("read-only"))),
            results: folder(Some("no permission")),
            ..report()
        };
        poor.problems = poor.find_problems();
        let text = poor.to_text();
        for expected in [
            "cargo build --release",
            "only 512 MiB",
            "INCEPTION_NAS_CACHE",
            "written to some/where: no perm",
            "--results",
        ] {
            assert!(text.contains(expected), "no {expected:?} in\n{text}");
        }
        assert_eq!(poor.problems.len(), 4);
        assert_eq!(Report { cache: None, ..report() }.find_problems().len(), 1);
    }
}
