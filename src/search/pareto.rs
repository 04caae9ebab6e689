//! Who beats whom: domination over error and MACs, ranks, and crowding.

use super::trial::Trial;

/// What a search minimises.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objectives {
    /// Share of validation images classified wrong, 0 to 1; infinite for a failed trial.
    pub error: f64,
    /// Natural logarithm of the MACs; infinite for a failed trial.
    pub log_macs: f64,
}

impl Objectives {
    /// The worst there is: a failed trial is beaten by everything, its low cost included.
    pub const WORST: Self = Self { error: f64::INFINITY, log_macs: f64::INFINITY };

    /// Objectives of a finished training. An accuracy that is no number counts as a failure.
    pub fn new(accuracy: f64, macs: u64) -> Self {
        if accuracy.is_finite() { Self { error: 1.0 - accuracy, log_macs: (macs as f64).ln() } } else { Self::WORST }
    }

    /// Objectives of any trial.
    pub fn of(trial: &Trial) -> Self {
        trial.outcome.score().map_or(Self::WORST, |score| Self::new(score.accuracy, trial.job.cost.macs))
    }

    /// Whether this is at least as good as `other` in both objectives and better in one.
    pub fn dominates(&self, other: &Self) -> bool {
        self.error <= other.error && self.log_macs <= other.log_macs && self != other
    }
}

/// For every point the number of fronts before its own: 0 where nothing dominates it, 1 where only points of rank 0
/// do, and so on.
///
/// Source: Deb et al. 2002, "A fast and elitist multiobjective genetic algorithm: NSGA-II", section III-A; with two
/// objectives one sorted pass is enough.
pub fn ranks(points: &[Objectives]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|&a, &b| compare(&points[a], &points[b]));
    let mut ranks = vec![0; points.len()];
    // The latest point of every front. Points come by ascending error, so a front dominates a new point exactly if its
    // latest, the cheapest of it so far, does.
    let mut fronts: Vec<Objectives> = Vec::new();
    for i in order {
        let rank = fronts.partition_point(|latest| latest.dominates(&points[i]));
        match fronts.get_mut(rank) {
            Some(latest) => *latest = points[i],
            None => fronts.push(points[i]),
        }
        ranks[i] = rank;
    }
    ranks
}

/// For every point how far apart its neighbours in its own front are, in both objectives relative to the extent of the
/// front; infinite at the ends of a front.
///
/// Source: Deb et al. 2002, section III-B.
pub fn crowding(points: &[Objectives], ranks: &[usize]) -> Vec<f64> {
    let mut distances = vec![0.0; points.len()];
    // On a front of two objectives ascending error is descending cost, so one order serves both.
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|&a, &b| ranks[a].cmp(&ranks[b]).then_with(|| compare(&points[a], &points[b])));
    for front in order.chunk_by(|&a, &b| ranks[a] == ranks[b]) {
        let (first, last) = (front[0], front[front.len() - 1]);
        let extent = |value: fn(&Objectives) -> f64| (value(&points[last]) - value(&points[first])).abs();
        let (error_extent, macs_extent) = (extent(|point| point.error), extent(|point| point.log_macs));
        // A front of failed trials, or of equal points, has no extent to be relative to.
        let share = |gap: f64, extent: f64| if extent > 0.0 && extent.is_finite() { gap.abs() / extent } else { 0.0 };
        for window in front.windows(3) {
            let (before, after) = (points[window[0]], points[window[2]]);
            distances[window[1]] =
                share(after.error - before.error, error_extent) + share(after.log_macs - before.log_macs, macs_extent);
        }
        distances[first] = f64::INFINITY;
        distances[last] = f64::INFINITY;
    }
    distances
}

/// By error, then by cost.
fn compare(a: &Objectives, b: &Objectives) -> std::cmp::Ordering {
    a.error.total_cmp(&b.error).then(a.log_macs.total_cmp(&b.log_macs))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn point(error: f64, log_macs: f64) -> Objectives {
        Objectives { error, log_macs }
    }

    /// Peels off one front after the other, by the definition.
    fn ranks_by_definition(points: &[Objectives]) -> Vec<usize> {
        let mut ranks = vec![usize::MAX; points.len()];
        for rank in 0..points.len() {
            let free: Vec<usize> = (0..points.len()).filter(|&i| ranks[i] == usize::MAX).collect();
            let front: Vec<usize> =
                free.iter().copied().filter(|&i| !free.iter().any(|&j| points[j].dominates(&points[i]))).collect();
            front.into_iter().for_each(|i| ranks[i] = rank);
        }
        ranks
    }

    /// Few distinct values, so that ties and repeats are common; failed points among them.
    fn points() -> impl Strategy<Value = Vec<Objectives>> {
        let good = (0..8u8, 0..8u8).prop_map(|(error, macs)| point(f64::from(error) / 8.0, f64::from(macs)));
        prop::collection::vec(prop_oneof![9 => good, 1 => Just(Objectives::WORST)], 0..40)
    }

    proptest! {
        #[test]
        fn ranks_are_those_of_the_definition(points in points()) {
            prop_assert_eq!(ranks(&points), ranks_by_definition(&points));
        }

        #[test]
        fn crowding_is_never_nan_and_does_not_depend_on_order(points in points()) {
            let distances = crowding(&points, &ranks(&points));
            prop_assert!(distances.iter().all(|distance| *distance >= 0.0));
            let reversed: Vec<Objectives> = points.iter().rev().copied().collect();
            let mut other = crowding(&reversed, &ranks(&reversed));
            let mut own = distances;
            own.sort_by(f64::total_cmp);
            other.sort_by(f64::total_cmp);
            prop_assert_eq!(own, other);
        }
    }

    #[test]
    fn a_failed_trial_is_beaten_by_everything() {
        assert_eq!(Objectives::new(f64::NAN, 1), Objectives::WORST);
        assert!(Objectives::new(0.0, u64::MAX).dominates(&Objectives::WORST));
        assert!(!Objectives::WORST.dominates(&Objectives::WORST));
        assert_eq!(ranks(&[Objectives::WORST, point(0.9, 9.0), Objectives::WORST]), [1, 0, 1]);
    }

    #[test]
    fn crowding_of_a_front_worked_out_by_hand() {
        let front = [point(0.1, 10.0), point(0.2, 4.0), point(0.4, 2.0), point(0.5, 0.0), point(0.6, 11.0)];
        let ranks = ranks(&front);
        assert_eq!(ranks, [0, 0, 0, 0, 1]);
        let distances = crowding(&front, &ranks);
        // (0.4 - 0.1) / 0.4 + (10 - 2) / 10 and (0.5 - 0.2) / 0.4 + (4 - 0) / 10.
        for (distance, expected) in distances.iter().zip([f64::INFINITY, 1.55, 1.15, f64::INFINITY, f64::INFINITY]) {
            assert!(*distance == expected || (distance - expected).abs() < 1e-12, "{distances:?}");
        }
    }
}
