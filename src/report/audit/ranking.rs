//! How well one order of networks agrees with another, overall and among networks of like cost.

use serde::Serialize;

use crate::space::Rng;
use crate::stats::{bootstrap, kendall_tau_b};

/// Resamples of an interval.
const RESAMPLES: usize = 2000;

/// Kendall's tau-b with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Tau {
    /// The correlation, -1 to 1.
    pub tau: f64,
    /// Lower end of the percentile interval of 2000 bootstrap resamples of the networks.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// One order against another: overall, and pooled over the MAC bins.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// Over all networks.
    pub overall: Tau,
    /// Mean of the correlations within each bin, weighted by its number of pairs of networks.
    pub within_bins: Tau,
}

/// Two values for each network, several times over: one pair of columns for each training seed.
#[derive(Clone, Debug)]
pub(super) struct Paired<'a> {
    /// Columns as long as `bins`.
    pub columns: Vec<(Vec<f64>, Vec<f64>)>,
    /// The bin of each network.
    pub bins: &'a [usize],
}

impl Paired<'_> {
    /// The mean agreement over the pairs of columns. An order in which all are equal agrees with nothing: 0.
    pub(super) fn agreement(&self) -> Agreement {
        Agreement {
            overall: self.with_interval(|it, networks| it.mean(networks, tau)),
            within_bins: self.with_interval(|it, networks| it.within_bins(networks)),
        }
    }

    fn with_interval(&self, statistic: impl Fn(&Self, &[usize]) -> f64) -> Tau {
        let all: Vec<usize> = (0..self.bins.len()).collect();
        let tau = statistic(self, &all);
        // The same resamples everywhere, so that rows of a table can be compared.
        let mut rng = Rng::from_seed([0; 32]);
        let interval = bootstrap(all.len(), RESAMPLES, |n| rng.below(n), |networks| Some(statistic(self, networks)));
        // Fails without networks only, and then there is no order to be sure of.
        interval.map_or(Tau { tau, low: -1.0, high: 1.0 }, |it| Tau {
            tau,
            low: it.interval.low,
            high: it.interval.high,
        })
    }

    /// The mean over the pairs of columns of `of`, given the values of `networks`.
    fn mean(&self, networks: &[usize], of: impl Fn(&[f64], &[f64]) -> f64) -> f64 {
        let chosen = |column: &[f64]| networks.iter().map(|&network| column[network]).collect::<Vec<f64>>();
        let sum: f64 = self.columns.iter().map(|(x, y)| of(&chosen(x), &chosen(y))).sum();
        sum / self.columns.len().max(1) as f64
    }

    fn within_bins(&self, networks: &[usize]) -> f64 {
        let (mut sum, mut pairs) = (0.0, 0.0);
        for bin in 0..=self.bins.iter().copied().max().unwrap_or(0) {
            let members: Vec<usize> = networks.iter().copied().filter(|&network| self.bins[network] == bin).collect();
            let count = members.len() as f64;
            let weight = count * (count - 1.0) / 2.0;
            sum += weight * self.mean(&members, tau);
            pairs += weight;
        }
        if pairs > 0.0 { sum / pairs } else { 0.0 }
    }
}

/// Kendall's tau-b, 0 where there is no order.
fn tau(x: &[f64], y: &[f64]) -> f64 {
    kendall_tau_b(x, y).unwrap_or(0.0)
}

/// How many of the best by a predictor are looked at.
pub(super) const TOP: [usize; 3] = [1, 3, 5];

/// Accuracy that is lost by training only the best of a predictor fully: the best accuracy of all less the best among
/// the predictor's top 1, 3 and 5.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Regret {
    /// Over all networks.
    pub overall: [f64; TOP.len()],
    /// Mean over the MAC bins, with the top of each.
    pub within_bins: [f64; TOP.len()],
}

impl Paired<'_> {
    /// The mean regret over the pairs of columns of (predictor, accuracy). Of networks that the predictor holds for
    /// equal the first ones are taken.
    pub(super) fn regret(&self) -> Regret {
        let all: Vec<usize> = (0..self.bins.len()).collect();
        let bins: Vec<Vec<usize>> = (0..=self.bins.iter().copied().max().unwrap_or(0))
            .map(|bin| all.iter().copied().filter(|&network| self.bins[network] == bin).collect())
            .collect();
        Regret {
            overall: TOP.map(|top| self.mean(&all, |x, y| lost(x, y, top))),
            within_bins: TOP.map(|top| {
                let sum: f64 = bins.iter().map(|members| self.mean(members, |x, y| lost(x, y, top))).sum();
                sum / bins.len() as f64
            }),
        }
    }
}

fn lost(predictor: &[f64], accuracy: &[f64], top: usize) -> f64 {
    let mut order: Vec<usize> = (0..predictor.len()).collect();
    order.sort_by(|&a, &b| predictor[b].total_cmp(&predictor[a]));
    let best = |networks: &[usize]| networks.iter().map(|&it| accuracy[it]).fold(f64::NEG_INFINITY, f64::max);
    if order.is_empty() { 0.0 } else { best(&order) - best(&order[..top.min(order.len())]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINS: [usize; 6] = [0, 0, 0, 1, 1, 1];

    fn paired(x: &[f64], y: &[f64]) -> Paired<'static> {
        Paired { columns: vec![(x.to_vec(), y.to_vec())], bins: &BINS }
    }

    #[test]
    fn agreement_within_bins_is_not_that_between_them() {
        // The bins are ordered, and within each the order is turned round.
        let agreement = paired(&[3.0, 2.0, 1.0, 6.0, 5.0, 4.0], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).agreement();
        assert!((agreement.overall.tau - 3.0 / 15.0).abs() < 1e-12, "{agreement:?}");
        assert!((agreement.within_bins.tau + 1.0).abs() < 1e-12, "{agreement:?}");
        // A bin of three pairs with one of them discordant, and one without order: (3 x 1/3 + 3 x 0) / 6.
        let agreement = paired(&[1.0, 3.0, 2.0, 7.0, 7.0, 7.0], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).agreement();
        assert!((agreement.within_bins.tau - 1.0 / 6.0).abs() < 1e-12, "{agreement:?}");
    }

    #[test]
    fn several_seeds_are_averaged() {
        let y = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let mut both = paired(&y, &y);
        both.columns.push(([1.0; 6].to_vec(), y.to_vec()));
        assert_eq!((both.agreement().overall.tau, both.agreement().within_bins.tau), (0.5, 0.5));
        assert_eq!(both.regret().overall, [2.5, 1.5, 0.5]);
    }

    #[test]
    fn intervals_hold_the_correlation_and_are_the_same_every_time() {
        let x: Vec<f64> = (0..30).map(f64::from).collect();
        let y: Vec<f64> = (0..30).map(|i| f64::from(i + (i * 7) % 13)).collect();
        let bins: Vec<usize> = (0..30).map(|i| i / 10).collect();
        let paired = Paired { columns: vec![(x, y)], bins: &bins };
        let agreement = paired.agreement();
        for Tau { tau, low, high } in [agreement.overall, agreement.within_bins] {
            assert!(low < tau && tau < high && high - low < 0.9, "{agreement:?}");
        }
        assert!(agreement.overall.tau > agreement.within_bins.tau);
        assert_eq!(paired.agreement(), agreement);
    }

    #[test]
    fn regret_is_what_the_top_leaves_behind() {
        let accuracy = [0.70, 0.80, 0.75, 0.90, 0.85, 0.60];
        let close = |found: [f64; 3], expected: [f64; 3]| {
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?} {expected:?}");
        };
        let regret = paired(&[5.0, 4.0, 6.0, 1.0, 2.0, 3.0], &accuracy).regret();
        close(regret.overall, [0.15, 0.10, 0.05]);
        // The first bin's best guess is 0.75 of 0.80, the second's 0.60 of 0.90.
        close(regret.within_bins, [(0.05 + 0.30) / 2.0, 0.0, 0.0]);
        close(paired(&[0.0; 6], &accuracy).regret().overall, [0.20, 0.10, 0.0]);
    }
}
