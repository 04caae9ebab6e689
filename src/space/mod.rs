//! What may be searched: the space file as written, the checked space, and the genotypes in it.

mod protocol;

pub use protocol::{Augmentation, Crop, Protocol};
