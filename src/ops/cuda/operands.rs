//! What kernels and the matrix product are given, and whether its sizes agree.
//!
//! Sizes were checked where they come in: a wrong one here is a mistake in this module, so these checks panic.

use cudarc::cublas::sys::cublasOperation_t;

use super::memory::View;
use super::values::Values;

/// Most values that kernels and matrix products count.
pub const MOST_VALUES: usize = i32::MAX as usize;

/// The sizes of a convolution, as in `conv.cu`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Conv {
    pub height: u32,
    pub width: u32,
    pub channels: u32,
    pub out_height: u32,
    pub out_width: u32,
    pub kernel: [u32; 2],
    pub stride: [u32; 2],
    pub padding: [u32; 2],
}

/// The sizes of a pooling, as in `pool.cu`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Pool {
    pub height: u32,
    pub width: u32,
    pub channels: u32,
    pub out_height: u32,
    pub out_width: u32,
}

/// How colours are normalised, as in `images.cu`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Colours {
    pub mean: [f32; 3],
    pub deviation: [f32; 3],
}

/// What is cut out of the image at some place, as in `images.cu`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct PlacedCut {
    pub place: u32,
    pub flip: u32,
    pub corner: [f32; 2],
    pub size: [f32; 2],
}

/// A matrix in row-major order; rows and columns are those of it as it is stored.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// All, with those between its rows.
    pub values: Values<'a>,
    /// By what a product with it is multiplied; 1 if missing.
    pub unscale: Option<View<'a>>,
    rows: usize,
    columns: usize,
    /// Values from a row to the next.
    pub apart: usize,
    transposed: bool,
}

impl<'a> Matrix<'a> {
    /// Of so many columns.
    pub fn new(values: impl Into<Values<'a>>, columns: usize) -> Self {
        let values = values.into();
        Self { values, unscale: None, rows: rows(values.len(), columns), columns, apart: columns, transposed: false }
    }

    /// The first columns of one that is not transposed.
    pub fn first_columns(self, columns: usize) -> Self {
        assert!(columns <= self.columns && !self.transposed, "{columns} columns of {self:?}");
        Self { columns, ..self }
    }

    /// The same values, times the inverse of what a product with them is to be multiplied by.
    pub fn scaled(self, unscale: Option<View<'a>>) -> Self {
        Self { unscale, ..self }
    }

    /// The same values, to be multiplied as the transposed matrix.
    pub fn transposed(self) -> Self {
        Self { transposed: !self.transposed, ..self }
    }

    /// Rows and columns as a factor.
    pub fn extents(&self) -> [usize; 2] {
        if self.transposed { [self.columns, self.rows] } else { [self.rows, self.columns] }
    }

    /// What cuBLAS is to do with it.
    pub fn operation(&self) -> cublasOperation_t {
        if self.transposed { cublasOperation_t::CUBLAS_OP_T } else { cublasOperation_t::CUBLAS_OP_N }
    }
}

/// What a norm maps the normalised values to.
#[derive(Clone, Copy, Debug)]
pub struct Affine<'a> {
    /// Gain, `[C]`.
    pub scale: View<'a>,
    /// Offset, `[C]`.
    pub shift: View<'a>,
    /// Added to the variance.
    pub epsilon: f32,
}

impl Conv {
    /// Values of an image.
    pub fn input(&self) -> usize {
        [self.height, self.width, self.channels].map(|extent| extent as usize).iter().product()
    }

    /// Output pixels of an image.
    pub fn pixels(&self) -> usize {
        self.out_height as usize * self.out_width as usize
    }

    /// Values under the window.
    pub fn taps(&self) -> usize {
        self.kernel[0] as usize * self.kernel[1] as usize * self.channels as usize
    }
}

impl Pool {
    /// Do so many values on both sides belong to as many images, and is the table of spans whole?
    pub fn check(&self, spans: View<'_, u32>, input: usize, output: usize) {
        let extents = [self.height, self.width, self.out_height, self.out_width].map(|extent| extent as usize);
        let [height, width, out_height, out_width] = extents;
        let channels = self.channels as usize;
        same(
            "pooled images",
            [rows(input, height * width * channels), rows(output, out_height * out_width * channels)],
        );
        same("numbers of spans", [spans.len(), 2 * extents.iter().sum::<usize>()]);
    }
}

/// Some channels of a matrix.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// How many.
    pub channels: usize,
    /// Channels of the matrix.
    pub total: usize,
    /// The first.
    pub offset: usize,
}

impl Part {
    /// Does a matrix with so many values have this part with so many?
    pub fn check(self, part: usize, whole: usize) {
        assert!(self.offset + self.channels <= self.total, "{self:?}");
        same("rows of a part", [rows(part, self.channels), rows(whole, self.total)]);
    }
}

/// A count as kernels take it.
pub fn number(count: usize) -> u32 {
    assert!(count <= MOST_VALUES, "{count} values");
    count as u32
}

/// Rows of so many values with so many columns.
pub fn rows(values: usize, columns: usize) -> usize {
    assert_eq!(values % columns, 0, "{values} values in {columns} columns");
    values / columns
}

/// The one number that all of these are.
pub fn same<const N: usize>(what: &str, numbers: [usize; N]) -> usize {
    assert!(numbers.iter().all(|number| *number == numbers[0]), "{what}: {numbers:?}");
    numbers[0]
}
