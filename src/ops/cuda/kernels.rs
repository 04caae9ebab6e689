//! The kernels, each as a function that checks what it is given.
//!
//! Everything that a thread begins runs on its one stream, one after the other, as all that dfdx does there; so memory of its
//! own may be freed as soon as what uses it has been launched. Sizes were checked where they come in: a wrong one here is a
//! mistake in this module.

use std::sync::Arc;

use cudarc::cublas::{CudaBlas, result as blas};
use cudarc::driver::sys::{CUdeviceptr, CUresult, cuCtxSynchronize};
use cudarc::driver::{CudaDevice, CudaFunction, CudaSlice, DeviceRepr, DriverError, LaunchAsync, LaunchConfig};
use cudarc::nvrtc::{CompileError, compile_ptx};
use dfdx::tensor::CudaError;

use super::memory::{View, ViewMut};
use super::operands::{Affine, Colours, Conv, Part, PlacedCut, Pool, number, rows, same};
use super::streams;
use super::values::Values;

/// Without any header. The compiler's own choice of an architecture is the oldest one that it knows, whose code the driver
/// takes to every newer one.
const SOURCE: &str = concat!(
    include_str!("common.cu"),
    include_str!("half.cu"),
    include_str!("conv.cu"),
    include_str!("norm.cu"),
    include_str!("pool.cu"),
    include_str!("parts.cu"),
    include_str!("images.cu"),
);

const MODULE: &str = "inception_nas";

const NAMES: [&str; 22] = [
    "twice",
    "to_half",
    "largest",
    "power_of_two",
    "window_rows",
    "window_rows_half",
    "window_rows_gradient",
    "norm_sums",
    "norm_gradient_sums",
    "norm_fold",
    "norm_of_batch",
    "norm_of_moments",
    "norm_apply",
    "norm_parameter_gradients",
    "norm_gradient",
    "max_pool",
    "max_pool_gradient",
    "avg_pool",
    "avg_pool_gradient",
    "write_part",
    "add_part",
    "cut_images",
];

/// Threads of a block.
const BLOCK: u32 = 256;

/// Kernels that are loaded on a GPU.
#[derive(Clone, Debug)]
pub struct Kernels {
    device: Arc<CudaDevice>,
}

/// What any bits are a value of.
///
/// # Safety
/// That has to be true of the type: memory that holds anything is read as its values.
pub unsafe trait Plain: DeviceRepr {}

// SAFETY: a number.
unsafe impl Plain for f32 {}
// SAFETY: a number.
unsafe impl Plain for u8 {}
// SAFETY: a number.
unsafe impl Plain for u16 {}

/// Values of a factor of matrix products, and the kernel that copies to them what lies under windows.
pub trait FactorValue: Plain + Copy {
    /// Its name.
    const WINDOW_ROWS: &'static str;
}

impl FactorValue for f32 {
    const WINDOW_ROWS: &'static str = "window_rows";
}

/// The bits of an f16.
impl FactorValue for u16 {
    const WINDOW_ROWS: &'static str = "window_rows_half";
}

/// Why kernels could not be loaded.
#[derive(Debug)]
pub enum LoadError {
    /// They are not compiled.
    Compiler(CompileError),
    /// The driver does not take them.
    Driver(DriverError),
}

// SAFETY: made of numbers only, laid out as the structs of the same names in the kernels' source.
unsafe impl DeviceRepr for Conv {}

// SAFETY: as for `Conv`.
unsafe impl DeviceRepr for Pool {}

// SAFETY: as for `Conv`.
unsafe impl DeviceRepr for Colours {}

// SAFETY: as for `Conv`.
unsafe impl DeviceRepr for PlacedCut {}

/// [`Values`] as kernels take them, as in `half.cu`.
#[derive(Clone, Copy)]
#[repr(C)]
struct AnyValues {
    address: CUdeviceptr,
    half: u32,
}

impl From<Values<'_>> for AnyValues {
    fn from(values: Values<'_>) -> Self {
        Self { address: values.address(), half: matches!(values, Values::F16(_)).into() }
    }
}

// SAFETY: as for `Conv`.
unsafe impl DeviceRepr for AnyValues {}

// SAFETY: a pointer for the kernel, the address that comes first.
unsafe impl<E> DeviceRepr for View<'_, E> {}

// SAFETY: as for `View`.
unsafe impl<E> DeviceRepr for ViewMut<'_, E> {}

impl Kernels {
    /// Compiles the kernels and loads them on a device.
    pub fn load(device: Arc<CudaDevice>) -> Result<Self, LoadError> {
        let code = compile_ptx(SOURCE).map_err(LoadError::Compiler)?;
        device.load_ptx(code, MODULE, &NAMES).map_err(LoadError::Driver)?;
        Ok(Self { device })
    }

    /// Makes the device that which the driver means when the calling thread asks.
    pub fn bind_to_thread(&self) -> Result<(), CudaError> {
        Ok(self.device.bind_to_thread()?)
    }

    /// Waits for all that any thread has begun.
    pub fn wait_for_all(&self) -> Result<(), CudaError> {
        self.bind_to_thread()?;
        // SAFETY: the calling thread has a context.
        Ok(unsafe { cuCtxSynchronize() }.result()?)
    }

    /// A handle of cuBLAS on the same device, for the calling thread.
    pub fn blas(&self) -> Result<CudaBlas, CudaError> {
        let handle = CudaBlas::new(self.device.clone())?;
        // SAFETY: the handle is alive, and so is a stream that each thread has.
        unsafe { blas::set_stream(*handle.handle(), streams::OF_THE_THREAD)? };
        Ok(handle)
    }

    /// Memory for so many values, which are anything.
    pub fn scratch<E: Plain>(&self, len: usize) -> Result<CudaSlice<E>, CudaError> {
        // SAFETY: the type is one that any bits are a value of.
        Ok(unsafe { self.device.alloc(len) }?)
    }

    /// A copy on the device.
    pub fn upload<E: DeviceRepr + Unpin>(&self, values: Vec<E>) -> Result<CudaSlice<E>, CudaError> {
        Ok(self.device.htod_copy(values)?)
    }

    /// Copies bytes into `to`, from `at` on. Panics if they go beyond its end.
    pub fn write(&self, to: &mut CudaSlice<u8>, at: usize, bytes: &[u8]) -> Result<(), CudaError> {
        Ok(self.device.htod_sync_copy_into(bytes, &mut to.slice_mut(at..at + bytes.len()))?)
    }

    /// Runs a kernel on so many threads at least.
    fn launch<P>(&self, name: &'static str, threads: usize, parameters: P) -> Result<(), CudaError>
    where
        CudaFunction: LaunchAsync<P>,
    {
        if threads == 0 {
            return Ok(());
        }
        let missing = DriverError(CUresult::CUDA_ERROR_NOT_FOUND);
        let function = self.device.get_func(MODULE, name).ok_or(missing)?;
        let blocks = number(threads).div_ceil(BLOCK);
        let config = LaunchConfig { grid_dim: (blocks, 1, 1), block_dim: (BLOCK, 1, 1), shared_mem_bytes: 0 };
        // SAFETY: each caller below passes the parameters that the kernel of that name has in its source, with views of
        // as many values as the kernel touches, which is checked there. What a kernel writes is borrowed for writing, so
        // that it overlaps with nothing else.
        Ok(unsafe { function.launch(config, parameters) }?)
    }

    /// `y = 2 x`.
    pub fn twice(&self, x: View<'_>, y: ViewMut<'_>) -> Result<(), CudaError> {
        let count = same("twice", [x.len(), y.len()]);
        self.launch("twice", count, (x, y, number(count)))
    }

    /// `y = scale * x` in f16, where `scale` is the first of two values, or 1.
    pub fn to_half(&self, x: View<'_>, scale: Option<View<'_>>, y: ViewMut<'_, u16>) -> Result<(), CudaError> {
        let count = same("halves", [x.len(), y.len()]);
        if let Some(scale) = &scale {
            same("values of a scale", [scale.len(), 2]);
        }
        let scale = scale.map_or(0, |scale| scale.address());
        self.launch("to_half", count, (x, scale, y, number(count)))
    }

    /// The largest magnitude of each of as many parts of `x` as there are values in `most`.
    pub fn largest(&self, x: View<'_>, most: ViewMut<'_>) -> Result<(), CudaError> {
        let parts = most.len();
        self.launch("largest", parts, (x, most, number(parts), number(x.len())))
    }

    /// The power of two that takes a magnitude to between 2^14 and 2^15, and its inverse.
    pub fn power_of_two(&self, magnitude: View<'_>, scale: ViewMut<'_>) -> Result<(), CudaError> {
        same("magnitudes and half the values of a scale", [magnitude.len(), scale.len() / 2, 1]);
        self.launch("power_of_two", 1, (magnitude, scale))
    }

    /// What lies under the window at each output pixel: `x: [N, H, W, C]` -> `[N * H' * W', taps]`, in rows that are
    /// `apart` values apart.
    pub fn window_rows<E: FactorValue>(
        &self,
        conv: Conv,
        x: View<'_, E>,
        windows: ViewMut<'_, E>,
        apart: usize,
    ) -> Result<(), CudaError> {
        let (rows_of_windows, taps) = (rows(windows.len(), apart), conv.taps());
        assert!(taps <= apart, "rows of {taps} windows that are {apart} apart");
        same("windows", [rows(x.len(), conv.input()), rows(rows_of_windows, conv.pixels())]);
        let count = rows_of_windows * taps;
        self.launch(E::WINDOW_ROWS, count, (x, windows, conv, number(apart), number(count)))
    }

    /// Adds to `dx` the gradient of [`Kernels::window_rows`].
    pub fn window_rows_gradient(&self, conv: Conv, windows: View<'_>, dx: ViewMut<'_>) -> Result<(), CudaError> {
        let count = dx.len();
        same("windows", [rows(count, conv.input()), rows(windows.len(), conv.pixels() * conv.taps())]);
        self.launch("window_rows_gradient", count, (windows, dx, conv, number(count)))
    }

    /// Sums of the deviations of `x: [rows, C]` from its first row and of their squares, in shards: `[2, shards, C]`.
    pub fn norm_sums(&self, channels: usize, x: Values<'_>, sums: ViewMut<'_>) -> Result<(), CudaError> {
        let (rows, shards) = (rows(x.len(), channels), rows(sums.len(), 2 * channels));
        let [rows, c, count] = [rows, channels, shards].map(number);
        self.launch("norm_sums", shards * channels, (AnyValues::from(x), sums, rows, c, count))
    }

    /// Sums of `dy` and of `dy * (x - mean)` where `floor` lets it pass, in shards: `[2, shards, C]`.
    pub fn norm_gradient_sums(
        &self,
        x: Values<'_>,
        [dy, norm]: [View<'_>; 2],
        floor: f32,
        sums: ViewMut<'_>,
    ) -> Result<(), CudaError> {
        let channels = rows(norm.len(), 4);
        let values = same("values and their gradients", [x.len(), dy.len()]);
        let (rows, shards) = (rows(values, channels), rows(sums.len(), 2 * channels));
        let [rows, c, count] = [rows, channels, shards].map(number);
        let parameters = (AnyValues::from(x), dy, norm, floor, sums, rows, c, count);
        self.launch("norm_gradient_sums", shards * channels, parameters)
    }

    /// Sums of fewer shards: `[2, shards, C]` -> `[2, fewer, C]`.
    pub fn norm_fold(&self, channels: usize, sums: View<'_>, folded: ViewMut<'_>) -> Result<(), CudaError> {
        let threads = folded.len();
        let [shards, fewer] = [sums.len(), threads].map(|len| number(rows(len, 2 * channels)));
        self.launch("norm_fold", threads, (sums, folded, number(channels), shards, fewer))
    }

    /// The norm `[4, C]` of a batch and its moments `[C]`, mean and unbiased variance, from [`Kernels::norm_sums`].
    pub fn norm_of_batch(
        &self,
        x: Values<'_>,
        sums: View<'_>,
        Affine { scale, shift, epsilon }: Affine<'_>,
        norm: ViewMut<'_>,
        [mean, variance]: [ViewMut<'_>; 2],
    ) -> Result<(), CudaError> {
        let lengths = [scale.len(), shift.len(), rows(norm.len(), 4), mean.len(), variance.len()];
        let channels = same("channels of a norm", lengths);
        let (rows, shards) = (rows(x.len(), channels), rows(sums.len(), 2 * channels));
        let [rows, c, shards] = [rows, channels, shards].map(number);
        let parameters = (AnyValues::from(x), sums, scale, shift, epsilon, norm, mean, variance, rows, c, shards);
        self.launch("norm_of_batch", channels, parameters)
    }

    /// The norm `[4, C]` of given moments `[C]`.
    pub fn norm_of_moments(
        &self,
        [mean, variance]: [View<'_>; 2],
        Affine { scale, shift, epsilon }: Affine<'_>,
        norm: ViewMut<'_>,
    ) -> Result<(), CudaError> {
        let lengths = [scale.len(), shift.len(), rows(norm.len(), 4), mean.len(), variance.len()];
        let channels = same("channels of a norm", lengths);
        let parameters = (mean, variance, scale, shift, epsilon, norm, number(channels));
        self.launch("norm_of_moments", channels, parameters)
    }

    /// `y = x * gain + offset`, but not under `floor`.
    pub fn norm_apply(&self, x: Values<'_>, norm: View<'_>, floor: f32, y: ViewMut<'_>) -> Result<(), CudaError> {
        let channels = rows(norm.len(), 4);
        let count = same("values and their normalised ones", [x.len(), y.len()]);
        rows(count, channels);
        self.launch("norm_apply", count, (AnyValues::from(x), norm, floor, y, number(channels), number(count)))
    }

    /// Adds the gradients of scale and shift, `[C]`, from [`Kernels::norm_gradient_sums`], and writes what
    /// [`Kernels::norm_gradient`] needs, `[2, C]`. `inverse_count`: 1 / rows; 0 if the moments were given.
    pub fn norm_parameter_gradients(
        &self,
        [sums, norm]: [View<'_>; 2],
        inverse_count: f64,
        [scale, shift]: [ViewMut<'_>; 2],
        map: ViewMut<'_>,
    ) -> Result<(), CudaError> {
        let lengths = [scale.len(), shift.len(), rows(norm.len(), 4), rows(map.len(), 2)];
        let channels = same("channels of a norm", lengths);
        let shards = number(rows(sums.len(), 2 * channels));
        let parameters = (sums, norm, inverse_count, scale, shift, map, number(channels), shards);
        self.launch("norm_parameter_gradients", channels, parameters)
    }

    /// Turns the gradient of a norm's output into that of its input.
    pub fn norm_gradient(
        &self,
        x: Values<'_>,
        [norm, map]: [View<'_>; 2],
        floor: f32,
        dy: ViewMut<'_>,
    ) -> Result<(), CudaError> {
        let channels = same("channels of a norm", [rows(norm.len(), 4), rows(map.len(), 2)]);
        let count = same("values and their gradients", [x.len(), dy.len()]);
        rows(count, channels);
        let parameters = (AnyValues::from(x), norm, map, floor, dy, number(channels), number(count));
        self.launch("norm_gradient", count, parameters)
    }

    /// The maximum of each span, `[N, H, W, C]` -> `[N, H', W', C]`, and which of at most 256 elements it is.
    pub fn max_pool(
        &self,
        pool: Pool,
        spans: View<'_, u32>,
        x: View<'_>,
        y: ViewMut<'_>,
        chosen: Option<ViewMut<'_, u8>>,
    ) -> Result<(), CudaError> {
        let count = y.len();
        pool.check(spans, x.len(), count);
        if let Some(chosen) = &chosen {
            same("chosen elements", [count, chosen.len()]);
        }
        let chosen = chosen.map_or(0, |chosen| chosen.address());
        self.launch("max_pool", count, (x, spans, pool, y, chosen, number(count)))
    }

    /// Adds to `dx` the gradient of [`Kernels::max_pool`].
    pub fn max_pool_gradient(
        &self,
        pool: Pool,
        spans: View<'_, u32>,
        chosen: View<'_, u8>,
        dy: View<'_>,
        dx: ViewMut<'_>,
    ) -> Result<(), CudaError> {
        let count = dx.len();
        pool.check(spans, count, same("chosen elements", [chosen.len(), dy.len()]));
        self.launch("max_pool_gradient", count, (chosen, dy, spans, pool, dx, number(count)))
    }

    /// The mean of each span, `[N, H, W, C]` -> `[N, H', W', C]`.
    pub fn avg_pool(&self, pool: Pool, spans: View<'_, u32>, x: View<'_>, y: ViewMut<'_>) -> Result<(), CudaError> {
        let count = y.len();
        pool.check(spans, x.len(), count);
        self.launch("avg_pool", count, (x, spans, pool, y, number(count)))
    }

    /// Adds to `dx` the gradient of [`Kernels::avg_pool`].
    pub fn avg_pool_gradient(
        &self,
        pool: Pool,
        spans: View<'_, u32>,
        dy: View<'_>,
        dx: ViewMut<'_>,
    ) -> Result<(), CudaError> {
        let count = dx.len();
        pool.check(spans, count, dy.len());
        self.launch("avg_pool_gradient", count, (dy, spans, pool, dx, number(count)))
    }

    /// Writes `part: [rows, C]` into `whole: [rows, total]`, where its channels are those of `place`.
    pub fn write_part(&self, part: View<'_>, whole: ViewMut<'_>, place: Part) -> Result<(), CudaError> {
        let count = part.len();
        place.check(count, whole.len());
        let [channels, total, offset, values] = [place.channels, place.total, place.offset, count].map(number);
        self.launch("write_part", count, (part, whole, channels, total, offset, values))
    }

    /// Adds to `part: [rows, C]` its channels of `whole: [rows, total]`.
    pub fn add_part(&self, whole: View<'_>, part: ViewMut<'_>, place: Part) -> Result<(), CudaError> {
        let count = part.len();
        place.check(count, whole.len());
        let [channels, total, offset, values] = [place.channels, place.total, place.offset, count].map(number);
        self.launch("add_part", count, (whole, part, channels, total, offset, values))
    }

    /// A map `[cuts, side, side, 3]` of what is cut out of `pixels: [N, side, side, 3]`. A cut is of one of these N.
    pub fn cut_images(
        &self,
        side: usize,
        pixels: View<'_, u8>,
        cuts: View<'_, PlacedCut>,
        colours: Colours,
        maps: ViewMut<'_>,
    ) -> Result<(), CudaError> {
        let image = side * side * 3;
        rows(pixels.len(), image);
        same("images", [cuts.len(), rows(maps.len(), image)]);
        let count = maps.len() / 3;
        self.launch("cut_images", count, (pixels, cuts, colours, number(side), maps, number(count)))
    }
}
