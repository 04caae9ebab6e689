//! A list of trainings side by side, with progress on stderr and Ctrl-C.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use super::signals::Signals;
use super::{Failure, Output};
use crate::report::{Style, Trainings};
use crate::search::drive::Stop;
use crate::search::list::train_all;
use crate::search::ports::{Evaluator, Store};
use crate::search::trial::Job;

/// Trains `jobs`, `workers` at once, into `store`. `names` are the trainings of the whole list by index, also those that
/// were done before and are not among the jobs. Whether all were trained.
///
/// # Errors
/// [`Failure::Failed`] if a trial cannot be stored, or there is no thread for one.
pub(super) fn train_side_by_side(
    jobs: Vec<Job>,
    names: BTreeMap<usize, String>,
    workers: NonZeroUsize,
    evaluator: &dyn Evaluator,
    store: &mut dyn Store,
    signals: &Signals,
    output: Output,
) -> Result<bool, Failure> {
    let progress = Arc::new(Trainings::new(Style::for_stderr(output.quiet), names, &jobs));
    let screen = Arc::clone(&progress);
    signals.answer_through(move |text| screen.message(text));
    let stop = Stop { proposing: &signals.proposing, now: &signals.now, deadline: &|| false };
    let trained = train_all(jobs, workers, evaluator, store, &*progress, stop);
    progress.close();
    Ok(trained?)
}
