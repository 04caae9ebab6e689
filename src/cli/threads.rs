//! How many threads compute.

use std::num::NonZeroUsize;

use super::{Failure, parse};
use crate::ops::Crew;

/// Threads that this machine runs at once.
pub(super) fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// The option that says how many threads compute: one network together, or several trainings with one each.
#[derive(clap::Args, Debug)]
pub(super) struct ThreadArgs {
    /// Threads to compute with, on a GPU trainings at once; they change nothing but the speed [default: one for each
    /// core]
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
        Ok(Crew::with_caller(self.count())?)
    }
}
