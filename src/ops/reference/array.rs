//! A batch of maps as plain numbers.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A batch of maps as plain numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// `[N, H, W, C]`.
    pub shape: [usize; 4],
    /// In row-major order, the channel fastest.
    pub data: Vec<f32>,
}

impl Array {
    /// Wraps values. Panics if there are too few or too many.
    pub fn new(shape: [usize; 4], data: Vec<f32>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), data.len());
        Self { shape, data }
    }

    /// Uniform values in [-1, 1).
    pub fn random(shape: [usize; 4], seed: u64) -> Self {
        Self::new(shape, random(shape.iter().product(), seed))
    }

    /// The value at image `n`, row `y`, column `x`, channel `c`.
    pub fn at(&self, position: [usize; 4]) -> f64 {
        f64::from(self.data[offset(self.shape, position)])
    }

    /// Every position `[n, y, x, c]`, in row-major order.
    pub fn positions(&self) -> impl Iterator<Item = [usize; 4]> + use<> {
        positions(self.shape)
    }
}

/// A batch of maps under summation.
pub struct Sums {
    pub shape: [usize; 4],
    data: Vec<f64>,
}

impl Sums {
    pub fn zeros(shape: [usize; 4]) -> Self {
        Self { shape, data: vec![0.0; shape.iter().product()] }
    }

    pub fn add(&mut self, position: [usize; 4], value: f64) {
        self.data[offset(self.shape, position)] += value;
    }

    pub fn round(&self) -> Array {
        Array::new(self.shape, round(&self.data))
    }
}

/// To `f32`.
pub fn round(sums: &[f64]) -> Vec<f32> {
    sums.iter().map(|&sum| sum as f32).collect()
}

fn offset([_, height, width, channels]: [usize; 4], [n, y, x, c]: [usize; 4]) -> usize {
    ((n * height + y) * width + x) * channels + c
}

/// Every position inside `shape`, in row-major order.
pub fn positions(shape: [usize; 4]) -> impl Iterator<Item = [usize; 4]> {
    let [_, height, width, channels] = shape;
    (0..shape.iter().product()).map(move |i| {
        let pixel = i / channels;
        [pixel / width / height, pixel / width % height, pixel % width, i % channels]
    })
}

/// Uniform values in [-1, 1).
pub fn random(count: usize, seed: u64) -> Vec<f32> {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| (generator.next_u64() >> 40) as f32 / (1 << 23) as f32 - 1.0).collect()
}
