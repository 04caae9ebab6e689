//! How a cat or a dog is drawn. The two share every brush, colour and pattern; what tells them apart is [`Anatomy`].

use super::super::random::Stream;
use super::canvas::{Canvas, Colour, Point, Shape, mix, noise, scaled};

/// What an animal can be.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Species {
    Cat,
    Dog,
}

/// Where an animal is, how large and how turned: head units (the radius of the head is 1) to shares of the picture.
#[derive(Clone, Copy)]
pub(super) struct Pose {
    /// Position of the middle of the head.
    pub(super) centre: Point,
    /// Radius of the head.
    pub(super) scale: f32,
    /// Unit vector to the animal's left-to-right direction in the picture.
    pub(super) axis: Point,
    /// How far the face is turned to the side, -1 to 1.
    pub(super) turn: f32,
}

impl Pose {
    fn place(&self, p: Point) -> Point {
        let [c, s] = self.axis;
        [self.centre[0] + self.scale * (p[0] * c - p[1] * s), self.centre[1] + self.scale * (p[0] * s + p[1] * c)]
    }

    /// The inverse of `place`, so that patterns move with the animal.
    fn locate(&self, p: Point) -> Point {
        let [c, s] = self.axis;
        let [x, y] = [(p[0] - self.centre[0]) / self.scale, (p[1] - self.centre[1]) / self.scale];
        [x * c + y * s, y * c - x * s]
    }
}

/// The features by which cats and dogs differ.
pub(super) struct Anatomy {
    /// 0: ears hang down; 1: they stand up.
    ear_lift: f32,
    /// Radius at the tip of an ear: pointed or round.
    ear_tip: f32,
    /// 0: a flat face; 1: a long snout.
    snout: f32,
    /// How visible whiskers are, 0 to 1.
    whiskers: f32,
    /// Width of the pupil as a share of its height.
    pupil: f32,
    /// Length of the tail in head radii, and its thickness.
    tail: Point,
}

impl Anatomy {
    /// Draws an individual. With difficulty some dogs prick their ears, some cats fold them, snouts are less distinct and
    /// whiskers fade, so that no single feature decides.
    pub(super) fn draw(species: Species, difficulty: f32, stream: &mut Stream) -> Self {
        let unusual = stream.chance(0.3 * difficulty);
        let spread = stream.unit();
        let snout = (0.25 + 0.15 * difficulty) * stream.unit();
        let fade = 1.0 - difficulty * stream.unit();
        match species {
            Species::Cat => Self {
                ear_lift: if unusual { 0.25 + 0.5 * spread } else { 1.0 - 0.25 * spread },
                ear_tip: stream.between(0.03, 0.10),
                snout,
                whiskers: fade,
                pupil: stream.between(0.25, 0.25 + 0.5 * difficulty),
                tail: [stream.between(2.2, 3.2), stream.between(0.13, 0.2)],
            },
            Species::Dog => Self {
                ear_lift: if unusual { 0.6 + 0.35 * spread } else { 0.3 * spread },
                ear_tip: stream.between(0.18, 0.30) * if unusual { 0.5 } else { 1.0 },
                snout: 1.0 - snout,
                whiskers: 0.7 * (1.0 - fade),
                pupil: 1.0,
                tail: [stream.between(1.2, 2.4), stream.between(0.16, 0.3)],
            },
        }
    }
}

/// Colours and pattern of the fur, drawn alike for cats and dogs.
struct Coat {
    base: Colour,
    second: Colour,
    pattern: Pattern,
    seed: u32,
}

#[derive(Clone, Copy)]
enum Pattern {
    Plain,
    Striped,
    Patched,
    Spotted,
}

const FURS: [Colour; 9] = [
    [0.13, 0.12, 0.13],
    [0.92, 0.90, 0.86],
    [0.52, 0.52, 0.55],
    [0.80, 0.48, 0.20],
    [0.45, 0.29, 0.17],
    [0.88, 0.76, 0.56],
    [0.72, 0.57, 0.34],
    [0.28, 0.21, 0.17],
    [0.62, 0.42, 0.33],
];
const EYES: [Colour; 5] =
    [[0.70, 0.75, 0.25], [0.85, 0.65, 0.20], [0.45, 0.65, 0.80], [0.45, 0.30, 0.15], [0.40, 0.60, 0.35]];
const NOSES: [Colour; 3] = [[0.10, 0.09, 0.10], [0.35, 0.20, 0.18], [0.80, 0.50, 0.50]];

fn pick<T: Copy>(choices: &[T], stream: &mut Stream) -> T {
    choices[stream.below(choices.len())]
}

impl Coat {
    fn draw(stream: &mut Stream) -> Self {
        let patterns = [Pattern::Plain, Pattern::Striped, Pattern::Patched, Pattern::Spotted];
        Self {
            base: pick(&FURS, stream),
            second: pick(&FURS, stream),
            pattern: pick(&patterns, stream),
            seed: stream.next_u64() as u32,
        }
    }

    /// Colour at `p` in head units, `depth` head units inside an outline.
    fn at(&self, p: Point, depth: f32) -> Colour {
        let rough = noise([p[0] * 2.0, p[1] * 2.0], self.seed);
        let share = match self.pattern {
            Pattern::Plain => 0.0,
            Pattern::Striped => {
                let wave = p[0] * 2.2 + rough;
                0.8 * (((wave - wave.floor() - 0.5).abs() - 0.2) * 8.0).clamp(0.0, 1.0)
            }
            Pattern::Patched => ((noise([p[0] * 1.1, p[1] * 1.1], self.seed ^ 1) - 0.55) * 12.0).clamp(0.0, 1.0),
            Pattern::Spotted => ((noise([p[0] * 4.0, p[1] * 4.0], self.seed ^ 1) - 0.65) * 12.0).clamp(0.0, 1.0),
        };
        let hair = noise([p[0] * 14.0, p[1] * 7.0], self.seed ^ 2) - 0.5;
        // Fur darkens towards an outline, which is what sets a head off against a body of the same colour.
        let light = 0.72 + 0.28 * (depth * 5.0).clamp(0.0, 1.0) + 0.22 * hair - 0.06 * p[1].clamp(-1.5, 2.5);
        scaled(mix(self.base, self.second, share), light)
    }
}

/// A brush that works in head units.
struct Brush<'a> {
    canvas: &'a mut Canvas,
    pose: Pose,
}

impl Brush<'_> {
    fn ellipse(&mut self, centre: Point, radii: Point, colour: impl Fn(Point, f32) -> Colour) {
        let shape = Shape::Ellipse {
            centre: self.pose.place(centre),
            radii: radii.map(|r| r * self.pose.scale),
            axis: self.pose.axis,
        };
        self.fill(shape, colour);
    }

    fn stroke(&mut self, from: Point, to: Point, radii: Point, colour: impl Fn(Point, f32) -> Colour) {
        let shape = Shape::Stroke {
            from: self.pose.place(from),
            to: self.pose.place(to),
            radii: radii.map(|r| r * self.pose.scale),
        };
        self.fill(shape, colour);
    }

    fn fill(&mut self, shape: Shape, colour: impl Fn(Point, f32) -> Colour) {
        let pose = self.pose;
        self.canvas.fill(shape, |p, depth| colour(pose.locate(p), depth / pose.scale));
    }
}

/// Draws one animal of the given build, in colours of its own.
pub(super) fn draw(canvas: &mut Canvas, pose: Pose, anatomy: &Anatomy, stream: &mut Stream) {
    let coat = Coat::draw(stream);
    let mut brush = Brush { canvas, pose };
    body(&mut brush, anatomy, &coat, stream);
    ears(&mut brush, anatomy, &coat);
    brush.ellipse([0.0, 0.0], [1.0, stream.between(0.84, 0.98)], |p, depth| coat.at(p, depth));
    eyes(&mut brush, anatomy, stream);
    muzzle(&mut brush, anatomy, &coat, stream);
}

fn body(brush: &mut Brush, anatomy: &Anatomy, coat: &Coat, stream: &mut Stream) {
    let side = stream.sign();
    let hip = [side * stream.between(0.2, 1.9), stream.between(1.7, 2.3)];
    let fur = |p: Point, depth: f32| coat.at(p, depth);
    let [length, thickness] = anatomy.tail;
    let mut joint = [hip[0] + side * 0.7, hip[1] + 0.2];
    let mut direction = [side * 0.8, -0.6];
    let curl = side * stream.between(-0.5, 0.9);
    for _ in 0..4 {
        let next = [0, 1].map(|i| joint[i] + direction[i] * length / 4.0);
        brush.stroke(joint, next, [thickness, thickness * 0.9], fur);
        let turned = [direction[0] + curl * direction[1], direction[1] - curl * direction[0]];
        let norm = (turned[0] * turned[0] + turned[1] * turned[1]).sqrt();
        (joint, direction) = (next, turned.map(|value| value / norm));
    }
    let leg = stream.between(0.24, 0.34);
    brush.stroke([hip[0] + 0.3, hip[1]], [hip[0] + 0.4, 3.6], [leg, leg * 0.8], fur);
    brush.ellipse(hip, [1.05, 0.95], fur);
    brush.stroke([0.0, 0.9], hip, [0.75, 0.9], fur);
    for x in [-0.4, 0.35] {
        let foot = x + stream.between(-0.2, 0.2);
        brush.stroke([x, 1.6], [foot, 3.6], [leg, leg * 0.8], fur);
    }
}

fn ears(brush: &mut Brush, anatomy: &Anatomy, coat: &Coat) {
    let lift = anatomy.ear_lift;
    for side in [-1.0, 1.0] {
        // The far ear of a turned head comes nearer to its middle.
        let x = |value: f32| side * value - 0.18 * brush.pose.turn;
        let root = [x(0.58 + 0.16 * (1.0 - lift)), -0.55];
        let tip = [x(1.12 - 0.28 * lift), 0.55 - 1.95 * lift];
        let wide = 0.22 + 0.16 * lift;
        brush.stroke(root, tip, [wide, anatomy.ear_tip], |p, depth| scaled(coat.at(p, depth), 0.88));
        if lift > 0.5 {
            let inner = [0, 1].map(|i| root[i] + (tip[i] - root[i]) * 0.75);
            let skin = mix(coat.base, [0.78, 0.52, 0.48], 0.6);
            brush.stroke(root, inner, [wide * 0.55, anatomy.ear_tip * 0.4], |_, _| skin);
        }
    }
}

fn eyes(brush: &mut Brush, anatomy: &Anatomy, stream: &mut Stream) {
    let iris = pick(&EYES, stream);
    let radius = stream.between(0.15, 0.22);
    let shift = 0.3 * brush.pose.turn;
    for side in [-1.0, 1.0] {
        let centre = [side * 0.40 + shift, -0.16];
        brush.ellipse(centre, [radius * 1.15, radius * 0.98], |_, _| [0.08, 0.07, 0.07]);
        brush.ellipse(centre, [radius * 0.95, radius * 0.82], |_, _| iris);
        brush.ellipse(centre, [radius * 0.62 * anatomy.pupil, radius * 0.66], |_, _| [0.04, 0.04, 0.05]);
        brush.ellipse([centre[0] + 0.05, centre[1] - 0.06], [0.04, 0.04], |_, _| [0.95, 0.95, 0.95]);
    }
}

fn muzzle(brush: &mut Brush, anatomy: &Anatomy, coat: &Coat, stream: &mut Stream) {
    let snout = anatomy.snout;
    // The longer the snout, the more it sticks out to the side of a turned head.
    let x = (0.26 + 0.42 * snout) * brush.pose.turn;
    let pale = stream.between(0.1, 0.6);
    let fur = |p: Point, depth: f32| mix(coat.at(p, depth), [0.93, 0.90, 0.85], pale);
    let nose_colour = pick(&NOSES, stream);
    let nose = [x, 0.20 + 0.30 * snout];
    let open = stream.chance(0.35);
    let line = [0.10, 0.07, 0.07];
    if open {
        brush.stroke([x, 0.6 + 0.3 * snout], [x, 0.75 + 0.42 * snout], [0.15, 0.13], |_, _| [0.82, 0.42, 0.42]);
    }
    brush.stroke([0.55 * x, 0.12], [x, 0.48 + 0.22 * snout], [0.22, 0.34 + 0.12 * snout], fur);
    for side in [-1.0, 1.0] {
        let pad = [x + side * (0.19 - 0.03 * snout), nose[1] + 0.22];
        brush.ellipse(pad, [0.25, 0.21], fur);
    }
    let width = 0.13 + 0.12 * snout;
    brush.stroke(nose, [nose[0], nose[1] + 0.30], [0.025, 0.025], |_, _| line);
    for side in [-1.0, 1.0] {
        let corner = [x + side * (0.20 + 0.06 * snout), nose[1] + 0.38];
        brush.stroke([nose[0], nose[1] + 0.30], corner, [0.03, 0.02], |_, _| line);
    }
    brush.ellipse(nose, [width, width * 0.72], |_, _| nose_colour);
    let whisker = if coat.base[1] > 0.6 { [0.15, 0.15, 0.15] } else { [0.95, 0.95, 0.95] };
    for side in [-1.0, 1.0] {
        for (slope, start) in [(-0.18, 0.10), (0.02, 0.18), (0.24, 0.26)] {
            let from = [x + side * 0.2, nose[1] + start];
            let to = [x + side * 1.35, nose[1] + start + slope];
            let width = 0.022 * anatomy.whiskers;
            if anatomy.whiskers > 0.1 {
                brush.stroke(from, to, [width, width * 0.5], |_, _| whisker);
            }
        }
    }
}
