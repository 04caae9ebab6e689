//! NVIDIA GPUs: which there are, and the engine that computes on one with kernels of our own.

mod context;
mod conv;
mod gpu;
mod images;
mod input;
mod kernels;
mod memory;
mod norm;
mod operands;
mod parameters;
mod pool;
mod products;
mod streams;
mod values;

use std::rc::Rc;

use dfdx::prelude::*;

use context::{Context, countable};
use conv::Geometry;
pub use gpu::{Gpu, GpuDescription, GpuError};
use input::Input;
use memory::{Output, Source, View, ViewMut};
use norm::Norm;
use operands::{Matrix, Part};
use parameters::Parameters;
use pool::Pooling;

use super::tape::Slot;
use super::{Channels, ConvBn, Engine, Images, Maps, Moments, OpError, Rows, Spans, Window, sizes};
use crate::cut::Cut;

/// Computes on an NVIDIA GPU ([`Engine`]): convolutions as matrix products of cuBLAS, all else by kernels that are compiled
/// when the GPU is opened.
pub struct OnCuda {
    context: Rc<Context>,
}

impl OnCuda {
    /// For the calling thread.
    fn new(context: Context) -> Self {
        Self { context: Rc::new(context) }
    }

    /// A map to be filled.
    fn output(&self, shape: (usize, usize, usize, usize)) -> Result<Output<(usize, usize, usize, usize)>, OpError> {
        Output::new(&self.context.device, shape)
    }
}

impl Engine for OnCuda {
    type Device = Cuda;

    /// Keeps the GPU busy while the host waits for the losses of earlier steps.
    const STEPS_AHEAD: usize = 16;

    fn device(&self) -> &Cuda {
        &self.context.device
    }

    fn keep_images(&self, images: &Images<'_>) -> Result<(), OpError> {
        self.context.images.keep(images)
    }

    fn cut_images(&self, name: &str, cuts: impl Iterator<Item = Cut>) -> Result<Option<Maps<Cuda>>, OpError> {
        let Some(images) = self.context.images.get(name) else { return Ok(None) };
        let Some(cuts) = images.find(cuts) else { return Ok(None) };
        let shape = (cuts.len(), images.side(), images.side(), 3);
        countable("cut_images", [shape.0 * shape.1 * shape.2 * shape.3])?;
        let mut maps = self.output(shape)?;
        images.cut(cuts, maps.view()).map_err(OpError::device)?;
        Ok(Some(maps.finish()))
    }

    fn conv2d<T: Tape<f32, Cuda>>(
        &self,
        x: Maps<Cuda, T>,
        weight: &Rows<Cuda>,
        window: Window,
    ) -> Result<Maps<Cuda, T>, OpError> {
        let geometry = Geometry::new(*x.shape(), *weight.shape(), window)?;
        let (x, mut tape) = contiguous(x)?.split_tape();
        let (input, weights) = (Input::of(&self.context, &x)?, Source::of(weight)?);
        let mut y = self.output(geometry.output_shape())?;
        let (values, out) = (input.values(), y.view().into());
        conv::forward(&self.context, &geometry, values, weights.view(), out).map_err(OpError::device)?;
        let y = y.finish();
        let (x_slot, weight_slot, y_slot) = (Slot::of(&x), Slot::of(weight), Slot::of(&y));
        let context = self.context.clone();
        tape.add_backward_op(move |gradients| {
            let dy = y_slot.take(&context.device, gradients)?;
            let dy = context.products.gradient(&context.kernels, View::of(&dy))?;
            let dw = ViewMut::of(weight_slot.find(gradients)?);
            conv::weight_gradient(&context, &geometry, input.values(), &dy, dw)?;
            let dx = ViewMut::of(x_slot.find(gradients)?);
            conv::input_gradient(&context, &geometry, &dy, weights.view(), dx)
        });
        Ok(y.put_tape(tape))
    }

    fn batch_norm_train<T: Tape<f32, Cuda>>(
        &self,
        x: Maps<Cuda, T>,
        scale: &Channels<Cuda>,
        shift: &Channels<Cuda>,
        epsilon: f32,
    ) -> Result<(Maps<Cuda, T>, Moments<Cuda>), OpError> {
        let parameters = Parameters::new(x.shape().3, scale, shift, epsilon)?;
        let (x, tape) = contiguous(x)?.split_tape();
        let input = Source::of(&x)?;
        let (norm, moments) = parameters.norm_of_batch(&self.context, false, input.view().into())?;
        Ok((self.normalize(x, input, norm, parameters, tape)?, moments))
    }

    fn batch_norm<T: Tape<f32, Cuda>>(
        &self,
        x: Maps<Cuda, T>,
        scale: &Channels<Cuda>,
        shift: &Channels<Cuda>,
        moments: &Moments<Cuda>,
        epsilon: f32,
    ) -> Result<Maps<Cuda, T>, OpError> {
        let parameters = Parameters::new(x.shape().3, scale, shift, epsilon)?;
        let norm = parameters.norm_of_moments(&self.context, false, moments)?;
        let (x, tape) = contiguous(x)?.split_tape();
        let input = Source::of(&x)?;
        self.normalize(x, input, norm, parameters, tape)
    }

    fn max_pool<T: Tape<f32, Cuda>>(&self, x: Maps<Cuda, T>, spans: &Spans) -> Result<Maps<Cuda, T>, OpError> {
        let pooling = Pooling::new("max_pool", &self.context, *x.shape(), spans)?;
        let (x, mut tape) = contiguous(x)?.split_tape();
        let (input, mut y) = (Source::of(&x)?, self.output(pooling.output_shape)?);
        if !T::OWNS_TAPE {
            pooling.max(&self.context, input.view(), y.view(), None).map_err(OpError::device)?;
            return Ok(y.finish().put_tape(tape));
        }
        pool::check_windows(spans)?;
        let mut chosen = self.context.kernels.scratch(y.view().len()).map_err(OpError::device)?;
        let positions = Some(ViewMut::of(&mut chosen));
        pooling.max(&self.context, input.view(), y.view(), positions).map_err(OpError::device)?;
        let y = y.finish();
        let (x_slot, y_slot) = (Slot::of(&x), Slot::of(&y));
        let context = self.context.clone();
        tape.add_backward_op(move |gradients| {
            let dy = y_slot.take(&context.device, gradients)?;
            pooling.max_gradient(&context, &chosen, View::of(&dy), ViewMut::of(x_slot.find(gradients)?))
        });
        Ok(y.put_tape(tape))
    }

    fn avg_pool<T: Tape<f32, Cuda>>(&self, x: Maps<Cuda, T>, spans: &Spans) -> Result<Maps<Cuda, T>, OpError> {
        let pooling = Pooling::new("avg_pool", &self.context, *x.shape(), spans)?;
        let (x, mut tape) = contiguous(x)?.split_tape();
        let (input, mut y) = (Source::of(&x)?, self.output(pooling.output_shape)?);
        pooling.avg(&self.context, input.view(), y.view()).map_err(OpError::device)?;
        let y = y.finish();
        let (x_slot, y_slot) = (Slot::of(&x), Slot::of(&y));
        let context = self.context.clone();
        tape.add_backward_op(move |gradients| {
            let dy = y_slot.take(&context.device, gradients)?;
            pooling.avg_gradient(&context, View::of(&dy), ViewMut::of(x_slot.find(gradients)?))
        });
        Ok(y.put_tape(tape))
    }

    fn concat<T: Tape<f32, Cuda>>(&self, parts: Vec<Maps<Cuda, T>>) -> Result<Maps<Cuda, T>, OpError> {
        let (shape, widths) = sizes::concat(&parts)?;
        countable("concat", [shape.0 * shape.1 * shape.2 * shape.3])?;
        let mut y = self.output(shape)?;
        let (mut tape, mut offset) = (T::default(), 0);
        let mut places = Vec::with_capacity(parts.len());
        for (part, channels) in parts.into_iter().zip(widths) {
            let (part, part_tape) = contiguous(part)?.split_tape();
            tape = tape.merge(part_tape);
            let place = Part { channels, total: shape.3, offset };
            let values = Source::of(&part)?;
            self.context.kernels.write_part(values.view(), y.view(), place).map_err(OpError::device)?;
            places.push((place, Slot::of(&part)));
            offset += channels;
        }
        let y = y.finish();
        let y_slot = Slot::of(&y);
        let context = self.context.clone();
        tape.add_backward_op(move |gradients| {
            let dy = y_slot.take(&context.device, gradients)?;
            places.iter().try_for_each(|(place, part)| {
                context.kernels.add_part(View::of(&dy), ViewMut::of(part.find(gradients)?), *place)
            })
        });
        Ok(y.put_tape(tape))
    }

    fn matmul<T: Tape<f32, Cuda>>(&self, x: Rows<Cuda, T>, weight: &Rows<Cuda>) -> Result<Rows<Cuda, T>, OpError> {
        let ((rows, inputs), outputs) = (*x.shape(), sizes::matmul(x.shape(), weight.shape())?);
        countable("matmul", [rows * inputs, rows * outputs, inputs * outputs])?;
        let (x, mut tape) = x.try_contiguous().map_err(OpError::device)?.split_tape();
        let (input, weights) = (Source::of(&x)?, Source::of(weight)?);
        let mut y = Output::new(&self.context.device, (rows, outputs))?;
        let [factor, by] = [(&input, inputs), (&weights, outputs)].map(|(it, columns)| Matrix::new(it.view(), columns));
        self.context.products.multiply(factor, by, y.view(), false).map_err(OpError::device)?;
        let y = y.finish();
        let (x_slot, weight_slot, y_slot) = (Slot::of(&x), Slot::of(weight), Slot::of(&y));
        let context = self.context.clone();
        tape.add_backward_op(move |gradients| {
            let dy = y_slot.take(&context.device, gradients)?;
            let dy = Matrix::new(View::of(&dy), outputs);
            let (x, weight) = (Matrix::new(input.view(), inputs), Matrix::new(weights.view(), outputs));
            let dw = ViewMut::of(weight_slot.find(gradients)?);
            context.products.multiply(x.transposed(), dy, dw, true)?;
            context.products.multiply(dy, weight.transposed(), ViewMut::of(x_slot.find(gradients)?), true)
        });
        Ok(y.put_tape(tape))
    }

    fn conv_bn_relu_train<T: Tape<f32, Cuda>>(
        &self,
        x: Maps<Cuda, T>,
        layer: &ConvBn<'_, Cuda>,
    ) -> Result<(Maps<Cuda, T>, Moments<Cuda>), OpError> {
        let geometry = Geometry::new(*x.shape(), *layer.weight.shape(), layer.window)?;
        let channels = layer.weight.shape().1;
        let parameters = Parameters::new(channels, layer.scale, layer.shift, layer.epsilon)?;
        let (x, mut tape) = contiguous(x)?.split_tape();
        let (input, weights) = (Input::of(&self.context, &x)?, Source::of(layer.weight)?);
        let y = conv::output(&self.context, &geometry, input.values(), weights.view())?;
        let (norm, moments) = parameters.norm_of_batch(&self.context, true, y.values())?;
        let mut out = self.output(geometry.output_shape())?;
        norm.apply(&self.context.kernels, y.values(), out.view()).map_err(OpError::device)?;
        let out = out.finish();
        let (x_slot, weight_slot, out_slot) = (Slot::of(&x), Slot::of(layer.weight), Slot::of(&out));
        let (input_gradient, context) = (layer.input_gradient, self.context.clone());
        tape.add_backward_op(move |gradients| {
            let mut dy = out_slot.take(&context.device, gradients)?;
            parameters.backward(&context, &norm, y.values(), ViewMut::of(&mut dy), gradients)?;
            drop(y);
            let dy = context.products.gradient(&context.kernels, View::of(&dy))?;
            let dw = ViewMut::of(weight_slot.find(gradients)?);
            conv::weight_gradient(&context, &geometry, input.values(), &dy, dw)?;
            if input_gradient {
                let dx = ViewMut::of(x_slot.find(gradients)?);
                conv::input_gradient(&context, &geometry, &dy, weights.view(), dx)?;
            }
            Ok(())
        });
        Ok((out.put_tape(tape), moments))
    }

    fn conv_bn_relu<T: Tape<f32, Cuda>>(
        &self,
        x: Maps<Cuda, T>,
        layer: &ConvBn<'_, Cuda>,
        moments: &Moments<Cuda>,
    ) -> Result<Maps<Cuda, T>, OpError> {
        if T::OWNS_TAPE {
            let y = self.conv2d(x, layer.weight, layer.window)?;
            let y = self.batch_norm(y, layer.scale, layer.shift, moments, layer.epsilon)?;
            return y.try_relu().map_err(OpError::device);
        }
        let geometry = Geometry::new(*x.shape(), *layer.weight.shape(), layer.window)?;
        let parameters = Parameters::new(layer.weight.shape().1, layer.scale, layer.shift, layer.epsilon)?;
        let norm = parameters.norm_of_moments(&self.context, true, moments)?;
        let (x, tape) = contiguous(x)?.split_tape();
        let (input, weights) = (Input::of(&self.context, &x)?, Source::of(layer.weight)?);
        let y = conv::output(&self.context, &geometry, input.values(), weights.view())?;
        let mut out = self.output(geometry.output_shape())?;
        norm.apply(&self.context.kernels, y.values(), out.view()).map_err(OpError::device)?;
        Ok(out.finish().put_tape(tape))
    }
}

impl OnCuda {
    /// A norm without ReLU as an operation on the tape of `x`, whose values are `input`.
    fn normalize<T: Tape<f32, Cuda>>(
        &self,
        x: Maps<Cuda>,
        input: Source<(usize, usize, usize, usize)>,
        norm: Norm,
        parameters: Parameters,
        mut tape: T,
    ) -> Result<Maps<Cuda, T>, OpError> {
        let channels = x.shape().3;
        let mut y = self.output(*x.shape())?;
        norm.apply(&self.context.kernels, input.view().into(), y.view()).map_err(OpError::device)?;
        let y = y.finish();
        let (x_slot, y_slot) = (Slot::of(&x), Slot::of(&y));
        let context = self.context.clone();
        tape.add_backward_op(move |gradients| {
            let mut dy = y_slot.take(&context.device, gradients)?;
            parameters.backward(&context, &norm, input.view().into(), ViewMut::of(&mut dy), gradients)?;
            let all = Part { channels, total: channels, offset: 0 };
            context.kernels.add_part(View::of(&dy), ViewMut::of(x_slot.find(gradients)?), all)
        });
        Ok(y.put_tape(tape))
    }
}

/// The same maps in row-major order.
fn contiguous<T: Tape<f32, Cuda>>(x: Maps<Cuda, T>) -> Result<Maps<Cuda, T>, OpError> {
    x.try_contiguous().map_err(OpError::device)
}

#[cfg(test)]
mod tests {
    use dfdx::prelude::*;

    use super::products::Products;
    use super::*;
    use crate::device::Precision;
    use crate::ops::conformance::{assert_close, on_gpu};
    use crate::ops::reference::random;
    use crate::ops::{Engines, workspace};

    /// Output, and gradients of input, weight, scale and shift of a layer.
    fn pass(engine: &OnCuda) -> [Vec<f32>; 5] {
        let device = engine.device();
        let x = device.tensor_from_vec(random(5 * 6 * 7 * 4, 1), (5, 6, 7, 4));
        let weight = device.tensor_from_vec(random(9 * 4 * 6, 2), (9 * 4, 6));
        let [scale, shift] = [3, 4].map(|seed| device.tensor_from_vec(random(6, seed), (6,)));
        let window = Window::square(3, 2, 1);
        let layer =
            ConvBn { weight: &weight, window, scale: &scale, shift: &shift, epsilon: 1e-3, input_gradient: true };
        let (y, _) = engine.conv_bn_relu_train(x.leaky_trace(), &layer).unwrap();
        let values = y.as_vec();
        let dy = device.tensor_from_vec(random(values.len(), 5), *y.shape());
        let gradients = (y * dy).sum().backward();
        let [dscale, dshift] = [&scale, &shift].map(|parameter| gradients.get(parameter).as_vec());
        [values, gradients.get(&x).as_vec(), gradients.get(&weight).as_vec(), dscale, dshift]
    }

    #[test]
    fn a_gpu_may_take_few_images_at_a_time() {
        on_gpu(|gpu| {
            let all = pass(&gpu.engine().unwrap());
            let windows = 3 * 4 * workspace::row_of_windows(9 * 4);
            for at_once in [1, 2 * windows, 5 * windows - 1] {
                let engine = gpu.engine().unwrap();
                let (kernels, images) = (engine.context.kernels.clone(), engine.context.images.clone());
                let products = Products::new(&kernels, Precision::F32).unwrap();
                let mut context = Context::new(engine.device().clone(), kernels, products, images, None);
                context.window_values = at_once;
                let parts = pass(&OnCuda::new(context));
                for (got, expected) in parts.iter().zip(&all) {
                    assert_close(&format!("{at_once} values at once"), got, expected);
                }
            }
        });
    }

    /// Relative to the norm of what is expected.
    fn distance(got: &[f32], expected: &[f32]) -> f32 {
        let norm = |values: &mut dyn Iterator<Item = f32>| values.map(|value| value * value).sum::<f32>().sqrt();
        norm(&mut got.iter().zip(expected).map(|(got, expected)| got - expected)) / norm(&mut expected.iter().copied())
    }

    /// Output, and gradients of input and weight, of a convolution, where that of the output is about so large.
    fn convolution(engine: &OnCuda, size: f32) -> [Vec<f32>; 3] {
        let device = engine.device();
        let x = device.tensor_from_vec(random(5 * 6 * 7 * 4, 1), (5, 6, 7, 4));
        let weight = device.tensor_from_vec(random(9 * 4 * 6, 2), (9 * 4, 6));
        let y = engine.conv2d(x.leaky_trace(), &weight, Window::square(3, 1, 1)).unwrap();
        let values = y.as_vec();
        let dy: Vec<f32> = random(values.len(), 5).into_iter().map(|value| size * value).collect();
        let dy = device.tensor_from_vec(dy, *y.shape());
        let gradients = (y * dy).sum().backward();
        [values, gradients.get(&x).as_vec(), gradients.get(&weight).as_vec()]
    }

    #[test]
    fn a_gpu_rounds_factors_as_it_is_told() {
        on_gpu(|gpu| {
            /// Of one value to 11 bits; a GPU may also cut the bits off, of both factors.
            const ROUNDING: f32 = 1.0 / 2048.0;
            // Far outside of what f16 has numbers for.
            for size in [1e-12, 1.0, 1e12] {
                let expected = convolution(&gpu.engine().unwrap(), size);
                for precision in [Precision::Tf32, Precision::F16] {
                    let got = convolution(&gpu.clone().with_precision(precision).engine().unwrap(), size);
                    for (part, (got, expected)) in got.iter().zip(&expected).enumerate() {
                        let distance = distance(got, expected);
                        println!("{}, gradients of {size:e}: part {part} is off by {distance:.1e}", precision.name());
                        assert!(distance < 4.0 * ROUNDING);
                        // What is copied to f16 is rounded; TF32 is what cuBLAS may use, and need not.
                        assert!(precision == Precision::Tf32 || distance > 0.1 * ROUNDING);
                    }
                }
            }
        });
    }

    /// Windows of 147 values, of more images than are taken at once: some values against sums in f64.
    #[test]
    fn a_gpu_computes_the_first_convolution_at_full_size() {
        on_gpu(|gpu| {
            let (side, images, c_out) = (224, 40, 8);
            let engine = gpu.engine().unwrap();
            let [pixels, weight] =
                [(images * side * side * 3, 1), (147 * c_out, 2)].map(|(len, seed)| random(len, seed));
            let x = engine.device().tensor_from_vec(pixels.clone(), (images, side, side, 3));
            let weights = engine.device().tensor_from_vec(weight.clone(), (147, c_out));
            let y = engine.conv2d(x.leaky_trace(), &weights, Window::square(7, 2, 3)).unwrap();
            let (values, out) = (y.as_vec(), side / 2);
            let dy = random(values.len(), 5);
            let gradient = engine.device().tensor_from_vec(dy.clone(), *y.shape());
            let dw = (y * gradient).sum().backward().get(&weights).as_vec();
            let under = |[image, row, column]: [usize; 3], tap: usize| {
                let (y, x) = (2 * row + tap / 21, 2 * column + tap / 3 % 7);
                let inside = [y, x].iter().all(|at| (3..side + 3).contains(at));
                let at = || ((image * side + y - 3) * side + x - 3) * 3 + tap % 3;
                if inside { f64::from(pixels[at()]) } else { 0.0 }
            };
            let place = |[image, row, column]: [usize; 3]| (image * out + row) * out + column;
            for at in [[0, 0, 0], [1, 55, 111], [20, 111, 0], [39, 111, 111]] {
                for c in 0..c_out {
                    let sum: f64 = (0..147).map(|tap| under(at, tap) * f64::from(weight[tap * c_out + c])).sum();
                    assert!((f64::from(values[place(at) * c_out + c]) - sum).abs() < 1e-4, "{at:?}, {c}: {sum}");
                }
            }
            let all = || (0..images * out * out).map(|at| [at / out / out, at / out % out, at % out]);
            for (tap, c) in [(0, 0), (74, 3), (146, 7)] {
                let sum: f64 = all().map(|at| under(at, tap) * f64::from(dy[place(at) * c_out + c])).sum();
                assert!((f64::from(dw[tap * c_out + c]) - sum).abs() < 0.1, "{tap}, {c}: {sum}");
            }
        });
    }

    #[test]
    fn a_gpu_gives_the_same_bits_again() {
        on_gpu(|gpu| assert_eq!(pass(&gpu.engine().unwrap()), pass(&gpu.engine().unwrap())));
    }

    /// dfdx's own operations may hand on tensors that lie otherwise in memory.
    #[test]
    fn a_gpu_reads_a_permuted_tensor_in_its_own_order() {
        on_gpu(|gpu| {
            let engine = gpu.engine().unwrap();
            let x = engine.device().tensor_from_vec(random(2 * 3 * 4 * 5, 1), (2, 3, 4, 5));
            let turned: Maps<Cuda> = x.permute::<(usize, usize, usize, usize), Axes4<0, 2, 1, 3>>();
            let copied = engine.device().tensor_from_vec(turned.as_vec(), (2, 4, 3, 5));
            let spans = Spans::sliding("max_pool", Window::square(2, 1, 0), [4, 3], false).unwrap();
            let [got, expected] = [turned, copied].map(|x| engine.max_pool(x, &spans).unwrap().as_vec());
            assert_eq!(got, expected);
        });
    }
}
