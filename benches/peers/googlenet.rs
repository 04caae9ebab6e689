//! What the Rust peers have in common: the options, the widths of GoogLeNet, the timing and the figures printed.
//!
//! Each peer includes this file as a module of its own and gives only the network in its library's terms.

use std::time::Instant;

/// Steps before the timing starts.
const WARM_UP: usize = 2;

/// Branch widths of the nine blocks in the paper: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection.
const PAPER: [(&str, [usize; 6]); 9] = [
    ("3a", [64, 96, 128, 16, 32, 32]),
    ("3b", [128, 128, 192, 32, 96, 64]),
    ("4a", [192, 96, 208, 16, 48, 64]),
    ("4b", [160, 112, 224, 24, 64, 64]),
    ("4c", [128, 128, 256, 24, 64, 64]),
    ("4d", [112, 144, 288, 32, 64, 64]),
    ("4e", [256, 160, 320, 32, 128, 128]),
    ("5a", [256, 160, 320, 32, 128, 128]),
    ("5b", [384, 192, 384, 48, 128, 128]),
];

/// Classes of the network that is timed.
pub const CLASSES: usize = 2;

/// Added to batch norm's variance.
pub const BATCH_NORM_EPSILON: f64 = 1e-3;

/// Step of SGD.
pub const LEARNING_RATE: f64 = 0.01;

/// The options of `torch_step.py`.
pub struct Options {
    /// What the paper's widths are multiplied by.
    ratio: f64,
    /// Side of the images in pixels.
    pub size: usize,
    /// Images a step.
    pub batch: usize,
    threads: usize,
    steps: usize,
}

/// A block: its name in the paper and its scaled widths.
pub struct Block {
    pub name: &'static str,
    pub widths: [usize; 6],
}

impl Block {
    /// Whether a max pool follows.
    pub fn ends_stage(&self) -> bool {
        matches!(self.name, "3b" | "4e")
    }

    /// Channels of the output.
    pub fn out(&self) -> usize {
        [0, 2, 4, 5].iter().map(|&branch| self.widths[branch]).sum()
    }
}

impl Options {
    /// Reads the command line and limits rayon to the threads asked for. To be called before any other thread starts.
    pub fn from_args() -> Self {
        let mut options = Self { ratio: 1.0, size: 64, batch: 32, threads: 1, steps: 8 };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let value = arguments.next().unwrap_or_default();
            let known = match name.as_str() {
                "--arch" => value
                    .strip_prefix("googlenet:")
                    .and_then(|ratio| ratio.parse().ok())
                    .map(|ratio| options.ratio = ratio)
                    .is_some(),
                "--size" => value.parse().map(|size| options.size = size).is_ok(),
                "--batch" => value.parse().map(|batch| options.batch = batch).is_ok(),
                "--threads" => value.parse().map(|threads| options.threads = threads).is_ok(),
                "--steps" => value.parse().map(|steps| options.steps = steps).is_ok(),
                _ => false,
            };
            if !known {
                eprintln!("not understood: {name} {value}; options: --arch googlenet:RATIO --size --batch --threads --steps");
                std::process::exit(2);
            }
        }
        // SAFETY: the program has one thread so far.
        unsafe { std::env::set_var("RAYON_NUM_THREADS", options.threads.to_string()) };
        options
    }

    fn scale(&self, width: usize) -> usize {
        let width = width as f64 * self.ratio;
        let unit = if width < 32.0 { 4 } else { 8 };
        1.max((width / unit as f64).round() as usize) * unit
    }

    /// Widths of the three convolutions before the blocks.
    pub fn stem(&self) -> [usize; 3] {
        [64, 64, 192].map(|width| self.scale(width))
    }

    /// The nine blocks.
    pub fn blocks(&self) -> impl Iterator<Item = Block> {
        PAPER.iter().map(|(name, widths)| Block { name, widths: widths.map(|width| self.scale(width)) })
    }

    /// Times the step and prints the figures under the names of `inception-nas bench --json`.
    ///
    /// A step returns the multiply-adds of its convolutions for one image, counted on the way.
    pub fn time<E>(&self, mut step: impl FnMut() -> Result<u64, E>) -> Result<(), E> {
        let mut seconds = Vec::with_capacity(self.steps);
        let mut macs = 0;
        for at in 0..WARM_UP + self.steps {
            let start = Instant::now();
            macs = step()?;
            if at >= WARM_UP {
                seconds.push(start.elapsed().as_secs_f64());
            }
        }
        seconds.sort_by(f64::total_cmp);
        let rate = self.batch as f64 / seconds[self.steps / 2];
        let gflops = 6.0 * macs as f64 * rate / 1e9;
        let peak = peak_mib().map_or_else(|| "null".to_owned(), |mib| mib.to_string());
        println!(
            "{{\"images_per_s\": {rate}, \"macs_per_image\": {macs}, \"gflops\": {gflops}, \"threads\": {}, \
             \"peak_mib\": {peak}}}",
            self.threads
        );
        Ok(())
    }
}

/// Peak resident memory in MiB, where the system tells.
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib / 1024)
}
