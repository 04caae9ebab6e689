//! What people and scripts get to see of a run: progress while it goes on, tables and files of what it found.

mod architecture_svg;
mod audit;
mod card;
mod chart;
mod columns;
mod comparison;
mod escape;
mod finals;
mod front_csv;
mod front_svg;
mod ledger;
mod page;
mod paper;
mod plot;
mod png;
mod progress;
mod scale;
mod summary;
mod table;
mod tensorboard;
mod trainings;
mod trial_columns;
mod trials_csv;
mod trials_parquet;
mod units;

pub use architecture_svg::architecture_svg;
pub use audit::{Audit, FEWEST_NETWORKS, audit_csv, audit_text};
pub use card::{Card, Finalist, Source};
pub use columns::columns;
pub use comparison::{CONTROL, Comparison, Searched, Terms, comparison_csv, comparison_svg, comparison_text};
pub use finals::{
    Contest, FinalsReport, Gap, McNemar, Spread, Standing, TestGap, Versus, finals_table, standings_table,
};
pub use front_csv::front_csv;
pub use front_svg::{front_svg, front_text};
pub use ledger::{Item, Ledger, Purpose, Spent};
pub use page::{Page, PageError};
pub use png::{PngError, png};
pub use progress::{Progress, Style, to_stderr};
pub use summary::{Generations, Row, RunSummary, RungCount, VersusUniform, baseline_cost};
pub use table::table;
pub use tensorboard::tensorboard_events;
pub use trainings::Trainings;
pub use trials_csv::trials_csv;
pub use trials_parquet::trials_parquet;
pub use units::{counted, duration, si};
