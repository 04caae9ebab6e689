//! Statistics to compare networks, searches and seeds with: rank correlations, tests, intervals.
//!
//! Every statistic holds against SciPy, NumPy or statsmodels on the cases of `tests/golden/stats.py`. [`Cholesky`] is the linear
//! algebra that models of scores need.

mod alternative;
mod bootstrap;
mod cholesky;
mod crossed;
mod holm;
mod interval;
mod kendall;
mod mcnemar;
mod mean;
mod normal;
mod quantile;
mod ranks;
mod spearman;
mod student;
#[cfg(test)]
mod tests;
mod undefined;
mod wilcoxon;

pub use alternative::Alternative;
pub use bootstrap::{Bootstrap, bootstrap};
pub use cholesky::Cholesky;
pub use crossed::{Crossed, crossed};
pub use holm::holm;
pub use interval::Interval;
pub use kendall::kendall_tau_b;
pub use mcnemar::mcnemar;
pub use mean::{mean, mean_interval, standard_error};
pub use normal::above as normal_above;
pub use quantile::{median, quantiles, quartiles};
pub use spearman::spearman;
pub use undefined::Undefined;
pub use wilcoxon::{Wilcoxon, wilcoxon};
