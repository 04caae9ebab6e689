//! A picture to draw on: anti-aliased shapes and smooth noise, in arithmetic that is exact to the bit on every platform
//! (no function of libm but the square root, which IEEE 754 fixes).

use super::super::random::Stream;

/// A point or vector; x to the right, y down.
pub(super) type Point = [f32; 2];
/// Red, green and blue, each 0 to 1.
pub(super) type Colour = [f32; 3];

/// `a` at `t = 0`, `b` at `t = 1`.
pub(super) fn mix(a: Colour, b: Colour, t: f32) -> Colour {
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * t)
}

/// A colour multiplied by `factor`.
pub(super) fn scaled(colour: Colour, factor: f32) -> Colour {
    colour.map(|value| value * factor)
}

/// What can be filled. Lengths and positions are shares of the picture's side.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// An ellipse with radius `radii[0]` along the unit vector `axis` and `radii[1]` across it.
    Ellipse { centre: Point, radii: Point, axis: Point },
    /// A stroke from `from` to `to` with round ends of different radii.
    Stroke { from: Point, to: Point, radii: Point },
}

impl Shape {
    /// Signed distance to the outline, negative inside; for an ellipse to first order.
    fn distance(&self, p: Point) -> f32 {
        match *self {
            Self::Ellipse { centre, radii, axis } => {
                let (x, y) = (p[0] - centre[0], p[1] - centre[1]);
                let (u, v) = ((x * axis[0] + y * axis[1]) / radii[0], (y * axis[0] - x * axis[1]) / radii[1]);
                let norm = (u * u + v * v).sqrt();
                let (gu, gv) = (u / radii[0], v / radii[1]);
                let gradient = (gu * gu + gv * gv).sqrt();
                if gradient > 0.0 { (norm - 1.0) * norm / gradient } else { -radii[0].min(radii[1]) }
            }
            Self::Stroke { from, to, radii } => {
                let (x, y) = (p[0] - from[0], p[1] - from[1]);
                let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
                let t = ((x * dx + y * dy) / (dx * dx + dy * dy).max(1e-12)).clamp(0.0, 1.0);
                let (x, y) = (x - t * dx, y - t * dy);
                (x * x + y * y).sqrt() - (radii[0] + (radii[1] - radii[0]) * t)
            }
        }
    }

    /// Smallest and largest corner of a box around it.
    fn bounds(&self) -> (Point, Point) {
        match *self {
            Self::Ellipse { centre, radii, .. } => {
                let reach = radii[0].max(radii[1]);
                (centre.map(|c| c - reach), centre.map(|c| c + reach))
            }
            Self::Stroke { from, to, radii } => {
                let reach = radii[0].max(radii[1]);
                ([0, 1].map(|i| from[i].min(to[i]) - reach), [0, 1].map(|i| from[i].max(to[i]) + reach))
            }
        }
    }
}

/// A square RGB picture.
pub(super) struct Canvas {
    side: usize,
    pixels: Vec<Colour>,
}

impl Canvas {
    /// A picture of `side` x `side` pixels, each coloured by its position in [0, 1] x [0, 1].
    pub(super) fn new(side: usize, colour: impl Fn(Point) -> Colour) -> Self {
        let at = |i: usize| (i as f32 + 0.5) / side as f32;
        let pixels = (0..side * side).map(|i| colour([at(i % side), at(i / side)])).collect();
        Self { side, pixels }
    }

    /// Fills a shape. `colour` gets the position and how deep inside the outline it is, both in shares of the side.
    pub(super) fn fill(&mut self, shape: Shape, colour: impl Fn(Point, f32) -> Colour) {
        let side = self.side as f32;
        let (low, high) = shape.bounds();
        // A negative or huge value saturates in the cast, and NaN becomes 0.
        let range = |low: f32, high: f32| {
            let first = ((low * side - 1.0) as usize).min(self.side);
            first..(((high * side + 2.0).max(0.0)) as usize).clamp(first, self.side)
        };
        for y in range(low[1], high[1]) {
            for x in range(low[0], high[0]) {
                let p = [(x as f32 + 0.5) / side, (y as f32 + 0.5) / side];
                let distance = shape.distance(p);
                let coverage = (0.5 - distance * side).clamp(0.0, 1.0);
                if coverage > 0.0 {
                    let pixel = &mut self.pixels[y * self.side + x];
                    *pixel = mix(*pixel, colour(p, -distance), coverage);
                }
            }
        }
    }

    /// Ends the drawing: light multiplied by `gain` and lifted by `lift`, noise of at most `noise` on every value, bytes.
    pub(super) fn develop(&self, gain: Colour, lift: f32, noise: f32, stream: &mut Stream, out: &mut [u8]) {
        for (bytes, pixel) in out.chunks_exact_mut(3).zip(&self.pixels) {
            let draw = stream.next_u64();
            for (channel, byte) in bytes.iter_mut().enumerate() {
                // The sum of two uniform numbers of ten bits: a triangular density on [-1, 1].
                let bits = draw >> (20 * channel);
                let centred = ((bits & 1023) + (bits >> 10 & 1023)) as f32 / 1023.0 - 1.0;
                let value = pixel[channel] * gain[channel] + lift + noise * centred;
                *byte = (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
            }
        }
    }
}

/// Smooth noise in [0, 1]: random values on an integer grid, blended in between. `seed` picks one of many.
pub(super) fn noise(p: Point, seed: u32) -> f32 {
    let cell = p.map(f32::floor);
    let [fx, fy] = [0, 1].map(|i| {
        let t = p[i] - cell[i];
        t * t * (3.0 - 2.0 * t)
    });
    let [x, y] = cell.map(|c| c as i32 as u32);
    let at = |dx: u32, dy: u32| lattice(x.wrapping_add(dx), y.wrapping_add(dy), seed);
    let (top, bottom) = (at(0, 0) + (at(1, 0) - at(0, 0)) * fx, at(0, 1) + (at(1, 1) - at(0, 1)) * fx);
    top + (bottom - top) * fy
}

/// A hash of a grid point, as a number in [0, 1].
fn lattice(x: u32, y: u32, seed: u32) -> f32 {
    let mut h = x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca77) ^ seed.wrapping_mul(0xc2b2_ae3d);
    h = (h ^ h >> 15).wrapping_mul(0x2c1b_3c6d);
    h = (h ^ h >> 12).wrapping_mul(0x297a_2d39);
    ((h ^ h >> 15) >> 8) as f32 / 0x00ff_ffff as f32
}
