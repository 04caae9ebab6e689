//! The last word on a run: its best networks beside uniform scalings of equal cost, trained from scratch with fresh seeds.
//!
//! What is to be trained is decided once, before anything is trained ([`List`]); what the trainings measured is compared
//! elsewhere.

mod answers;
mod choose;
mod heats;
mod list;
mod scaling;

pub use answers::Answers;
pub use choose::{Choice, Range, ranges};
pub use heats::{Contender, HEAT_SEEDS, Heats, Place};
pub use list::{Images, List, Network, NoList, Pair, Settings, VERSION};
pub use scaling::{Scaling, nearest_scaling};
