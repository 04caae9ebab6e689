//! The curves as a table for other programs.

use super::Comparison;

/// `compare.csv`: one line a point of each search, in the order of strategies, seeds and costs.
pub fn comparison_csv(comparison: &Comparison) -> String {
    let mut text = "strategy,seed,cost_macs,seconds,hypervolume\n".to_owned();
    for row in &comparison.strategies {
        for search in &row.searches {
            for point in &search.curve {
                let (strategy, seed) = (&row.strategy, search.seed);
                text += &format!("{strategy},{seed},{},{},{}\n", point.cost_macs, point.seconds, point.hypervolume);
            }
        }
    }
    text
}
