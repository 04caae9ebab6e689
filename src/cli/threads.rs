//! How many threads compute one network.

use std::num::NonZeroUsize;

use super::{Failure, parse};
use crate::ops::Gemm;

/// The option that says how many threads compute one network.
#[derive(clap::Args, Debug)]
pub(super) struct ThreadArgs {
    /// Threads to compute with; they change nothing but the speed [default: one for each core]
    #[arg(long, value_name = "N", value_parser = parse::positive)]
    threads: Option<NonZeroUsize>,
}

impl ThreadArgs {
    /// The engine that computes with them.
    pub(super) fn engine(&self) -> Result<Gemm, Failure> {
        let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Ok(Gemm::with_threads(self.threads.unwrap_or_else(cores))?)
    }
}
