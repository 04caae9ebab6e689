//! How many threads compute.

use std::num::NonZeroUsize;

use super::machine::Memory;
use super::{Failure, parse};
use crate::ops::Crew;

/// Threads that this machine runs at once.
pub(super) fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// So many threads beside those that call, for trainings that share this machine's memory; no more than it runs at once, since
/// those that wait for work would keep others from it.
pub(super) fn crew(threads: NonZeroUsize) -> Result<Crew, Failure> {
    Ok(with_memory(Crew::new(threads.min(cores()))?))
}

/// The same, the calling thread among them.
pub(super) fn crew_with_caller(threads: NonZeroUsize) -> Result<Crew, Failure> {
    Ok(with_memory(Crew::with_caller(threads.min(cores()))?))
}

fn with_memory(crew: Crew) -> Crew {
    match Memory::now() {
        Some(memory) => crew.with_memory(memory.total),
        None => crew,
    }
}

/// The option that says how many threads compute: one network together, or several trainings with one each.
#[derive(clap::Args, Debug)]
pub(super) struct ThreadArgs {
    /// Threads to compute with, or trainings at once where a GPU has several to do; they change nothing but the speed
    /// [default: one for each core]
    #[arg(long, value_name = "N", value_parser = parse::positive)]
    threads: Option<NonZeroUsize>,
}

impl ThreadArgs {
    /// How many there are.
    pub(super) fn count(&self) -> NonZeroUsize {
        self.threads.unwrap_or_else(cores)
    }

    /// They, the calling one among them.
    pub(super) fn crew(&self) -> Result<Crew, Failure> {
        crew_with_caller(self.count())
    }
}
