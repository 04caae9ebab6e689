//! The pictures for slides and papers, that do not take SVG.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, Options, Tree};

/// Pixels an SVG unit.
const SCALE: f32 = 2.0;

/// The letters of every picture, on any machine. They come with their licence; `font/subset.sh` makes them.
const FONTS: [&[u8]; 2] = [include_bytes!("font/DejaVuSans.ttf"), include_bytes!("font/DejaVuSans-Bold.ttf")];

/// Why a picture could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// It is not SVG, as where a name holds a character that XML does not allow.
    #[error("the picture is not valid SVG: {0}")]
    Svg(#[from] usvg::Error),
    /// There is no memory for so many pixels.
    #[error("a picture of {width} x {height} pixels cannot be drawn")]
    Size {
        /// Pixels of a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// The pixels could not be written as PNG.
    #[error("the picture cannot be written as PNG: {0}")]
    Encoding(String),
}

/// `svg` as a PNG file of two pixels an SVG unit, in its colours for light ground. Characters that the embedded letters
/// lack are left blank.
///
/// # Errors
/// See [`PngError`].
pub fn png(svg: &str) -> Result<Vec<u8>, PngError> {
    let mut options = Options::default();
    let fonts = options.fontdb_mut();
    FONTS.iter().for_each(|font| fonts.load_font_data(font.to_vec()));
    fonts.set_sans_serif_family("DejaVu Sans");
    let picture = Tree::from_str(svg, &options)?;
    let [width, height] = [picture.size().width(), picture.size().height()].map(|units| (units * SCALE).ceil() as u32);
    let mut pixels = Pixmap::new(width, height).ok_or(PngError::Size { width, height })?;
    resvg::render(&picture, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| PngError::Encoding(error.to_string()))
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::super::chart::{Chart, Look, Point, Series};
    use super::super::scale::Axis;
    use super::*;

    const AXIS: Axis = Axis { label: "value", log: false, show: |value| format!("{value}") };

    fn drawn(svg: &str) -> RgbImage {
        image::load_from_memory(&png(svg).unwrap()).unwrap().to_rgb8()
    }

    /// Where the attribute first stands.
    fn attribute(svg: &str, name: &str) -> f64 {
        svg.split(&format!(" {name}=\"")).nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
    }

    /// Pixels of `picture` that are darker than the grid, in a box of SVG units.
    fn ink(picture: &RgbImage, [x, y]: [u32; 2], [width, height]: [u32; 2]) -> usize {
        let pixels = (2 * x..2 * (x + width)).flat_map(|x| (2 * y..2 * (y + height)).map(move |y| [x, y]));
        pixels.filter(|&[x, y]| picture.get_pixel(x, y).0.iter().all(|&channel| channel < 0x80)).count()
    }

    #[test]
    fn dots_and_text_are_drawn_on_light_ground_at_twice_the_size() {
        let point = Point { x: 1.0, y: [1.0, 2.0, 3.0], about: String::new(), trial: None };
        let chart = |title: &str| {
            let series = vec![Series { name: "front".to_owned(), look: Look::Bars, points: vec![point.clone()] }];
            Chart { title: title.to_owned(), x: AXIS, y: AXIS, series }.svg()
        };
        let svg = chart("run of ± ≥ αж");
        let picture = drawn(&svg);
        assert_eq!(picture.dimensions(), (1640, 920));
        assert_eq!(picture.get_pixel(1, 1).0, [255, 255, 255]);
        let [x, y] = ["cx", "cy"].map(|name| (2.0 * attribute(&svg, name)) as u32);
        assert_eq!(picture.get_pixel(x, y).0, [0x00, 0x72, 0xb2]);
        // The title, the name in the legend, and what turns by 90 degrees beside the axis.
        let places = [([72, 12], [200, 20]), ([680, 50], [60, 20]), ([8, 150], [14, 150])];
        for (at, extent) in places {
            assert!(ink(&picture, at, extent) > 50, "nothing at {at:?}");
        }
        let bare = drawn(&chart(""));
        assert_eq!(ink(&bare, [72, 12], [200, 20]), 0);
        assert_ne!(drawn(&chart("α")), drawn(&chart("ж")), "no letter is drawn");
    }

    #[test]
    fn what_is_not_svg_is_an_error() {
        assert!(matches!(png("<svg"), Err(PngError::Svg(_))));
        // A name may hold it, and XML may not.
        assert!(matches!(
            png("<svg xmlns=\"http://www.w3.org/2000/svg\"><text>\u{fffe}</text></svg>"),
            Err(PngError::Svg(_))
        ));
    }
}
