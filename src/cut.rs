//! What a batch shows of an image.

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
    /// Whether it is then flipped left to right.
    pub flip: bool,
}
