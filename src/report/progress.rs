//! What a search looks like while it goes on.

use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::summary::origin;
use super::units::{duration, si};
use crate::arch::Cost;
use crate::search::budget::training_macs;
use crate::search::front::{best_within, front};
use crate::search::generation::comparable;
use crate::search::hypervolume::{Reference, hypervolume_of};
use crate::search::ports::{Event, Observer};
use crate::search::trial::{Job, Outcome, Trial};
use crate::space::Space;

/// How progress is shown, always on stderr. Nothing is coloured, so `NO_COLOR` has nothing to forbid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Bars that are drawn over again: for a terminal.
    Bars,
    /// One plain line a finished trial: for files and pipes.
    Lines,
    /// Nothing.
    Silent,
}

impl Style {
    /// What suits where stderr goes; nothing if `quiet`.
    pub fn for_stderr(quiet: bool) -> Self {
        match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Self::Silent,
            (false, true) => Self::Bars,
            (false, false) => Self::Lines,
        }
    }
}

/// An [`Observer`] that shows a search on stderr.
pub struct Progress {
    space: Space,
    baseline: Cost,
    reference: Reference,
    state: Mutex<State>,
}

struct State {
    trials: Vec<Trial>,
    /// The share of the search that earlier sittings did.
    resumed: f64,
    started: Instant,
    /// The latest rank correlation of the surrogate's predictions, and whether they are used.
    surrogate: Option<(f64, bool)>,
    screen: Screen,
}

enum Screen {
    Bars { bars: MultiProgress, total: ProgressBar, running: HashMap<usize, ProgressBar> },
    Lines,
    Silent,
}

impl Progress {
    /// Watches a search of `space`; `baseline` is the cost of the paper's network at the run's resolution.
    pub fn new(style: Style, space: &Space, baseline: Cost) -> Self {
        let screen = match style {
            Style::Silent => Screen::Silent,
            Style::Lines => Screen::Lines,
            Style::Bars => {
                let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
                let total = bars.add(ProgressBar::new(1000));
                total.set_style(template("{bar:24} {msg}"));
                // Redraws while long trainings run, so that the time left goes on.
                total.enable_steady_tick(Duration::from_millis(500));
                Screen::Bars { bars, total, running: HashMap::new() }
            }
        };
        let state = State { trials: Vec::new(), resumed: 0.0, started: Instant::now(), surrogate: None, screen };
        let reference = Reference::new(space.reference(), &baseline);
        Self { space: space.clone(), baseline, reference, state: Mutex::new(state) }
    }

    /// Shows a message without disturbing the bars; also when progress itself is silent.
    pub fn message(&self, text: &str) {
        let state = self.state();
        match &state.screen {
            // Only fails if the terminal has gone, and then nobody reads it.
            Screen::Bars { bars, .. } => drop(bars.println(text)),
            Screen::Lines | Screen::Silent => to_stderr(text),
        }
    }

    /// Removes the bars.
    pub fn close(&self) {
        if let Screen::Bars { bars, total, running } = &mut self.state().screen {
            running.drain().for_each(|(_, bar)| bar.finish_and_clear());
            total.finish_and_clear();
            // As above.
            drop(bars.clear());
        }
    }

    /// A panic in another worker leaves the state as good as it was: each change is a single push or insert.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The share of the search that is done, by trials or, if that is nearer to its end, by cost.
    fn share(&self, trials: &[Trial]) -> f64 {
        let settings = self.space.search();
        let by_trials = trials.len() as f64 / settings.trials as f64;
        let by_cost = settings.max_training_macs.map(|most| training_macs(trials) as f64 / most as f64);
        by_cost.map_or(by_trials, |by_cost| by_cost.max(by_trials)).min(1.0)
    }

    /// `12/30`, or `12 (43 %)` if the cost is limited.
    fn count(&self, trials: &[Trial]) -> String {
        match self.space.search().max_training_macs {
            None => format!("{}/{}", trials.len(), self.space.search().trials),
            Some(_) => format!("{} ({:.0} %)", trials.len(), self.share(trials) * 100.0),
        }
    }

    /// `trial 12/30  ...`
    fn line(&self, state: &State, trial: &Trial) -> String {
        let head = format!("trial {}", self.count(&state.trials));
        let what = match &trial.outcome {
            Outcome::Done(score) => format!(
                "acc {:.3} ± {:.3}  {}MACs  {}",
                score.accuracy,
                score.accuracy_se,
                spaced(trial.job.cost.macs),
                origin(trial)
            ),
            Outcome::Failed(failure) => format!("trial {} failed: {failure}", trial.job.index),
        };
        format!("{head}  {what}  front {}  {}", front(comparable(&self.space, &state.trials)).len(), self.tail(state))
    }

    /// `best 0.842 ± 0.008 at 41.2 MMACs  hv 0.912  ...`
    fn overall(&self, state: &State) -> String {
        let comparable = comparable(&self.space, &state.trials);
        let best = best_within(comparable.clone(), self.baseline.macs);
        let best = best.and_then(|trial| Some((trial, trial.outcome.score()?)));
        let best = best.map_or_else(
            || "no score yet".to_owned(),
            |(trial, score)| {
                let macs = spaced(trial.job.cost.macs);
                format!("best {:.3} ± {:.3} at {macs}MACs", score.accuracy, score.accuracy_se)
            },
        );
        let volume = hypervolume_of(comparable, &self.reference);
        format!("{}  {best}  hypervolume {volume:.3}  {}", self.count(&state.trials), self.tail(state))
    }

    fn tail(&self, state: &State) -> String {
        let failed = state.trials.iter().filter(|trial| trial.outcome.score().is_none()).count();
        let share = self.share(&state.trials);
        let done_now = share - state.resumed;
        let left = time_left(state.started, done_now, 1.0 - share);
        let surrogate = match state.surrogate {
            None => String::new(),
            Some((correlation, used)) => format!("surrogate {correlation:.2}{}  ", if used { "" } else { " (off)" }),
        };
        format!("failed {failed}  {surrogate}left {left}")
    }

    fn finished(&self, state: &mut State, trial: &Trial) {
        state.trials.push(trial.clone());
        if let Screen::Bars { running, .. } = &mut state.screen
            && let Some(bar) = running.remove(&trial.job.index)
        {
            bar.finish_and_clear();
        }
        let failed = trial.outcome.score().is_none();
        match &state.screen {
            Screen::Bars { bars, total, .. } => {
                if failed {
                    // As in `message`.
                    drop(bars.println(self.line(state, trial)));
                }
                total.set_position((self.share(&state.trials) * 1000.0) as u64);
                total.set_message(self.overall(state));
            }
            Screen::Lines => to_stderr(&self.line(state, trial)),
            Screen::Silent => {}
        }
    }
}

impl Observer for Progress {
    fn observe(&self, event: Event<'_>) {
        let mut guard = self.state();
        let state = &mut *guard;
        match event {
            Event::Resumed(trials) => {
                state.trials = trials.to_vec();
                state.resumed = self.share(trials);
                state.started = Instant::now();
                if let Screen::Bars { total, .. } = &state.screen {
                    total.set_position((state.resumed * 1000.0) as u64);
                    total.set_message(self.overall(state));
                }
            }
            Event::Started(job) => {
                if let Screen::Bars { bars, running, .. } = &mut state.screen {
                    let bar = bars.add(ProgressBar::new(1000));
                    bar.set_style(template("{bar:24} {msg}"));
                    bar.set_message(started(job));
                    running.insert(job.index, bar);
                }
            }
            Event::Progress { index, fraction, loss } => {
                if let Screen::Bars { running, .. } = &state.screen
                    && let Some(bar) = running.get(&index)
                {
                    bar.set_position((fraction * 1000.0) as u64);
                    bar.set_message(format!("trial {index}  {:3.0} %  loss {loss:.3}", fraction * 100.0));
                }
            }
            Event::Finished(trial) => self.finished(state, trial),
            Event::Redrawn { .. } => {}
            Event::Examined { correlation, used } => state.surrogate = Some((correlation, used)),
        }
    }
}

fn started(job: &Job) -> String {
    format!("trial {}  {}MACs", job.index, spaced(job.cost.macs))
}

/// `41.2 M`, to put a unit behind.
fn spaced(count: u64) -> String {
    let text = si(count);
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len();
    format!("{} {}", &text[..digits], &text[digits..])
}

/// How long what is `left` takes, if what is `done` took from `started` till now.
pub(super) fn time_left(started: Instant, done: f64, left: f64) -> String {
    if done > 0.0 { duration(started.elapsed().as_secs_f64() / done * left) } else { "?".to_owned() }
}

pub(super) fn template(text: &str) -> ProgressStyle {
    // The templates are fixed and right; were one wrong, the plain default would do.
    ProgressStyle::with_template(text).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A closed stderr is no reason to stop a search, so unlike `eprintln!` this does not panic.
pub fn to_stderr(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::{BASELINE, evolved, failed, space, space_with, uniform};
    use super::*;

    #[test]
    fn a_line_a_trial() {
        let progress = Progress::new(Style::Silent, &space(30), BASELINE);
        progress.observe(Event::Resumed(&[uniform(0, 1000, 0.8, 100_000_000)]));
        let trial = evolved(1, 0.842, 41_200_000);
        progress.observe(Event::Started(&trial.job));
        progress.observe(Event::Progress { index: 1, fraction: 0.5, loss: 0.6 });
        progress.observe(Event::Finished(&trial));
        progress.observe(Event::Finished(&failed(2)));
        let state = progress.state();
        let line = progress.line(&state, &trial);
        let start = "trial 3/30  acc 0.842 ± 0.010  41.2 MMACs  evolved from 0 (branch)  front 1  failed 1  left ";
        assert!(line.starts_with(start), "{line}");
        let line = progress.line(&state, &failed(2));
        assert!(line.starts_with("trial 3/30  trial 2 failed: diverged in epoch 1: loss NaN  front 1  "), "{line}");
        drop(state);
        progress.observe(Event::Examined { correlation: 0.414, used: true });
        assert!(progress.line(&progress.state(), &trial).contains("failed 1  surrogate 0.41  left "));
        progress.observe(Event::Examined { correlation: -0.1, used: false });
        let overall = progress.overall(&progress.state());
        assert!(overall.contains("failed 1  surrogate -0.10 (off)  left "), "{overall}");
        assert!(overall.starts_with("3/30  best 0.842 ± 0.010 at 41.2 MMACs  hypervolume 0."), "{overall}");
    }

    #[test]
    fn a_fresh_search_does_not_guess_the_time_left() {
        let progress = Progress::new(Style::Silent, &space(30), BASELINE);
        progress.observe(Event::Resumed(&[]));
        assert_eq!(progress.overall(&progress.state()), "0/30  no score yet  hypervolume 0.000  failed 0  left ?");
    }

    #[test]
    fn a_limited_cost_is_what_a_search_is_measured_by() {
        let trial = evolved(0, 0.842, 41_200_000);
        let space = space_with(30, &[format!("search.max_training_macs={}", trial.job.training_macs() * 4)]);
        let progress = Progress::new(Style::Silent, &space, BASELINE);
        progress.observe(Event::Finished(&trial));
        let state = progress.state();
        assert!(progress.line(&state, &trial).starts_with("trial 1 (25 %)  acc 0.842"));
        assert!(progress.overall(&state).starts_with("1 (25 %)  best 0.842"));
    }
}
