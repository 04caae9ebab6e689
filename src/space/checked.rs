//! The checked search space.

use super::Protocol;
use super::file::{Limits, Rung, SearchSettings, SpaceFile};
use super::fitted::ReferencePoint;
use super::genotype::{Gene, Genotype};
use crate::arch::{Architecture, ArchitectureError, BLOCKS, Branch, BranchWidths, Cost, ResolutionError, StemWidths};

/// Genes of the stem, before those of the blocks.
pub(super) const STEM_GENES: usize = 3;

/// Genes of one Inception block.
pub(super) const BLOCK_GENES: usize = Branch::ALL.len();

/// Genes of all widths, before that of the input's resolution.
pub(super) const WIDTH_GENES: usize = STEM_GENES + BLOCKS * BLOCK_GENES;

/// Keys that decide how long a run goes on, not what it is: they may change when a run is continued.
const BUDGET_KEYS: [&str; 4] =
    ["search.trials", "search.max_seconds", "search.max_training_macs", "search.max_failures"];

/// What may be searched and how: a checked value, made by [`Space::parse`].
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    file: SpaceFile,
    genes: Vec<Gene>,
}

/// Why an architecture is not in the space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverLimit {
    /// More multiply-adds than allowed.
    #[error("it costs {macs} MACs, over max_macs = {limit}")]
    Macs {
        /// MACs of the architecture.
        macs: u64,
        /// The limit.
        limit: u64,
    },
    /// More parameters than allowed.
    #[error("it has {parameters} parameters, over max_parameters = {limit}")]
    Parameters {
        /// Parameters of the architecture.
        parameters: u64,
        /// The limit.
        limit: u64,
    },
    /// No cost at this resolution; the check of the space refuses such a resolution.
    #[error(transparent)]
    Resolution(#[from] ResolutionError),
}

impl Space {
    /// A space of checked parts: `genes` are those of all widths, in network order, and of the resolution if there is more
    /// than one.
    pub(super) fn new(file: SpaceFile, genes: Vec<Gene>) -> Self {
        debug_assert!(genes.len() == WIDTH_GENES || genes.len() == WIDTH_GENES + 1);
        Self { file, genes }
    }

    /// What may be changed without another check: nothing that genes come from.
    pub(super) fn file_mut(&mut self) -> &mut SpaceFile {
        &mut self.file
    }

    /// The genes: the widths in network order, three of the stem and then six a block, and last the input's resolution if the
    /// space has more than one.
    pub fn genes(&self) -> &[Gene] {
        &self.genes
    }

    /// The genes of the widths.
    pub fn widths(&self) -> &[Gene] {
        &self.genes[..WIDTH_GENES]
    }

    /// Sides of the square input in pixels that networks may be for, ascending, at least one.
    pub fn resolutions(&self) -> &[usize] {
        let gene = self.genes.get(WIDTH_GENES);
        gene.map_or(std::slice::from_ref(&self.file.protocol.resolution), Gene::choices)
    }

    /// The training that every candidate gets.
    pub fn protocol(&self) -> &Protocol {
        &self.file.protocol
    }

    /// What a candidate may cost.
    pub fn limits(&self) -> &Limits {
        &self.file.limits
    }

    /// How candidates are chosen, and how many.
    pub fn search(&self) -> &SearchSettings {
        &self.file.search
    }

    /// Where hypervolumes are measured from.
    pub fn reference(&self) -> ReferencePoint {
        self.file.reference.point()
    }

    /// The trainings below the protocol's, the briefest first; often none.
    pub fn ladder(&self) -> &[Rung] {
        &self.file.ladder
    }

    /// Smallest and largest share of the paper's widths, and how many steps there are from a width to its double.
    pub fn ratios(&self) -> (f64, f64, u32) {
        let widths = &self.file.widths;
        (widths.min_ratio, widths.max_ratio, widths.steps_per_octave)
    }

    /// Decimal logarithm of the number of genotypes.
    pub fn size_log10(&self) -> f64 {
        self.genes.iter().map(|gene| (gene.choices().len() as f64).log10()).sum()
    }

    /// The architecture of a genotype of this space, with auxiliary heads if the protocol trains with them.
    ///
    /// # Errors
    /// [`ArchitectureError::Classes`] if `classes` is out of range.
    pub fn decode(&self, genotype: &Genotype, classes: usize) -> Result<Architecture, ArchitectureError> {
        let choose = |(gene, &index): (&Gene, &u16)| gene.choices()[usize::from(index)];
        let widths: Vec<usize> = self.widths().iter().zip(&genotype.0).map(choose).collect();
        let stem = StemWidths { conv1: widths[0], conv2_reduce: widths[1], conv2: widths[2] };
        let blocks = std::array::from_fn(|block| {
            BranchWidths::new(std::array::from_fn(|branch| widths[STEM_GENES + block * BLOCK_GENES + branch]))
        });
        Architecture::new(stem, blocks, classes, self.protocol().aux_heads)
    }

    /// The side of the images that the network of a genotype of this space is for, in pixels.
    pub fn resolution(&self, genotype: &Genotype) -> usize {
        let index = genotype.0.get(WIDTH_GENES).map_or(0, |&index| usize::from(index));
        self.resolutions()[index]
    }

    /// The genotype whose widths are nearest to those of `architecture`, in ratio, and whose resolution is nearest to
    /// `resolution`.
    pub fn nearest(&self, architecture: &Architecture, resolution: usize) -> Genotype {
        let pairs = self.genes.iter().zip(architecture.width_values().chain([resolution]));
        Genotype(pairs.map(|(gene, width)| gene.nearest(width) as u16).collect())
    }

    /// The cost of one image of side `resolution` through `architecture`, without auxiliary heads.
    ///
    /// # Errors
    /// [`OverLimit`] if it is over a limit of what is counted; for that of time see [`is_too_slow`](Self::is_too_slow).
    pub fn within_limits(&self, architecture: &Architecture, resolution: usize) -> Result<Cost, OverLimit> {
        let cost = architecture.cost(resolution)?;
        let Limits { max_macs, max_parameters, .. } = *self.limits();
        if let Some(limit) = max_macs.filter(|&limit| cost.macs > limit) {
            return Err(OverLimit::Macs { macs: cost.macs, limit });
        }
        if let Some(limit) = max_parameters.filter(|&limit| cost.parameters > limit) {
            return Err(OverLimit::Parameters { parameters: cost.parameters, limit });
        }
        Ok(cost)
    }

    /// Whether a network that classifies `latency_batch` images in so many milliseconds is too slow for this space. One
    /// whose time is not known is not.
    pub fn is_too_slow(&self, ms: Option<f64>) -> bool {
        self.limits().max_latency_ms.zip(ms).is_some_and(|(most, ms)| ms > most)
    }

    /// Multiply-adds of a genotype of this space with two classes, whatever the limits.
    pub(super) fn macs(&self, genotype: &Genotype) -> u64 {
        // Never `None`: two classes are always allowed, and choices and resolution have been checked.
        let cost = self.decode(genotype, 2).ok().and_then(|it| it.cost(self.resolution(genotype)).ok());
        cost.map_or(u64::MAX, |cost| cost.macs)
    }

    /// The fewest MACs in the space and the most that the limits allow, with two classes.
    pub fn macs_range(&self) -> (u64, u64) {
        let most = self.macs(&self.largest()).min(self.limits().max_macs.unwrap_or(u64::MAX));
        (self.macs(&self.smallest()), most)
    }

    /// Every width at its narrowest, at the lowest resolution.
    pub fn smallest(&self) -> Genotype {
        Genotype(vec![0; self.genes.len()])
    }

    /// Every width at its widest, at the highest resolution.
    pub fn largest(&self) -> Genotype {
        Genotype(self.genes.iter().map(|gene| gene.last() as u16).collect())
    }

    /// Every genotype, in a fixed order. Look at [`size_log10`](Self::size_log10) first.
    pub fn genotypes(&self) -> impl Iterator<Item = Genotype> {
        // Counts up like an odometer, the first gene fastest.
        let next = |genotype: &Genotype| {
            let mut next = genotype.clone();
            for (index, gene) in next.0.iter_mut().zip(&self.genes) {
                if usize::from(*index) < gene.last() {
                    *index += 1;
                    return Some(next);
                }
                *index = 0;
            }
            None
        };
        std::iter::successors(Some(self.smallest()), next)
    }

    /// The settings with every override and count resolved, as TOML: [`Space::parse`] makes an equal space of it.
    ///
    /// # Errors
    /// If TOML cannot hold a value; it can hold everything that was read from TOML.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(&self.file)
    }

    /// The settings in which a continued run differs from `earlier`, one line each (`search.seed: 1 -> 2`).
    ///
    /// Settings that only bound how long the run goes on (trials, seconds, MACs, failures) are left out.
    ///
    /// # Errors
    /// As [`Space::to_toml`].
    pub fn changes_since(&self, earlier: &Space) -> Result<Vec<String>, toml::ser::Error> {
        let (now, then) = (flatten(&self.file)?, flatten(&earlier.file)?);
        let keys: std::collections::BTreeSet<&String> = now.keys().chain(then.keys()).collect();
        let show = |value: Option<&toml::Value>| value.map_or_else(|| "not set".to_owned(), ToString::to_string);
        Ok(keys
            .into_iter()
            .filter(|key| now.get(*key) != then.get(*key) && !BUDGET_KEYS.contains(&key.as_str()))
            .map(|key| format!("{key}: {} -> {}", show(then.get(key)), show(now.get(key))))
            .collect())
    }
}

/// Every value of the file under its dotted key.
fn flatten(file: &SpaceFile) -> Result<std::collections::BTreeMap<String, toml::Value>, toml::ser::Error> {
    let mut flat = std::collections::BTreeMap::new();
    let mut tables = vec![(String::new(), toml::Table::try_from(file)?)];
    while let Some((prefix, table)) = tables.pop() {
        for (key, value) in table {
            let path = format!("{prefix}{key}");
            match value {
                toml::Value::Table(inner) => tables.push((format!("{path}."), inner)),
                value => drop(flat.insert(path, value)),
            }
        }
    }
    Ok(flat)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Rng, random};

    fn tiny(overrides: &[&str]) -> Space {
        let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
        Space::parse("tiny.toml", include_str!("../../search_spaces/tiny.toml"), &overrides).unwrap()
    }

    #[test]
    fn decoding_and_nearest_are_inverse() {
        let space = tiny(&[]);
        let mut rng = Rng::from_seed([1; 32]);
        for i in 0..50 {
            let genotype = random(&space, &mut rng, f64::from(i) / 50.0);
            let architecture = space.decode(&genotype, 7).unwrap();
            assert_eq!(space.nearest(&architecture, space.resolution(&genotype)), genotype);
            for ((gene, index), (name, width)) in
                space.genes().iter().zip(genotype.indices()).zip(architecture.widths())
            {
                assert_eq!((gene.name(), gene.choices()[usize::from(*index)]), (name.as_str(), width));
            }
        }
    }

    #[test]
    fn too_few_classes_are_no_architecture() {
        let space = tiny(&[]);
        assert_eq!(space.decode(&space.smallest(), 1), Err(ArchitectureError::Classes(1)));
    }

    #[test]
    fn limits_count_what_is_trained() {
        let space = tiny(&["limits.max_macs=1M", "limits.max_parameters=80K"]);
        let small = space.decode(&space.smallest(), 2).unwrap();
        let cost = space.within_limits(&small, 32).unwrap();
        assert_eq!(cost.macs, space.macs(&space.smallest()));
        let large = space.decode(&space.largest(), 2).unwrap();
        assert!(matches!(space.within_limits(&large, 32), Err(OverLimit::Macs { limit: 1_000_000, .. })));
        let many_classes = small.with_classes(60_000).unwrap();
        assert!(matches!(
            tiny(&["limits.max_macs=1G", "limits.max_parameters=80K"]).within_limits(&many_classes, 32),
            Err(OverLimit::Parameters { limit: 80_000, .. })
        ));
    }

    #[test]
    fn the_resolution_is_a_gene_where_there_are_several() {
        assert_eq!((tiny(&[]).resolutions(), tiny(&[]).genes().len()), (&[32][..], WIDTH_GENES));
        let space = tiny(&["input.resolutions=[64, 32, 48]", "limits.max_macs=1G"]);
        assert_eq!((space.resolutions(), space.genes().len()), (&[32, 48, 64][..], WIDTH_GENES + 1));
        let [small, large] = [space.smallest(), space.largest()];
        assert_eq!([&small, &large].map(|genotype| space.resolution(genotype)), [32, 64]);
        let network = space.decode(&large, 2).unwrap();
        assert_eq!(space.macs(&large), network.cost(64).unwrap().macs);
        assert_eq!(space.resolution(&space.nearest(&network, 50)), 48);
        assert_eq!(space.nearest(&network, 64), large);
    }

    #[test]
    fn all_genotypes_of_a_small_space() {
        let space = tiny(&["widths.min_ratio=0.25"]);
        assert_eq!((space.size_log10(), space.genotypes().count()), (0.0, 1));
        let space = tiny(&[
            "widths.min_ratio=0.25",
            "widths.choices.\"3a.b1x1\"=[4, 8]",
            "widths.choices.\"5b.b5x5\"=[4, 8, 12]",
        ]);
        let mut all: Vec<Genotype> = space.genotypes().collect();
        assert_eq!(all.len(), 6);
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 6);
        assert!((space.size_log10() - 6f64.log10()).abs() < 1e-12);
    }
}
