//! Signals that a process was started to ignore, and goes on to ignore while it listens to others.

/// SIGHUP under `nohup`, SIGINT of a job that a script has put into the background: neither is meant for the process.
pub(super) struct Ignored(Vec<i32>);

#[cfg(unix)]
impl Ignored {
    /// Those that are ignored now.
    pub(super) fn now() -> Self {
        let is_ignored = |signal: &i32| {
            let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
            // SAFETY: without a new action the call only writes the present one, and has done so if it returns 0.
            unsafe {
                libc::sigaction(*signal, std::ptr::null(), action.as_mut_ptr()) == 0
                    && action.assume_init().sa_sigaction == libc::SIG_IGN
            }
        };
        Self([libc::SIGHUP, libc::SIGINT].into_iter().filter(is_ignored).collect())
    }

    /// Ignores them again, though somebody listens meanwhile.
    pub(super) fn keep(&self) {
        for signal in &self.0 {
            // SAFETY: to ignore a signal runs no code of ours.
            unsafe { libc::signal(*signal, libc::SIG_IGN) };
        }
    }
}

#[cfg(not(unix))]
impl Ignored {
    /// There are none.
    pub(super) fn now() -> Self {
        Self(Vec::new())
    }

    /// Nothing to do.
    pub(super) fn keep(&self) {}
}
