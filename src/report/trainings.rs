//! What a list of trainings looks like while it is worked off.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget};

use super::progress::{Style, template, time_left, to_stderr};
use crate::search::ports::{Event, Observer};
use crate::search::trial::{Job, Outcome, Trial};

/// Steps of the bar.
const STEPS: u64 = 1000;

/// An [`Observer`] that shows on stderr how far a list of trainings is: a line for each that ends, and a bar for all on a
/// terminal.
pub struct Trainings {
    /// What each training is called, by the index of its job.
    names: BTreeMap<usize, String>,
    /// Multiply-adds of the trainings of this sitting: they take about as long as these say, and differ by hundreds of times.
    costs: BTreeMap<usize, f64>,
    /// Their sum.
    planned: f64,
    silent: bool,
    state: Mutex<State>,
}

struct State {
    /// Share done of each running training.
    running: BTreeMap<usize, f64>,
    /// Trainings that are done, those of earlier sittings included.
    done: usize,
    /// Multiply-adds of those that were done in this sitting.
    spent: f64,
    started: Instant,
    bar: ProgressBar,
}

impl Trainings {
    /// Watches the trainings of `names` (by index of their jobs), of which `jobs` are left to do in this sitting.
    pub fn new(style: Style, names: BTreeMap<usize, String>, jobs: &[Job]) -> Self {
        let bar = match style {
            Style::Bars => {
                let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr());
                bar.set_style(template("{bar:24} {percent} %  {msg}"));
                bar.enable_steady_tick(Duration::from_millis(500));
                bar
            }
            Style::Lines | Style::Silent => ProgressBar::hidden(),
        };
        let done = names.len().saturating_sub(jobs.len());
        let costs: BTreeMap<usize, f64> = jobs.iter().map(|job| (job.index, job.training_macs() as f64)).collect();
        let planned = costs.values().sum();
        let state = State { running: BTreeMap::new(), done, spent: 0.0, started: Instant::now(), bar };
        Self { names, costs, planned, silent: style == Style::Silent, state: Mutex::new(state) }
    }

    /// Shows a message without disturbing the bar; also when progress itself is silent.
    pub fn message(&self, text: &str) {
        self.state().bar.suspend(|| to_stderr(text));
    }

    /// Removes the bar.
    pub fn close(&self) {
        self.state().bar.finish_and_clear();
    }

    /// A panic in another worker leaves the state as good as it was: each change is a single insert or sum.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `training 3/12  GoogLeNet x0.5, seed 2: 84.2 ± 0.5 %  left 3m 10s`
    fn line(&self, state: &State, trial: &Trial) -> String {
        let name = self.names.get(&trial.job.index).map_or("", String::as_str);
        let what = match &trial.outcome {
            Outcome::Done(score) => format!("{:.1} ± {:.1} %", score.accuracy * 100.0, score.accuracy_se * 100.0),
            Outcome::Failed(failure) => failure.to_string(),
        };
        format!("training {}/{}  {name}: {what}  left {}", state.done, self.names.len(), self.left(state))
    }

    fn cost(&self, index: usize) -> f64 {
        self.costs.get(&index).copied().unwrap_or(0.0)
    }

    /// Share of this sitting's work that is done.
    fn share(&self, state: &State) -> f64 {
        let running: f64 = state.running.iter().map(|(index, fraction)| fraction * self.cost(*index)).sum();
        if self.planned > 0.0 { (state.spent + running) / self.planned } else { 0.0 }
    }

    fn left(&self, state: &State) -> String {
        let share = self.share(state);
        time_left(state.started, share, 1.0 - share)
    }

    fn show(&self, state: &State) {
        state.bar.set_position((self.share(state) * STEPS as f64) as u64);
        state.bar.set_message(format!("{}/{} trainings  left {}", state.done, self.names.len(), self.left(state)));
    }
}

impl Observer for Trainings {
    fn observe(&self, event: Event<'_>) {
        let mut state = self.state();
        match event {
            Event::Progress { index, fraction, .. } => {
                state.running.insert(index, fraction);
                self.show(&state);
            }
            Event::Finished(trial) => {
                state.running.remove(&trial.job.index);
                state.done += 1;
                state.spent += self.cost(trial.job.index);
                if !self.silent {
                    let line = self.line(&state, trial);
                    state.bar.suspend(|| to_stderr(&line));
                }
                self.show(&state);
            }
            Event::Resumed(_) | Event::Started(_) | Event::Redrawn { .. } | Event::Examined { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::{evolved, failed};
    use super::*;

    #[test]
    fn a_line_a_training_and_no_guess_before_the_first_step() {
        let names = (0..4).map(|index| (index, format!("network {index}"))).collect();
        // The first was done before.
        let jobs = [evolved(1, 0.5, 2000), evolved(2, 0.5, 1000), failed(3)].map(|trial| trial.job);
        let trainings = Trainings::new(Style::Silent, names, &jobs);
        assert_eq!(trainings.left(&trainings.state()), "?");
        trainings.observe(Event::Progress { index: 2, fraction: 0.5, loss: 0.6 });
        let all = 2000.0 + 1000.0 + jobs[2].cost.macs as f64;
        assert!((trainings.share(&trainings.state()) - 500.0 / all).abs() < 1e-12);
        let trial = evolved(2, 0.842, 1000);
        trainings.observe(Event::Finished(&trial));
        trainings.observe(Event::Finished(&failed(3)));
        let state = trainings.state();
        assert!(state.running.is_empty());
        assert!((trainings.share(&state) - (1000.0 + jobs[2].cost.macs as f64) / all).abs() < 1e-12);
        let line = trainings.line(&state, &trial);
        assert!(line.starts_with("training 3/4  network 2: 84.2 ± 1.0 %  left 0s"), "{line}");
        let line = trainings.line(&state, &failed(3));
        assert!(line.starts_with("training 3/4  network 3: diverged in epoch 1: loss NaN  left "), "{line}");
    }
}
