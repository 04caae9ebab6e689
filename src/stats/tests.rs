//! Every statistic against SciPy, NumPy or statsmodels. `tests/golden/stats.py` makes the expected values.

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Golden {
    correlations: Vec<Correlation>,
    wilcoxon: Vec<Differences>,
    holm: Vec<Several>,
    mcnemar: Vec<Discordant>,
    bootstrap: Vec<Resampled>,
    samples: Vec<Sample>,
    normal: Vec<Tail>,
    student: Vec<Central>,
    crossed: Vec<Table>,
}

#[derive(Deserialize)]
struct Correlation {
    x: Vec<f64>,
    y: Vec<f64>,
    kendall: f64,
    spearman: f64,
}

#[derive(Deserialize)]
struct Differences {
    differences: Vec<f64>,
    positive_ranks: f64,
    two_sided: f64,
    greater: f64,
    effect: f64,
}

#[derive(Deserialize)]
struct Several {
    p: Vec<f64>,
    adjusted: Vec<f64>,
}

#[derive(Deserialize)]
struct Discordant {
    first: usize,
    second: usize,
    p: f64,
}

#[derive(Deserialize)]
struct Resampled {
    values: Vec<f64>,
    resamples: usize,
    seed: u64,
    interval: [f64; 2],
}

#[derive(Deserialize)]
struct Sample {
    values: Vec<f64>,
    median: f64,
    quartiles: [f64; 3],
    odd_quantiles: [f64; 4],
    mean: f64,
    /// With the two ends of the interval: none of a single value.
    standard_error: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
}

#[derive(Deserialize)]
struct Tail {
    z: f64,
    above: f64,
}

#[derive(Deserialize)]
struct Central {
    freedom: usize,
    central: f64,
}

#[derive(Deserialize)]
struct Table {
    rows: Vec<Vec<f64>>,
    mean: f64,
    low: f64,
    high: f64,
    p: f64,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../tests/golden/stats.json")).unwrap()
}

/// To ten digits, or where there is nothing but rounding.
#[track_caller]
fn assert_close(ours: f64, expected: f64, what: &str) {
    assert!((ours - expected).abs() <= 1e-10 * expected.abs().max(1e-5), "{what}: {ours}, expected {expected}");
}

#[test]
fn rank_correlations() {
    for Correlation { x, y, kendall, spearman: rho } in golden().correlations {
        assert_close(kendall_tau_b(&x, &y).unwrap(), kendall, &format!("tau of {} pairs", x.len()));
        assert_close(spearman(&x, &y).unwrap(), rho, &format!("rho of {} pairs", x.len()));
    }
}

#[test]
fn signed_ranks() {
    for case in golden().wilcoxon {
        let what = format!("{} differences", case.differences.len());
        for (alternative, p) in [(Alternative::TwoSided, case.two_sided), (Alternative::Greater, case.greater)] {
            let ours = wilcoxon(&case.differences, alternative).unwrap();
            assert_close(ours.p, p, &format!("{what}, {alternative:?}"));
            assert_close(ours.positive_ranks, case.positive_ranks, &what);
            assert_close(ours.effect, case.effect, &what);
        }
    }
    let zeros = wilcoxon(&[0.0; 60], Alternative::Greater).unwrap();
    assert_eq!(zeros, Wilcoxon { positive_ranks: 0.0, p: 1.0, effect: 0.0, nonzero: 0 });
}

#[test]
fn several_tests() {
    for Several { p, adjusted } in golden().holm {
        for (ours, expected) in holm(&p).unwrap().iter().zip(&adjusted) {
            assert_close(*ours, *expected, &format!("{p:?}"));
        }
    }
    assert_eq!(holm(&[]), Ok(vec![]));
    assert_eq!(holm(&[0.5, 1.5]), Err(Undefined::NotAShare(1.5)));
    assert!(matches!(holm(&[f64::NAN]), Err(Undefined::NotAShare(_))));
}

#[test]
fn two_classifiers() {
    for Discordant { first, second, p } in golden().mcnemar {
        assert_close(mcnemar(first, second), p, &format!("{first} against {second}"));
        assert_eq!(mcnemar(second, first), mcnemar(first, second));
    }
}

#[test]
fn resampling() {
    for Resampled { values, resamples, seed, interval } in golden().bootstrap {
        let mut state = seed;
        let draw = |n: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % n
        };
        let average = |drawn: &[usize]| mean(&drawn.iter().map(|&i| values[i]).collect::<Vec<_>>()).ok();
        let ours = bootstrap(values.len(), resamples, draw, average).unwrap();
        assert_eq!(ours.defined, resamples);
        assert_close(ours.interval.low, interval[0], "low");
        assert_close(ours.interval.high, interval[1], "high");
    }
    // Draws 0 1 0 1 0 1 ...: every other resample of three begins with 1, and has no value.
    let mut turn = 1;
    let draw = |_| {
        turn = 1 - turn;
        turn
    };
    let ours = bootstrap(3, 8, draw, |drawn| (drawn[0] == 0).then_some(4.0)).unwrap();
    assert_eq!(ours, Bootstrap { interval: Interval { low: 4.0, high: 4.0 }, defined: 4 });
    assert_eq!(bootstrap(3, 8, |_| 0, |_| None), Err(Undefined::TooFew { needed: 1, found: 0 }));
    assert_eq!(bootstrap(0, 8, |_| 0, |_| Some(1.0)), Err(Undefined::TooFew { needed: 1, found: 0 }));
}

#[test]
fn location_and_spread() {
    for sample in golden().samples {
        let (values, what) = (&sample.values, format!("{} values", sample.values.len()));
        assert_close(median(values).unwrap(), sample.median, &what);
        assert_close(mean(values).unwrap(), sample.mean, &what);
        let ours = [&quartiles(values).unwrap()[..], &quantiles(values, [0.0, 0.05, 0.9, 1.0]).unwrap()].concat();
        for (ours, expected) in ours.iter().zip(sample.quartiles.iter().chain(&sample.odd_quantiles)) {
            assert_close(*ours, *expected, &what);
        }
        let Some(error) = sample.standard_error else {
            assert_eq!(standard_error(values), Err(Undefined::TooFew { needed: 2, found: 1 }));
            continue;
        };
        assert_close(standard_error(values).unwrap(), error, &what);
        let interval = mean_interval(values).unwrap();
        assert_close(interval.low, sample.low.unwrap(), &what);
        assert_close(interval.high, sample.high.unwrap(), &what);
    }
    assert_eq!(quantiles(&[1.0], [1.1]), Err(Undefined::NotAShare(1.1)));
}

#[test]
fn distributions() {
    for Tail { z, above } in golden().normal {
        let ours = normal::above(z);
        assert!((ours / above - 1.0).abs() < 1e-12, "{z}: {ours}, expected {above}");
    }
    assert_eq!((normal::above(f64::INFINITY), normal::above(f64::NEG_INFINITY)), (0.0, 1.0));
    for Central { freedom, central } in golden().student {
        let ours = student::central(0.95, freedom);
        assert!((ours / central - 1.0).abs() < 1e-10, "{freedom}: {ours}, expected {central}");
    }
}

#[test]
fn what_has_no_value_is_an_error() {
    let nan = [1.0, f64::NAN, 2.0];
    let few = |needed, found| Undefined::TooFew { needed, found };
    for correlation in [kendall_tau_b, spearman] {
        assert_eq!(correlation(&[1.0, 2.0], &[1.0]), Err(Undefined::Unpaired { left: 2, right: 1 }));
        assert_eq!(correlation(&[1.0], &[1.0]), Err(few(2, 1)));
        assert_eq!(correlation(&nan, &[1.0, 2.0, 3.0]), Err(Undefined::NotFinite));
        assert_eq!(correlation(&[1.0, 2.0, 3.0], &nan), Err(Undefined::NotFinite));
        assert_eq!(correlation(&[1.0, 2.0], &[0.0, -0.0]), Err(Undefined::Constant));
        // What cannot be added up can still be ordered.
        assert_eq!(correlation(&[1.0, f64::INFINITY], &[1.0, 2.0]), Ok(1.0));
    }
    let side = Alternative::Greater;
    assert_eq!(wilcoxon(&[], side), Err(few(1, 0)));
    assert_eq!(wilcoxon(&nan, side), Err(Undefined::NotFinite));
    assert_eq!(mean(&[]), Err(few(1, 0)));
    assert_eq!(median(&[f64::INFINITY]), Err(Undefined::NotFinite));
    assert_eq!(mean_interval(&[1.0]).err(), Some(few(2, 1)));
}

/// Few distinct values, so that ties and zeros are common.
fn values(sizes: std::ops::Range<usize>) -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec((-6..7_i8).prop_map(f64::from), sizes)
}

proptest! {
    /// Small tests by trying every choice of signs.
    #[test]
    fn signed_ranks_by_enumeration(differences in values(1..10)) {
        let sizes: Vec<f64> = differences.iter().copied().filter(|it| *it != 0.0).map(f64::abs).collect();
        let count = |good: &dyn Fn(f64) -> bool| sizes.iter().filter(|size| good(**size)).count() as f64;
        let rank = |size: f64| (count(&|other| other < size) + count(&|other| other <= size) + 1.0) / 2.0;
        let sum = |signs: usize| -> f64 {
            (0..sizes.len()).filter(|i| signs >> i & 1 == 1).map(|i| rank(sizes[i])).sum()
        };
        let ours = wilcoxon(&differences, Alternative::Greater).unwrap();
        let all = 1_usize << sizes.len();
        let at_least = (0..all).filter(|&signs| sum(signs) >= ours.positive_ranks).count();
        prop_assert!((ours.p - at_least as f64 / all as f64).abs() < 1e-12);
    }

    #[test]
    fn no_list_makes_a_test_fail(x in values(0..70)) {
        let within = |p: f64| (0.0..=1.0).contains(&p);
        for side in [Alternative::TwoSided, Alternative::Greater] {
            prop_assert!(wilcoxon(&x, side).map_or(x.is_empty(), |it| within(it.p) && it.effect.abs() <= 1.0));
        }
    }
}

#[test]
fn means_of_two_way_tables() {
    for Table { rows, mean, low, high, p } in golden().crossed {
        let ours = crossed(&rows).unwrap();
        assert_close(ours.mean, mean, "mean");
        assert_close(ours.interval.low, low, "low end");
        assert_close(ours.interval.high, high, "high end");
        assert_close(ours.p, p, "p");
    }
}
