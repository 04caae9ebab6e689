//! A made-up task that scores a network without training it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use super::ports::{Evaluator, Proxy};
use super::trial::{Failure, Job, Outcome, Score};
use crate::arch::{Architecture, Branch};
use crate::space::{Rng, Rung};

/// What goes wrong with a job on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The training reports an error.
    Error,
    /// The training diverges in its first epoch.
    Diverge,
    /// The training panics.
    Panic,
}

/// How the error depends on the widths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terrain {
    /// Each width on its own.
    Separable,
    /// A reduction and the convolution behind it matter together: their ratio far more than their level. So most changes
    /// of one of them alone are for the worse.
    Interacting,
    /// About a third of the widths have a second, worse best value nearer to the start, and the way to the true one leads
    /// uphill at first.
    Deceptive,
}

/// Stands in for training, in microseconds: every width has a best value, and the error grows with the distance of the
/// widths from their best values. Some widths matter a lot and some hardly at all, so that networks of equal cost differ
/// and there is something to be found that uniform scaling cannot find.
///
/// Only exactly rounded operations are used, so scores are the same on every platform.
#[derive(Clone, Debug)]
pub struct Landscape {
    terrain: Terrain,
    optimum: Vec<f64>,
    weights: Vec<f64>,
    /// For every width its second best value, if it has one.
    decoys: Vec<Option<f64>>,
    noise: f64,
    brevity: Option<Brevity>,
    faults: BTreeMap<usize, Fault>,
}

/// What is wrong with brief trainings.
#[derive(Clone, Debug)]
struct Brevity {
    full: Rung,
    bias: f64,
    /// What the briefest measure instead, so far as they are biased.
    other: Box<Landscape>,
}

/// How much worse a decoy is than the best value, in squared [`offset`]s.
const DECOY: f64 = 0.04;

/// Weight of the ratio of two widths that matter together, beside their level.
const TILT: f64 = 2.0;

/// How far a score of an untrained network is off, either way.
const UNTRAINED_NOISE: f64 = 0.02;

impl Landscape {
    /// The error at the best widths.
    pub const LEAST_ERROR: f64 = 0.05;

    /// A separable landscape drawn from `seed`, whose best widths are 0.5 to 1.5 times those of `around`. A measured
    /// accuracy is off by up to `noise` either way, as a function of the job's seed.
    pub fn new(seed: u64, around: &Architecture, noise: f64) -> Self {
        Self::with_terrain(Terrain::Separable, seed, around, noise)
    }

    /// The same on any terrain. Where there are decoys, the best width is twice or half that of `around`, and the decoy
    /// lies on the other side.
    pub fn with_terrain(terrain: Terrain, seed: u64, around: &Architecture, noise: f64) -> Self {
        let mut rng = generator(seed);
        let widths: Vec<f64> = around.width_values().map(|width| width as f64).collect();
        let mut optimum: Vec<f64> = widths.iter().map(|width| width * (0.5 + rng.unit())).collect();
        // The cube makes most weights small and a few large.
        let raw: Vec<f64> = widths.iter().map(|_| rng.unit()).map(|u| u * u * u).collect();
        let sum: f64 = raw.iter().sum();
        let mut decoys = vec![None; widths.len()];
        if terrain == Terrain::Deceptive {
            for ((best, decoy), width) in optimum.iter_mut().zip(&mut decoys).zip(widths) {
                (*best, *decoy) = match rng.below(6) {
                    0 => (width * 2.0, Some(width * 0.7)),
                    1 => (width * 0.5, Some(width / 0.7)),
                    _ => (*best, None),
                };
            }
        }
        let weights = raw.iter().map(|weight| weight / sum).collect();
        Self { terrain, optimum, weights, decoys, noise, brevity: None, faults: BTreeMap::new() }
    }

    /// The same with a fault in the job of each given index.
    #[must_use]
    pub fn with_faults(mut self, faults: impl IntoIterator<Item = (usize, Fault)>) -> Self {
        self.faults.extend(faults);
        self
    }

    /// The same, but trainings that see fewer images than `full` measure worse: their noise grows with the inverse of the
    /// square root of the share that they see, and their error leans towards that of the landscape `other`, by `bias` (0 to
    /// 1) if they see next to nothing.
    #[must_use]
    pub fn with_brevity(mut self, full: Rung, bias: f64, other: Landscape) -> Self {
        self.brevity = Some(Brevity { full, bias, other: Box::new(other) });
        self
    }

    /// The error of a network after a training, without noise, and the noise.
    fn measured(&self, job: &Job) -> (f64, f64) {
        let error = self.error(&job.architecture);
        let Some(Brevity { full, bias, other }) = &self.brevity else { return (error, self.noise) };
        let share = job.fidelity.rung().seen() as f64 / full.seen() as f64;
        let bias = bias * (1.0 - share);
        ((1.0 - bias) * error + bias * other.error(&job.architecture), self.noise / share.sqrt())
    }

    /// The error of a network without noise, fully trained: [`Self::LEAST_ERROR`] at the best widths, towards 0.5 far from them.
    pub fn error(&self, architecture: &Architecture) -> f64 {
        let widths: Vec<f64> = architecture.width_values().map(|width| width as f64).collect();
        let offsets: Vec<f64> = widths.iter().zip(&self.optimum).map(|(width, best)| offset(*width, *best)).collect();
        let mut squares: Vec<f64> = offsets.iter().map(|offset| offset * offset).collect();
        for ((square, decoy), width) in squares.iter_mut().zip(&self.decoys).zip(&widths) {
            if let Some(decoy) = decoy {
                let offset = offset(*width, *decoy);
                *square = square.min(DECOY + offset * offset);
            }
        }
        if self.terrain == Terrain::Interacting {
            for (reduction, conv) in pairs(widths.len()) {
                let (level, tilt) = ((offsets[reduction] + offsets[conv]) / 2.0, offsets[reduction] - offsets[conv]);
                squares[reduction] = level * level + TILT * tilt * tilt;
                squares[conv] = squares[reduction];
            }
        }
        let distance: f64 =
            squares.iter().zip(&self.weights).map(|(square, weight)| weight * square).sum::<f64>() * 8.0;
        Self::LEAST_ERROR + (0.5 - Self::LEAST_ERROR) * distance / (1.0 + distance)
    }
}

fn generator(seed: u64) -> Rng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    Rng::from_seed(bytes)
}

/// About half the logarithm of the ratio of a width to another.
fn offset(width: f64, best: f64) -> f64 {
    (width - best) / (width + best)
}

/// Positions, in network order, of the reductions and the convolutions behind them.
fn pairs(widths: usize) -> impl Iterator<Item = (usize, usize)> {
    let stem = widths % Branch::ALL.len();
    let blocks = (stem..widths).step_by(Branch::ALL.len());
    std::iter::once((1, 2)).chain(blocks.flat_map(|block| [(block + 1, block + 2), (block + 3, block + 4)]))
}

impl Evaluator for Landscape {
    fn evaluate(&self, job: &Job, progress: &dyn Fn(f64, f64), stop: &AtomicBool) -> Option<(Outcome, f64)> {
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        let failure = match self.faults.get(&job.index) {
            None => None,
            Some(Fault::Error) => Some(Failure::Error { message: format!("fault in trial {}", job.index) }),
            Some(Fault::Diverge) => Some(Failure::Diverged { epoch: 1, loss: "NaN".to_owned() }),
            Some(Fault::Panic) => panic!("fault in trial {}", job.index),
        };
        if let Some(failure) = failure {
            return Some((Outcome::Failed(failure), 0.0));
        }
        let (error, noise) = self.measured(job);
        let luck = noise * (2.0 * generator(job.seed).unit() - 1.0);
        let error = (error + luck).clamp(0.0, 1.0);
        progress(1.0, error);
        let score = Score {
            accuracy: 1.0 - error,
            accuracy_se: (error * (1.0 - error) / 1000.0).sqrt(),
            validation_loss: error,
            training_loss_sum: error * job.fidelity.epochs as f64,
        };
        Some((Outcome::Done(score), 0.0))
    }

    /// A microsecond for a thousand MACs, in no time.
    fn latency(&self, job: &Job, batch: usize) -> (Option<f64>, f64) {
        (Some(job.cost.macs as f64 * batch as f64 / 1e6), 0.0)
    }

    /// Any score is the accuracy of a full training, with noise of its own.
    fn untrained(&self, job: &Job, _: Proxy) -> (Option<f64>, f64) {
        let luck = UNTRAINED_NOISE * (2.0 * generator(!job.seed).unit() - 1.0);
        (Some(1.0 - self.error(&job.architecture) + luck), 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around() -> Architecture {
        Architecture::googlenet_scaled(0.5, 2, false).unwrap()
    }

    #[test]
    fn the_pairs_are_reductions_and_their_convolutions() {
        let names: Vec<String> = around().widths().into_iter().map(|(name, _)| name).collect();
        let found: Vec<(usize, usize)> = pairs(names.len()).collect();
        assert_eq!(found.len(), 1 + 9 * 2);
        for (reduction, conv) in found {
            assert_eq!(names[reduction], format!("{}_reduce", names[conv]));
        }
    }

    #[test]
    fn on_deceptive_terrain_the_slope_at_the_start_leads_away_from_the_best_width() {
        let landscape = Landscape::with_terrain(Terrain::Deceptive, 3, &around(), 0.0);
        let start: Vec<f64> = around().width_values().map(|width| width as f64).collect();
        let value = |gene: usize, decoy: f64, width: f64| {
            let (best, second) = (offset(width, landscape.optimum[gene]), offset(width, decoy));
            (best * best).min(DECOY + second * second)
        };
        let mut deceptive = 0;
        for (gene, &width) in start.iter().enumerate() {
            let Some(decoy) = landscape.decoys[gene] else { continue };
            deceptive += 1;
            let towards = if landscape.optimum[gene] > width { 1.1 } else { 1.0 / 1.1 };
            assert!(value(gene, decoy, width * towards) > value(gene, decoy, width));
            assert!(value(gene, decoy, width / towards) < value(gene, decoy, width));
            assert!(value(gene, decoy, landscape.optimum[gene]) < value(gene, decoy, decoy));
        }
        assert!((10..30).contains(&deceptive), "{deceptive}");
    }

    #[test]
    fn where_widths_interact_changing_both_is_better_than_changing_one() {
        let landscape = |terrain| Landscape::with_terrain(terrain, 3, &around(), 0.0);
        let (separable, interacting) = (landscape(Terrain::Separable), landscape(Terrain::Interacting));
        assert_eq!((&separable.optimum, &separable.weights), (&interacting.optimum, &interacting.weights));
        // Every width is off by the same factor, so the ratios are right.
        let scaled = |factor: f64| {
            let widths: Vec<f64> = interacting.optimum.iter().map(|best| best * factor).collect();
            let squares = |landscape: &Landscape| {
                let blocks = std::array::from_fn(|block| {
                    crate::arch::BranchWidths::new(std::array::from_fn(|i| widths[3 + block * 6 + i] as usize))
                });
                let [conv1, conv2_reduce, conv2] = std::array::from_fn(|i| widths[i] as usize);
                let stem = crate::arch::StemWidths { conv1, conv2_reduce, conv2 };
                landscape.error(&Architecture::new(stem, blocks, 2, false).unwrap())
            };
            (squares(&separable), squares(&interacting))
        };
        let (alone, together) = scaled(2.0);
        assert!((alone - together).abs() < 0.01, "{alone} {together}");
        let (alone, together) = (separable.error(&around()), interacting.error(&around()));
        assert!(together > alone, "{alone} {together}");
    }
}
