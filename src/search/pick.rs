//! Choosing one network of a run.

use super::front::{best_within, front};
use super::pareto::Objectives;
use super::trial::Trial;

/// What a network must have to be chosen, and which of those that have it is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wish {
    /// Most multiply-adds of one image.
    pub max_macs: Option<u64>,
    /// Least validation accuracy, 0 to 1.
    pub min_accuracy: Option<f64>,
    /// The one after which accuracy gets dear, instead of the most accurate or cheapest.
    pub knee: bool,
}

/// Why no network can be chosen.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NoPick {
    /// Nothing was trained to the end.
    #[error("no trial has a score yet")]
    NoScore,
    /// All networks cost more.
    #[error("no network has at most {max_macs} MACs; the cheapest, trial {trial}, has {macs}")]
    TooCostly {
        /// The bound.
        max_macs: u64,
        /// Index of the cheapest.
        trial: usize,
        /// Its cost.
        macs: u64,
    },
    /// All networks, or all that are cheap enough, are less accurate.
    #[error(
        "no network{} has a validation accuracy of {min_accuracy} or more; the nearest, trial {trial}, has \
         {accuracy:.4}",
        max_macs.map_or_else(String::new, |macs| format!(" of at most {macs} MACs"))
    )]
    TooInaccurate {
        /// The bound on accuracy.
        min_accuracy: f64,
        /// The bound on cost, if there is one.
        max_macs: Option<u64>,
        /// Index of the most accurate.
        trial: usize,
        /// Its accuracy.
        accuracy: f64,
    },
}

/// The network of the front that `wish` is about: with `knee` the knee of those inside the bounds, else with
/// `min_accuracy` the cheapest inside them, else the most accurate.
///
/// # Errors
/// [`NoPick`], which names the nearest, if none is inside the bounds.
pub fn pick<'a>(trials: impl IntoIterator<Item = &'a Trial> + Clone, wish: Wish) -> Result<&'a Trial, NoPick> {
    let front = front(trials.clone());
    let cheapest = *front.first().ok_or(NoPick::NoScore)?;
    let max_macs = wish.max_macs.unwrap_or(u64::MAX);
    let Some(most_accurate) = best_within(trials, max_macs) else {
        return Err(NoPick::TooCostly { max_macs, trial: cheapest.job.index, macs: cheapest.job.cost.macs });
    };
    let min_accuracy = wish.min_accuracy.unwrap_or(0.0);
    let inside: Vec<&Trial> =
        front.into_iter().filter(|trial| trial.job.cost.macs <= max_macs && accuracy(trial) >= min_accuracy).collect();
    let Some(&first) = inside.first() else {
        return Err(NoPick::TooInaccurate {
            min_accuracy,
            max_macs: wish.max_macs,
            trial: most_accurate.job.index,
            accuracy: accuracy(most_accurate),
        });
    };
    Ok(match (wish.knee, wish.min_accuracy) {
        (true, _) => knee(&inside).unwrap_or(first),
        (false, Some(_)) => first,
        (false, None) => most_accurate,
    })
}

fn accuracy(trial: &Trial) -> f64 {
    trial.outcome.score().map_or(0.0, |score| score.accuracy)
}

/// The trial farthest below the line between the ends of `front` (by ascending MACs), with error and log MACs both
/// scaled to 0 to 1; the first of equals. `None` if there is nothing between the ends.
fn knee<'a>(front: &[&'a Trial]) -> Option<&'a Trial> {
    let [first, between @ .., last] = front else { return None };
    let (start, end) = (Objectives::of(first), Objectives::of(last));
    let below = |trial: &Trial| {
        let Objectives { error, log_macs } = Objectives::of(trial);
        let along = (log_macs - start.log_macs) / (end.log_macs - start.log_macs);
        (start.error - error) / (start.error - end.error) - along
    };
    between.iter().rev().max_by(|a, b| below(a).total_cmp(&below(b))).copied().filter(|trial| below(trial) > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::testing::{done_trial, failed_trial};

    fn trials() -> Vec<Trial> {
        vec![
            done_trial(0, 0.60, 100),
            done_trial(1, 0.85, 200),
            done_trial(2, 0.90, 1600),
            failed_trial(3, 1),
            done_trial(4, 0.70, 150),
            done_trial(5, 0.80, 1000),
        ]
    }

    fn index(wish: Wish) -> Result<usize, String> {
        pick(&trials(), wish).map(|trial| trial.job.index).map_err(|error| error.to_string())
    }

    #[test]
    fn a_wish_is_granted_from_the_front() {
        let wish = Wish::default();
        assert_eq!(index(wish), Ok(2));
        assert_eq!(index(Wish { max_macs: Some(1000), ..wish }), Ok(1));
        assert_eq!(index(Wish { min_accuracy: Some(0.65), ..wish }), Ok(4));
        assert_eq!(index(Wish { min_accuracy: Some(0.75), max_macs: Some(200), ..wish }), Ok(1));
        assert_eq!(index(Wish { knee: true, ..wish }), Ok(1));
        // Nothing lies between two networks: the cheaper one.
        assert_eq!(index(Wish { knee: true, max_macs: Some(150), ..wish }), Ok(0));
    }

    #[test]
    fn a_wish_that_nothing_grants_names_the_nearest() {
        let refused = |wish| index(wish).unwrap_err();
        let wish = Wish { max_macs: Some(99), ..Wish::default() };
        assert_eq!(refused(wish), "no network has at most 99 MACs; the cheapest, trial 0, has 100");
        let wish = Wish { min_accuracy: Some(0.95), ..Wish::default() };
        assert_eq!(
            refused(wish),
            "no network has a validation accuracy of 0.95 or more; the nearest, trial 2, has 0.9000"
        );
        let wish = Wish { min_accuracy: Some(0.75), max_macs: Some(150), ..Wish::default() };
        assert_eq!(
            refused(wish),
            "no network of at most 150 MACs has a validation accuracy of 0.75 or more; the nearest, trial 4, has 0.7000"
        );
        assert_eq!(pick(&[failed_trial(0, 1)], Wish::default()), Err(NoPick::NoScore));
    }
}
