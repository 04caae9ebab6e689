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
use super::values::{Values, ValuesMut};
use crate::device::Precision;

/// Values that a thread looks through for the largest, at least, and threads that do so at most.
const VALUES: usize = 256;
const THREADS: usize = 1 << 16;

/// Matrix products, by a handle of cuBLAS, which wants one for each thread.
#[derive(Debug)]
pub struct Products {
    blas: CudaBlas,
    precision: Precision,
    /// 0 and 1, for products by a number that the GPU looks up.
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

impl Factor<'_> {
    /// All of its values, as a matrix of so many columns.
    pub fn all(&self, columns: usize) -> Matrix<'_> {
        let values = match self {
            Self::F32(values) => values.len(),
            Self::F16 { bits, .. } => bits.len(),
        };
        self.rows(0..values, columns)
    }

    /// Some of its values, as a matrix of so many columns. Panics if there are not so many.
    pub fn rows(&self, range: Range<usize>, columns: usize) -> Matrix<'_> {
        match self {
            Self::F32(values) => Matrix::new(values.part(range), columns),
            Self::F16 { bits, scale } => {
                let unscale = scale.as_ref().map(|scale| View::of(scale).part(1..2));
                Matrix::new(View::of(bits).part(range), columns).scaled(unscale)
            }
        }
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
        unsafe { cublasSetMathMode(*blas.handle(), math) }.result()?;
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

    /// `c = a b`, or `c += a b`. All in f32, or both factors in f16, of which one at most is scaled.
    pub fn multiply<'c>(
        &self,
        a: Matrix<'_>,
        b: Matrix<'_>,
        c: impl Into<ValuesMut<'c>>,
        accumulate: bool,
    ) -> Result<(), CudaError> {
        let (written, [m, k], [also_k, n]) = (c.into(), a.extents(), b.extents());
        let c = written.read();
        assert_eq!((k, c.len()), (also_k, m * n), "factors of a matrix product");
        if c.len() == 0 {
            return Ok(());
        }
        let [m, n, k, a_apart, b_apart] = [m, n, k, a.apart, b.apart].map(|extent| number(extent) as i32);
        assert!(a.unscale.is_none() || b.unscale.is_none(), "both factors are scaled");
        let (one, beta) = (1.0_f32, if accumulate { 1.0 } else { 0.0_f32 });
        let (mode, alpha, beta): (_, *const f32, *const f32) = match a.unscale.or(b.unscale) {
            None => (cublasPointerMode_t::CUBLAS_POINTER_MODE_HOST, &one, &beta),
            // The GPU alone knows it, and then has to know both.
            Some(unscale) => {
                let beta = View::of(&self.numbers).part(usize::from(accumulate)..2);
                let [alpha, beta] = [unscale, beta].map(|number| number.address() as *const f32);
                (cublasPointerMode_t::CUBLAS_POINTER_MODE_DEVICE, alpha, beta)
            }
        };
        let in_f16 = match (b.values, a.values, c) {
            (Values::F32(_), Values::F32(_), Values::F32(_)) => false,
            (Values::F16(_), Values::F16(_), _) => true,
            mixed => panic!("factors of two types: {mixed:?}"),
        };
        let product = match c {
            Values::F32(_) => cudaDataType::CUDA_R_32F,
            Values::F16(_) => cudaDataType::CUDA_R_16F,
        };
        let [left, right, c] = [b.values, a.values, c].map(|values| values.address());
        let (op_b, op_a, handle) = (b.operation(), a.operation(), *self.blas.handle());
        // In cuBLAS's column-major order this is the product of the transposed matrices in the other order.
        // SAFETY: the handle is alive, the extents are those of the views, as was checked, `c`, borrowed for writing, overlaps
        // with nothing, and the handle looks up alpha and beta where they lie. Memory on the GPU is freed by its stream, so
        // after what is begun here, and what lies on the host is read before these calls return.
        let done = unsafe {
            cublasSetPointerMode_v2(handle, mode).result()?;
            if !in_f16 {
                let (left, right) = (left as *const f32, right as *const f32);
                blas::sgemm(handle, op_b, op_a, n, m, k, alpha, left, b_apart, right, a_apart, beta, c as *mut f32, n)
            } else {
                let (alpha, beta) = (alpha.cast(), beta.cast());
                let (left, right) = (left as *const _, right as *const _);
                let (sum, algorithm) = (cublasComputeType_t::CUBLAS_COMPUTE_32F, cublasGemmAlgo_t::CUBLAS_GEMM_DFALT);
                let f16 = cudaDataType::CUDA_R_16F;
                blas::gemm_ex(
                    handle,
                    op_b,
                    op_a,
                    n,
                    m,
                    k,
                    alpha,
                    left,
                    f16,
                    b_apart,
                    right,
                    f16,
                    a_apart,
                    beta,
                    c as *mut _,
                    product,
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
