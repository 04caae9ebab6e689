//! A point of a space: for every gene the index of one of its choices.

/// One searched width, or the resolution: its name (of a width, that in
/// [`Architecture::widths`](crate::arch::Architecture::widths)), and the values it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gene {
    name: String,
    choices: Vec<usize>,
}

impl Gene {
    /// A gene of at least one choice; they are put in ascending order.
    pub(super) fn new(name: String, mut choices: Vec<usize>) -> Self {
        choices.sort_unstable();
        choices.dedup();
        debug_assert!(!choices.is_empty());
        Self { name, choices }
    }

    /// The name, e.g. `stem.conv1`, `3a.b3x3_reduce` or `input.resolution`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The values it may take, ascending, at least one.
    pub fn choices(&self) -> &[usize] {
        &self.choices
    }

    /// Index of the last choice.
    pub(super) fn last(&self) -> usize {
        self.choices.len() - 1
    }

    /// Index of the choice whose ratio to `width`, or the resolution, is nearest to 1; of two equally near the smaller.
    pub(super) fn nearest(&self, width: usize) -> usize {
        let above = self.choices.partition_point(|&choice| choice < width);
        match (above.checked_sub(1).map(|below| self.choices[below]), self.choices.get(above)) {
            // width / below <= next / width, without rounding.
            (Some(below), Some(&next)) if width * width <= below * next => above - 1,
            (_, Some(_)) => above,
            (_, None) => self.last(),
        }
    }
}

/// Gene indices into the choices of a [`Space`](super::Space); valid for the space that made it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Genotype(pub(super) Vec<u16>);

impl Genotype {
    /// For every gene, in order, the index of its choice.
    pub fn indices(&self) -> &[u16] {
        &self.0
    }

    /// Moves one gene by `steps` choices, as far as there are any.
    pub(super) fn shift(&mut self, genes: &[Gene], gene: usize, steps: isize) {
        let moved = usize::from(self.0[gene]).saturating_add_signed(steps).min(genes[gene].last());
        self.0[gene] = moved as u16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_is_nearest_in_ratio() {
        let gene = Gene::new("3a.b1x1".into(), vec![64, 16, 32, 16]);
        assert_eq!(gene.choices(), [16, 32, 64]);
        let cases = [(1, 0), (16, 0), (22, 0), (23, 1), (32, 1), (45, 1), (46, 2), (64, 2), (500, 2)];
        for (width, index) in cases {
            assert_eq!(gene.nearest(width), index, "{width}");
        }
    }

    #[test]
    fn shifts_stop_at_the_ends() {
        let genes = [Gene::new("a".into(), vec![4, 8, 12])];
        let mut genotype = Genotype(vec![1]);
        genotype.shift(&genes, 0, 5);
        assert_eq!(genotype.indices(), [2]);
        genotype.shift(&genes, 0, -1);
        assert_eq!(genotype.indices(), [1]);
        genotype.shift(&genes, 0, -9);
        assert_eq!(genotype.indices(), [0]);
    }
}
