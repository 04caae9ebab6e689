//! Searches that come to the end of their space.

use super::*;
use crate::search::ladder::trained_for;

#[test]
fn an_exhausted_space_ends_the_search() {
    // Twelve genotypes and, not on the grid, the scaled copies of the paper's network.
    let small = ["widths.min_ratio=0.25", "search.trials=1000", "search.population=4", "limits.max_macs=1G"];
    let choices = [
        "widths.choices.\"3a.b1x1\"=[4, 8]",
        "widths.choices.\"4c.b3x3\"=[4, 8]",
        "widths.choices.\"5b.b5x5\"=[4, 8, 12]",
    ];
    for strategy in ["search.strategy=evolution", "search.strategy=random", NSGA2] {
        let space = space(&[&small[..], &choices[..], &[strategy]].concat());
        let found = search_with(&space, 2, &landscape(), &mut MemoryStore::new(vec![]));
        assert_eq!(found.ended, Ended::SpaceExhausted);
        let on_grid = |trial: &&Trial| !matches!(trial.job.origin, Origin::Uniform { .. });
        assert_eq!(found.trials.iter().filter(on_grid).count(), 12, "{strategy}");
        let mut keys: Vec<_> = found.trials.iter().map(|trial| trial.job.architecture.key()).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), found.trials.len());
    }
}

#[test]
fn the_last_trials_of_an_exhausted_space_still_go_up_the_ladder() {
    let small = ["widths.min_ratio=0.25", "search.trials=1000", "limits.max_macs=1G", "search.strategy=random"];
    let choices = ["widths.choices.\"3a.b1x1\"=[4, 8]", "widths.choices.\"5b.b5x5\"=[4, 8, 12]"];
    let digests = [("2", 1), ("2", 2), ("5", 1), ("5", 4)].map(|(window, workers)| {
        let window = format!("search.window={window}");
        let space = space(&[&small[..], &choices[..], &[LADDER, &window]].concat());
        let found = search_with(&space, workers, &landscape(), &mut MemoryStore::new(vec![]));
        assert_eq!(found.ended, Ended::SpaceExhausted);
        for rung in rungs(&space) {
            assert_eq!(trained_for(&found.trials, rung).count(), 6, "{window}, {rung:?}");
        }
        digest(&found.trials)
    });
    assert_eq!((&digests[0], &digests[2]), (&digests[1], &digests[3]));
}
