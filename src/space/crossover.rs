//! Putting two genotypes together.

use super::{Genotype, Rng};

/// The name of [`two_point`] in a trial's origin.
pub const TWO_POINT: &str = "two_point";

/// A copy of `a` with one run of neighbouring genes from `b`. Genes stand in network order, so most blocks come whole
/// from one of the two.
///
/// Where the two differ in two genes or more, the child takes at least one of these from each; if they differ in fewer, it
/// is a copy of `a`.
pub fn two_point(rng: &mut Rng, a: &Genotype, b: &Genotype) -> Genotype {
    let differing: Vec<usize> = (0..a.0.len()).filter(|&gene| a.0[gene] != b.0[gene]).collect();
    let mut child = a.clone();
    if differing.len() < 2 {
        return child;
    }
    // The run is counted in genes that differ, since the others are the same either way.
    let length = 1 + rng.below(differing.len() - 1);
    let start = rng.below(differing.len());
    for &gene in differing.iter().cycle().skip(start).take(length) {
        child.0[gene] = b.0[gene];
    }
    child
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::space::Rng;

    proptest! {
        #[test]
        fn a_child_has_one_run_of_the_other_parent(
            seed: [u8; 32],
            pairs in prop::collection::vec((0..3u16, 0..3u16), 1..60),
        ) {
            let (a, b): (Vec<u16>, Vec<u16>) = pairs.into_iter().unzip();
            let (a, b) = (Genotype(a), Genotype(b));
            let child = two_point(&mut Rng::from_seed(seed), &a, &b);
            let differing: Vec<usize> = (0..a.0.len()).filter(|&gene| a.0[gene] != b.0[gene]).collect();
            prop_assert!((0..a.0.len()).all(|gene| child.0[gene] == a.0[gene] || child.0[gene] == b.0[gene]));
            if differing.len() < 2 {
                prop_assert_eq!(child, a);
                return Ok(());
            }
            let from_b: Vec<bool> = differing.iter().map(|&gene| child.0[gene] == b.0[gene]).collect();
            prop_assert!(from_b.contains(&true) && from_b.contains(&false));
            // Around a ring there are exactly two places where the parent changes.
            let changes = (0..from_b.len()).filter(|&i| from_b[i] != from_b[(i + 1) % from_b.len()]).count();
            prop_assert_eq!(changes, 2);
        }
    }

    #[test]
    fn every_gene_comes_from_either_parent_equally_often() {
        let (a, b) = (Genotype(vec![0; 6]), Genotype(vec![1; 6]));
        let mut counts = [0; 6];
        let mut rng = Rng::from_seed([3; 32]);
        for _ in 0..6000 {
            let child = two_point(&mut rng, &a, &b);
            counts.iter_mut().zip(child.indices()).for_each(|(count, &gene)| *count += usize::from(gene));
        }
        // Standard deviation of a count is 39.
        assert!(counts.iter().all(|count| count.abs_diff(3000) < 200), "{counts:?}");
    }
}
