//! The learning rate of a step.

use std::f64::consts::PI;

/// Share of the peak learning rate at `step` (from 0) of `steps`: a linear rise over the first `warmup` share of the
/// steps, then half a cosine down to 0 at the end.
///
/// Source of the cosine: Loshchilov and Hutter 2017, "SGDR", equation 5, without restarts.
pub fn learning_rate_share(step: usize, steps: usize, warmup: f64) -> f64 {
    // `as` saturates: a share outside 0 to 1 warms up never or all the time.
    let rising = ((steps as f64 * warmup).round() as usize).min(steps);
    if step < rising {
        return (step + 1) as f64 / rising as f64;
    }
    let falling = (steps - rising).max(1);
    let done = ((step - rising) as f64 / falling as f64).min(1.0);
    (1.0 + (PI * done).cos()) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_to_the_peak_and_falls_to_zero() {
        let rates: Vec<f64> = (0..=100).map(|step| learning_rate_share(step, 100, 0.1)).collect();
        assert_eq!(rates[0], 0.1);
        assert_eq!(rates[9], 1.0);
        assert!(rates[..10].windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(rates[10], 1.0);
        assert!(rates[10..].windows(2).all(|pair| pair[0] > pair[1]));
        assert!((rates[55] - 0.5).abs() < 1e-12);
        assert!(rates[100].abs() < 1e-12);
    }

    #[test]
    fn no_step_of_a_training_stands_still() {
        for steps in 1..20 {
            for warmup in [0.0, 0.05, 0.5, 1.0] {
                for step in 0..steps {
                    let share = learning_rate_share(step, steps, warmup);
                    assert!(share > 0.0 && share <= 1.0, "step {step} of {steps}, warm-up {warmup}: {share}");
                }
            }
        }
    }
}
