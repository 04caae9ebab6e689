//! From an image of any shape to a small square.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

/// Cuts the largest square out of the middle and scales it to `side` x `side` pixels with an anti-aliasing cubic filter
/// (Catmull-Rom). Returns `[side, side, 3]`.
pub(super) fn to_square(image: &RgbImage, side: usize, resizer: &mut Resizer) -> Result<Vec<u8>, String> {
    scale(image, side, side, &ResizeOptions::new().fit_into_destination(Some((0.5, 0.5))), resizer)
}

/// Squeezes the whole image into `width` x `height` pixels with the same filter. Returns `[height, width, 3]`.
pub(super) fn squeezed(
    image: &RgbImage,
    width: usize,
    height: usize,
    resizer: &mut Resizer,
) -> Result<Vec<u8>, String> {
    scale(image, width, height, &ResizeOptions::new(), resizer)
}

fn scale(
    image: &RgbImage,
    width: usize,
    height: usize,
    options: &ResizeOptions,
    resizer: &mut Resizer,
) -> Result<Vec<u8>, String> {
    let source = ImageRef::new(image.width(), image.height(), image.as_raw(), PixelType::U8x3);
    let mut scaled = Image::new(width as u32, height as u32, PixelType::U8x3);
    let options = options.resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
    resizer
        .resize(&source.map_err(|error| error.to_string())?, &mut scaled, &options)
        .map_err(|error| format!("cannot be resized: {error}"))?;
    Ok(scaled.into_vec())
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn the_middle_of_a_wide_image_is_kept() {
        let image =
            RgbImage::from_fn(90, 30, |x, _| if (30..60).contains(&x) { Rgb([200, 100, 50]) } else { Rgb([0; 3]) });
        let square = to_square(&image, 10, &mut Resizer::new()).unwrap();
        // The filter of the two outermost columns reaches over the cut.
        assert!(square.chunks(3).enumerate().all(|(i, pixel)| !(2..8).contains(&(i % 10)) || pixel == [200, 100, 50]));
    }

    #[test]
    fn fine_stripes_average_out_and_tiny_images_grow() {
        let stripes = RgbImage::from_fn(160, 160, |x, _| Rgb([(x % 2 * 255) as u8; 3]));
        let small = to_square(&stripes, 16, &mut Resizer::new()).unwrap();
        assert!(small.iter().all(|value| value.abs_diff(127) < 10), "{small:?}");
        let dot = RgbImage::from_pixel(1, 7, Rgb([1, 2, 3]));
        assert_eq!(to_square(&dot, 8, &mut Resizer::new()).unwrap(), [1, 2, 3].repeat(64));
    }
}
