//! `cargo bench`: single operations as they occur in the network, forward and backward, beside this machine's peak.

mod peak;

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use dfdx::prelude::*;
use inception_nas::arch::Architecture;
use inception_nas::ops::{
    Channels, ConvBn, Engine, Gemm, Maps, OpError, Rows, Spans, Timeline, Window, global_avg_pool, keep_freed_memory,
    linear,
};

/// Images a batch.
const BATCH: usize = 32;

/// How long an operation is repeated at least, and how often.
const SPAN: Duration = Duration::from_millis(400);
const REPEATS: usize = 5;

type Taped = OwnedTape<f32, Cpu>;

/// What a pass does, to be divided by its time.
#[derive(Clone, Copy)]
enum Work {
    /// Operations of forward and backward pass.
    Flops([f64; 2]),
    /// Bytes of input and output, each read or written once; in the backward pass those of their gradients.
    Bytes(f64),
}

impl Work {
    /// Of so many multiply-adds: forward twice as many operations, and backward twice for each gradient.
    fn macs(macs: usize, input_gradient: bool) -> Self {
        let forward = 2.0 * macs as f64;
        Self::Flops([forward, if input_gradient { 2.0 * forward } else { forward }])
    }

    /// Rate and share of the peak, for one pass.
    fn rate(self, pass: usize, ms: f64, peak: f64) -> [String; 2] {
        match self {
            Self::Flops(flops) => {
                let gflops = flops[pass] / (ms * 1e6);
                [format!("{gflops:.1} GFLOP/s"), format!("{:.0} %", 100.0 * gflops / peak)]
            }
            Self::Bytes(bytes) => [format!("{:.1} GB/s", bytes / (ms * 1e6)), String::new()],
        }
    }
}

/// One engine, and where its rows are printed.
struct Bench {
    engine: Gemm,
    threads: usize,
    peak: f64,
}

impl Bench {
    /// Times both passes of `op` over what `x` makes and prints a row.
    fn row<I: Shape, O: Shape + ReduceShapeTo<(), A>, A: Axes>(
        &self,
        name: &str,
        x: impl Fn() -> Tensor<I, f32, Cpu>,
        work: Work,
        op: impl Fn(Tensor<I, f32, Cpu, Taped>) -> Result<Tensor<O, f32, Cpu, Taped>, OpError>,
    ) {
        let mut passes = [Vec::new(), Vec::new()];
        let begin = Instant::now();
        while passes[0].len() < REPEATS || begin.elapsed() < SPAN {
            let (timeline, marks) = Timeline::new();
            let y = timeline.begin("operation", x().leaky_trace()).and_then(&op).and_then(|y| timeline.begin("sum", y));
            y.unwrap_or_else(|error| panic!("{name}: {error}")).sum::<(), A>().backward();
            let at: Vec<Instant> = marks.try_iter().map(|mark| mark.at).collect();
            for (times, [from, to]) in passes.iter_mut().zip([[0, 1], [2, 3]]) {
                times.push((at[to] - at[from]).as_secs_f64() * 1e3);
            }
        }
        print!("{name:<46} {:>7}", self.threads);
        for (pass, times) in passes.iter_mut().enumerate() {
            times.sort_by(f64::total_cmp);
            let ms = times[times.len() / 2];
            let [rate, share] = work.rate(pass, ms, self.peak);
            print!(" {ms:>12.2} {rate:>14} {share:>5}");
        }
        println!();
    }

    /// A convolution at stride 1 over maps of `side` pixels that keeps their side.
    fn conv(&self, side: usize, kernel: usize, c_in: usize, c_out: usize) {
        let x = self.maps(side, c_in);
        let (window, weight) = (Window::square(kernel, 1, kernel / 2), self.matrix(kernel * kernel * c_in, c_out));
        let work = Work::macs(BATCH * side * side * kernel * kernel * c_in * c_out, true);
        let name = format!("conv {kernel}x{kernel}, {c_in} -> {c_out}, {side} px");
        self.row(&name, || self.made(&x), work, |x| self.engine.conv2d(x, &weight, window));
    }

    /// A convolution with batch norm and ReLU; the first of a network, whose input needs no gradient, if `first`.
    fn conv_bn_relu(&self, side: usize, window: Window, c_in: usize, c_out: usize, first: bool) {
        let x = self.maps(side, c_in);
        let layer = Layer { input_gradient: !first, ..self.layer(window, c_in, c_out) };
        let [[kernel, _], [stride, _]] = [window.kernel, window.stride];
        let output = (side + 2 * window.padding[0] - kernel) / stride + 1;
        let work = Work::macs(BATCH * output * output * kernel * kernel * c_in * c_out, !first);
        let name = format!("conv {kernel}x{kernel}/{stride} + bn + relu, {c_in} -> {c_out}, {side} px");
        self.row(&name, || self.made(&x), work, |x| Ok(self.engine.conv_bn_relu_train(x, &layer.parameters())?.0));
    }

    /// Max pooling with windows of 3x3.
    fn max_pool(&self, side: usize, channels: usize, window: Window, ceil: bool) {
        let x = self.maps(side, channels);
        let spans = Spans::sliding("max_pool", window, [side, side], ceil).expect("the window fits");
        let [height, width] = spans.output();
        let work = Work::Bytes((4 * BATCH * channels * (side * side + height * width)) as f64);
        let name = format!("max pool 3x3/{}, {channels}, {side} px", window.stride[0]);
        self.row(&name, || self.made(&x), work, |x| self.engine.max_pool(x, &spans));
    }

    /// A whole block of GoogLeNet at 224 px with all widths times `ratio`.
    fn inception(&self, module: &str, block: usize, ratio: f64) {
        let architecture = Architecture::googlenet_scaled(ratio, 2, false).expect("a sound ratio");
        let layers = architecture.layers(224).expect("a sound size");
        let layers: Vec<_> = layers.iter().filter(|layer| layer.name.module == module).collect();
        let macs: u64 = layers.iter().map(|layer| layer.macs()).sum();
        let input = layers[0].input;
        let x = self.maps(input.side, input.channels);
        let [b1x1, b3x3_reduce, b3x3, b5x5_reduce, b5x5, pool_proj] = architecture.blocks()[block].to_array();
        let layer = |kernel, c_in, c_out| self.layer(Window::square(kernel, 1, kernel / 2), c_in, c_out);
        let block = [
            layer(1, input.channels, b1x1),
            layer(1, input.channels, b3x3_reduce),
            layer(3, b3x3_reduce, b3x3),
            layer(1, input.channels, b5x5_reduce),
            layer(5, b5x5_reduce, b5x5),
            layer(1, input.channels, pool_proj),
        ];
        let name = format!(
            "{module}, widths x {ratio}, {} -> {}, {} px",
            input.channels,
            b1x1 + b3x3 + b5x5 + pool_proj,
            input.side
        );
        let work = Work::macs(BATCH * macs as usize, true);
        self.row(
            &name,
            || self.made(&x),
            work,
            |x| Ok(self.engine.inception_train(x, &block.each_ref().map(Layer::parameters))?.0),
        );
    }

    /// Global average pooling.
    fn global_pool(&self, side: usize, channels: usize) {
        let work = Work::Bytes((4 * BATCH * channels * (side * side + 1)) as f64);
        let name = format!("global average pool, {channels}, {side} px");
        let x = self.maps(side, channels);
        self.row(&name, || self.made(&x), work, |x| global_avg_pool(&self.engine, x));
    }

    /// A linear layer.
    fn linear(&self, inputs: usize, outputs: usize) {
        let (weight, bias) = (self.matrix(inputs, outputs), self.channels(outputs));
        let work = Work::macs(BATCH * inputs * outputs, true);
        let name = format!("linear, {inputs} -> {outputs}");
        let x = self.matrix(BATCH, inputs);
        self.row(&name, || x.clone(), work, |x| linear(&self.engine, x, &weight, &bias));
    }

    fn layer(&self, window: Window, c_in: usize, c_out: usize) -> Layer {
        Layer {
            weight: self.matrix(window.kernel[0] * window.kernel[1] * c_in, c_out),
            window,
            scale: self.channels(c_out),
            shift: self.channels(c_out),
            input_gradient: true,
        }
    }

    /// The same maps as an operation would give them: the next one reads those in place, and copies others.
    fn made(&self, maps: &Maps<Cpu>) -> Maps<Cpu> {
        self.engine.concat(vec![maps.clone()]).expect("one part")
    }

    fn maps(&self, side: usize, channels: usize) -> Maps<Cpu> {
        self.engine.device().tensor_from_vec(values(BATCH * side * side * channels), (BATCH, side, side, channels))
    }

    fn matrix(&self, rows: usize, columns: usize) -> Rows<Cpu> {
        self.engine.device().tensor_from_vec(values(rows * columns), (rows, columns))
    }

    fn channels(&self, count: usize) -> Channels<Cpu> {
        self.engine.device().tensor_from_vec(values(count), (count,))
    }
}

/// The parameters of a convolution with batch norm.
struct Layer {
    weight: Rows<Cpu>,
    window: Window,
    scale: Channels<Cpu>,
    shift: Channels<Cpu>,
    input_gradient: bool,
}

impl Layer {
    fn parameters(&self) -> ConvBn<'_, Cpu> {
        let Self { weight, window, scale, shift, input_gradient } = self;
        ConvBn { weight, window: *window, scale, shift, epsilon: 1e-3, input_gradient: *input_gradient }
    }
}

/// Numbers from -1 to 1 without a pattern that matters.
fn values(count: usize) -> Vec<f32> {
    (0..count as u32).map(|i| (i.wrapping_mul(2_654_435_769) >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
}

fn main() {
    keep_freed_memory();
    let counts = peak::thread_counts();
    let benches = counts.into_iter().map(|threads| {
        let engine = Gemm::with_threads(NonZeroUsize::new(threads).expect("a thread")).expect("an engine");
        let peak = peak::gflops(threads);
        println!("peak of a f32 matrix product, {threads} threads: {peak:.1} GFLOP/s");
        Bench { engine, threads, peak }
    });
    let benches: Vec<Bench> = benches.collect();
    println!(
        "{BATCH} images. A gradient of weights or input is as many operations as the forward pass. Winograd's algorithm does\n\
         fewer than are counted, so 3x3 convolutions can exceed the peak."
    );
    println!(
        "{:<46} {:>7} {:>12} {:>14} {:>5} {:>12} {:>14} {:>5}",
        "operation", "threads", "forward ms", "", "peak", "backward ms", "", "peak"
    );
    for bench in &benches {
        bench.conv(14, 1, 480, 192);
        bench.conv(14, 3, 96, 208);
        bench.conv(14, 5, 16, 48);
        bench.conv_bn_relu(14, Window::square(3, 1, 1), 96, 208, false);
        bench.conv_bn_relu(96, Window::square(7, 2, 3), 3, 64, true);
        bench.conv_bn_relu(224, Window::square(7, 2, 3), 3, 64, true);
        bench.max_pool(14, 480, Window::square(3, 1, 1), false);
        bench.max_pool(28, 480, Window::square(3, 2, 0), true);
        for ratio in [1.0, 0.25] {
            bench.inception("inception3a", 0, ratio);
            bench.inception("inception4b", 3, ratio);
        }
        bench.global_pool(7, 1024);
        bench.linear(1024, 1000);
    }
}
