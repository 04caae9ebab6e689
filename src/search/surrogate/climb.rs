//! The kernel that explains the trials best.

use super::gaussian_process::{GaussianProcess, Kernel};

/// Steps that a climb goes on by, with [`FEW`] trials or fewer.
const MOST_STEPS: usize = 60;

/// With more trials a step takes longer, so there are fewer; climbs go on where the last one ended.
const FEW: usize = 90;

/// Logarithm of the noise's share of the variance: the mean of its prior, whose variance is 1, and how far it may go.
const NOISE: f64 = -4.0;
const NOISE_RANGE: (f64, f64) = (-9.0, 3.0);

/// Climbs the posterior density of length scales and noise by steps that grow where the slope keeps its sign and shrink
/// where it changes. The variance of the function is that of the targets.
///
/// With more length scales than a fit can learn from some hundred trials, it is the prior that keeps most widths from
/// mattering: it grows with the number of axes, so that the function stays about as simple however many there are. Length
/// scales begin at the prior's mode, the noise at the prior's median.
///
/// Sources: Igel & Huesken 2000, "Improving the Rprop learning algorithm" (iRprop-); Hvarfner, Hellsten & Nardi 2024,
/// "Vanilla Bayesian optimization performs great in high dimensions", section 5 and, for the noise, appendix.
pub(super) struct Climb {
    /// Logarithms of the length scales, then of the noise.
    position: Vec<f64>,
    steps: Vec<f64>,
    slopes: Vec<f64>,
    /// Mean of the logarithm of a length scale; its variance is [`SCALE_VARIANCE`].
    scale_mean: f64,
}

const SCALE_VARIANCE: f64 = 3.0;

impl Climb {
    pub fn new(axes: usize) -> Self {
        let scale_mean = std::f64::consts::SQRT_2 + 0.5 * (axes.max(1) as f64).ln();
        let mut position = vec![scale_mean - SCALE_VARIANCE; axes];
        position.push(NOISE);
        Self { position, steps: vec![0.1; axes + 1], slopes: vec![0.0; axes + 1], scale_mean }
    }

    /// The process of these targets, of mean 0, at `inputs`, `[count][axes]`, with the best kernel so far.
    pub fn go_on(&mut self, inputs: &[Vec<f64>], targets: &[f64]) -> Option<GaussianProcess> {
        let signal = targets.iter().map(|target| target * target).sum::<f64>() / targets.len() as f64;
        let steps = MOST_STEPS * FEW * FEW / (inputs.len() * inputs.len()).max(FEW * FEW);
        for _ in 0..steps {
            let slopes = self.slopes(&GaussianProcess::new(inputs, targets, self.kernel(signal))?);
            self.step(&slopes);
        }
        GaussianProcess::new(inputs, targets, self.kernel(signal))
    }

    fn kernel(&self, signal: f64) -> Kernel {
        let axes = self.position.len() - 1;
        let length_scales = self.position[..axes].iter().map(|log| log.exp()).collect();
        Kernel { length_scales, signal, noise: signal * self.position[axes].exp() }
    }

    /// Derivatives of the log posterior density by the position.
    fn slopes(&self, process: &GaussianProcess) -> Vec<f64> {
        let (by_scales, by_noise) = process.gradient();
        let axes = by_scales.len();
        let prior = |log: f64, mean: f64, variance: f64| -(log - mean) / variance - 1.0;
        let scales = by_scales.iter().zip(&self.position);
        let scales = scales.map(|(slope, &log)| slope + prior(log, self.scale_mean, SCALE_VARIANCE));
        scales.chain([by_noise + prior(self.position[axes], NOISE, 1.0)]).collect()
    }

    fn step(&mut self, slopes: &[f64]) {
        for (i, &slope) in slopes.iter().enumerate() {
            let turned = slope * self.slopes[i] < 0.0;
            if turned {
                self.steps[i] *= 0.5;
            } else if slope * self.slopes[i] > 0.0 {
                self.steps[i] = (self.steps[i] * 1.2).min(1.0);
            }
            self.slopes[i] = if turned { 0.0 } else { slope };
            if self.slopes[i] != 0.0 {
                self.position[i] += self.steps[i] * slope.signum();
            }
        }
        if let Some(noise) = self.position.last_mut() {
            *noise = noise.clamp(NOISE_RANGE.0, NOISE_RANGE.1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Places in three dimensions, and a wave along the first with `noise` on it.
    fn example(count: usize, noise: f64) -> (Vec<Vec<f64>>, Vec<f64>) {
        let places: Vec<Vec<f64>> = (1..=count)
            .map(|i| [0.618_034, 0.754_878, 0.569_840].map(|step| (i as f64 * step).fract()).to_vec())
            .collect();
        let luck = |i: usize| ((i * i) as f64 * 0.414_214).fract() - 0.5;
        let targets = places.iter().enumerate().map(|(i, place)| wave(place) + noise * luck(i)).collect();
        (places, targets)
    }

    fn wave(place: &[f64]) -> f64 {
        (std::f64::consts::TAU * place[0]).sin()
    }

    #[test]
    fn it_finds_the_axis_that_matters() {
        let (places, targets) = example(60, 0.0);
        let mut climb = Climb::new(3);
        let process = climb.go_on(&places, &targets).unwrap();
        assert!(climb.position[0] + 1.0 < climb.position[1].min(climb.position[2]), "{:?}", climb.position);
        let (unseen, _) = example(90, 0.0);
        for place in &unseen[60..] {
            assert!((process.mean(place) - wave(place)).abs() < 0.1, "{place:?}");
        }
    }

    #[test]
    fn it_tells_noise_from_what_the_place_explains() {
        let noise = |noise| {
            let (places, targets) = example(60, noise);
            let mut climb = Climb::new(3);
            climb.go_on(&places, &targets).unwrap();
            climb.position[3]
        };
        let (without, with) = (noise(0.0), noise(1.0));
        // A twelfth is noise, a half is the wave.
        let share = (1.0_f64 / 12.0) / (1.0 / 12.0 + 0.5);
        assert!(without < NOISE - 2.0 && (with - share.ln()).abs() < 1.0, "{without} {with}");
    }

    #[test]
    fn length_scales_begin_at_the_mode_of_their_prior() {
        let climb = Climb::new(4);
        // One trial says nothing of how the function changes.
        let process = GaussianProcess::new(&[vec![0.5; 4]], &[1.0], climb.kernel(1.0)).unwrap();
        let slopes = climb.slopes(&process);
        assert!(slopes[..4].iter().all(|slope| slope.abs() < 1e-12), "{slopes:?}");
        assert_eq!(slopes.len(), 5);
    }

    #[test]
    fn it_ends_where_the_posterior_is_level() {
        let (places, targets) = example(40, 0.5);
        let mut climb = Climb::new(3);
        let mut process = climb.go_on(&places, &targets).unwrap();
        let start = climb.slopes(&process);
        for _ in 0..4 {
            process = climb.go_on(&places, &targets).unwrap();
        }
        let slopes = climb.slopes(&process);
        assert!(slopes.iter().all(|slope| slope.abs() < 1e-3), "{start:?} {slopes:?}");
    }
}
