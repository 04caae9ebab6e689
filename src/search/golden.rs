//! Ranks, crowding and hypervolume against pymoo. `tests/golden/fronts.py` makes the expected values.

use serde::Deserialize;

use super::hypervolume::{Reference, hypervolume};
use super::pareto::{Objectives, crowding, ranks};

#[derive(Deserialize)]
struct Golden {
    eighths: Vec<[u8; 2]>,
    ranks: Vec<usize>,
    /// `None` is infinite.
    crowding: Vec<Option<f64>>,
    hypervolume: f64,
}

impl Golden {
    fn all() -> Vec<Self> {
        serde_json::from_str(include_str!("../../tests/golden/fronts.json")).unwrap()
    }

    fn points(&self) -> Vec<Objectives> {
        let eighth = |count: u8| f64::from(count) / 8.0;
        self.eighths.iter().map(|&[a, b]| Objectives { error: eighth(a), log_macs: eighth(b) }).collect()
    }
}

#[test]
fn ranks_are_those_of_pymoo() {
    for golden in Golden::all() {
        assert_eq!(ranks(&golden.points()), golden.ranks);
    }
}

#[test]
fn hypervolumes_are_those_of_pymoo() {
    let corner = Reference(Objectives { error: 1.0, log_macs: 1.0 });
    for golden in Golden::all() {
        let ours = hypervolume(golden.points(), &corner);
        assert!((ours - golden.hypervolume).abs() < 1e-12, "{ours}, expected {}", golden.hypervolume);
    }
}

/// Both are the algorithm of the NSGA-II paper, which sorts a front once for every objective and leaves open how
/// equal points are ordered. Ours takes the same order for both objectives, pymoo that of the indices for each; so
/// equal points share the gaps around them differently, and at the end of a front pymoo may give two of them
/// infinity for one of ours. What does not depend on the order is the sum over equal points, so that is compared:
/// for a point without equals, its own distance. pymoo gives the mean over the objectives where the paper has the
/// sum.
///
/// Where three or more points of a front are all equal pymoo gives 0 to all. The paper gives infinity to the ends
/// of every front, as ours does.
#[test]
fn crowding_is_that_of_pymoo() {
    let (mut unequalled, mut equal, mut without_extent) = (0, 0, 0);
    for golden in Golden::all() {
        let points = golden.points();
        let ours = crowding(&points, &golden.ranks);
        for i in 0..points.len() {
            let twins: Vec<usize> = (0..points.len()).filter(|&j| points[j] == points[i]).collect();
            let front = golden.ranks.iter().filter(|rank| **rank == golden.ranks[i]).count();
            let own: f64 = twins.iter().map(|&j| ours[j]).sum();
            let expected: f64 = twins.iter().map(|&j| golden.crowding[j].map_or(f64::INFINITY, |it| 2.0 * it)).sum();
            if twins.len() == front && front > 2 {
                without_extent += 1;
                assert_eq!((own, expected), (f64::INFINITY, 0.0));
                continue;
            }
            if twins.len() == 1 {
                unequalled += 1
            } else {
                equal += 1
            }
            assert!(own == expected || (own - expected).abs() < 1e-12, "{:?}: {own}, {expected}", points[i]);
        }
    }
    assert!(unequalled > 500 && equal > 100 && without_extent > 0, "{unequalled} {equal} {without_extent}");
}
