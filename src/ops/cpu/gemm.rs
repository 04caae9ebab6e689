//! Matrix products of strided views, checked, on the crate `gemm`.

/// A matrix in a slice; element `(i, j)` is at `i * strides[0] + j * strides[1]`.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    data: &'a [f32],
    size: [usize; 2],
    strides: [usize; 2],
}

impl<'a> Matrix<'a> {
    /// `rows` x `columns`, rows one after another.
    pub fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::strided(data, rows, columns, columns)
    }

    /// `rows` x `columns`, rows `stride` apart.
    pub fn strided(data: &'a [f32], rows: usize, columns: usize, stride: usize) -> Self {
        Self { data, size: [rows, columns], strides: [stride, 1] }
    }

    /// The transpose.
    pub fn t(self) -> Self {
        let ([rows, columns], [down, right]) = (self.size, self.strides);
        Self { data: self.data, size: [columns, rows], strides: [right, down] }
    }
}

/// Whether the last element of a matrix lies inside its slice.
fn fits(len: usize, [rows, columns]: [usize; 2], [down, right]: [usize; 2]) -> bool {
    rows == 0 || columns == 0 || (rows - 1) * down + (columns - 1) * right < len
}

/// What becomes of the earlier content of a product's destination.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// It is not read.
    Overwrite,
    /// The product is added to it.
    Accumulate,
}

/// `c = a b` or `c += a b` on the calling thread; `c` has `a`'s rows, `b`'s columns, and rows `c_stride` apart.
///
/// # Panics
/// If the inner sizes differ or a matrix does not fit its slice: the callers derive all of them from one geometry.
pub fn multiply(a: Matrix<'_>, b: Matrix<'_>, c: &mut [f32], c_stride: usize, destination: Destination) {
    let ([m, k], [k_b, n]) = (a.size, b.size);
    assert_eq!(k, k_b, "inner sizes of a product");
    assert!(fits(a.data.len(), a.size, a.strides) && fits(b.data.len(), b.size, b.strides), "operand in its slice");
    assert!(c_stride >= n && fits(c.len(), [m, n], [c_stride, 1]), "destination in its slice");
    let accumulate = destination == Destination::Accumulate;
    let [a_down, a_right] = a.strides.map(usize::cast_signed);
    let [b_down, b_right] = b.strides.map(usize::cast_signed);
    // SAFETY: `fits` showed that every element of the three matrices lies in its slice; `c` is borrowed exclusively and its
    // rows do not overlap (c_stride >= n); without `accumulate` the destination is not read.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            c_stride.cast_signed(),
            accumulate,
            a.data.as_ptr(),
            a_right,
            a_down,
            b.data.as_ptr(),
            b_right,
            b_down,
            if accumulate { 1.0 } else { 0.0 },
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
