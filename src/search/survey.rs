//! What a search space holds, without training anything.

use std::collections::HashSet;

use super::random::stratified;
use super::seed::step_rng;
use crate::arch::{Architecture, ArchitectureError, Cost};
use crate::space::{Genotype, OverLimit, Space};

/// Figures of a space and of random draws from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// Cost of the network with every width at its narrowest and the lowest resolution, whatever the limits.
    pub smallest: Cost,
    /// Cost of the network with every width at its widest and the highest resolution, whatever the limits.
    pub largest: Cost,
    /// Cost of the paper's network.
    pub paper: Cost,
    /// Whether the paper's network is in the space.
    pub paper_inside: Result<(), Outside>,
    /// MACs of every draw, in order.
    pub macs: Vec<u64>,
    /// Draws over a limit.
    pub over_limit: usize,
    /// Draws that an earlier one had already given.
    pub duplicates: usize,
}

/// Why a network is not in a space.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Outside {
    /// One of its widths cannot be chosen.
    #[error("{gene} = {width} is none of the choices")]
    Width {
        /// Name of the first such width.
        gene: String,
        /// The width.
        width: usize,
    },
    /// It costs too much.
    #[error(transparent)]
    Limit(#[from] OverLimit),
}

impl Survey {
    /// Looks at the space with networks of `classes`; `draws` networks are drawn as random search with the space's seed
    /// draws them.
    ///
    /// # Errors
    /// [`ArchitectureError::Classes`] if `classes` is out of range.
    pub fn of(space: &Space, classes: usize, draws: usize) -> Result<Self, ArchitectureError> {
        let paper = Architecture::googlenet(classes, space.protocol().aux_heads)?;
        let of = |genotype: &Genotype| -> Result<Cost, ArchitectureError> {
            Ok(cost(&space.decode(genotype, classes)?, space.resolution(genotype)))
        };
        let mut survey = Self {
            smallest: of(&space.smallest())?,
            largest: of(&space.largest())?,
            paper: cost(&paper, space.protocol().resolution),
            paper_inside: inside(space, &paper),
            macs: Vec::with_capacity(draws),
            over_limit: 0,
            duplicates: 0,
        };
        let mut seen = HashSet::new();
        for index in 0..draws {
            let genotype = stratified(space, index, &mut step_rng(space.search().seed, index));
            let architecture = space.decode(&genotype, classes)?;
            let resolution = space.resolution(&genotype);
            survey.macs.push(cost(&architecture, resolution).macs);
            survey.over_limit += usize::from(space.within_limits(&architecture, resolution).is_err());
            survey.duplicates += usize::from(!seen.insert((architecture.key(), resolution)));
        }
        Ok(survey)
    }
}

/// The cost at a resolution of the space, which its check has found to be one that every network can have.
fn cost(architecture: &Architecture, resolution: usize) -> Cost {
    architecture.cost(resolution).unwrap_or_default()
}

/// Whether the space has this network.
fn inside(space: &Space, architecture: &Architecture) -> Result<(), Outside> {
    let choices = space.genes().iter().zip(architecture.widths());
    for (gene, (name, width)) in choices {
        if !gene.choices().contains(&width) {
            return Err(Outside::Width { gene: name, width });
        }
    }
    space.within_limits(architecture, space.protocol().resolution)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::search::testing::space;

    const FOUR: [&str; 3] =
        ["widths.min_ratio=0.25", "widths.choices.\"3a.b1x1\"=[4, 8]", "widths.choices.\"5b.b5x5\"=[4, 8]"];

    fn survey(overrides: &[&str], draws: usize) -> Survey {
        Survey::of(&space(&[&["widths.max_ratio=0.25"], overrides].concat()), 2, draws).unwrap()
    }

    #[test]
    fn a_space_of_four_networks() {
        let all = survey(&FOUR, 100);
        assert_eq!(all.macs.len(), 100);
        assert!(all.smallest.parameters < all.largest.parameters && all.largest.parameters < all.paper.parameters);
        let different: BTreeSet<u64> = all.macs.iter().copied().collect();
        assert!((2..=4).contains(&different.len()) && different.first() == Some(&all.smallest.macs), "{different:?}");
        assert!(different.last() <= Some(&all.largest.macs), "{different:?}");
        assert_eq!((all.over_limit, all.duplicates), (0, 100 - different.len()));
        // A limit that only the smallest network keeps. Draws are steered by MACs alone, so they are the same ones.
        let limit = format!("limits.max_parameters={}", all.smallest.parameters);
        let limited = survey(&[&FOUR[..], &[&limit]].concat(), 100);
        let kept = all.macs.iter().filter(|macs| **macs == all.smallest.macs).count();
        assert_eq!((limited.over_limit, limited.macs), (100 - kept, all.macs));
    }

    #[test]
    fn the_papers_network_is_inside_or_it_is_said_why_not() {
        let missing = survey(&FOUR, 0).paper_inside.unwrap_err();
        assert_eq!(missing.to_string(), "stem.conv1 = 64 is none of the choices");
        let whole = |limit: &str| {
            let overrides = ["widths.min_ratio=0.5", "widths.max_ratio=1", limit];
            Survey::of(&space(&overrides), 2, 0).unwrap()
        };
        assert_eq!(whole("limits.max_macs=10G").paper_inside, Ok(()));
        let paper = whole("limits.max_macs=10G");
        assert_eq!(paper.paper, paper.largest);
        let over = whole("limits.max_macs=10M").paper_inside;
        assert!(matches!(over, Err(Outside::Limit(OverLimit::Macs { limit: 10_000_000, .. }))), "{over:?}");
    }
}
