//! What strategies are worth on landscapes.

use super::*;

#[test]
fn the_sign_test_is_exact() {
    assert_eq!((sign_test(0, 3), sign_test(2, 3), sign_test(3, 3)), (1.0, 0.5, 0.125));
    // R: binom.test(34, 50, alternative = "greater").
    assert!((sign_test(34, 50) - 0.007_673_3).abs() < 1e-6, "{}", sign_test(34, 50));
}

/// Chance explains a result that is less likely than this.
const SIGNIFICANT: f64 = 0.01;

#[test]
fn nsga2_finds_more_than_evolution_and_evolution_more_than_the_controls() {
    for kind in KINDS {
        for budget in BUDGETS {
            let [nsga2, evolution, random, uniform] =
                ["nsga2", "evolution", "random", "uniform"].map(|strategy| volumes(strategy, &[], kind, budget, SEEDS));
            let mut pairs =
                vec![("nsga2 over random", chance(&nsga2, &random)), ("nsga2 over uniform", chance(&nsga2, &uniform))];
            // With 1000 trials both come near the best that there is.
            if budget.trials < 1000 {
                pairs.push(("nsga2 over evolution", chance(&nsga2, &evolution)));
            }
            // A hundred trials of evolution do not show everything: where widths mislead, it takes more to be better than random
            // search, and everywhere to be better than uniform scaling.
            let many = budget.trials > 100;
            if many || kind.terrain != Terrain::Deceptive {
                pairs.push(("evolution over random", chance(&evolution, &random)));
            }
            if many {
                pairs.push(("evolution over uniform", chance(&evolution, &uniform)));
            }
            for (pair, p) in pairs {
                assert!(p < SIGNIFICANT, "{} landscapes, {} trials: {pair}, p {p}", kind.name, budget.trials);
            }
        }
    }
}

#[test]
fn the_surrogate_finds_more_from_as_many_trials() {
    // Learning takes about a second a search, and fewer seeds than elsewhere show it.
    let (kind, budget, seeds) = (KINDS[1], BUDGETS[1], 0..20);
    let without = volumes("nsga2", &[], kind, budget, seeds.clone());
    let with = volumes("nsga2", &["search.candidates=8", "search.screen=surrogate"], kind, budget, seeds);
    assert!(chance(&with, &without) < SIGNIFICANT, "{with:?} {without:?}");
}

#[test]
fn a_score_of_untrained_networks_that_says_something_finds_more_from_as_many_trials() {
    let (kind, budget) = (KINDS[1], BUDGETS[1]);
    let without = volumes("nsga2", &[], kind, budget, SEEDS);
    let with = volumes("nsga2", &["search.candidates=8", "search.screen=naswot"], kind, budget, SEEDS);
    assert!(chance(&with, &without) < SIGNIFICANT, "{with:?} {without:?}");
}

#[test]
fn a_ladder_helps_random_search_while_brief_trainings_are_not_noise() {
    let pairs = |noise| volumes_with_and_without_ladder("random", noise, 0.3, SEEDS);
    let (with, without) = pairs(0.01);
    assert!(chance(&with, &without) < SIGNIFICANT);
    // Noise of a ninth of the images is three times as large: who goes up is then decided by luck.
    let (with, without) = pairs(0.05);
    assert!(chance(&without, &with) < SIGNIFICANT);
}
