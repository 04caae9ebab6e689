//! Student's t distribution with whole degrees of freedom.

use std::f64::consts::FRAC_PI_2;

/// Halvings after which the interval of the bisection is as narrow as floats allow.
const BISECTIONS: usize = 60;

/// The `t` that is not exceeded in absolute value with probability `share`, for at least one degree of freedom.
pub(super) fn central(share: f64, freedom: usize) -> f64 {
    let (mut low, mut high) = (0.0, FRAC_PI_2);
    for _ in 0..BISECTIONS {
        let middle = (low + high) / 2.0;
        if within(middle, freedom) < share { low = middle } else { high = middle }
    }
    (freedom as f64).sqrt() * low.tan()
}

/// The probability of an absolute value of at most `sqrt(freedom) * tan(angle)`.
///
/// Source: Abramowitz & Stegun, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4: a finite sum of positive
/// terms.
fn within(angle: f64, freedom: usize) -> f64 {
    let (sin, cos) = angle.sin_cos();
    let odd = freedom % 2;
    let (mut term, mut sum) = (if odd == 1 { cos } else { 1.0 }, 0.0);
    // The powers of the cosine up to freedom - 2.
    for power in (odd..freedom.saturating_sub(1)).step_by(2) {
        sum += term;
        term *= cos * cos * (power + 1) as f64 / (power + 2) as f64;
    }
    if odd == 1 { (angle + sin * sum) / FRAC_PI_2 } else { sin * sum }
}
