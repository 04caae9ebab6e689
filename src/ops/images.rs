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

/// The part of an image that is seen, stretched to the image's size: bilinearly, with pixel centres at half-integers and edges
/// repeated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cut {
    /// Number of the image.
    pub image: u32,
    /// Left and top edge in pixels, possibly outside of the image.
    pub corner: [f32; 2],
    /// Width and height in pixels.
    pub size: [f32; 2],
    /// Whether left and right change places.
    pub flip: bool,
}
