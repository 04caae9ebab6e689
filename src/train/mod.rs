//! Training: recipe, schedule, loss, optimiser, the loop, and what is measured afterwards.
//!
//! On the CPU a training gives the same bits every time, on any number of threads.

mod fit;
mod images;
mod loss;
mod metrics;
mod optimizer;
mod recipe;
mod schedule;

pub use fit::{FitError, Progress, fit};
pub use images::{load, maps};
pub use loss::{Loss, UnreadValues, Values, loss};
pub use metrics::{Measurement, measure, right_answers, standard_error};
pub use optimizer::{Sgd, Step};
pub use recipe::{AUX_WEIGHT, Recipe};
pub use schedule::learning_rate_share;
