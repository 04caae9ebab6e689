//! Small changes of a genotype.

use super::checked::{BLOCK_GENES, STEM_GENES, WIDTH_GENES};
use super::{Genotype, Rng, Space};
use crate::arch::BLOCKS;

/// The most grid steps that a width moves at once.
const MAX_STEPS: usize = 3;

/// A change of one kind: its name in a trial's origin, how often it is chosen, and the change itself.
///
/// The change may give the genotype it was given, where nothing can move.
pub struct Operator {
    /// The name.
    pub name: &'static str,
    /// How often, beside the others.
    pub weight: usize,
    /// The change.
    pub apply: fn(&Space, &mut Rng, &Genotype) -> Genotype,
}

/// All kinds of change, the last only in spaces of several resolutions.
pub const OPERATORS: [Operator; 4] = [
    Operator { name: "branch", weight: 4, apply: branch },
    Operator { name: "block", weight: 2, apply: block },
    Operator { name: "branch_type", weight: 2, apply: branch_type },
    Operator { name: "resolution", weight: 2, apply: resolution },
];

/// The kinds of change that can change something in `space`.
fn operators(space: &Space) -> &'static [Operator] {
    if space.resolutions().len() > 1 { &OPERATORS } else { &OPERATORS[..OPERATORS.len() - 1] }
}

/// Applies one operator, drawn by weight, and says which.
pub fn mutate(space: &Space, rng: &mut Rng, genotype: &Genotype) -> (Genotype, &'static str) {
    let operators = operators(space);
    let mut ticket = rng.below(operators.iter().map(|operator| operator.weight).sum());
    for operator in operators {
        if ticket < operator.weight {
            return ((operator.apply)(space, rng, genotype), operator.name);
        }
        ticket -= operator.weight;
    }
    (genotype.clone(), "none")
}

/// Moves one width by one to three grid steps.
pub fn branch(space: &Space, rng: &mut Rng, genotype: &Genotype) -> Genotype {
    let mut mutant = genotype.clone();
    let movable: Vec<usize> = (0..WIDTH_GENES).filter(|&gene| space.genes()[gene].last() > 0).collect();
    if let Some(&gene) = movable.get(rng.below(movable.len())) {
        let steps = steps(rng);
        mutant.shift(space.genes(), gene, steps);
        if mutant == *genotype {
            // At one end of its choices; the other way is free.
            mutant.shift(space.genes(), gene, -steps);
        }
    }
    mutant
}

/// Moves all widths of one block, or of the stem, by the same number of grid steps.
pub fn block(space: &Space, rng: &mut Rng, genotype: &Genotype) -> Genotype {
    let genes = match rng.below(BLOCKS + 1) {
        0 => 0..STEM_GENES,
        block => STEM_GENES + (block - 1) * BLOCK_GENES..STEM_GENES + block * BLOCK_GENES,
    };
    shift_all(space, genotype, genes, steps(rng))
}

/// Moves one type of branch by the same number of grid steps in all blocks.
pub fn branch_type(space: &Space, rng: &mut Rng, genotype: &Genotype) -> Genotype {
    let branch = rng.below(BLOCK_GENES);
    shift_all(space, genotype, (0..BLOCKS).map(|block| STEM_GENES + block * BLOCK_GENES + branch), steps(rng))
}

/// Moves to the next higher or lower resolution, and all widths by the same number of grid steps, so that the MACs stay as
/// near as can be to what they were.
pub fn resolution(space: &Space, rng: &mut Rng, genotype: &Genotype) -> Genotype {
    let step = if rng.below(2) == 0 { 1 } else { -1 };
    let Some(gene) = space.genes().get(WIDTH_GENES) else { return genotype.clone() };
    let mut moved = genotype.clone();
    moved.shift(space.genes(), WIDTH_GENES, step);
    if moved == *genotype {
        // At one end of the resolutions; the other way is free.
        moved.shift(space.genes(), WIDTH_GENES, -step);
    }
    let raised = gene.choices()[usize::from(moved.indices()[WIDTH_GENES])] > space.resolution(genotype);
    let most = space.widths().iter().map(|gene| gene.last() as isize).max().unwrap_or(0);
    let macs = space.macs(genotype);
    let shifted = (0..=most).map(|steps| shift_all(space, &moved, 0..WIDTH_GENES, if raised { -steps } else { steps }));
    shifted.min_by_key(|mutant| space.macs(mutant).abs_diff(macs)).unwrap_or(moved)
}

/// One to three steps up or down.
fn steps(rng: &mut Rng) -> isize {
    let steps = 1 + rng.below(MAX_STEPS) as isize;
    if rng.below(2) == 0 { steps } else { -steps }
}

fn shift_all(space: &Space, genotype: &Genotype, genes: impl IntoIterator<Item = usize>, steps: isize) -> Genotype {
    let mut mutant = genotype.clone();
    for gene in genes {
        mutant.shift(space.genes(), gene, steps);
    }
    mutant
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::space::{Rng, random};

    fn default() -> Space {
        Space::parse("default.toml", include_str!("../../search_spaces/default.toml"), &[]).unwrap()
    }

    /// Genes that differ, and by how many steps.
    fn changes(from: &Genotype, to: &Genotype) -> Vec<(usize, i32)> {
        let pairs = from.indices().iter().zip(to.indices()).enumerate();
        pairs.filter(|(_, (a, b))| a != b).map(|(gene, (a, b))| (gene, i32::from(*b) - i32::from(*a))).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_operator_changes_what_it_says(seed: [u8; 32], position in 0.0..1.0f64) {
            let space = default();
            let mut rng = Rng::from_seed(seed);
            let parent = random(&space, &mut rng, position);

            let moved = changes(&parent, &branch(&space, &mut rng, &parent));
            prop_assert_eq!(moved.len(), 1);
            prop_assert!((1..=3).contains(&moved[0].1.abs()));

            let moved = changes(&parent, &block(&space, &mut rng, &parent));
            prop_assert!(moved.windows(2).all(|w| (w[0].0 + 3) / 6 == (w[1].0 + 3) / 6), "{:?}", moved);
            prop_assert!(moved.iter().all(|(_, steps)| (1..=3).contains(&steps.abs()) && steps.signum() == moved[0].1.signum()));

            let moved = changes(&parent, &branch_type(&space, &mut rng, &parent));
            prop_assert!(moved.windows(2).all(|w| w[0].0 >= 3 && w[0].0 % 6 == w[1].0 % 6), "{:?}", moved);

            for operator in &OPERATORS {
                let child = (operator.apply)(&space, &mut rng, &parent);
                prop_assert!(space.decode(&child, 2).is_ok());
            }
        }
    }

    fn several() -> Space {
        let overrides = ["input.resolutions=[32, 48, 64, 96]".to_owned()];
        Space::parse("default.toml", include_str!("../../search_spaces/default.toml"), &overrides).unwrap()
    }

    #[test]
    fn another_resolution_keeps_the_macs_by_other_widths() {
        let space = several();
        let mut rng = Rng::from_seed([5; 32]);
        for i in 0..100 {
            let parent = random(&space, &mut rng, f64::from(i) / 100.0);
            let child = resolution(&space, &mut rng, &parent);
            let [before, after] =
                [&parent, &child].map(|it| space.resolutions().iter().position(|r| *r == space.resolution(it)));
            assert_eq!(before.unwrap().abs_diff(after.unwrap()), 1);
            let moved = changes(&parent, &child);
            let (widths, raised) = (&moved[..moved.len() - 1], moved[moved.len() - 1].1 > 0);
            assert!(widths.iter().all(|(_, steps)| (*steps < 0) == raised), "{moved:?}");
            let unmatched = {
                let mut other = parent.clone();
                other.shift(space.genes(), WIDTH_GENES, if raised { 1 } else { -1 });
                space.macs(&other)
            };
            let off = |macs: u64| macs.abs_diff(space.macs(&parent));
            assert!(off(space.macs(&child)) <= off(unmatched));
        }
    }

    #[test]
    fn operators_are_drawn_by_weight() {
        let space = default();
        let mut rng = Rng::from_seed([8; 32]);
        let parent = random(&space, &mut rng, 0.5);
        let names: Vec<&str> = (0..800).map(|_| mutate(&space, &mut rng, &parent).1).collect();
        for operator in operators(&space) {
            let count = names.iter().filter(|name| **name == operator.name).count();
            assert!(count.abs_diff(operator.weight * 100) < 60, "{}: {count}", operator.name);
        }
        assert!(!names.contains(&"resolution"));
        let several = several();
        let parent = random(&several, &mut rng, 0.5);
        assert!((0..100).any(|_| mutate(&several, &mut rng, &parent).1 == "resolution"));
    }

    #[test]
    fn nothing_moves_in_a_space_of_one_point() {
        let fixed = ["widths.min_ratio=1".to_owned(), "widths.max_ratio=1".to_owned()];
        let space = Space::parse("d", include_str!("../../search_spaces/default.toml"), &fixed).unwrap();
        let only = space.smallest();
        for operator in &OPERATORS {
            assert_eq!((operator.apply)(&space, &mut Rng::from_seed([9; 32]), &only), only);
        }
    }
}
