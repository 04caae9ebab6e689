//! Ctrl-C: once to finish what runs, twice to stop at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

use crate::report::Progress;

/// What the user has asked for so far.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// Start nothing more.
    pub(super) proposing: AtomicBool,
    /// Break off what runs, too.
    pub(super) now: AtomicBool,
}

impl Signals {
    /// Listens from now on, to SIGTERM and SIGHUP as well; answers are shown through `progress`.
    ///
    /// # Errors
    /// If the system refuses, or somebody listens already.
    pub(super) fn install(progress: Arc<Progress>) -> anyhow::Result<Arc<Self>> {
        let signals = Arc::new(Self::default());
        let heard = Arc::clone(&signals);
        ctrlc::set_handler(move || {
            if heard.proposing.swap(true, Ordering::Relaxed) {
                heard.now.store(true, Ordering::Relaxed);
                progress.message("stopping at once");
            } else {
                progress.message("finishing the running trainings; once more to stop at once");
            }
        })
        .context("cannot listen to Ctrl-C")?;
        Ok(signals)
    }
}
