//! The CPU engine: NHWC, matrix products, fused batch norm and ReLU, on one thread or several.

mod buffers;
mod context;
mod conv;
mod crew;
mod inception;
mod layer;
mod matmul;
mod norm;
mod pool;
mod simd;
mod tiles;
mod unit;
mod vector;
mod winograd;

use std::num::NonZeroUsize;

use dfdx::prelude::*;

use context::Context;
use conv::Geometry;
pub use crew::Crew;
use crew::Member;
use inception::Inception;
use layer::Layer;
use matmul::Destination;
use norm::{Columns, Norm};
use simd::{Isa, Set};
use unit::Unit;

use super::{Channels, ConvBn, Engine, Maps, Moments, OpError, Rows, Spans, Window, sizes, tape};
use tape::{Memory, Slot};

/// Computes on the CPU with matrix products ([`Engine`]).
#[derive(Clone, Debug, Default)]
pub struct Gemm {
    memory: Memory,
    context: Context,
}

impl Gemm {
    /// An engine with a device of its own, so that memory is returned with it.
    pub fn new() -> Self {
        Self::default()
    }

    /// An engine that computes with so many threads. Their number does not change a bit of any result.
    ///
    /// # Errors
    /// [`OpError::Device`] if the system refuses.
    pub fn with_threads(threads: NonZeroUsize) -> Result<Self, OpError> {
        Ok(Self::in_crew(&Crew::with_caller(threads).map_err(OpError::device)?))
    }

    /// An engine that computes with a part of the crew's threads.
    pub fn in_crew(crew: &Crew) -> Self {
        Self::of(Member::new(crew))
    }

    /// The same for a training that takes `gpu_bytes` of memory on a GPU, as soon as others leave enough of the machine's for it.
    ///
    /// # Errors
    /// [`OpError::TooLarge`] if the machine has not so much.
    pub fn in_crew_for(crew: &Crew, gpu_bytes: u64) -> Result<Self, OpError> {
        Ok(Self::of(Member::with_memory(crew, gpu_bytes)?))
    }

    fn of(member: Member) -> Self {
        Self { memory: Memory::default(), context: Context::of(member) }
    }

    /// Elements that it keeps to use again.
    #[cfg(test)]
    pub(crate) fn pooled(&self) -> usize {
        self.context.buffers.elements()
    }

    /// The instruction set that it computes with on this machine. Another one may give other last bits.
    pub fn instruction_set() -> &'static str {
        match Isa::best().set() {
            Set::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "AVX2",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "AVX-512",
        }
    }

    /// The norm of a layer with given statistics.
    fn norm(layer: &Layer, moments: &Moments<Cpu>) -> Result<Norm, OpError> {
        let Moments { mean, variance } = moments;
        sizes::batch_norm(layer.width(), &[("mean", mean), ("variance", variance)])?;
        let [mean, variance] = [mean, variance].map(tape::read);
        Ok(Norm::new(mean, &variance, &layer.scale, &layer.shift, layer.epsilon))
    }
}

impl Engine for Gemm {
    type Device = Cpu;

    fn device(&self) -> &Cpu {
        self.memory.device()
    }

    fn conv2d<T: Tape<f32, Cpu>>(
        &self,
        x: Maps<Cpu, T>,
        weight: &Rows<Cpu>,
        window: Window,
    ) -> Result<Maps<Cpu, T>, OpError> {
        let geometry = Geometry::new(*x.shape(), *weight.shape(), window)?;
        let (x, mut tape) = x.split_tape();
        let (input, weights) = (self.memory.hold(&x), tape::read(weight));
        let mut y = self.context.buffers.take_vec(geometry.rows() * geometry.c_out());
        conv::forward(&self.context, &geometry, &input, &weights, &mut y);
        let y = self.memory.tensor(y, geometry.output_shape())?;
        let (x_slot, weight_slot, y_slot) = (Slot::of(&x), Slot::of(weight), Slot::of(&y));
        let context = self.context.clone();
        tape.add_backward_op(move |gradients| {
            let dy = context.buffers.adopt(y_slot.take(gradients)?);
            weight_slot.update(gradients, |dw| conv::weight_gradient(&context, &geometry, &input, &dy, dw))?;
            let add = Destination::Accumulate;
            x_slot.update(gradients, |dx| conv::input_gradient(&context, &geometry, &dy, &weights, dx, add))
        });
        Ok(y.put_tape(tape))
    }

    fn batch_norm_train<T: Tape<f32, Cpu>>(
        &self,
        x: Maps<Cpu, T>,
        scale: &Channels<Cpu>,
        shift: &Channels<Cpu>,
        epsilon: f32,
    ) -> Result<(Maps<Cpu, T>, Moments<Cpu>), OpError> {
        let shape = *x.shape();
        let channels = shape.3;
        sizes::batch_norm(channels, &[("scale", scale), ("shift", shift)])?;
        let [gain, offset] = [scale, shift].map(tape::read);
        let (x, mut tape) = x.split_tape();
        let mut input = tape::read(&x);
        let (norm, moments) = unit::batch_norm(&self.context, &input, &gain, &offset, epsilon);
        let mut y = input.clone();
        norm.apply_in_place(false, &mut y);
        let y = self.memory.tensor(y, shape)?;
        let (x_slot, scale_slot, shift_slot, y_slot) = (Slot::of(&x), Slot::of(scale), Slot::of(shift), Slot::of(&y));
        let context = self.context.clone();
        tape.add_backward_op(move |gradients| {
            let dy = y_slot.take(gradients)?;
            let dy = Columns { data: &dy, stride: channels, offset: 0 };
            let [parameters] = norm::backward(&context, false, &mut input, channels, [(norm, 0, dy)]);
            scale_slot.add(gradients, &parameters.scale)?;
            shift_slot.add(gradients, &parameters.shift)?;
            x_slot.add(gradients, &input)
        });
        Ok((y.put_tape(tape), layer::moments(self.memory.device(), moments)?))
    }

    fn batch_norm<T: Tape<f32, Cpu>>(
        &self,
        x: Maps<Cpu, T>,
        scale: &Channels<Cpu>,
        shift: &Channels<Cpu>,
        moments: &Moments<Cpu>,
        epsilon: f32,
    ) -> Result<Maps<Cpu, T>, OpError> {
        let shape = *x.shape();
        let Moments { mean, variance } = moments;
        let parameters = [("scale", scale), ("shift", shift), ("mean", mean), ("variance", variance)];
        sizes::batch_norm(shape.3, &parameters)?;
        let [gain, offset, mean, variance] = parameters.map(|(_, parameter)| tape::read(parameter));
        let (x, mut tape) = x.split_tape();
        let input = tape::read(&x);
        let norm = Norm::new(mean, &variance, &gain, &offset, epsilon);
        let mut y = input.clone();
        norm.apply_in_place(false, &mut y);
        let y = self.memory.tensor(y, shape)?;
        let (x_slot, scale_slot, shift_slot, y_slot) = (Slot::of(&x), Slot::of(scale), Slot::of(shift), Slot::of(&y));
        let context = self.context.clone();
        tape.add_backward_op(move |gradients| {
            let dy = y_slot.take(gradients)?;
            let mut dx = x_slot.take(gradients)?;
            let parameters = norm.backward_fixed(&context, &input, &dy, &mut dx);
            x_slot.put(gradients, dx)?;
            scale_slot.add(gradients, &parameters.scale)?;
            shift_slot.add(gradients, &parameters.shift)
        });
        Ok(y.put_tape(tape))
    }

    fn max_pool<T: Tape<f32, Cpu>>(&self, x: Maps<Cpu, T>, spans: &Spans) -> Result<Maps<Cpu, T>, OpError> {
        let (images, _, _, channels) = *x.shape();
        sizes::pool("max_pool", x.shape(), spans)?;
        let (x, mut tape) = x.split_tape();
        let [height, width] = spans.output();
        let mut y = self.context.buffers.take_vec(images * height * width * channels);
        if !T::OWNS_TAPE {
            pool::max(&self.context, spans, images, channels, &self.memory.hold(&x), &mut y);
            return Ok(self.memory.tensor(y, (images, height, width, channels))?.put_tape(tape));
        }
        let chosen = pool::max_forward(&self.context, spans, images, channels, &self.memory.hold(&x), &mut y)?;
        let y = self.memory.tensor(y, (images, height, width, channels))?;
        let (x_slot, y_slot, spans) = (Slot::of(&x), Slot::of(&y), spans.clone());
        let context = self.context.clone();
        tape.add_backward_op(move |gradients| {
            let dy = context.buffers.adopt(y_slot.take(gradients)?);
            x_slot.update(gradients, |dx| pool::max_backward(&context, &spans, images, channels, &chosen, &dy, dx))
        });
        Ok(y.put_tape(tape))
    }

    fn avg_pool<T: Tape<f32, Cpu>>(&self, x: Maps<Cpu, T>, spans: &Spans) -> Result<Maps<Cpu, T>, OpError> {
        let (images, _, _, channels) = *x.shape();
        sizes::pool("avg_pool", x.shape(), spans)?;
        let (x, mut tape) = x.split_tape();
        let y = pool::avg_forward(spans, images, channels, &self.memory.hold(&x));
        let [height, width] = spans.output();
        let y = self.memory.tensor(y, (images, height, width, channels))?;
        let (x_slot, y_slot, spans) = (Slot::of(&x), Slot::of(&y), spans.clone());
        tape.add_backward_op(move |gradients| {
            let dy = y_slot.take(gradients)?;
            x_slot.update(gradients, |dx| pool::avg_backward(&spans, channels, &dy, dx))
        });
        Ok(y.put_tape(tape))
    }

    fn concat<T: Tape<f32, Cpu>>(&self, parts: Vec<Maps<Cpu, T>>) -> Result<Maps<Cpu, T>, OpError> {
        let (shape, widths) = sizes::concat(&parts)?;
        let (images, height, width, total) = shape;
        let mut joined = vec![0.0; images * height * width * total];
        let mut tape = T::default();
        let mut places = Vec::with_capacity(parts.len());
        let mut at = 0;
        for (part, width) in parts.into_iter().zip(widths) {
            let (part, part_tape) = part.split_tape();
            tape = tape.merge(part_tape);
            let elements = tape::read(&part);
            for (to, from) in joined.chunks_exact_mut(total).zip(elements.chunks_exact(width)) {
                to[at..at + width].copy_from_slice(from);
            }
            places.push((at, width, Slot::of(&part)));
            at += width;
        }
        let y = self.memory.tensor(joined, shape)?;
        let y_slot = Slot::of(&y);
        tape.add_backward_op(move |gradients| {
            let dy = y_slot.take(gradients)?;
            for (at, width, part) in &places {
                part.update(gradients, |dpart| {
                    for (to, from) in dpart.chunks_exact_mut(*width).zip(dy.chunks_exact(total)) {
                        to.iter_mut().zip(&from[*at..at + width]).for_each(|(to, from)| *to += from);
                    }
                })?;
            }
            Ok(())
        });
        Ok(y.put_tape(tape))
    }

    fn conv_bn_relu_train<T: Tape<f32, Cpu>>(
        &self,
        x: Maps<Cpu, T>,
        layer: &ConvBn<'_, Cpu>,
    ) -> Result<(Maps<Cpu, T>, Moments<Cpu>), OpError> {
        let geometry = Geometry::new(*x.shape(), *layer.weight.shape(), layer.window)?;
        let (input_gradient, layer) = (layer.input_gradient, Layer::read(layer)?);
        let (x, mut tape) = x.split_tape();
        let input = self.memory.hold(&x);
        let (mut unit, moments) = Unit::forward(&self.context, geometry, &input, layer.parameters());
        let width = layer.width();
        let mut out = self.context.buffers.take_vec(geometry.rows() * width);
        unit.write(0..width, &mut out);
        let out = self.memory.tensor(out, geometry.output_shape())?;
        let (x_slot, out_slot) = (Slot::of(&x), Slot::of(&out));
        let context = self.context.clone();
        tape.add_backward_op(move |gradients| {
            let dout = context.buffers.adopt(out_slot.take(gradients)?);
            let dout = Columns { data: &dout, stride: width, offset: 0 };
            let [norm] = unit.backward_norm([(0..width, dout)]);
            layer.add_norm(gradients, &norm)?;
            let mut dw = layer.take_weight_gradient(gradients)?;
            unit.weight_gradient(&input, &mut dw);
            layer.put_weight_gradient(gradients, dw)?;
            if input_gradient {
                x_slot.update(gradients, |dx| unit.input_gradient(&layer.weight, dx, Destination::Accumulate))?;
            }
            Ok(())
        });
        Ok((out.put_tape(tape), layer::moments(self.memory.device(), moments)?))
    }

    fn conv_bn_relu<T: Tape<f32, Cpu>>(
        &self,
        x: Maps<Cpu, T>,
        layer: &ConvBn<'_, Cpu>,
        moments: &Moments<Cpu>,
    ) -> Result<Maps<Cpu, T>, OpError> {
        if T::OWNS_TAPE {
            let y = self.conv2d(x, layer.weight, layer.window)?;
            let y = self.batch_norm(y, layer.scale, layer.shift, moments, layer.epsilon)?;
            return y.try_relu().map_err(OpError::device);
        }
        let geometry = Geometry::new(*x.shape(), *layer.weight.shape(), layer.window)?;
        let host = Layer::read(layer)?;
        let norm = Self::norm(&host, moments)?;
        let (x, tape) = x.split_tape();
        let mut y = self.context.buffers.take_vec(geometry.rows() * geometry.c_out());
        conv::forward(&self.context, &geometry, &self.memory.hold(&x), &host.weight, &mut y);
        norm.apply_in_place(true, &mut y);
        Ok(self.memory.tensor(y, geometry.output_shape())?.put_tape(tape))
    }

    fn inception_train<T: Tape<f32, Cpu>>(
        &self,
        x: Maps<Cpu, T>,
        layers: &[ConvBn<'_, Cpu>; 6],
    ) -> Result<(Maps<Cpu, T>, [Moments<Cpu>; 6]), OpError> {
        let shape = *x.shape();
        let [a, b, c, d, e, f] = layers.each_ref().map(Layer::read);
        let host = [a?, b?, c?, d?, e?, f?];
        let (x, mut tape) = x.split_tape();
        let (block, out, moments) = Inception::forward(&self.context, self.memory.hold(&x), shape, host)?;
        let channels = out.len() / (shape.0 * shape.1 * shape.2);
        let out = self.memory.tensor(out, (shape.0, shape.1, shape.2, channels))?;
        let (x_slot, out_slot) = (Slot::of(&x), Slot::of(&out));
        let context = self.context.clone();
        tape.add_backward_op(move |gradients| {
            let dout = context.buffers.adopt(out_slot.take(gradients)?);
            let mut dx = x_slot.take(gradients)?;
            block.backward(&dout, &mut dx, gradients)?;
            x_slot.put(gradients, dx)
        });
        let [a, b, c, d, e, f] = moments.map(|moments| layer::moments(self.memory.device(), moments));
        Ok((out.put_tape(tape), [a?, b?, c?, d?, e?, f?]))
    }

    fn inception(
        &self,
        x: Maps<Cpu>,
        layers: &[ConvBn<'_, Cpu>; 6],
        moments: [&Moments<Cpu>; 6],
    ) -> Result<Maps<Cpu>, OpError> {
        let shape = *x.shape();
        let [a, b, c, d, e, f] = layers.each_ref().map(Layer::read);
        let host = [a?, b?, c?, d?, e?, f?];
        let norm = |i: usize| Self::norm(&host[i], moments[i]);
        let norms = [norm(0)?, norm(1)?, norm(2)?, norm(3)?, norm(4)?, norm(5)?];
        let out = inception::infer(&self.context, &self.memory.hold(&x), shape, &host, &norms)?;
        let channels = out.len() / (shape.0 * shape.1 * shape.2);
        self.memory.tensor(out, (shape.0, shape.1, shape.2, channels))
    }
}
