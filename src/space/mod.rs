//! What may be searched: the space file as written, the checked space, and the genotypes in it.

mod check;
mod check_search;
mod checked;
mod count;
pub mod crossover;
mod file;
mod fitted;
mod genotype;
mod grid;
pub mod mutate;
mod protocol;
mod ranges;
mod rng;
mod sample;
mod schema;
mod source;

pub use checked::{OverLimit, Space};
pub use count::{MAX_COUNT, parse_count};
pub use file::{Limits, Rung, Screen, SearchSettings, Strategy};
pub use fitted::{NoLadder, ReferencePoint};
pub use genotype::{Gene, Genotype};
pub use protocol::{Augmentation, Crop, Protocol};
pub use ranges::{EPOCHS, LATENCY_BATCH, SEED, TRAIN_IMAGES};
pub use rng::Rng;
pub use sample::random;
pub use schema::{schema, schema_of};
