//! What people and scripts get to see of a run: progress while it goes on, tables and files of what it found.

mod card;
mod front_csv;
mod progress;
mod summary;
mod table;
mod units;

pub use card::{Card, Source};
pub use front_csv::front_csv;
pub use progress::{Progress, Style};
pub use summary::{Row, RunSummary, RungCount, VersusUniform, baseline_cost};
pub use table::table;
pub use units::{duration, si};
