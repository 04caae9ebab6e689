//! Which of several mutants is worth a training.

use super::trial::Job;

/// Chooses among the mutants that an evolutionary strategy has made for one trial (`search.candidates`).
///
/// Its answers may depend on nothing but the mutants and the trials it was told, so that proposals stay a function of these.
pub(super) trait Screen {
    /// The position of the mutant to train; there is at least one.
    fn choose(&mut self, mutants: &[Job]) -> usize;
}

/// Takes the mutant that was made first, as if there were no others.
pub(super) struct First;

impl Screen for First {
    fn choose(&mut self, _mutants: &[Job]) -> usize {
        0
    }
}
