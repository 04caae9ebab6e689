//! A stream for each thread, so that the kernels of trainings that go on at once need not wait for each other.
//!
//! dfdx gives all its work to the default stream. For the driver that is one stream of the process, or one of each thread: a
//! program in C chooses by the macro `CUDA_API_PER_THREAD_DEFAULT_STREAM`, by which `cuda.h` gives the functions that take a
//! stream the names of those that mean the latter, with `_ptsz` at their end. cudarc calls the former by name. So these names
//! are defined here, as the functions of the latter kind, and the linker finds them before those of the driver.
//!
//! A training's memory is therefore used and freed in the order of its thread, as if there were no other. What several threads
//! use is the images alone ([`KeptImages`](super::images::KeptImages)). Work that would still be given to the process's stream,
//! as by a library, waits for the threads' and they for it.

use std::ffi::{c_uchar, c_uint, c_void};

use cudarc::cublas::sys::cudaStream_t;
use cudarc::driver::sys::{CUdeviceptr, CUevent, CUfunction, CUresult, CUstream};

/// The stream of whichever thread asks, for a library that takes a stream. Source: `CU_STREAM_PER_THREAD` of `cuda.h`.
pub const OF_THE_THREAD: cudaStream_t = std::ptr::without_provenance_mut(2);

macro_rules! of_the_thread {
    ($($name:ident = $linked:literal ($($argument:ident: $type:ty),*);)*) => {
        mod driver {
            use super::*;

            unsafe extern "C" {
                $(#[link_name = $linked] pub fn $name($($argument: $type),*) -> CUresult;)*
            }
        }
        $(
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $name($($argument: $type),*) -> CUresult {
                // SAFETY: the caller answers for the arguments, which mean the same.
                unsafe { driver::$name($($argument),*) }
            }
        )*
    };
}

of_the_thread! {
    cuStreamSynchronize = "cuStreamSynchronize_ptsz" (stream: CUstream);
    cuStreamWaitEvent = "cuStreamWaitEvent_ptsz" (stream: CUstream, event: CUevent, flags: c_uint);
    cuEventRecord = "cuEventRecord_ptsz" (event: CUevent, stream: CUstream);
    cuMemAllocAsync = "cuMemAllocAsync_ptsz" (address: *mut CUdeviceptr, bytes: usize, stream: CUstream);
    cuMemFreeAsync = "cuMemFreeAsync_ptsz" (address: CUdeviceptr, stream: CUstream);
    cuMemsetD8Async = "cuMemsetD8Async_ptsz" (to: CUdeviceptr, value: c_uchar, bytes: usize, stream: CUstream);
    cuMemcpyHtoDAsync_v2 = "cuMemcpyHtoDAsync_v2_ptsz" (to: CUdeviceptr, from: *const c_void, bytes: usize, stream: CUstream);
    cuMemcpyDtoHAsync_v2 = "cuMemcpyDtoHAsync_v2_ptsz" (to: *mut c_void, from: CUdeviceptr, bytes: usize, stream: CUstream);
    cuMemcpyDtoDAsync_v2 = "cuMemcpyDtoDAsync_v2_ptsz" (to: CUdeviceptr, from: CUdeviceptr, bytes: usize, stream: CUstream);
    cuLaunchKernel = "cuLaunchKernel_ptsz" (
        function: CUfunction, grid_x: c_uint, grid_y: c_uint, grid_z: c_uint, block_x: c_uint, block_y: c_uint, block_z: c_uint,
        shared_bytes: c_uint, stream: CUstream, arguments: *mut *mut c_void, extra: *mut *mut c_void
    );
}
