//! The innermost loops of matrix products: tiles whose sums stay in registers.
//!
//! # Safety
//! All functions here are for callers that have checked sizes ([`super::matmul`]) and run them with the features of `V`
//! ([`super::simd`]). No closure and no iterator carries a vector: they would be compiled without these features.

#![allow(clippy::missing_safety_doc, clippy::needless_range_loop, clippy::undocumented_unsafe_blocks)]

use super::matmul::{Packed, Rows};
use super::vector::Vector;

/// Calls `$run!(rows, $vectors, first row)` for tiles of `$largest` rows, then of 8, 4, 2 and 1, until `$count` rows are done.
macro_rules! for_each_tile {
    ($count:expr, $largest:ident, $vectors:literal, $run:ident) => {{
        let (count, mut row) = ($count, 0);
        while row + $largest <= count {
            $run!($largest, $vectors, row);
            row += $largest;
        }
        while row + 8 <= count {
            $run!(8, $vectors, row);
            row += 8;
        }
        if row + 4 <= count {
            $run!(4, $vectors, row);
            row += 4;
        }
        if row + 2 <= count {
            $run!(2, $vectors, row);
            row += 2;
        }
        if row < count {
            $run!(1, $vectors, row);
        }
    }};
}

/// Where a tile of a product goes: rows `stride` apart, of which the last vector has `last` values.
#[derive(Clone, Copy)]
struct Place {
    to: *mut f32,
    stride: usize,
    last: usize,
}

impl Place {
    /// The tile of `N` vectors before it.
    #[inline(always)]
    unsafe fn load<V: Vector, const ROWS: usize, const N: usize>(self) -> [[V; N]; ROWS] {
        let mut tile = [[unsafe { V::zero() }; N]; ROWS];
        for i in 0..ROWS {
            for j in 0..N {
                let from = self.to.wrapping_add(i * self.stride + j * V::LANES);
                tile[i][j] = unsafe { if j + 1 < N { V::load(from) } else { V::load_up_to(from, self.last) } };
            }
        }
        tile
    }

    #[inline(always)]
    unsafe fn store<V: Vector, const ROWS: usize, const N: usize>(self, tile: [[V; N]; ROWS]) {
        for i in 0..ROWS {
            for j in 0..N {
                let to = self.to.wrapping_add(i * self.stride + j * V::LANES);
                unsafe { if j + 1 < N { tile[i][j].store(to) } else { tile[i][j].store_up_to(to, self.last) } }
            }
        }
    }
}

/// `ROWS` rows of `a` from `row` on, times the `N` vectors of a panel.
#[inline(always)]
unsafe fn multiply_tile<V: Vector, const ROWS: usize, const N: usize>(
    a: Rows<'_>,
    row: usize,
    mut panel: *const f32,
    place: Place,
    accumulate: bool,
) {
    unsafe {
        let mut sums = [[V::zero(); N]; ROWS];
        let mut rows = [a.data.as_ptr(); ROWS];
        for i in 0..ROWS {
            rows[i] = rows[i].wrapping_add(a.starts[row + i]);
        }
        for _ in 0..a.runs.count {
            for k in 0..a.runs.length {
                let mut b = [V::zero(); N];
                for j in 0..N {
                    b[j] = V::load(panel.add(j * V::LANES));
                }
                for i in 0..ROWS {
                    let a = V::splat(rows[i].add(k));
                    for j in 0..N {
                        sums[i][j] = sums[i][j].add_product(a, b[j]);
                    }
                }
                panel = panel.add(2 * V::LANES);
            }
            for i in 0..ROWS {
                rows[i] = rows[i].wrapping_add(a.runs.stride);
            }
        }
        if accumulate {
            let before = place.load::<V, ROWS, N>();
            for i in 0..ROWS {
                for j in 0..N {
                    sums[i][j] = before[i][j].add(sums[i][j]);
                }
            }
        }
        place.store(sums);
    }
}

/// `ROWS` rows of `a^T`, which are elements `from..` of the rows of `a`, times the `N` vectors of a panel, added.
#[inline(always)]
unsafe fn add_transposed_tile<V: Vector, const ROWS: usize, const N: usize>(
    from: *const f32,
    starts: &[usize],
    mut panel: *const f32,
    place: Place,
) {
    unsafe {
        let mut sums = place.load::<V, ROWS, N>();
        for start in starts {
            let a = from.wrapping_add(*start);
            let mut b = [V::zero(); N];
            for j in 0..N {
                b[j] = V::load(panel.add(j * V::LANES));
            }
            for i in 0..ROWS {
                let a = V::splat(a.add(i));
                for j in 0..N {
                    sums[i][j] = sums[i][j].add_product(a, b[j]);
                }
            }
            panel = panel.add(2 * V::LANES);
        }
        place.store(sums);
    }
}

/// The panels of `b`: first column, number of columns, elements.
#[inline(always)]
fn panels(b: Packed<'_>, width: usize) -> impl Iterator<Item = (usize, usize, *const f32)> {
    let Packed { panels, rows, columns, .. } = b;
    let panel = move |first: usize| (first, width.min(columns - first), panels[first * rows..].as_ptr());
    (0..columns).step_by(width).map(panel)
}

/// Packs the rows of a matrix, which lie `stride` apart.
///
/// # Panics
/// If they are not in `data`, or their panels not in `buffer`.
///
/// # Safety
/// The processor must have the instruction set of `V`.
#[inline(always)]
pub unsafe fn pack_kernel<V: Vector, const ROWS: usize, const TALL: usize>(
    buffer: &mut [f32],
    data: &[f32],
    [rows, columns]: [usize; 2],
    stride: usize,
) {
    let reach = if rows * columns == 0 { 0 } else { (rows - 1) * stride + columns };
    let panels = rows * columns.next_multiple_of(2 * V::LANES);
    assert!(reach <= data.len() && panels <= buffer.len(), "matrix to pack in its slice");
    let (mut to, data) = (buffer.as_mut_ptr(), data.as_ptr());
    for first in (0..columns).step_by(2 * V::LANES) {
        for i in 0..rows {
            for half in 0..2 {
                let from = first + half * V::LANES;
                let count = columns.saturating_sub(from).min(V::LANES);
                // SAFETY: columns `from..from + count` of row `i` lie in the slice, and whole panels in the buffer.
                unsafe {
                    let from = data.wrapping_add(i * stride + from);
                    V::load_up_to(from, count).store(to);
                    to = to.add(V::LANES);
                }
            }
        }
    }
}

/// `c = a b` or `c += a b`.
///
/// # Panics
/// If sizes do not agree.
///
/// # Safety
/// The processor must have the instruction set of `V`.
#[inline(always)]
pub unsafe fn multiply_kernel<V: Vector, const ROWS: usize, const TALL: usize>(
    a: Rows<'_>,
    b: Packed<'_>,
    c: &mut [f32],
    accumulate: bool,
) {
    a.check();
    assert_eq!(a.runs.elements(), b.rows, "inner sizes of a product");
    assert!(a.starts.len() * b.columns <= c.len(), "destination in its slice");
    b.check(2 * V::LANES);
    let (c, stride) = (c.as_mut_ptr(), b.columns);
    for (first, columns, panel) in panels(b, 2 * V::LANES) {
        // SAFETY of both blocks: rows `row..row + ROWS` of `a` and `c`, and the panel, lie in their slices; `c` is borrowed
        // exclusively.
        macro_rules! tile {
            ($rows:tt, $n:literal, $row:ident) => {{
                let to = c.wrapping_add($row * stride + first);
                let place = Place { to, stride, last: columns - ($n - 1) * V::LANES };
                unsafe { multiply_tile::<V, $rows, $n>(a, $row, panel, place, accumulate) }
            }};
        }
        if columns > V::LANES {
            for_each_tile!(a.starts.len(), ROWS, 2, tile);
        } else {
            for_each_tile!(a.starts.len(), TALL, 1, tile);
        }
    }
}

/// `c += a^T b`.
///
/// # Panics
/// If sizes do not agree.
///
/// # Safety
/// The processor must have the instruction set of `V`.
#[inline(always)]
pub unsafe fn transposed_kernel<V: Vector, const ROWS: usize, const TALL: usize>(
    a: Rows<'_>,
    b: Packed<'_>,
    c: &mut [f32],
) {
    a.check();
    assert_eq!(a.starts.len(), b.rows, "inner sizes of a product");
    assert!(a.runs.elements() * b.columns <= c.len(), "destination in its slice");
    b.check(2 * V::LANES);
    let (c, stride) = (c.as_mut_ptr(), b.columns);
    for run in 0..a.runs.count {
        let from = a.data.as_ptr().wrapping_add(run * a.runs.stride);
        let c = c.wrapping_add(run * a.runs.length * stride);
        // All panels for one stretch of the rows of `a`, which stays in the innermost cache.
        let mut element = 0;
        while element < a.runs.length {
            let count = TALL.min(a.runs.length - element);
            for (first, columns, panel) in panels(b, 2 * V::LANES) {
                // SAFETY of both blocks: elements `element + row..` of all rows of `a`, the same rows of `c`, and the panel lie
                // in their slices; `c` is borrowed exclusively.
                macro_rules! tile {
                    ($rows:tt, $n:literal, $row:ident) => {{
                        let element = element + $row;
                        let to = c.wrapping_add(element * stride + first);
                        let place = Place { to, stride, last: columns - ($n - 1) * V::LANES };
                        unsafe {
                            add_transposed_tile::<V, $rows, $n>(from.wrapping_add(element), a.starts, panel, place)
                        }
                    }};
                }
                if columns > V::LANES {
                    for_each_tile!(count, ROWS, 2, tile);
                } else {
                    for_each_tile!(count, TALL, 1, tile);
                }
            }
            element += count;
        }
    }
}
