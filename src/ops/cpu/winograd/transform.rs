//! The transforms of kernels, inputs and outputs to planes and back.
//!
//! # Safety
//! All unsafe functions here run with the features of `V` ([`simd`](super::super::simd)) and on pointers that are valid. No
//! closure and no iterator carries a vector: they would be compiled without these features.

#![allow(clippy::missing_safety_doc, clippy::needless_range_loop, clippy::undocumented_unsafe_blocks)]

use std::ops::Range;

use super::{PLANES, Tiles, Tiling};
use crate::ops::cpu::simd::for_each_isa;
use crate::ops::cpu::vector::Vector;

for_each_isa! {
    /// `weight: [9, n]` -> line `line` of the planes: `planes: [4, n]`.
    pub fn transform_kernel(weight: &[f32], line: usize, planes: &mut [f32]) = kernel_kernel;
    /// Adds what the gradients of the planes `[16, n]` make to elements `first..first + n` of each tap of `dw`.
    pub fn add_kernel_gradient(planes: &[f32], dw: &mut [f32], first: usize) = kernel_gradient_kernel;
    /// Some channels of the tiles of the padded input -> `planes: [16, plane]`.
    pub fn transform_inputs(
        tiling: &Tiling, x: &[f32], tiles: &Tiles, channels: Range<usize>, planes: &mut [f32], plane: usize,
    ) = input_kernel;
    /// `planes: [16, plane]` -> the tiles of the output, written or added.
    pub fn transform_outputs(
        tiling: &Tiling, planes: &[f32], plane: usize, tiles: &Tiles, y: &mut [f32], accumulate: bool,
    ) = output_kernel;
    /// The tiles of the output's gradient -> `planes: [16, plane]`.
    pub fn transform_gradients(tiling: &Tiling, dy: &[f32], tiles: &Tiles, planes: &mut [f32], plane: usize) = gradient_kernel;
}

/// A linear map from `R` to `S` values, applied along one axis of a tile.
trait Line<const R: usize, const S: usize> {
    unsafe fn map<V: Vector>(values: [V; R]) -> [V; S];
}

/// `G` of the paper: the transform of a kernel.
struct KernelLine;

impl Line<3, 4> for KernelLine {
    #[inline(always)]
    unsafe fn map<V: Vector>([a, b, c]: [V; 3]) -> [V; 4] {
        unsafe {
            let half = V::splat(&0.5);
            let outer = V::zero().add_product(a.add(c), half);
            let inner = V::zero().add_product(b, half);
            [a, outer.add(inner), outer.sub(inner), c]
        }
    }
}

/// The transpose of `G`.
struct KernelGradientLine;

impl Line<4, 3> for KernelGradientLine {
    #[inline(always)]
    unsafe fn map<V: Vector>([a, b, c, d]: [V; 4]) -> [V; 3] {
        unsafe {
            let half = V::splat(&0.5);
            let sum = V::zero().add_product(b.add(c), half);
            [a.add(sum), V::zero().add_product(b.sub(c), half), sum.add(d)]
        }
    }
}

/// `B^T` of the paper: the transform of an input tile.
struct InputLine;

impl Line<4, 4> for InputLine {
    #[inline(always)]
    unsafe fn map<V: Vector>([a, b, c, d]: [V; 4]) -> [V; 4] {
        unsafe { [a.sub(c), b.add(c), c.sub(b), b.sub(d)] }
    }
}

/// `A^T` of the paper: the transform of a product tile to outputs.
struct OutputLine;

impl Line<4, 2> for OutputLine {
    #[inline(always)]
    unsafe fn map<V: Vector>([a, b, c, d]: [V; 4]) -> [V; 2] {
        unsafe { [a.add(b).add(c), b.sub(c).sub(d)] }
    }
}

/// The transpose of `A^T`.
struct OutputGradientLine;

impl Line<2, 4> for OutputGradientLine {
    #[inline(always)]
    unsafe fn map<V: Vector>([a, b]: [V; 2]) -> [V; 4] {
        unsafe { [a, a.add(b), a.sub(b), V::zero().sub(b)] }
    }
}

/// Applies a map to the columns of a tile, then to the rows of what comes out.
#[inline(always)]
unsafe fn both_axes<V: Vector, L: Line<R, S>, const R: usize, const S: usize>(tile: [[V; R]; R]) -> [[V; S]; S] {
    unsafe {
        let mut between = [[V::zero(); R]; S];
        for x in 0..R {
            let mut column = [V::zero(); R];
            for y in 0..R {
                column[y] = tile[y][x];
            }
            let column = L::map(column);
            for y in 0..S {
                between[y][x] = column[y];
            }
        }
        let mut mapped = [[V::zero(); S]; S];
        for y in 0..S {
            mapped[y] = L::map(between[y]);
        }
        mapped
    }
}

/// `R` by `R` vectors of `count` lanes, those of a line `down` apart and those of a column `across`.
#[inline(always)]
unsafe fn read_tile<V: Vector, const R: usize>(
    from: *const f32,
    [down, across]: [usize; 2],
    count: usize,
) -> [[V; R]; R] {
    unsafe {
        let mut tile = [[V::zero(); R]; R];
        for i in 0..R {
            for j in 0..R {
                tile[i][j] = V::load_up_to(from.add(i * down + j * across), count);
            }
        }
        tile
    }
}

/// The other way round.
#[inline(always)]
unsafe fn write_tile<V: Vector, const R: usize>(
    tile: [[V; R]; R],
    to: *mut f32,
    [down, across]: [usize; 2],
    count: usize,
) {
    unsafe {
        for i in 0..R {
            for j in 0..R {
                tile[i][j].store_up_to(to.add(i * down + j * across), count);
            }
        }
    }
}

#[inline(always)]
unsafe fn kernel_kernel<V: Vector, const ROWS: usize, const TALL: usize>(
    weight: &[f32],
    line: usize,
    planes: &mut [f32],
) {
    let n = weight.len() / 9;
    assert!(weight.len() == 9 * n && planes.len() == 4 * n && line < 4, "planes of a kernel");
    let (weight, planes) = (weight.as_ptr(), planes.as_mut_ptr());
    for at in (0..n).step_by(V::LANES) {
        let count = V::LANES.min(n - at);
        // SAFETY: `at + count <= n`, and both slices hold whole planes of `n`.
        unsafe {
            let taps = read_tile::<V, 3>(weight.add(at), [3 * n, n], count);
            let mut between = [V::zero(); 3];
            for x in 0..3 {
                between[x] = KernelLine::map([taps[0][x], taps[1][x], taps[2][x]])[line];
            }
            let mapped = KernelLine::map(between);
            for j in 0..4 {
                mapped[j].store_up_to(planes.add(at + j * n), count);
            }
        }
    }
}

#[inline(always)]
unsafe fn kernel_gradient_kernel<V: Vector, const ROWS: usize, const TALL: usize>(
    planes: &[f32],
    dw: &mut [f32],
    first: usize,
) {
    let (n, stride) = (planes.len() / PLANES, dw.len() / 9);
    assert!(planes.len() == PLANES * n && dw.len() == 9 * stride && first + n <= stride, "planes of a kernel");
    let (planes, dw) = (planes.as_ptr(), dw[first..].as_mut_ptr());
    for at in (0..n).step_by(V::LANES) {
        let count = V::LANES.min(n - at);
        // SAFETY: `at + count <= n`; the planes hold `n` elements each, the taps `stride`.
        unsafe {
            let gradients = read_tile::<V, 4>(planes.add(at), [4 * n, n], count);
            let gradients = both_axes::<V, KernelGradientLine, 4, 3>(gradients);
            let mut taps = read_tile::<V, 3>(dw.add(at), [3 * stride, stride], count);
            for i in 0..3 {
                for j in 0..3 {
                    taps[i][j] = taps[i][j].add(gradients[i][j]);
                }
            }
            write_tile(taps, dw.add(at), [3 * stride, stride], count);
        }
    }
}

#[inline(always)]
unsafe fn input_kernel<V: Vector, const ROWS: usize, const TALL: usize>(
    tiling: &Tiling,
    x: &[f32],
    tiles: &Tiles,
    channels: Range<usize>,
    planes: &mut [f32],
    plane: usize,
) {
    let (stride, line, width) = (tiling.c_in, tiling.padded()[1] * tiling.c_in, channels.len());
    assert!(channels.end <= stride, "channels of the input");
    assert!(tiles.inputs.len() * width <= plane && planes.len() >= PLANES * plane, "planes of a tile");
    let reach = 3 * line + 4 * stride;
    for (tile, start) in tiles.inputs.iter().enumerate() {
        let (x, planes) = (x[*start..*start + reach][channels.start..].as_ptr(), planes[tile * width..].as_mut_ptr());
        for at in (0..width).step_by(V::LANES) {
            let count = V::LANES.min(width - at);
            // SAFETY: the pixels of the tile lie in the first `reach` elements; the channels of the tile in each plane.
            unsafe {
                let pixels = read_tile::<V, 4>(x.add(at), [line, stride], count);
                write_tile(both_axes::<V, InputLine, 4, 4>(pixels), planes.add(at), [4 * plane, plane], count);
            }
        }
    }
}

#[inline(always)]
unsafe fn output_kernel<V: Vector, const ROWS: usize, const TALL: usize>(
    tiling: &Tiling,
    planes: &[f32],
    plane: usize,
    tiles: &Tiles,
    y: &mut [f32],
    accumulate: bool,
) {
    let (channels, line) = (tiling.c_out, tiling.output[1] * tiling.c_out);
    assert!(tiles.outputs.len() * channels <= plane && planes.len() >= PLANES * plane, "planes of a tile");
    for (tile, (start, [height, width])) in tiles.outputs.iter().copied().enumerate() {
        let reach = (height - 1) * line + width * channels;
        let (y, planes) = (y[start..start + reach].as_mut_ptr(), planes[tile * channels..].as_ptr());
        for at in (0..channels).step_by(V::LANES) {
            let count = V::LANES.min(channels - at);
            // SAFETY: as in `input_kernel`, for the pixels inside the output.
            unsafe {
                let products = read_tile::<V, 4>(planes.add(at), [4 * plane, plane], count);
                let pixels = both_axes::<V, OutputLine, 4, 2>(products);
                for i in 0..height {
                    for j in 0..width {
                        let to = y.add(i * line + j * channels + at);
                        let value = if accumulate { V::load_up_to(to, count).add(pixels[i][j]) } else { pixels[i][j] };
                        value.store_up_to(to, count);
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn gradient_kernel<V: Vector, const ROWS: usize, const TALL: usize>(
    tiling: &Tiling,
    dy: &[f32],
    tiles: &Tiles,
    planes: &mut [f32],
    plane: usize,
) {
    let (channels, line) = (tiling.c_out, tiling.output[1] * tiling.c_out);
    assert!(tiles.outputs.len() * channels <= plane && planes.len() >= PLANES * plane, "planes of a tile");
    for (tile, (start, [height, width])) in tiles.outputs.iter().copied().enumerate() {
        let reach = (height - 1) * line + width * channels;
        let (dy, planes) = (dy[start..start + reach].as_ptr(), planes[tile * channels..].as_mut_ptr());
        for at in (0..channels).step_by(V::LANES) {
            let count = V::LANES.min(channels - at);
            // SAFETY: as in `output_kernel`.
            unsafe {
                let mut pixels = [[V::zero(); 2]; 2];
                for i in 0..height {
                    for j in 0..width {
                        pixels[i][j] = V::load_up_to(dy.add(i * line + j * channels + at), count);
                    }
                }
                let transformed = both_axes::<V, OutputGradientLine, 2, 4>(pixels);
                write_tile(transformed, planes.add(at), [4 * plane, plane], count);
            }
        }
    }
}
