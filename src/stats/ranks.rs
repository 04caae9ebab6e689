//! Ranks of values, equal ones sharing the average of theirs.

/// The ranks of a list of values.
pub(super) struct Ranks {
    /// For every value its rank from 1; a multiple of one half.
    pub(super) ranks: Vec<f64>,
    /// How many values there are of each that occurs, ascending by value.
    groups: Vec<usize>,
}

impl Ranks {
    /// Ranks of `values`, the least being 1. None of them may be NaN.
    pub(super) fn of(values: &[f64]) -> Self {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
        let (mut ranks, mut groups, mut before) = (vec![0.0; values.len()], Vec::new(), 0);
        // By `==`, for which the two zeros are equal.
        for group in order.chunk_by(|&a, &b| values[a] == values[b]) {
            let rank = before as f64 + (group.len() + 1) as f64 / 2.0;
            group.iter().for_each(|&i| ranks[i] = rank);
            groups.push(group.len());
            before += group.len();
        }
        Self { ranks, groups }
    }

    /// Whether two values are equal.
    pub(super) fn tied(&self) -> bool {
        self.groups.iter().any(|&size| size > 1)
    }

    /// The sum of `t^3 - t` over groups of `t` equal values, by which ties lower the variance of rank statistics.
    pub(super) fn tie_term(&self) -> f64 {
        self.groups.iter().map(|&size| size as f64).map(|t| t * t * t - t).sum()
    }
}
