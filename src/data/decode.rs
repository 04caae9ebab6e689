//! From the bytes of a file to RGB pixels, or to the reason why not. The content decides what a file is, not its name.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, Limits, RgbImage};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

/// Largest width and height that is decoded, in pixels.
const MAX_SIDE: u32 = 8192;
/// Most memory that decoding one image may take, in bytes.
const MAX_ALLOCATION: u64 = 256 << 20;

/// Decodes a JPEG, PNG or WebP image to 8-bit RGB, upright as its Exif orientation says.
///
/// Grey, CMYK, palette and 16-bit images are converted, transparency is dropped. A JPEG of which any part is missing or
/// damaged counts as unreadable: its lower half would be grey. Returns the reason if the image cannot be used.
pub(super) fn decode(bytes: &[u8]) -> Result<RgbImage, String> {
    // The decoders have no known panic, but they parse whatever lies in a user's folder.
    catch_unwind(AssertUnwindSafe(|| match bytes {
        [] => Err("empty file".into()),
        [0xff, 0xd8, 0xff, ..] => jpeg(bytes),
        [0x89, b'P', b'N', b'G', ..] => upright(
            image::codecs::png::PngDecoder::with_limits(Cursor::new(bytes), limits()).map_err(reason("PNG"))?,
            "PNG",
        ),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => {
            upright(image::codecs::webp::WebPDecoder::new(Cursor::new(bytes)).map_err(reason("WebP"))?, "WebP")
        }
        _ => Err("not a JPEG, PNG or WebP image".into()),
    }))
    .unwrap_or_else(|_| Err("the decoder failed on it".into()))
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_ALLOCATION);
    limits
}

fn reason<E: std::fmt::Display>(format: &'static str) -> impl Fn(E) -> String {
    move |error| format!("damaged or too large {format} image: {error}")
}

/// `image` accepts half a JPEG, so this goes to the decoder below it, in its strict mode.
fn jpeg(bytes: &[u8]) -> Result<RgbImage, String> {
    let options = DecoderOptions::default()
        .set_max_width(MAX_SIDE as usize)
        .set_max_height(MAX_SIDE as usize)
        .set_strict_mode(true)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let pixels = decoder.decode().map_err(reason("JPEG"))?;
    let info = decoder.info().ok_or("damaged JPEG image: no size")?;
    let image = RgbImage::from_raw(info.width.into(), info.height.into(), pixels)
        .ok_or("unsupported JPEG image: it does not convert to RGB")?;
    match decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif)) {
        None | Some(Orientation::NoTransforms) => Ok(image),
        Some(orientation) => {
            let mut image = DynamicImage::from(image);
            image.apply_orientation(orientation);
            Ok(image.into_rgb8())
        }
    }
}

fn upright(mut decoder: impl ImageDecoder, format: &'static str) -> Result<RgbImage, String> {
    decoder.set_limits(limits()).map_err(reason(format))?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(reason(format))?;
    image.apply_orientation(orientation);
    Ok(image.into_rgb8())
}

#[cfg(test)]
mod tests {
    use image::codecs::png::PngEncoder;
    use image::{ExtendedColorType, ImageEncoder};

    use super::super::fixtures::{JPEG, picture, png, webp};
    use super::*;

    /// Mean red and blue of the left and of the right third.
    fn sides(image: &RgbImage) -> [[u32; 2]; 2] {
        let (width, height) = image.dimensions();
        [0..width / 3, width - width / 3..width].map(|columns| {
            let pixels: Vec<_> = columns.flat_map(|x| (0..height).map(move |y| image.get_pixel(x, y))).collect();
            [0, 2].map(|channel| pixels.iter().map(|p| u32::from(p[channel])).sum::<u32>() / pixels.len() as u32)
        })
    }

    #[test]
    fn jpeg_of_every_kind_becomes_rgb() {
        let colour: [&[u8]; 3] =
            [JPEG, include_bytes!("fixtures/progressive.jpg"), include_bytes!("fixtures/cmyk.jpg")];
        for bytes in colour {
            let image = decode(bytes).unwrap();
            assert_eq!(image.dimensions(), (24, 16));
            let [[red, blue], [right_red, right_blue]] = sides(&image);
            assert!(red > 150 && blue < 60 && right_red < 60 && right_blue > 150, "{:?}", sides(&image));
        }
        let grey = decode(include_bytes!("fixtures/grey.jpg")).unwrap();
        assert!(grey.dimensions() == (24, 16) && grey.pixels().all(|p| p[0] == p[1] && p[1] == p[2]));
    }

    #[test]
    fn a_photograph_is_turned_upright() {
        let image = decode(include_bytes!("fixtures/turned.jpg")).unwrap();
        assert_eq!(image.dimensions(), (16, 24));
        let (top, bottom) = (image.get_pixel(8, 2), image.get_pixel(8, 21));
        assert!(top[0] > 150 && top[2] < 60 && bottom[0] < 60 && bottom[2] > 150);
    }

    #[test]
    fn png_and_webp_are_exact_and_deep_or_transparent_ones_are_converted() {
        assert_eq!(decode(&png(77)).unwrap(), picture(77));
        assert_eq!(decode(&webp(77)).unwrap(), picture(77));
        let encode = |bytes: &[u8], colour| {
            let mut file = Vec::new();
            PngEncoder::new(&mut file).write_image(bytes, 1, 1, colour).unwrap();
            *decode(&file).unwrap().get_pixel(0, 0)
        };
        assert_eq!(encode(&[7], ExtendedColorType::L8).0, [7, 7, 7]);
        assert_eq!(encode(&[1, 2, 3, 0], ExtendedColorType::Rgba8).0, [1, 2, 3]);
        let deep: Vec<u8> = [257_u16, 514, 65_535].iter().flat_map(|value| value.to_ne_bytes()).collect();
        assert_eq!(encode(&deep, ExtendedColorType::Rgb16).0, [1, 2, 255]);
    }

    #[test]
    fn what_is_cut_short_is_refused_at_any_length() {
        for file in [JPEG, include_bytes!("fixtures/progressive.jpg"), &png(5), &webp(5)] {
            for length in (0..file.len() - 20).step_by(7) {
                assert!(decode(&file[..length]).is_err(), "{length} of {} bytes", file.len());
            }
        }
    }

    #[test]
    fn bombs_and_other_files_are_refused() {
        let mut header = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x75\x30\0\0\x75\x30\x08\x02\0\0\0".to_vec();
        header.extend([0xe9, 0x45, 0x6f, 0xed]);
        header.extend(&png(1)[33..]);
        assert!(decode(&header).unwrap_err().contains("too large"));
        let mut huge = JPEG.to_vec();
        let frame = huge.windows(2).position(|bytes| bytes == [0xff, 0xc0]).unwrap();
        huge[frame + 5..frame + 9].fill(0xff);
        assert!(decode(&huge).unwrap_err().contains("too large"));
        assert_eq!(decode(b"").unwrap_err(), "empty file");
        for other in [&b"hello"[..], b"GIF89a", b"\xff\xd8", b"RIFF\0\0\0\0WAVE"] {
            assert_eq!(decode(other).unwrap_err(), "not a JPEG, PNG or WebP image");
        }
    }
}
