//! `cargo bench`: training steps of whole networks, each case in a process of its own; medians over several rounds.
//!
//! `cargo bench -- --peers` times the same step in PyTorch in turn (`benches/peers/torch_step.py`) and prints ratios.
//! `--rounds N` sets the number of rounds.

mod peak;

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

/// Ratio of widths, side of the images, images a step, steps.
const CASES: [(&str, &str, &str, &str); 4] =
    [("1", "224", "16", "4"), ("1", "64", "32", "8"), ("0.5", "64", "32", "12"), ("0.25", "96", "32", "12")];

/// What both programs print.
#[derive(Deserialize)]
struct Figures {
    macs_per_image: u64,
    images_per_s: f64,
    gflops: f64,
    peak_mib: Option<f64>,
}

/// Runs one program on a case.
fn run(mut program: Command, (ratio, size, batch, steps): (&str, &str, &str, &str), threads: usize) -> Figures {
    program.args(["--ratio", ratio, "--size", size, "--batch", batch, "--steps", steps]);
    program.args(["--threads", &threads.to_string()]);
    let output = program.output().unwrap_or_else(|error| panic!("{program:?}: {error}"));
    assert!(output.status.success(), "{program:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{program:?}: {error}"))
}

fn ours() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inception-nas"));
    command.args(["bench", "--no-aux", "--json"]);
    command
}

fn pytorch() -> Command {
    let mut command = Command::new("python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/torch_step.py"));
    command
}

/// The value in the middle, the lower one of two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) / 2]
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let peers = arguments.iter().any(|argument| argument == "--peers");
    let given = arguments.iter().position(|argument| argument == "--rounds").and_then(|at| arguments.get(at + 1));
    let rounds: usize = given.map_or(3, |rounds| rounds.parse().expect("--rounds N"));
    let threads = peak::thread_counts().into_iter().map(|threads| (threads, peak::gflops(threads)));
    let threads: Vec<(usize, f64)> = threads.collect();

    println!(
        "{:>6} {:>5} {:>6} {:>8} {:>9} {:>8} {:>7} {:>9}",
        "widths", "px", "batch", "threads", "images/s", "GFLOP/s", "of peak", "peak MiB"
    );
    for case in CASES {
        for &(threads, peak_gflops) in &threads {
            let (mut own, mut others) = (Vec::new(), Vec::new());
            for _ in 0..rounds {
                own.push(run(ours(), case, threads));
                if peers {
                    others.push(run(pytorch(), case, threads));
                    let macs = [&own, &others].map(|figures| figures[0].macs_per_image);
                    assert_eq!(macs[0], macs[1], "not the same network");
                }
            }
            let of = |figures: &[Figures], figure: fn(&Figures) -> f64| median(figures.iter().map(figure).collect());
            let peak = |figures: &[Figures]| of(figures, |figures| figures.peak_mib.unwrap_or(f64::NAN));
            print!("{:>6} {:>5} {:>6} {threads:>8} ", case.0, case.1, case.2);
            let gflops = of(&own, |own| own.gflops);
            print!("{:>9.1} {gflops:>8.1} {:>5.0} % ", of(&own, |own| own.images_per_s), 100.0 * gflops / peak_gflops);
            print!("{:>9.0}", peak(&own));
            if peers {
                let ratios = own.iter().zip(&others).map(|(own, other)| own.images_per_s / other.images_per_s);
                print!("   PyTorch {:.1} images/s, ", of(&others, |other| other.images_per_s));
                print!("{:.0} MiB: ratio {:.2}", peak(&others), median(ratios.collect()));
            }
            println!();
        }
    }
}
