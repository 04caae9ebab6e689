//! `cargo bench`: training steps of whole networks, each in a process of its own; medians over several rounds.
//!
//! `cargo bench --bench step -- --peers` times the same step in other libraries in turn (`benches/peers`) and prints ratios.

mod case;
#[path = "../peak/mod.rs"]
mod peak;
mod peer;

use std::num::NonZeroUsize;

use anyhow::{Context, anyhow, ensure};
use case::{CASES, Case, Figures};
use clap::Parser;
use clap::builder::PossibleValuesParser;
use peer::{Peer, Program};

/// A peer slower than this many times runs one round only.
const SLOW: f64 = 10.0;

/// Times training steps of whole networks.
#[derive(Parser)]
struct Args {
    /// Time other libraries in turn with this program; all of them if none is named.
    #[arg(long, value_name = "LIST", value_delimiter = ',', num_args = 0..=1,
          default_missing_value = "pytorch,candle,burn")]
    peers: Vec<Peer>,
    /// Rounds of ours, then each peer.
    #[arg(long, default_value = "3", value_name = "N")]
    rounds: NonZeroUsize,
    /// Only these cases.
    #[arg(long, value_name = "LIST", value_delimiter = ',',
          value_parser = PossibleValuesParser::new(CASES.map(|case| case.name)))]
    cases: Vec<String>,
    /// Threads of a training: by default one, then all cores.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    threads: Vec<NonZeroUsize>,
    /// What cargo says to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Runs of one peer on a case, each beside a run of ours.
struct Runs<'a> {
    peer: Peer,
    program: &'a Program,
    figures: Vec<Figures>,
    /// Ours / the peer's images per second, of each round.
    ratios: Vec<f64>,
    /// Why there are no more.
    failure: Option<String>,
}

/// The value in the middle, the lower one of two.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) / 2]
}

/// Times ours and the peers in turn and prints a row for each.
fn compare(
    case: &Case,
    threads: usize,
    peak_gflops: f64,
    rounds: usize,
    peers: &[(Peer, Program)],
) -> anyhow::Result<()> {
    let program = Program::ours();
    let mut own = Vec::new();
    let new = |(peer, program)| Runs { peer, program, figures: Vec::new(), ratios: Vec::new(), failure: None };
    let mut others: Vec<Runs> = peers.iter().map(|(peer, program)| new((*peer, program))).collect();
    for _ in 0..rounds {
        let ours = case.run(&program, threads, case.steps).map_err(|error| anyhow!(error)).context("inception-nas")?;
        for other in &mut others {
            if other.failure.is_some() || other.ratios.first().is_some_and(|&ratio| ratio > SLOW) {
                continue;
            }
            match case.run(other.program, threads, other.peer.steps(case.steps)) {
                Ok(figures) => {
                    let same = figures.macs_per_image == ours.macs_per_image;
                    ensure!(same, "{}: not the same network as ours", other.program.name);
                    other.ratios.push(ours.images_per_s / figures.images_per_s);
                    other.figures.push(figures);
                }
                Err(error) => other.failure = Some(error),
            }
        }
        own.push(ours);
    }
    print(case, (threads, peak_gflops), &program, &own, case.steps, None);
    for other in &others {
        let steps = other.peer.steps(case.steps);
        if !other.figures.is_empty() {
            let ratio = median(other.ratios.iter().copied());
            print(case, (threads, peak_gflops), other.program, &other.figures, steps, Some(ratio));
        }
        if let Some(failure) = &other.failure {
            println!("{}: left out, {}", other.program.name, failure.trim_end());
        }
    }
    Ok(())
}

/// Prints a row; `threads` are how many the case computes with, and the GFLOP/s that all of these reach at their peak.
fn print(
    case: &Case,
    (threads, peak_gflops): (usize, f64),
    program: &Program,
    figures: &[Figures],
    steps: usize,
    ratio: Option<f64>,
) {
    let of = |figure: fn(&Figures) -> f64| median(figures.iter().map(figure));
    let (rate, gflops) = (of(|figures| figures.images_per_s), of(|figures| figures.gflops));
    let peak = of(|figures| figures.peak_mib.unwrap_or(f64::NAN));
    let share = 100.0 * gflops / peak_gflops;
    let threads = if case.processes > 1 { format!("{} x {threads}", case.processes) } else { threads.to_string() };
    let ratio = ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
    println!(
        "{:<16}{threads:>8}  {:<16}{rate:>9.1}{gflops:>9.1}{share:>7.0} %{peak:>10.0}{ratio:>9}{:>8} x {steps}",
        case.name,
        program.name,
        figures.len()
    );
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut peers = Vec::new();
    for peer in args.peers {
        match peer.prepare() {
            Ok(program) => peers.push((peer, program)),
            Err(reason) => println!("{peer:?}: left out, {reason}"),
        }
    }
    let mut threads: Vec<usize> = args.threads.into_iter().map(NonZeroUsize::get).collect();
    if threads.is_empty() {
        threads = peak::thread_counts();
    }
    println!(
        "{:<16}{:>8}  {:<16}{:>9}{:>9}{:>9}{:>10}{:>9}  rounds x steps",
        "case", "threads", "program", "images/s", "GFLOP/s", "of peak", "peak MiB", "ours/its"
    );
    for case in CASES.iter().filter(|case| args.cases.is_empty() || args.cases.iter().any(|name| name == case.name)) {
        // Trainings side by side share the cores as they are.
        let threads = if case.processes > 1 { &[1][..] } else { &threads };
        for &threads in threads {
            let peak_gflops = peak::gflops(threads * case.processes);
            compare(case, threads, peak_gflops, args.rounds.get(), &peers)?;
        }
    }
    Ok(())
}
