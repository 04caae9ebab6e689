//! What to try next: trials, searchers, fronts and the one loop that drives them.
//!
//! Knows no clock, disk, screen or tensor: all of these come in through the traits of [`ports`].

pub mod ports;
pub mod trial;
