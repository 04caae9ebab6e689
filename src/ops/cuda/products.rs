//! Matrix products of cuBLAS, with factors in the precision of an engine.

use std::ops::Range;

use cudarc::cublas::sys::{
    cublasComputeType_t, cublasGemmAlgo_t, cublasMath_t, cublasPointerMode_t, cublasSetMathMode,
    cublasSetPointerMode_v2, cudaDataType,
};
use cudarc::cublas::{CudaBlas, result as blas};
use cudarc::driver::{CudaSlice, DeviceSlice};
use dfdx::tensor::CudaError;

use super::kernels::Kernels;
use super::memory::{View, ViewMut};
use super::operands::{Matrix, number};
use crate::device::Precision;

/// Values that a thread looks through for the largest, at least, and threads that do so at most.
const VALUES: usize = 256;
const THREADS: usize = 1 << 16;

/// Matrix products, by a handle of cuBLAS, which wants one for each thread.
#[derive(Debug)]
pub struct Products {
    blas: CudaBlas,
    precision: Precision,
    /// 0 and 1, where the GPU looks up what to multiply by.
    numbers: CudaSlice<f32>,
}

/// A factor: values where they lie, or a copy of them in f16.
pub enum Factor<'a> {
    /// In f32.
    F32(View<'a>),
    /// In f16.
    F16 {
        /// The bits, of the values times a power of two.
        bits: CudaSlice<u16>,
        /// The power and its inverse; 1 if missing.
        scale: Option<CudaSlice<f32>>,
    },
}

/// The values of a [`Factor`].
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    /// In f32.
    F32(View<'a>),
    /// The bits in f16, and by what to multiply a product, 1 if missing.
    F16(View<'a, u16>, Option<View<'a>>),
}

impl Factor<'_> {
    /// All of them.
    pub fn values(&self) -> Values<'_> {
        match self {
            Self::F32(values) => Values::F32(*values),
            Self::F16 { bits, scale } => {
                Values::F16(View::of(bits), scale.as_ref().map(|scale| View::of(scale).part(1..2)))
            }
        }
    }
}

impl Values<'_> {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F16(bits, _) => bits.len(),
        }
    }

    /// Some of them. Panics if there are not so many.
    pub fn part(self, range: Range<usize>) -> Self {
        match self {
            Self::F32(values) => Self::F32(values.part(range)),
            Self::F16(bits, unscale) => Self::F16(bits.part(range), unscale),
        }
    }
}

impl<'a> From<View<'a>> for Values<'a> {
    fn from(values: View<'a>) -> Self {
        Self::F32(values)
    }
}

impl<'a> From<View<'a, u16>> for Values<'a> {
    fn from(bits: View<'a, u16>) -> Self {
        Self::F16(bits, None)
    }
}

impl Products {
    /// On the device of `kernels`, for the calling thread.
    pub fn new(kernels: &Kernels, precision: Precision) -> Result<Self, CudaError> {
        let (blas, numbers) = (kernels.blas()?, kernels.upload(vec![0.0, 1.0])?);
        let math = match precision {
            Precision::F32 | Precision::F16 => cublasMath_t::CUBLAS_DEFAULT_MATH,
            Precision::Tf32 => cublasMath_t::CUBLAS_TF32_TENSOR_OP_MATH,
        };
        // SAFETY: the handle is alive.
        unsafe {
            cublasSetMathMode(*blas.handle(), math).result()?;
            cublasSetPointerMode_v2(*blas.handle(), cublasPointerMode_t::CUBLAS_POINTER_MODE_DEVICE).result()?;
        }
        Ok(Self { blas, precision, numbers })
    }

    /// How factors are rounded.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// A factor of ordinary size, as weights and the outputs of batch norm are.
    pub fn factor<'a>(&self, kernels: &Kernels, values: View<'a>) -> Result<Factor<'a>, CudaError> {
        match self.precision {
            Precision::F32 | Precision::Tf32 => Ok(Factor::F32(values)),
            Precision::F16 => halves(kernels, values, None),
        }
    }

    /// A factor of any size, as gradients are: f16 would lose small ones, and has no large ones, so it gets the largest
    /// magnitude to just below its end. Multiplying by a power of two changes no digit, and the product is divided by it.
    pub fn gradient<'a>(&self, kernels: &Kernels, values: View<'a>) -> Result<Factor<'a>, CudaError> {
        match self.precision {
            Precision::F32 | Precision::Tf32 => Ok(Factor::F32(values)),
            Precision::F16 => halves(kernels, values, Some(scale(kernels, values)?)),
        }
    }

    /// `c = a b`, or `c += a b`. Both factors in f32 or both in f16, of which one at most is scaled.
    pub fn multiply(&self, a: Matrix<'_>, b: Matrix<'_>, c: ViewMut<'_>, accumulate: bool) -> Result<(), CudaError> {
        let ([m, k], [also_k, n]) = (a.extents(), b.extents());
        assert_eq!((k, c.len()), (also_k, m * n), "factors of a matrix product");
        if c.len() == 0 {
            return Ok(());
        }
        let [m, n, k, a_columns, b_columns] = [m, n, k, a.columns, b.columns].map(|extent| number(extent) as i32);
        let numbers = View::of(&self.numbers);
        let [zero, one] = [0, 1].map(|at| numbers.part(at..at + 1));
        let beta = if accumulate { one } else { zero };
        let (left, right, kind, alpha) = match (b.values, a.values) {
            (Values::F32(b), Values::F32(a)) => (b.address(), a.address(), cudaDataType::CUDA_R_32F, one),
            (Values::F16(b, scaled), Values::F16(a, also)) => {
                assert!(scaled.is_none() || also.is_none(), "both factors are scaled");
                (b.address(), a.address(), cudaDataType::CUDA_R_16F, scaled.or(also).unwrap_or(one))
            }
            mixed => panic!("factors of two precisions: {mixed:?}"),
        };
        let (op_b, op_a, c, handle) = (b.operation(), a.operation(), c.address(), *self.blas.handle());
        let [alpha, beta] = [alpha, beta].map(|number| number.address());
        // In cuBLAS's column-major order this is the product of the transposed matrices in the other order.
        // SAFETY: the handle is alive, the extents are those of the views, as was checked, `c`, borrowed for writing, overlaps
        // with nothing, and the handle looks up alpha and beta on the GPU, where they lie. Memory on the GPU is freed by
        // its stream, so after what is begun here.
        let done = unsafe {
            if kind == cudaDataType::CUDA_R_32F {
                let (alpha, left, right, beta) =
                    (alpha as *const f32, left as *const f32, right as *const f32, beta as *const f32);
                blas::sgemm(
                    handle,
                    op_b,
                    op_a,
                    n,
                    m,
                    k,
                    alpha,
                    left,
                    b_columns,
                    right,
                    a_columns,
                    beta,
                    c as *mut f32,
                    n,
                )
            } else {
                let (alpha, left, right, beta) =
                    (alpha as *const _, left as *const _, right as *const _, beta as *const _);
                let (sum, algorithm) = (cublasComputeType_t::CUBLAS_COMPUTE_32F, cublasGemmAlgo_t::CUBLAS_GEMM_DFALT);
                let f32 = cudaDataType::CUDA_R_32F;
                blas::gemm_ex(
                    handle,
                    op_b,
                    op_a,
                    n,
                    m,
                    k,
                    alpha,
                    left,
                    kind,
                    b_columns,
                    right,
                    kind,
                    a_columns,
                    beta,
                    c as *mut _,
                    f32,
                    n,
                    sum,
                    algorithm,
                )
            }
        };
        Ok(done?)
    }
}

fn halves<'a>(kernels: &Kernels, values: View<'_>, scale: Option<CudaSlice<f32>>) -> Result<Factor<'a>, CudaError> {
    let mut bits = kernels.scratch(values.len())?;
    kernels.to_half(values, scale.as_ref().map(View::of), ViewMut::of(&mut bits))?;
    Ok(Factor::F16 { bits, scale })
}

/// The power of two that suits the largest of these values, and its inverse.
fn scale(kernels: &Kernels, values: View<'_>) -> Result<CudaSlice<f32>, CudaError> {
    let few = |values: usize| values.div_ceil(VALUES).clamp(1, THREADS);
    let mut most = kernels.scratch(few(values.len()))?;
    kernels.largest(values, ViewMut::of(&mut most))?;
    while most.len() > 1 {
        let mut fewer = kernels.scratch(few(most.len()))?;
        kernels.largest(View::of(&most), ViewMut::of(&mut fewer))?;
        most = fewer;
    }
    let mut scale = kernels.scratch(2)?;
    kernels.power_of_two(View::of(&most), ViewMut::of(&mut scale))?;
    Ok(scale)
}
