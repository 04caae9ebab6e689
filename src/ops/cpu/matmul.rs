//! Matrix products on packed right factors. The left factor is read where it lies, so a convolution needs no gathered copy
//! of its windows.

use std::ops::Range;

use super::simd::{Isa, for_each_isa};
use super::tiles::{multiply_kernel, pack_kernel, transposed_kernel};

/// How the elements of a row of the left factor lie from its start on: `count` runs of `length` elements, `stride` apart.
#[derive(Clone, Copy, Debug)]
pub struct Runs {
    /// Number of runs.
    pub count: usize,
    /// Elements of a run.
    pub length: usize,
    /// Distance between the beginnings of two runs.
    pub stride: usize,
}

impl Runs {
    /// One run.
    pub fn one(length: usize) -> Self {
        Self { count: 1, length, stride: 0 }
    }

    /// Elements of a row.
    pub fn elements(&self) -> usize {
        self.count * self.length
    }
}

/// Rows of a matrix inside a slice.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// What the rows lie in; they may overlap.
    pub data: &'a [f32],
    /// Where each row starts.
    pub starts: &'a [usize],
    /// How a row goes on.
    pub runs: Runs,
}

impl Rows<'_> {
    /// Panics if an element of a row lies outside the slice: the callers derive the rows from checked geometry.
    pub(super) fn check(&self) {
        let last = self.starts.iter().copied().max().unwrap_or(0);
        let reach = self.runs.count.saturating_sub(1) * self.runs.stride + self.runs.length;
        assert!(self.starts.is_empty() || last + reach <= self.data.len(), "rows of the left factor in their slice");
    }
}

/// What becomes of the earlier content of a product's destination.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// It is not read.
    Overwrite,
    /// The product is added to it.
    Accumulate,
}

/// What to multiply by so many columns with: registers half as wide if the wider ones would stay half empty. Asked again
/// about its own answer, it gives the same.
fn suited(isa: Isa, columns: usize) -> Isa {
    if 2 * columns <= isa.lanes() { isa.narrower() } else { isa }
}

/// Columns in a panel of a matrix of so many: two vectors.
pub fn panel_width(isa: Isa, columns: usize) -> usize {
    2 * suited(isa, columns).lanes()
}

/// Elements of a packed matrix of `rows` x `columns`.
pub fn packed_len(isa: Isa, rows: usize, columns: usize) -> usize {
    rows * columns.next_multiple_of(panel_width(isa, columns))
}

/// A right factor in panels: the first columns of all rows, then the next ones, the last panel filled up with zeros.
#[derive(Clone, Copy)]
pub struct Packed<'a> {
    isa: Isa,
    pub(super) panels: &'a [f32],
    pub(super) rows: usize,
    pub(super) columns: usize,
}

impl<'a> Packed<'a> {
    /// A matrix that [`Packed::pack`] has packed into `panels`.
    pub fn of(isa: Isa, panels: &'a [f32], [rows, columns]: [usize; 2]) -> Self {
        Self { isa: suited(isa, columns), panels, rows, columns }
    }

    /// Packs a matrix into `buffer`, of [`packed_len`] elements; element `(i, j)` is `data[i * strides[0] + j * strides[1]]`.
    pub fn pack(
        isa: Isa,
        buffer: &'a mut [f32],
        data: &[f32],
        [rows, columns]: [usize; 2],
        strides: [usize; 2],
    ) -> Self {
        pack_range(isa, buffer, data, [rows, columns], 0..columns, strides);
        Self::of(isa, buffer, [rows, columns])
    }

    /// Panics unless its panels of so many columns are there.
    pub(super) fn check(&self, width: usize) {
        assert!(self.panels.len() >= self.rows * self.columns.next_multiple_of(width), "right factor in its slice");
    }
}

/// Packs the columns `range` of a matrix, whole panels but for its last, into their part of the buffer: [`Packed::pack`] for one
/// of several threads.
pub fn pack_range(
    isa: Isa,
    buffer: &mut [f32],
    data: &[f32],
    [rows, columns]: [usize; 2],
    range: Range<usize>,
    strides: [usize; 2],
) {
    let (isa, width, used) = (suited(isa, columns), panel_width(isa, columns), range.len());
    let first = range.start * strides[1];
    let reach = if rows * used == 0 { 0 } else { first + (rows - 1) * strides[0] + (used - 1) * strides[1] + 1 };
    assert!(reach <= data.len() && buffer.len() >= rows * used.next_multiple_of(width), "matrix to pack in its slice");
    let data = &data[first.min(data.len())..];
    if strides[1] == 1 {
        pack_rows(isa, buffer, data, [rows, used], strides[0]);
    } else {
        pack_columns(width, buffer, data, [rows, used], strides);
    }
}

/// Packs a matrix whose elements do not follow each other along its rows.
fn pack_columns(
    width: usize,
    buffer: &mut [f32],
    data: &[f32],
    [rows, columns]: [usize; 2],
    [down, right]: [usize; 2],
) {
    for (panel, first) in buffer.chunks_exact_mut(rows * width).zip((0..columns).step_by(width)) {
        let used = width.min(columns - first);
        if used < width {
            panel.fill(0.0);
        }
        for j in 0..used {
            let column = &data[(first + j) * right..];
            for (i, to) in panel.chunks_exact_mut(width).enumerate() {
                to[j] = column[i * down];
            }
        }
    }
}

/// `c = a b` or `c += a b`; `c: [rows of a, columns of b]`, its rows one after another.
///
/// # Panics
/// If sizes do not agree: the callers derive all of them from one geometry.
pub fn multiply(a: Rows<'_>, b: Packed<'_>, c: &mut [f32], destination: Destination) {
    multiply_on(b.isa, a, b, c, destination == Destination::Accumulate);
}

/// `c += a^T b`, for `b: [rows of a, columns]` with its rows one after another; `c: [elements of a row of a, columns]`.
///
/// `buffer` is for the packed `b`, of [`packed_len`] elements.
///
/// # Panics
/// As [`multiply`].
pub fn add_transposed_product(isa: Isa, a: Rows<'_>, b: &[f32], columns: usize, c: &mut [f32], buffer: &mut [f32]) {
    let rows = a.starts.len();
    let b = Packed::pack(isa, &mut buffer[..packed_len(isa, rows, columns)], b, [rows, columns], [columns, 1]);
    add_transposed_product_on(b.isa, a, b, c);
}

for_each_isa! {
    /// [`Packed::pack`] of rows `stride` apart.
    fn pack_rows(buffer: &mut [f32], data: &[f32], size: [usize; 2], stride: usize) = pack_kernel;
    /// [`multiply`] on an instruction set.
    fn multiply_on(a: Rows<'_>, b: Packed<'_>, c: &mut [f32], accumulate: bool) = multiply_kernel;
    /// [`add_transposed_product`] after the packing.
    fn add_transposed_product_on(a: Rows<'_>, b: Packed<'_>, c: &mut [f32]) = transposed_kernel;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::reference::random;

    /// Rows of `runs` that overlap, their starts in no order.
    fn starts(count: usize) -> Vec<usize> {
        (0..count).map(|row| row * 7 % 50 + row).collect()
    }

    const RUNS: [Runs; 4] = [
        Runs { count: 1, length: 5, stride: 0 },
        Runs { count: 3, length: 9, stride: 31 },
        Runs { count: 2, length: 26, stride: 26 },
        Runs { count: 1, length: 49, stride: 3 },
    ];

    /// Row `row` of the left factor, written out.
    fn row(a: Rows<'_>, row: usize) -> Vec<f32> {
        let run = |run: usize| &a.data[a.starts[row] + run * a.runs.stride..][..a.runs.length];
        (0..a.runs.count).flat_map(run).copied().collect()
    }

    fn assert_near(got: &[f32], expected: &[f32]) {
        assert_eq!(got.len(), expected.len());
        got.iter().zip(expected).for_each(|(got, expected)| assert!((got - expected).abs() < 1e-4, "{got} {expected}"));
    }

    /// Calls `check` with rows and a right factor of many sizes on every instruction set.
    fn for_all(mut check: impl FnMut(Isa, Rows<'_>, usize)) {
        let data = random(400, 1);
        for isa in Isa::available() {
            for runs in RUNS {
                for rows in [1, 2, 3, 5, 6, 7, 11, 12, 13, 29, 50] {
                    let starts = starts(rows);
                    for columns in [1, 3, 4, 7, 8, 9, 15, 16, 17, 24, 33, 40, 70] {
                        check(isa, Rows { data: &data, starts: &starts, runs }, columns);
                    }
                }
            }
        }
    }

    #[test]
    fn products_match_their_definition() {
        for_all(|isa, a, columns| {
            let (k, rows) = (a.runs.elements(), a.starts.len());
            let b = random(k * columns, 2);
            let mut expected = vec![1.0; rows * columns];
            for (i, c) in expected.chunks_exact_mut(columns).enumerate() {
                for (a, b) in row(a, i).iter().zip(b.chunks_exact(columns)) {
                    c.iter_mut().zip(b).for_each(|(c, b)| *c += a * b);
                }
            }
            let transposed: Vec<f32> =
                (0..columns).flat_map(|j| (0..k).map(move |i| (i, j))).map(|(i, j)| b[i * columns + j]).collect();
            for (data, strides) in [(&b, [columns, 1]), (&transposed, [1, k])] {
                let mut buffer = vec![f32::NAN; packed_len(isa, k, columns)];
                let packed = Packed::pack(isa, &mut buffer, data, [k, columns], strides);
                // One more value, which has to stay.
                let mut c = vec![1.0; rows * columns + 1];
                multiply(a, packed, &mut c, Destination::Accumulate);
                assert_near(&c[..rows * columns], &expected);
                assert_eq!(c[rows * columns], 1.0);
                multiply(a, packed, &mut c, Destination::Overwrite);
                c.iter_mut().for_each(|c| *c += 1.0);
                assert_near(&c[..rows * columns], &expected);
            }
        });
    }

    #[test]
    fn transposed_products_match_their_definition() {
        for_all(|isa, a, columns| {
            let (k, rows) = (a.runs.elements(), a.starts.len());
            let b = random(rows * columns, 3);
            let mut expected = vec![1.0; k * columns];
            for (i, b) in b.chunks_exact(columns).enumerate() {
                for (a, c) in row(a, i).iter().zip(expected.chunks_exact_mut(columns)) {
                    c.iter_mut().zip(b).for_each(|(c, b)| *c += a * b);
                }
            }
            let (mut c, mut buffer) = (vec![1.0; k * columns + 1], vec![f32::NAN; packed_len(isa, rows, columns)]);
            add_transposed_product(isa, a, &b, columns, &mut c, &mut buffer);
            assert_near(&c[..k * columns], &expected);
            assert_eq!(c[k * columns], 1.0);
        });
    }
}
