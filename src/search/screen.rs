//! Which of several mutants is worth a training.

use super::ports::{Evaluator, Observer, Proxy};
use super::proxy_screen::ProxyScreen;
use super::surrogate::Surrogate;
use super::trial::{Job, Trial};
use crate::space::{self, Space};

/// Chooses among the mutants that an evolutionary strategy has made for one trial (`search.candidates`).
///
/// Its answers may depend on nothing but the mutants and the trials it was told, so that proposals stay a function of these.
pub(super) trait Screen {
    /// The mutant to train; there is at least one.
    fn choose(&mut self, mutants: &[Job]) -> Choice;

    /// How a trial ended. Trials are told by ascending index, without holes.
    fn tell(&mut self, trial: &Trial, observer: &dyn Observer);
}

/// The mutant that a screen prefers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Choice {
    /// Its position.
    pub index: usize,
    /// What scoring all of them before training took, in seconds; 0 for a screen that asks nobody.
    pub seconds: f64,
}

impl Choice {
    /// A choice that nobody was asked for.
    pub fn free(index: usize) -> Self {
        Self { index, seconds: 0.0 }
    }
}

/// The screen that the space file names; `evaluator` knows what untrained networks say.
pub(super) fn screen_for<'a>(space: &Space, evaluator: &'a dyn Evaluator) -> Box<dyn Screen + 'a> {
    let proxy = |proxy| Box::new(ProxyScreen::new(proxy, evaluator));
    match space.search().screen {
        space::Screen::None => Box::new(First),
        space::Screen::Surrogate => Box::new(Surrogate::new(space)),
        space::Screen::GradNorm => proxy(Proxy::GradNorm),
        space::Screen::Synflow => proxy(Proxy::Synflow),
        space::Screen::Naswot => proxy(Proxy::Naswot),
    }
}

/// Takes the mutant that was made first, as if there were no others.
struct First;

impl Screen for First {
    fn choose(&mut self, _mutants: &[Job]) -> Choice {
        Choice::free(0)
    }

    fn tell(&mut self, _trial: &Trial, _observer: &dyn Observer) {}
}
