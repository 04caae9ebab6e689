//! What is around an animal: background, clutter, things in front, light. None of it depends on the species.

use super::super::random::Stream;
use super::animal::{Anatomy, Pose, Species, draw};
use super::canvas::{Canvas, Colour, Point, Shape, mix, noise, scaled};

/// A unit vector with the angle whose half has the tangent `t`: a rational point of the circle, so no sine is needed.
fn direction(t: f32) -> Point {
    let norm = 1.0 + t * t;
    [(1.0 - t * t) / norm, 2.0 * t / norm]
}

/// Any colour, greyish ones more often.
fn any_colour(stream: &mut Stream) -> Colour {
    let grey = stream.between(0.1, 0.9);
    let tint = [0; 3].map(|_| stream.unit());
    mix([grey; 3], tint, stream.between(0.1, 0.7))
}

/// Anything at all, of roughly `size`: discs, bars, and spikes like ears.
fn object(size: f32, stream: &mut Stream) -> Shape {
    let centre = [0; 2].map(|_| stream.between(-0.1, 1.1));
    let axis = direction(stream.between(-1.0, 1.0));
    if stream.chance(0.4) {
        let radii = [0; 2].map(|_| size * stream.between(0.3, 1.0));
        return Shape::Ellipse { centre, radii, axis };
    }
    let length = size * stream.between(0.8, 4.0);
    let to = [centre[0] + axis[0] * length, centre[1] + axis[1] * length];
    Shape::Stroke { from: centre, to, radii: [size * stream.between(0.1, 0.7), size * stream.between(0.02, 0.5)] }
}

fn place_object(canvas: &mut Canvas, size: f32, stream: &mut Stream) {
    let shape = object(size, stream);
    let (colour, seed) = (any_colour(stream), stream.next_u64() as u32);
    canvas.fill(shape, |p, depth| {
        scaled(colour, 0.75 + 0.25 * (depth * 40.0).min(1.0) + 0.3 * (noise(p.map(|v| v * 14.0), seed) - 0.5))
    });
}

/// A picture of one animal, `[side, side, 3]` RGB bytes into `out`. `difficulty` from 0 (a portrait before a plain wall)
/// to 1 (small, tilted, half hidden, in a cluttered place and bad light).
pub(super) fn paint(species: Species, side: usize, difficulty: f32, stream: &mut Stream, out: &mut [u8]) {
    let mut canvas = background(side, difficulty, stream);
    for _ in 0..(difficulty * 10.0) as usize {
        let size = stream.between(0.04, 0.16);
        place_object(&mut canvas, size, stream);
    }
    let scale = stream.between(0.25 - 0.11 * difficulty, 0.28);
    // Small animals may sit further from the middle, but the face stays inside.
    let room = (0.5 - 1.2 * scale).max(0.0) * difficulty;
    let pose = Pose {
        centre: [0.5 + room * stream.between(-1.0, 1.0), 0.45 + room * stream.between(-1.0, 0.8)],
        scale,
        axis: direction(0.25 * difficulty * stream.between(-1.0, 1.0)),
        turn: stream.between(-1.0, 1.0) * (0.3 + 0.7 * difficulty),
    };
    let anatomy = Anatomy::draw(species, difficulty, stream);
    draw(&mut canvas, pose, &anatomy, stream);
    for _ in 0..3 {
        if stream.chance(0.5 * difficulty) {
            let size = scale * stream.between(0.2, 0.6);
            place_object(&mut canvas, size, stream);
        }
    }
    let exposure = 1.0 + 0.4 * difficulty * stream.between(-1.0, 1.0);
    let gain = [0; 3].map(|_| exposure * (1.0 + 0.12 * difficulty * stream.between(-1.0, 1.0)));
    let lift = 0.12 * difficulty * stream.between(-1.0, 1.0);
    let grain = 0.03 + 0.25 * difficulty * stream.unit();
    canvas.develop(gain, lift, grain, stream, out);
}

fn background(side: usize, difficulty: f32, stream: &mut Stream) -> Canvas {
    let [near, far, floor] = [0; 3].map(|_| any_colour(stream));
    let axis = direction(stream.between(-1.0, 1.0));
    let horizon = stream.between(0.35, 1.2);
    let rough = (0.1 + 0.5 * difficulty) * stream.unit();
    let (grain, seed) = (stream.between(3.0, 16.0), stream.next_u64() as u32);
    Canvas::new(side, |p| {
        let wall = mix(near, far, (p[0] * axis[0] + p[1] * axis[1]).clamp(0.0, 1.0));
        let base = if p[1] > horizon { floor } else { wall };
        scaled(base, 1.0 + rough * (noise(p.map(|v| v * grain), seed) - 0.5) * 2.0)
    })
}
