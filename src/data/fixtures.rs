//! Image files and folders for tests.

use std::fs;
use std::path::Path;

use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{Rgb, RgbImage};

/// 24 x 16 pixels, red on the left, blue on the right; `fixtures/make.py` made it.
pub(super) const JPEG: &[u8] = include_bytes!("fixtures/baseline.jpg");

/// A picture of its own for every `variant`.
pub(super) fn picture(variant: u32) -> RgbImage {
    RgbImage::from_fn(20, 12, |x, y| Rgb([(variant % 251) as u8, (variant / 251) as u8, (x * 10 + y) as u8]))
}

pub(super) fn png(variant: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    picture(variant).write_with_encoder(PngEncoder::new(&mut bytes)).unwrap();
    bytes
}

pub(super) fn webp(variant: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    picture(variant).write_with_encoder(WebPEncoder::new_lossless(&mut bytes)).unwrap();
    bytes
}

/// Writes a file and the folders above it.
pub(super) fn put(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A folder of cats and dogs, `each` of either.
pub(super) fn pets(each: u32) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..each {
        put(&dir.path().join(format!("cats/{i}.png")), &png(i));
        put(&dir.path().join(format!("dogs/{i}.png")), &png(i + 10_000));
    }
    dir
}
