//! Ctrl-C: once to finish what runs, twice to stop at once, a third time to end the process.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

/// What the user has asked for so far.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// Start nothing more.
    pub(super) proposing: AtomicBool,
    /// Break off what runs, too.
    pub(super) now: AtomicBool,
}

impl Signals {
    /// Listens from now on, to SIGTERM and SIGHUP as well; `say` shows the answers.
    ///
    /// # Errors
    /// If the system refuses, or somebody listens already.
    pub(super) fn install(say: impl Fn(&str) + Send + 'static) -> anyhow::Result<Arc<Self>> {
        let signals = Arc::new(Self::default());
        let heard = Arc::clone(&signals);
        ctrlc::set_handler(move || {
            if !heard.proposing.swap(true, Ordering::Relaxed) {
                say("finishing the running trainings; once more to stop at once");
            } else if !heard.now.swap(true, Ordering::Relaxed) {
                say("stopping at once");
            } else {
                // Work behind the last training, such as measuring on the test images, does not look. Nothing is lost: what
                // is done is on the disk, and files are replaced as a whole.
                process::exit(130);
            }
        })
        .context("cannot listen to Ctrl-C")?;
        Ok(signals)
    }
}
