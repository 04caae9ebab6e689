//! Searches the hyperparameters of Inception blocks for a user's own images and compute budget.
//!
//! Data flows one way, and imports point only downwards (`tests/layout.rs` checks it):
//!
//! ```text
//! default.toml -> SpaceFile -check-> Space -ask-> Genotype -decode-> Architecture -cost-> inside the limits?
//!   -> proposed before? mutate further : net -> fit -> Score
//!   -> Trial appended and flushed -> tell the searcher -> progress, front, report
//! ```
//!
//! `arch` is pure; `space` describes what may be searched; `search` decides what to try and knows no clock, disk,
//! screen or tensor; `ops` and `net` compute; `fetch` gets images from the network, `data` reads them; `train` fits; [`evaluate`] is the only bridge between
//! search and training; `store` keeps trials; `report` and `cli` talk to people.

pub mod arch;
pub mod cli;
pub mod cut;
pub mod data;
pub mod device;
pub mod diagnostic;
pub mod evaluate;
pub mod export;
pub mod fetch;
pub mod latency;
pub mod net;
pub mod ops;
pub mod report;
pub mod search;
pub mod space;
pub mod stats;
pub mod store;
pub mod train;
pub mod zero_cost;
