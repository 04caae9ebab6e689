//! Audits of made-up trainings.

use super::*;
use crate::search::audit::networks;
use crate::search::trial::{Failure, Outcome};
use crate::space::{Rng, Space};

const FULL: Rung = Rung { train_images: 1000, epochs: 10 };
const LONG: Rung = Rung { train_images: 500, epochs: 4 };
const SHORT: Rung = Rung { train_images: 100, epochs: 1 };

fn plan(replicates: usize) -> AuditPlan {
    let space = Space::parse("tiny.toml", include_str!("../../../search_spaces/tiny.toml"), &[]).unwrap();
    AuditPlan { networks: networks(&space, 2, 24).unwrap(), levels: vec![FULL, LONG, SHORT], replicates, run_seed: 0 }
}

/// Accuracies grow with size, and have a part of their own; `noise` is how far a training at each level is off.
fn trials(plan: &AuditPlan, size: f64, noise: [f64; 3]) -> BTreeMap<usize, Trial> {
    let mut own = Rng::from_seed([1; 32]);
    let own: Vec<f64> = plan.networks.iter().map(|_| own.unit()).collect();
    let mut luck = Rng::from_seed([2; 32]);
    let mut trials = BTreeMap::new();
    for (network, own) in own.into_iter().enumerate() {
        for (level, noise) in noise.into_iter().enumerate() {
            for replicate in 0..plan.replicates {
                let index = plan.index(network, level, replicate);
                let quality = size * network as f64 / 24.0 + 0.1 * own + noise * (luck.unit() - 0.5);
                let score = Score {
                    accuracy: 0.6 + quality,
                    accuracy_se: 0.01,
                    validation_loss: 0.5 - quality,
                    // Knows nothing.
                    training_loss_sum: luck.unit(),
                };
                let job = plan.jobs()[&index].clone();
                let seconds = (level * 2) as f64;
                trials.insert(
                    index,
                    Trial { job, outcome: Outcome::Done(score), seconds, screening_seconds: 0.0, latency_ms: None },
                );
            }
        }
    }
    trials
}

/// Scores of untrained networks: one that grows with size, one that is all the same, one that is luck.
fn zero_cost(plan: &AuditPlan) -> BTreeMap<usize, ZeroCost> {
    let mut luck = Rng::from_seed([3; 32]);
    let pairs = (0..plan.networks.len()).flat_map(|network| (0..plan.replicates).map(move |it| (network, it)));
    let mut score = |network| ZeroCost { grad_norm: 2.0, synflow: network as f64, naswot: luck.unit() };
    pairs.map(|(network, replicate)| (plan.index(network, 0, replicate), score(network))).collect()
}

fn audit(plan: &AuditPlan, trials: &BTreeMap<usize, Trial>) -> Audit {
    Audit::new("pets", plan, trials, &zero_cost(plan)).unwrap()
}

#[test]
fn the_cheapest_rung_that_ranks_is_recommended() {
    let plan = plan(2);
    // The short training is all noise, the long one hardly any.
    let found = audit(&plan, &trials(&plan, 0.1, [0.02, 0.02, 4.0]));
    assert_eq!((found.networks, found.planned, found.seeds, found.failed), (24, 24, 2, 0));
    let [short, long] = &found.rungs[..] else { panic!("{found:?}") };
    assert_eq!((short.rung, long.rung), (SHORT, LONG));
    assert_eq!((short.cost_share, long.cost_share, long.seconds), (0.01, 0.2, 2.0));
    let within = |row: &RungRow, predictor: usize| row.predictors[predictor].agreement.within_bins.tau;
    assert!(within(short, 0) < 0.3 && within(long, 0) > 0.6, "{found:?}");
    assert_eq!(within(long, 0), within(long, 1), "the loss says here what the accuracy says");
    assert!(within(long, 2).abs() < 0.4);
    assert_eq!(found.recommended, Some(Recommendation { rung: 1, predictor: Predictor::ValidationLoss, enough: true }));
    let ceiling = found.ceiling.unwrap();
    assert!(ceiling.within_bins.tau > 0.7 && ceiling.overall.tau > ceiling.within_bins.tau, "{ceiling:?}");
    // Size ranks overall, not within bins.
    let size = found.untrained[0].agreement;
    assert!(size.overall.tau > 0.4 && size.within_bins.tau < size.overall.tau, "{size:?}");
    let [macs, _, gradient, synflow, naswot] = &found.untrained[..] else { panic!("{found:?}") };
    assert_eq!((synflow.predictor, synflow.agreement), (Predictor::Synflow, macs.agreement));
    assert_eq!((gradient.agreement.overall.tau, gradient.agreement.within_bins.tau), (0.0, 0.0));
    assert!(naswot.agreement.overall.tau.abs() < 0.3, "{naswot:?}");
    assert!(long.predictors[0].regret.overall[0] < short.predictors[0].regret.overall[0]);

    let text = audit_text(&found);
    for expected in [
        "audit pets: 24 of 24 networks from ",
        "full training: 10 epochs of 1000 images, 0s on average\n",
        "ceiling: full trainings with different seeds agree with tau +0.",
        "\n500x4 ",
        "recommended: 4 epochs of 500 images, ranked by validation loss: the cheapest rung that surely ranks",
    ] {
        assert!(text.contains(expected), "no {expected:?} in\n{text}");
    }
    let csv = audit_csv(&found);
    assert_eq!(csv.lines().count(), 1 + 5 + 2 * 3);
    assert!(csv.lines().all(|line| line.split(',').count() == 19), "{csv}");
    assert_eq!(csv.lines().filter(|line| line.ends_with(",true")).count(), 1);
}

#[test]
fn nothing_is_recommended_that_size_alone_would_do() {
    let plan = plan(2);
    // Only size counts, and neither training says more than it.
    let found = audit(&plan, &trials(&plan, 4.0, [0.0, 1.0, 1.0]));
    assert!(found.untrained[0].agreement.within_bins.tau > found.rungs[1].predictors[0].agreement.within_bins.tau);
    assert_eq!(found.recommended, None);
    assert!(audit_text(&found).contains("recommended: none of these rungs"));
}

#[test]
fn a_rung_as_good_as_noise_allows_is_told_from_one_that_is_good_enough() {
    let [high, low] = [(0.5, 0.35, 0.7), (0.4, 0.1, 0.65)].map(|(tau, low, high)| Tau { tau, low, high });
    let row = |within_bins: Tau| PredictorRow {
        predictor: Predictor::Accuracy,
        agreement: Agreement { overall: within_bins, within_bins },
        regret: Regret { overall: [0.0; 3], within_bins: [0.0; 3] },
    };
    let rung = |within: Tau| RungRow {
        rung: SHORT,
        cost_share: 0.1,
        seconds: 1.0,
        networks: 24,
        predictors: vec![row(within)],
    };
    let ceiling = |tau: f64| Agreement { overall: high, within_bins: Tau { tau, low: 0.0, high: 1.0 } };
    let size = [row(Tau { tau: 0.2, low: 0.0, high: 0.4 })];
    let chosen = |rungs: &[RungRow], ceiling: Option<Agreement>| {
        recommend(rungs, &size, ceiling.as_ref()).map(|it| (it.rung, it.enough))
    };
    assert_eq!(chosen(&[rung(low), rung(high)], None), Some((1, true)));
    assert_eq!(chosen(&[rung(low), rung(high)], Some(ceiling(0.9))), Some((1, true)));
    assert_eq!(chosen(&[rung(low), rung(high)], Some(ceiling(0.6))), Some((0, false)));
    let lost = Tau { tau: 0.3, low: -0.1, high: 0.9 };
    assert_eq!(chosen(&[rung(lost)], Some(ceiling(0.6))), None);
    let worse_than_size = Tau { tau: 0.19, low: 0.31, high: 0.5 };
    assert_eq!(chosen(&[rung(worse_than_size)], None), None);
}

#[test]
fn networks_with_a_failed_training_are_left_out_and_counted() {
    let plan = plan(1);
    let mut trials = trials(&plan, 0.1, [0.02; 3]);
    for (network, level) in [(3, 0), (7, 1), (9, 1)] {
        let failure = Failure::Diverged { epoch: 1, loss: "NaN".to_owned() };
        trials.get_mut(&plan.index(network, level, 0)).unwrap().outcome = Outcome::Failed(failure);
    }
    let found = audit(&plan, &trials);
    assert_eq!((found.networks, found.failed, found.ceiling), (23, 3, None));
    assert_eq!(found.rungs.iter().map(|rung| rung.networks).collect::<Vec<_>>(), [23, 21]);
    assert!(audit_text(&found).contains("ceiling: unknown; --seeds 2 shows"));
    let few = trials.clone().into_iter().filter(|(index, _)| index % 24 < FEWEST_NETWORKS - 1).collect();
    assert_eq!(Audit::new("pets", &plan, &few, &zero_cost(&plan)), None);
    // Scores that are not there are left out.
    assert_eq!(Audit::new("pets", &plan, &trials, &BTreeMap::new()).unwrap().untrained.len(), 2);
}
