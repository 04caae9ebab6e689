//! How much a front covers, in one number.

use super::pareto::Objectives;
use super::trial::Trial;
use crate::arch::Cost;
use crate::space::ReferencePoint;

/// The corner that hypervolumes of a run are measured from. It depends on the space file and the baseline, never on what a
/// search found, so that the numbers of several searches can be compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reference(pub(super) Objectives);

impl Reference {
    /// The point of the space file, as a multiple of the cost of `baseline`: the paper's network at the run's resolution.
    pub fn new(point: ReferencePoint, baseline: &Cost) -> Self {
        Self(Objectives { error: point.error, log_macs: (baseline.macs as f64 * point.macs_ratio).ln() })
    }
}

/// The area between the front of `points` and `reference`, over error and the natural logarithm of the MACs.
///
/// With a reference error of 0.5 a network with an error of 0.1 at a tenth of the reference's MACs alone gives
/// `(0.5 - 0.1) * ln 10 = 0.92`. Points that do not beat the reference in both objectives add nothing.
pub fn hypervolume(points: impl IntoIterator<Item = Objectives>, reference: &Reference) -> f64 {
    let corner = reference.0;
    let inside = |point: &Objectives| point.error < corner.error && point.log_macs < corner.log_macs;
    let mut points: Vec<Objectives> = points.into_iter().filter(inside).collect();
    points.sort_by(|a, b| a.log_macs.total_cmp(&b.log_macs).then(a.error.total_cmp(&b.error)));
    // From cheap to costly: each point that lowers the error adds the stripe below the error reached so far.
    let mut area = 0.0;
    let mut error = corner.error;
    for point in points {
        if point.error < error {
            area += (error - point.error) * (corner.log_macs - point.log_macs);
            error = point.error;
        }
    }
    area
}

/// The hypervolume of trials; they should be of equal fidelity.
pub fn hypervolume_of<'a>(trials: impl IntoIterator<Item = &'a Trial>, reference: &Reference) -> f64 {
    hypervolume(trials.into_iter().map(Objectives::of), reference)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CORNER: Reference = Reference(Objectives { error: 0.5, log_macs: 8.0 });

    fn point(error: f64, log_macs: f64) -> Objectives {
        Objectives { error, log_macs }
    }

    /// Counts the covered cells of a grid on which all the points lie.
    fn by_counting(points: &[Objectives]) -> f64 {
        let cells = (0..8).flat_map(|i| (0..8).map(move |j| (f64::from(i) / 16.0, f64::from(j))));
        let covered = cells.filter(|(error, macs)| points.iter().any(|p| p.error <= *error && p.log_macs <= *macs));
        covered.count() as f64 / 16.0
    }

    proptest! {
        #[test]
        fn the_area_is_what_counting_gives(raw in prop::collection::vec((0..10u8, 0..10u8), 0..30)) {
            let mut points: Vec<Objectives> = raw.iter().map(|&(e, m)| point(f64::from(e) / 16.0, f64::from(m))).collect();
            points.push(Objectives::WORST);
            prop_assert!((hypervolume(points.iter().copied(), &CORNER) - by_counting(&points)).abs() < 1e-12);
        }
    }

    #[test]
    fn worked_out_by_hand() {
        assert_eq!(hypervolume([], &CORNER), 0.0);
        let front = [point(0.25, 6.0), point(0.125, 7.0), point(0.25, 7.0), point(0.6, 1.0), point(0.1, 8.0)];
        assert_eq!(hypervolume(front, &CORNER), 0.25 * 2.0 + 0.125 * 1.0);
        let baseline = Cost { macs: 1_000_000, ..Cost::default() };
        let one = |point| hypervolume([Objectives::new(0.9, 110_000)], &Reference::new(point, &baseline));
        let by_default = one(ReferencePoint { error: 0.5, macs_ratio: 1.1 });
        assert!((by_default - 0.4 * 10f64.ln()).abs() < 1e-9, "{by_default}");
        let farther = one(ReferencePoint { error: 0.9, macs_ratio: 11.0 });
        assert!((farther - 0.8 * 100f64.ln()).abs() < 1e-9, "{farther}");
    }
}
