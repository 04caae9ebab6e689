//! Which GPUs there are, whether one works, and an engine on it for each training.

use std::any::Any;
use std::ffi::CStr;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Arc;

use cudarc::driver::sys::{self, CUdevice, CUdevice_attribute, CUmemPool_attribute, CUmemoryPool, CUresult};
use cudarc::driver::{CudaDevice, DriverError, result};
use dfdx::prelude::*;
use dfdx::tensor::CudaError;

use super::OnCuda;
use super::context::Context;
use super::images::KeptImages;
use super::kernels::{Kernels, LoadError};
use super::memory::{Output, Source};
use super::products::Products;
use crate::device::{Device, DeviceKind, Precision};
use crate::ops::budget::{Budget, Promise};
use crate::ops::{Engines, OpError};

/// One NVIDIA GPU that has been tried out.
#[derive(Clone, Debug)]
pub struct Gpu {
    number: usize,
    precision: Precision,
    description: GpuDescription,
    /// Keep the driver's context from one training to the next, and its count of memory.
    kernels: Kernels,
    budget: Budget,
    images: Arc<KeptImages>,
}

/// What cuBLAS keeps for the two handles of an engine. Source: its documentation of the workspace, 32 MiB on GPUs of
/// compute capability 9.0, less on others.
const HANDLES_BYTES: u64 = 64 << 20;

/// What the driver tells of a GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuDescription {
    /// As its maker calls it.
    pub name: String,
    /// Major and minor number.
    pub compute_capability: [i32; 2],
    /// Bytes of memory.
    pub memory: usize,
    /// Bytes that nobody used when it was tried out.
    pub free_memory: usize,
    /// The newest CUDA that the driver knows: major and minor number.
    pub driver: [i32; 2],
}

/// Why a GPU cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GpuError {
    /// There is none, or the driver does not show it.
    #[error(
        "there is no NVIDIA GPU that CUDA sees ({0}): check that `nvidia-smi` lists one and that CUDA_VISIBLE_DEVICES does \
         not hide it, or use --device cpu"
    )]
    None(String),
    /// There are not so many.
    #[error("there is no GPU number {number}: this machine has {count}, numbered from 0")]
    NoSuch {
        /// The number asked for.
        number: usize,
        /// How many there are.
        count: usize,
    },
    /// The kernels were compiled by a newer CUDA than the driver knows.
    #[error(
        "the GPU's driver knows CUDA up to {}.{}, and the program's kernels were compiled by a newer one: update the driver, \
         or build the program with an nvcc of that version or an older one", .driver[0], .driver[1]
    )]
    OldDriver {
        /// The newest CUDA that the driver knows.
        driver: [i32; 2],
    },
    /// The kernels were compiled for a newer GPU.
    #[error(
        "{name} has compute capability {0}.{1}, and the program's kernels were compiled for another: build it with \
         CUDA_COMPUTE_CAP={0}{1} in the environment", .capability[0], .capability[1]
    )]
    OtherGpu {
        /// Name of the GPU.
        name: String,
        /// Its compute capability.
        capability: [i32; 2],
    },
    /// Not even a context fits into its memory.
    #[error("the GPU has no memory left: end other programs on it (`nvidia-smi` lists them), or take another one")]
    OutOfMemory,
    /// Kernels that are compiled while the program runs could not be.
    #[error(
        "the GPU's kernels cannot be compiled: the program needs the folders `include` of CUDA and `out` of dfdx where they \
         were when it was built, and libnvrtc-builtins in the library path ({0})"
    )]
    Kernels(String),
    /// dfdx's tensors are not what this program knows.
    #[error(
        "the program does not find the memory of tensors: build it with the versions of dfdx and cudarc that its Cargo.toml \
         names ({0})"
    )]
    Tensors(String),
    /// Anything else.
    #[error("the GPU does not work: {0}")]
    Other(String),
}

impl Gpu {
    /// The GPU of that number, if a tensor can be put on it and computed with.
    ///
    /// # Errors
    /// [`GpuError`] with what to do about it.
    pub fn open(number: usize) -> Result<Self, GpuError> {
        result::init().map_err(|error| GpuError::None(text(error)))?;
        let count = usize::try_from(result::device::get_count().map_err(other)?).unwrap_or(0);
        if number >= count {
            let none = GpuError::None("the driver lists no device".to_owned());
            return Err(if count == 0 { none } else { GpuError::NoSuch { number, count } });
        }
        let context = CudaDevice::new(number).map_err(|error| match error.0 {
            CUresult::CUDA_ERROR_OUT_OF_MEMORY => GpuError::OutOfMemory,
            _ => other(error),
        })?;
        let description = describe(number).map_err(other)?;
        // A GPU without such a pool has nothing to keep.
        let _ = keep_freed_memory(number);
        try_out(number, &description)?;
        let kernels = Kernels::load(context).map_err(|error| match error {
            LoadError::Compiler(error) => GpuError::Kernels(error.to_string()),
            LoadError::Driver(error) => refused(error.into(), &description),
        })?;
        try_kernels(number, &kernels, &description)?;
        let owner = kernels.clone();
        let budget = Budget::new(move || capacity(number, &owner));
        let images = Arc::new(KeptImages::new(kernels.clone(), budget.clone()));
        Ok(Self { number, precision: Precision::F32, description, kernels, budget, images })
    }

    /// The same GPU, on which matrix products are so precise.
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// What the driver tells of it.
    pub fn description(&self) -> &GpuDescription {
        &self.description
    }

    /// The most memory that this process has used at once, in bytes; `None` where the driver does not count it.
    pub fn peak_memory(&self) -> Option<u64> {
        pool_bytes(self.number, CUmemPool_attribute::CU_MEMPOOL_ATTR_USED_MEM_HIGH).ok()
    }

    fn engine_with(&self, promise: Option<Promise>) -> Result<OnCuda, OpError> {
        // Nothing random is drawn on the device.
        let device = Cuda::try_build(self.number, 0).map_err(OpError::device)?;
        let products = Products::new(&self.kernels, self.precision).map_err(OpError::device)?;
        Ok(OnCuda::new(Context::new(device, self.kernels.clone(), products, self.images.clone(), promise)))
    }
}

impl Engines for Gpu {
    type Engine = OnCuda;

    fn device(&self) -> DeviceKind {
        Device::Cuda(self.number).kind(self.precision)
    }

    fn engine(&self) -> Result<OnCuda, OpError> {
        self.engine_with(None)
    }

    fn engine_for(&self, bytes: u64) -> Result<OnCuda, OpError> {
        // Trainings do without images on the GPU.
        let promise = self.budget.promise(bytes + HANDLES_BYTES, || self.images.drop_all())?;
        self.engine_with(Some(promise))
    }
}

/// `NVIDIA H100, compute capability 9.0, 79.6 GiB, driver for CUDA 13.0`.
impl fmt::Display for GpuDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, compute_capability: [major, minor], memory, driver, .. } = self;
        let memory = *memory as f64 / f64::from(1 << 30);
        let [driver_major, driver_minor] = driver;
        write!(
            f,
            "{name}, compute capability {major}.{minor}, {memory:.1} GiB, driver for CUDA {driver_major}.{driver_minor}"
        )
    }
}

fn device(number: usize) -> Result<CUdevice, DriverError> {
    result::device::get(i32::try_from(number).unwrap_or(i32::MAX))
}

/// The driver's pool that all memory of the GPU comes from.
fn memory_pool(number: usize) -> Result<CUmemoryPool, DriverError> {
    let mut pool = std::ptr::null_mut();
    let device = device(number)?;
    // SAFETY: the driver is initialised and the device exists, since it has just been named.
    unsafe { sys::cuDeviceGetDefaultMemPool(&raw mut pool, device).result()? };
    Ok(pool)
}

/// Bytes that this process has or could have.
fn capacity(number: usize, kernels: &Kernels) -> Result<u64, OpError> {
    kernels.bind_to_thread().map_err(OpError::device)?;
    let (free, _) = result::mem_get_info().map_err(OpError::device)?;
    // A GPU without such a pool keeps nothing.
    let kept = pool_bytes(number, CUmemPool_attribute::CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT).unwrap_or(0);
    Ok(free as u64 + kept)
}

/// What the driver counts of its pool in bytes.
fn pool_bytes(number: usize, attribute: CUmemPool_attribute) -> Result<u64, DriverError> {
    let (pool, mut bytes) = (memory_pool(number)?, 0u64);
    // SAFETY: the pool exists, and the result has the type that the driver writes for the attributes that are asked for.
    unsafe { sys::cuMemPoolGetAttribute(pool, attribute, (&raw mut bytes).cast()).result()? };
    Ok(bytes)
}

/// Lets the driver's pool keep memory that is freed, for the next step. By default it gives all of it back to the system
/// whenever the host waits for the GPU, as a training does for the loss of every step.
fn keep_freed_memory(number: usize) -> Result<(), DriverError> {
    let mut threshold = u64::MAX;
    let pool = memory_pool(number)?;
    let attribute = CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    // SAFETY: the pool exists, and the value has the type that the driver reads for this attribute.
    unsafe { sys::cuMemPoolSetAttribute(pool, attribute, (&raw mut threshold).cast()).result() }
}

/// What the driver says of the GPU of the current context.
fn describe(number: usize) -> Result<GpuDescription, DriverError> {
    const NAME_BYTES: usize = 256;
    let device = device(number)?;
    let (mut name, mut version) = ([0; NAME_BYTES], 0);
    // SAFETY: the driver is initialised, `device` is one of its devices, and the buffers are as long as is said.
    let (capability, memory) = unsafe {
        sys::cuDriverGetVersion(&raw mut version).result()?;
        sys::cuDeviceGetName(name.as_mut_ptr(), NAME_BYTES as i32, device).result()?;
        let part = |attribute| result::device::get_attribute(device, attribute);
        let major = part(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
        let minor = part(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
        ([major, minor], result::device::total_mem(device)?)
    };
    let name = CStr::from_bytes_until_nul(&name.map(|letter| letter as u8)).map(CStr::to_owned).unwrap_or_default();
    Ok(GpuDescription {
        name: name.to_string_lossy().into_owned(),
        compute_capability: capability,
        memory,
        free_memory: result::mem_get_info()?.0,
        // 13000 stands for 13.0, 12020 for 12.2.
        driver: [version / 1000, version % 1000 / 10],
    })
}

/// Computes a little of every sort: kernels compiled with the program, kernels compiled now, a matrix product.
fn try_out(number: usize, description: &GpuDescription) -> Result<(), GpuError> {
    let compute = || -> Result<(), CudaError> {
        let device = Cuda::try_build(number, 0)?;
        let x: Tensor<(usize, usize), f32, Cuda> = device.try_zeros_like(&(2, 2))?;
        let x = x.try_exp()?;
        (x.clone(), x.clone().try_matmul(x)?).try_concat_along(Axis::<1>)?.device().try_synchronize()
    };
    match quietly(compute) {
        Err(panic) => Err(GpuError::Kernels(panic)),
        Ok(result) => result.map_err(|error| refused(error, description)),
    }
}

/// Runs a kernel of our own from one tensor to another: so they lie where they are looked for, and not just anywhere.
fn try_kernels(number: usize, kernels: &Kernels, description: &GpuDescription) -> Result<(), GpuError> {
    let failed = |error| refused(error, description);
    let not_found = |error: OpError| GpuError::Tensors(error.to_string());
    let device = Cuda::try_build(number, 0).map_err(failed)?;
    let x = device.try_tensor_from_vec(vec![1.0, 2.0, 3.0], (3,)).map_err(failed)?;
    let (x, mut y) = (Source::of(&x).map_err(not_found)?, Output::new(&device, (3,)).map_err(not_found)?);
    kernels.twice(x.view(), y.view()).map_err(failed)?;
    let y = y.finish().as_vec();
    if y == [2.0, 4.0, 6.0] { Ok(()) } else { Err(GpuError::Tensors(format!("twice 1, 2, 3 is {y:?}"))) }
}

/// What to say of an error in the first attempts.
fn refused(error: CudaError, description: &GpuDescription) -> GpuError {
    match error {
        CudaError::Driver(DriverError(code)) => match code {
            CUresult::CUDA_ERROR_OUT_OF_MEMORY => GpuError::OutOfMemory,
            CUresult::CUDA_ERROR_UNSUPPORTED_PTX_VERSION => GpuError::OldDriver { driver: description.driver },
            CUresult::CUDA_ERROR_INVALID_PTX | CUresult::CUDA_ERROR_NO_BINARY_FOR_GPU => {
                let GpuDescription { name, compute_capability: capability, .. } = description.clone();
                GpuError::OtherGpu { name, capability }
            }
            _ => other(DriverError(code)),
        },
        error => GpuError::Other(error.to_string()),
    }
}

/// The result of `work`, or the text of its panic, which is not shown: dfdx panics where kernels cannot be compiled.
fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let hook = take_hook();
    set_hook(Box::new(|_| ()));
    // Nothing that the work has touched is used afterwards.
    let result = catch_unwind(AssertUnwindSafe(work));
    set_hook(hook);
    result.map_err(|panic| message(&*panic))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

fn other(error: DriverError) -> GpuError {
    GpuError::Other(text(error))
}

/// What the driver calls an error; it does not know the numbers of newer drivers.
fn text(error: DriverError) -> String {
    let name = error.error_string().map(|text| text.to_string_lossy().into_owned());
    name.unwrap_or_else(|_| "an error that has no name".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;
    use crate::cut::Cut;
    use crate::ops::conformance::on_gpu;
    use crate::ops::{Engine, Images};

    /// The stand-in ends the program if the memory is freed while the other thread's stream may read it.
    #[test]
    fn a_gpu_frees_images_when_all_threads_have_read_them() {
        on_gpu(|_| {
            // Other tests count on the images of theirs.
            let gpu = Gpu::open(0).unwrap();
            let pixels: Vec<u8> = (0..2 * 2 * 3).collect();
            let images = Images {
                name: "one",
                side: 2,
                numbers: vec![7],
                bytes: &|_| &pixels,
                mean: [0.0; 3],
                deviation: [1.0 / 255.0; 3],
            };
            gpu.engine().unwrap().keep_images(&images).unwrap();
            let ((begun, has_begun), (gone, has_gone)) = (channel(), channel());
            thread::scope(|scope| {
                let gpu = &gpu;
                let read = scope.spawn(move || {
                    let engine = gpu.engine().unwrap();
                    let whole = Cut { image: 7, corner: [0.0; 2], size: [2.0; 2], flip: false };
                    let cut = || engine.cut_images("one", [whole].into_iter()).unwrap();
                    let maps = cut().unwrap();
                    begun.send(()).unwrap();
                    has_gone.recv().unwrap();
                    (maps.as_vec(), cut().is_none())
                });
                has_begun.recv().unwrap();
                gpu.images.drop_all();
                gone.send(()).unwrap();
                let (values, refused) = read.join().unwrap();
                assert!(refused && values.iter().zip(&pixels).all(|(got, &byte)| (got - f32::from(byte)).abs() < 1e-3));
            });
        });
    }
}
