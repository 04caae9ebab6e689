//! Random genotypes, spread evenly over the logarithm of their cost.

use super::checked::WIDTH_GENES;
use super::genotype::{Gene, Genotype};
use super::{Rng, Space};

/// Halvings of the interval in which the wanted cost is sought.
const BISECTIONS: usize = 16;

/// A random genotype of about the wanted cost: `position` runs from 0, the fewest MACs in the space, to 1, the most
/// that the limits allow, on a log axis.
///
/// Drawing every gene on its own would give nothing but networks of middling cost, since 57 genes average out. Here
/// all widths share a level, each strays from it at random (some networks a little, others over the whole grid), and
/// the level is moved until the cost fits. Of several resolutions one is drawn at which networks can have that cost.
pub fn random(space: &Space, rng: &mut Rng, position: f64) -> Genotype {
    let spread = rng.unit();
    let strays: Vec<f64> = space.widths().iter().map(|_| spread * (rng.unit() - 0.5)).collect();
    let (least, most) = space.macs_range();
    let (least, most) = (least as f64, most as f64);
    let target = least * (most / least).powf(position);

    let resolution = resolution(space, rng, target);
    let at = |level: f64| {
        let index = |(gene, stray): (&Gene, &f64)| {
            ((level + stray) * gene.last() as f64).round().clamp(0.0, gene.last() as f64)
        };
        let widths = space.widths().iter().zip(&strays).map(|pair| index(pair) as u16);
        Genotype(widths.chain(resolution).collect())
    };
    // No stray exceeds one half, so these levels have every width at its narrowest and at its widest.
    let (mut low, mut high) = (-0.5, 1.5);
    for _ in 0..BISECTIONS {
        let middle = (low + high) / 2.0;
        if space.macs(&at(middle)) as f64 <= target { low = middle } else { high = middle }
    }
    at(low)
}

/// The gene of one of the resolutions, drawn at random, at which there are networks of `target` MACs; `None` where all
/// networks have the same.
fn resolution(space: &Space, rng: &mut Rng, target: f64) -> Option<u16> {
    let gene = space.genes().get(WIDTH_GENES)?;
    let macs = |widths: Genotype, index: usize| {
        let mut genotype = widths;
        genotype.0[WIDTH_GENES] = index as u16;
        space.macs(&genotype) as f64
    };
    let can = |index: &usize| macs(space.smallest(), *index) <= target && target <= macs(space.largest(), *index);
    let possible: Vec<usize> = (0..=gene.last()).filter(can).collect();
    // A target may fall between two resolutions whose networks have nothing in common; the cheaper is inside the limits.
    Some(possible.get(rng.below(possible.len())).copied().unwrap_or(0) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn default(overrides: &[&str]) -> Space {
        let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
        Space::parse("default.toml", include_str!("../../search_spaces/default.toml"), &overrides).unwrap()
    }

    #[test]
    fn the_cost_is_about_the_wanted_one() {
        let space = default(&[]);
        let mut rng = Rng::from_seed([5; 32]);
        let (least, most) = (space.macs(&space.smallest()) as f64, 140e6_f64);
        for i in 0..60 {
            let position = f64::from(i) / 59.0;
            let macs = space.macs(&random(&space, &mut rng, position)) as f64;
            let reached = (macs / least).ln() / (most / least).ln();
            assert!(reached <= position + 1e-9 && reached > position - 0.1, "wanted {position}, got {reached}");
        }
    }

    #[test]
    fn genotypes_differ_and_use_the_whole_grid() {
        let space = default(&["limits.max_macs=10G"]);
        let mut rng = Rng::from_seed([6; 32]);
        let drawn: Vec<Genotype> = (0..200).map(|i| random(&space, &mut rng, f64::from(i) / 199.0)).collect();
        let distinct: std::collections::BTreeSet<&Genotype> = drawn.iter().collect();
        assert!(distinct.len() > 190);
        for (i, gene) in space.genes().iter().enumerate() {
            let used: std::collections::BTreeSet<u16> = drawn.iter().map(|genotype| genotype.indices()[i]).collect();
            assert_eq!(used.len(), gene.choices().len(), "{}", gene.name());
        }
    }

    #[test]
    fn every_resolution_is_drawn_at_every_cost_that_it_can_have() {
        let space = default(&["input.resolutions=[32, 64, 96]"]);
        let mut rng = Rng::from_seed([8; 32]);
        // The cheapest networks of 96 px cost more than three tenths of the way to the limit, the widest of 32 px less than
        // nine tenths.
        for (position, expected) in [(0.3, &[32, 64][..]), (0.6, &[32, 64, 96]), (0.9, &[64, 96])] {
            let mut seen = std::collections::BTreeSet::new();
            let (least, most) = space.macs_range();
            for _ in 0..60 {
                let drawn = random(&space, &mut rng, position);
                seen.insert(space.resolution(&drawn));
                let reached = (space.macs(&drawn) as f64 / least as f64).ln() / (most as f64 / least as f64).ln();
                assert!((reached - position).abs() < 0.1, "wanted {position}, got {reached}");
            }
            assert_eq!(Vec::from_iter(seen), expected, "{position}");
        }
        assert_eq!(space.resolution(&random(&space, &mut rng, 0.0)), 32);
    }

    #[test]
    fn a_space_of_one_point_gives_that_point() {
        let space = default(&["widths.min_ratio=1", "widths.max_ratio=1"]);
        assert_eq!(random(&space, &mut Rng::from_seed([7; 32]), 0.3), space.smallest());
    }
}
