//! What to try next: trials, searchers, fronts and the one loop that drives them.
//!
//! Knows no clock, disk, screen or tensor: all of these come in through the traits of [`ports`].

pub mod audit;
pub mod budget;
pub mod contest;
pub mod digest;
pub mod drive;
pub mod evolution;
pub mod finals;
pub mod front;
pub mod generation;
#[cfg(test)]
mod golden;
pub mod hypervolume;
pub mod ladder;
pub mod landscape;
mod lineage;
pub mod list;
pub mod nsga2;
mod opening;
pub mod pareto;
pub mod pick;
mod population;
pub mod ports;
mod propose;
mod proxy_screen;
pub mod random;
mod screen;
pub mod searcher;
pub mod seed;
mod surrogate;
pub mod survey;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub mod trial;
pub mod uniform;
pub mod verify;
