//! Ctrl-C: once to finish what runs, twice to stop at once, a third time to end the process.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;

use super::ignored::Ignored;

/// What the user has asked for so far. A process listens once, for all that it trains.
#[derive(Default)]
pub(super) struct Signals {
    /// Start nothing more.
    pub(super) proposing: AtomicBool,
    /// Break off what runs, too.
    pub(super) now: AtomicBool,
    /// What shows the answers; nothing until something is trained.
    screen: Mutex<Option<Box<dyn Fn(&str) + Send>>>,
}

impl Signals {
    /// Listens from now on, to SIGTERM and SIGHUP as well, but to none that the process was started to ignore. Until something
    /// is trained they end the process, as they would without.
    ///
    /// # Errors
    /// If the system refuses, or somebody listens already.
    pub(super) fn install() -> anyhow::Result<Arc<Self>> {
        let signals = Arc::new(Self::default());
        let heard = Arc::clone(&signals);
        let ignored = Ignored::now();
        ctrlc::set_handler(move || {
            if heard.screen.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
                // Nothing has been begun that could be finished.
                process::exit(130);
            }
            if !heard.proposing.swap(true, Ordering::Relaxed) {
                heard.say("finishing the running trainings; once more to stop at once");
            } else if !heard.now.swap(true, Ordering::Relaxed) {
                heard.say("stopping at once");
            } else {
                // Work behind the last training, such as measuring on the test images, does not look. Nothing is lost: what
                // is done is on the disk, and files are replaced as a whole.
                process::exit(130);
            }
        })
        .context("cannot listen to Ctrl-C")?;
        ignored.keep();
        Ok(signals)
    }

    /// Shows answers through `say` from now on.
    pub(super) fn answer_through(&self, say: impl Fn(&str) + Send + 'static) {
        *self.screen.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(say));
    }

    fn say(&self, text: &str) {
        if let Some(say) = &*self.screen.lock().unwrap_or_else(PoisonError::into_inner) {
            say(text);
        }
    }
}
