//! The reference of the benchmarks: how fast this machine multiplies f32 matrices.

use std::num::NonZeroUsize;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use matrixmultiply::sgemm;

/// `[rows, inner, columns]` of products whose factors fit the second-level caches of common processors.
const SHAPES: [[usize; 3]; 4] = [[192, 192, 192], [384, 256, 192], [768, 192, 96], [1024, 128, 256]];

/// How long one shape is multiplied at a time, and how often.
const SPAN: Duration = Duration::from_millis(50);
const ROUNDS: usize = 4;

/// One thread, and all of this machine.
pub fn thread_counts() -> Vec<usize> {
    let mut counts = vec![1, std::thread::available_parallelism().map_or(1, NonZeroUsize::get)];
    counts.dedup();
    counts
}

/// GFLOP/s of the crate `matrixmultiply`, which shares no code with the engine, on so many threads, each with matrices of its own: the best
/// of several shapes and rounds. It is what this machine was seen to do, not what its data sheet says.
pub fn gflops(threads: usize) -> f64 {
    let rates = SHAPES.iter().flat_map(|&shape| (0..ROUNDS).map(move |_| round(threads, shape)));
    rates.fold(0.0, f64::max)
}

/// GFLOP/s of all threads together over one span.
fn round(threads: usize, shape: [usize; 3]) -> f64 {
    let start = Barrier::new(threads);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| multiply(shape, &start))).collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker panicked")).sum()
    })
}

/// GFLOP/s of one thread that begins with the others.
fn multiply([rows, inner, columns]: [usize; 3], start: &Barrier) -> f64 {
    let (a, b, mut c) = (vec![0.5_f32; rows * inner], vec![0.25_f32; inner * columns], vec![0.0_f32; rows * columns]);
    let mut product = || {
        let [a_stride, b_stride] = [inner, columns].map(|stride| stride as isize);
        let (a, b, c_start) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
        // SAFETY: row-major matrices of `rows` by `inner`, `inner` by `columns` and `rows` by `columns`, as allocated above;
        // nobody else holds `c`.
        unsafe { sgemm(rows, inner, columns, 1.0, a, a_stride, 1, b, b_stride, 1, 0.0, c_start, b_stride, 1) };
        assert_eq!(std::hint::black_box(&c)[0], inner as f32 * 0.125);
    };
    product();
    start.wait();
    let (begin, mut products) = (Instant::now(), 0.0);
    while begin.elapsed() < SPAN {
        product();
        products += 1.0;
    }
    2.0 * products * (rows * inner * columns) as f64 / begin.elapsed().as_secs_f64() / 1e9
}
