//! Trials on stable storage: a journal of text lines and a sled database that can each rebuild the other.
//!
//! ```text
//! results/NAME/
//!   config.toml     the resolved settings       manifest.json   data fingerprint, classes, program version
//!   trials.jsonl    journal, written first      store/          sled, written second
//!   lock            who has the run open        weights/        what each trial had learned, if children inherit that
//!   measurements.jsonl   how fast networks are and how they score untrained, if the search asks for that
//! ```
//!
//! An audit (see [`AuditDir`]) has a journal only: its trainings are few and long.
//!
//! A trial is stored once both are on the disk (`fsync`). Opening a run takes the lock, sets damaged parts aside, and
//! reconciles the two: each gets the records that only the other has. The journal is plain text that anybody may read
//! while a search holds the run; see [`read_journal`].
//!
//! sled is a beta by its own word: its flush alone does not survive a power cut and a kill can tear its snapshots.
//! That is why the journal exists, why every record has its own checksum, and why all of sled is in one file here.

mod audit_dir;
mod error;
mod files;
mod finals;
mod journal;
mod lock;
mod measurements;
mod memory;
mod record;
mod run_dir;
mod run_store;
mod schema;
mod settings;
mod sled;

#[cfg(test)]
mod contract;

pub use audit_dir::{AuditDir, AuditStore};
pub use error::{Error, Warning};
pub use files::write_atomically;
pub use finals::{FinalsDir, FinalsStore};
pub use journal::read as read_journal;
pub use lock::holder;
pub use measurements::{Measured, Measurements, Quantity};
pub use memory::MemoryStore;
pub use run_dir::{RunDir, RunName};
pub use run_store::RunStore;
pub use schema::journal_schema;
pub use settings::Manifest;
