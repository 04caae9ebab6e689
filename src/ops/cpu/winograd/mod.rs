//! Convolution with a 3x3 kernel at stride 1 by the minimal filtering algorithm F(2x2, 3x3): 16 products for four outputs
//! instead of 36. Source: Lavin and Gray 2015, "Fast Algorithms for Convolutional Neural Networks", section 4.1.
//!
//! Outputs are cut into tiles of 2x2, for which 4x4 inputs are needed. Both and the kernel are transformed to 16 planes,
//! and each plane is a matrix product over all tiles and channels.

mod transform;

use super::buffers::Buffer;
use super::context::Context;
use super::matmul::{Destination, Packed, Rows, Runs, add_transposed_product, multiply, packed_len};
use super::simd::Isa;
use transform::{add_kernel_gradient, transform_gradients, transform_inputs, transform_kernel, transform_outputs};

/// Values of a transformed tile.
const PLANES: usize = 16;

/// Elements of the two transformed operands to work on at a time: a few hundred KiB, for the second-level cache.
const WORKING_SET: usize = 160_000;

/// The tiles of a convolution.
#[derive(Clone, Copy, Debug)]
pub struct Tiling {
    /// Images.
    pub images: usize,
    /// Output extents.
    pub output: [usize; 2],
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
}

/// Tiles in hand: where each begins in the padded input and in the output, and how much of it lies inside the output.
#[derive(Default)]
struct Tiles {
    inputs: Vec<usize>,
    outputs: Vec<(usize, [usize; 2])>,
}

impl Tiling {
    /// Tiles along the two axes.
    fn counts(&self) -> [usize; 2] {
        self.output.map(|extent| extent.div_ceil(2))
    }

    /// Tiles of all images.
    pub fn tiles(&self) -> usize {
        let [down, across] = self.counts();
        self.images * down * across
    }

    /// Extents that the padded input must have.
    pub fn padded(&self) -> [usize; 2] {
        self.counts().map(|count| 2 * count + 2)
    }

    /// Tiles to work on at a time: as many as fit the cache, in whole tiles of the matrix product.
    fn group(&self) -> usize {
        (WORKING_SET / (PLANES * (self.c_in + self.c_out))).clamp(12, 96).next_multiple_of(12)
    }

    /// The tiles in groups, in order.
    fn groups(&self, mut each: impl FnMut(&Tiles)) {
        let group = self.group();
        let ([down, across], [height, width], [padded_h, padded_w]) = (self.counts(), self.output, self.padded());
        let mut tiles = Tiles::default();
        for image in 0..self.images {
            for i in 0..down {
                for j in 0..across {
                    tiles.inputs.push(((image * padded_h + 2 * i) * padded_w + 2 * j) * self.c_in);
                    let inside = [2.min(height - 2 * i), 2.min(width - 2 * j)];
                    tiles.outputs.push((((image * height + 2 * i) * width + 2 * j) * self.c_out, inside));
                    if tiles.inputs.len() == group {
                        each(&tiles);
                        tiles.inputs.clear();
                        tiles.outputs.clear();
                    }
                }
            }
        }
        if !tiles.inputs.is_empty() {
            each(&tiles);
        }
    }

    /// Elements of the planes of a group with `channels` channels.
    fn plane(&self, channels: usize) -> usize {
        self.group() * channels
    }

    fn check(&self, x: &[f32], y: &[f32]) {
        let [height, width] = self.padded();
        assert_eq!(x.len(), self.images * height * width * self.c_in, "padded input of a convolution");
        assert_eq!(y.len(), self.images * self.output[0] * self.output[1] * self.c_out, "output of a convolution");
    }
}

/// The kernel a convolution is computed with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// As it is: `weight: [9 * c_in, c_out]`.
    Upright,
    /// Turned by 180 degrees with its channels swapped, for the gradient of the input: `weight: [9 * c_out, c_in]`.
    Turned,
}

/// A kernel in its planes, ready to be multiplied with.
pub struct Transformed {
    isa: Isa,
    packed: Buffer,
    size: [usize; 2],
}

impl Transformed {
    /// One plane: `[c_in, c_out]`.
    fn plane(&self, plane: usize) -> Packed<'_> {
        let elements = packed_len(self.isa, self.size[0], self.size[1]);
        Packed::of(self.isa, &self.packed[plane * elements..][..elements], self.size)
    }
}

/// Transforms a kernel from `c_in` to `c_out` channels.
pub fn transformed(context: &Context, (weight, kernel): (&[f32], Kernel), [c_in, c_out]: [usize; 2]) -> Transformed {
    let Context { isa, buffers, .. } = context;
    let (n, elements) = (c_in * c_out, packed_len(*isa, c_in, c_out));
    let mut packed = buffers.take(PLANES * elements);
    context.each(packed.chunks_exact_mut(4 * elements).enumerate(), |(line, packed)| {
        // The transform of a kernel turned around is the transform with its outer lines and columns exchanged.
        let (places, strides) = match kernel {
            Kernel::Upright => ([0, 1, 2, 3], [c_out, 1]),
            Kernel::Turned => ([3, 1, 2, 0], [1, c_in]),
        };
        let mut planes = buffers.take(4 * n);
        transform_kernel(*isa, weight, places[line], &mut planes);
        for (buffer, place) in packed.chunks_exact_mut(elements).zip(places) {
            Packed::pack(*isa, buffer, &planes[place * n..][..n], [c_in, c_out], strides);
        }
    });
    Transformed { isa: *isa, packed, size: [c_in, c_out] }
}

/// `y = x * kernel` or `y += x * kernel` on the calling thread, for `x` padded to [`Tiling::padded`].
pub fn convolve(
    Context { isa, buffers, .. }: &Context,
    tiling: &Tiling,
    x: &[f32],
    kernel: &Transformed,
    y: &mut [f32],
    destination: Destination,
) {
    tiling.check(x, y);
    let Tiling { c_in, c_out, .. } = *tiling;
    let (in_plane, out_plane) = (tiling.plane(c_in), tiling.plane(c_out));
    let (mut inputs, mut products) = (buffers.take(PLANES * in_plane), buffers.take(PLANES * out_plane));
    let starts: Vec<usize> = (0..tiling.group()).map(|tile| tile * c_in).collect();
    let accumulate = destination == Destination::Accumulate;
    tiling.groups(|tiles| {
        transform_inputs(*isa, tiling, x, tiles, 0..c_in, &mut inputs, in_plane);
        let starts = &starts[..tiles.inputs.len()];
        for plane in 0..PLANES {
            let rows = Rows { data: &inputs[plane * in_plane..][..in_plane], starts, runs: Runs::one(c_in) };
            let products = &mut products[plane * out_plane..][..out_plane];
            multiply(rows, kernel.plane(plane), products, Destination::Overwrite);
        }
        transform_outputs(*isa, tiling, &products, out_plane, tiles, y, accumulate);
    });
}

/// Adds the gradient of the weight: `dw: [9 * c_in, c_out]`, for `x` padded to [`Tiling::padded`].
pub fn add_weight_gradient(context: &Context, tiling: &Tiling, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    tiling.check(x, dy);
    let Context { isa, buffers, .. } = context;
    let Tiling { c_in, c_out, .. } = *tiling;
    // Every weight sums over all tiles in their order, so input channels can be shared out.
    let sums = context.map(context.shares(c_in), |channels| {
        let width = channels.len();
        let (in_plane, out_plane) = (tiling.plane(width), tiling.plane(c_out));
        let (mut inputs, mut gradients) = (buffers.take(PLANES * in_plane), buffers.take(PLANES * out_plane));
        let mut packed = buffers.take(packed_len(*isa, tiling.group(), c_out));
        let mut sums = buffers.take(PLANES * width * c_out);
        sums.fill(0.0);
        let starts: Vec<usize> = (0..tiling.group()).map(|tile| tile * width).collect();
        tiling.groups(|tiles| {
            transform_inputs(*isa, tiling, x, tiles, channels.clone(), &mut inputs, in_plane);
            transform_gradients(*isa, tiling, dy, tiles, &mut gradients, out_plane);
            let starts = &starts[..tiles.inputs.len()];
            for (plane, sums) in sums.chunks_exact_mut(width * c_out).enumerate() {
                let rows = Rows { data: &inputs[plane * in_plane..][..in_plane], starts, runs: Runs::one(width) };
                let dy = &gradients[plane * out_plane..][..starts.len() * c_out];
                add_transposed_product(*isa, rows, dy, c_out, sums, &mut packed);
            }
        });
        (channels, sums)
    });
    for (channels, sums) in sums {
        add_kernel_gradient(*isa, &sums, dw, channels.start * c_out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Window;
    use crate::ops::reference::{Array, conv2d, conv2d_weight_gradient, random};

    fn assert_near(got: &[f32], expected: &[f32]) {
        let scale = expected.iter().fold(0f32, |scale, value| scale.max(value.abs()));
        assert_eq!(got.len(), expected.len());
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() <= 1e-5 * scale, "{got} is not {expected}");
        }
    }

    /// The part of `y: [N, H, W, C]` inside `[height, width]`.
    fn crop(y: &Array, [height, width]: [usize; 2]) -> Array {
        let [n, _, _, c] = y.shape;
        let shape = [n, height, width, c];
        Array::new(
            shape,
            Array::new(shape, vec![0.0; n * height * width * c]).positions().map(|at| y.at(at) as f32).collect(),
        )
    }

    #[test]
    fn agrees_with_the_reference_on_every_instruction_set() {
        let valid = Window::square(3, 1, 0);
        for isa in Isa::available() {
            let context = Context::on(isa);
            for (images, output, c_in, c_out) in
                [(2, [8, 6], 24, 32), (1, [7, 5], 13, 9), (1, [1, 1], 8, 8), (3, [12, 12], 8, 20), (1, [2, 3], 1, 3)]
            {
                let tiling = Tiling { images, output, c_in, c_out };
                let [height, width] = tiling.padded();
                let x = Array::random([images, height, width, c_in], 1);
                let weight = random(9 * c_in * c_out, 2);
                let expected = crop(&conv2d(&x, &weight, c_out, valid), output);
                let mut y = vec![f32::NAN; expected.data.len()];
                let kernel = transformed(&context, (&weight, Kernel::Upright), [c_in, c_out]);
                convolve(&context, &tiling, &x.data, &kernel, &mut y, Destination::Overwrite);
                assert_near(&y, &expected.data);
                // The same kernel, turned and with its channels swapped, then turned back.
                let tap = |tap: usize, o: usize, i: usize| weight[((8 - tap) * c_in + i) * c_out + o];
                let turned: Vec<f32> =
                    (0..9 * c_in * c_out).map(|at| tap(at / (c_in * c_out), at / c_in % c_out, at % c_in)).collect();
                let kernel = transformed(&context, (&turned, Kernel::Turned), [c_in, c_out]);
                convolve(&context, &tiling, &x.data, &kernel, &mut y, Destination::Accumulate);
                assert_near(&y, &expected.data.iter().map(|value| 2.0 * value).collect::<Vec<_>>());

                let dy = Array::random(expected.shape, 3);
                let whole = tiling.counts().map(|count| 2 * count);
                // Zeros where the last tiles hang over.
                let inside = |at: [usize; 4]| at[1] < output[0] && at[2] < output[1];
                let shape = [images, whole[0], whole[1], c_out];
                let value = |at| if inside(at) { dy.at(at) as f32 } else { 0.0 };
                let padded_dy = Array::new(shape, vec![0.0; shape.iter().product()]).positions().map(value).collect();
                let expected = conv2d_weight_gradient(&x, &Array::new(shape, padded_dy), valid);
                let mut dw = vec![0.0; 9 * c_in * c_out];
                add_weight_gradient(&context, &tiling, &x.data, &dy.data, &mut dw);
                assert_near(&dw, &expected);
            }
        }
    }
}
