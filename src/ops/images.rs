//! Images that an engine may keep where it computes.

/// Square images of one size, `[side, side, 3]` each, as bytes.
pub struct Images<'a> {
    /// Tells them from others.
    pub name: &'a str,
    /// In pixels.
    pub side: usize,
    /// By what numbers they go.
    pub numbers: Vec<u32>,
    /// The bytes of one, by its number.
    pub bytes: &'a dyn Fn(u32) -> &'a [u8],
    /// Subtracted from a channel, of values from 0 to 1.
    pub mean: [f32; 3],
    /// What a channel is then divided by.
    pub deviation: [f32; 3],
}
