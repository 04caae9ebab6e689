//! Whether brief trainings rank networks as full ones do.

mod csv;
mod ranking;
mod text;

use std::collections::BTreeMap;

use serde::Serialize;

pub use csv::audit_csv;
pub use ranking::{Agreement, Regret, Tau};
pub use text::audit_text;

use self::ranking::Paired;
use crate::arch::Cost;
use crate::search::audit::{AuditPlan, ZeroCost};
use crate::search::digest::digest;
use crate::search::trial::{Score, Trial};
use crate::space::Rung;

/// Networks are compared with those of like cost in so many bins.
pub const BINS: usize = 3;

/// Two networks a bin.
pub const FEWEST_NETWORKS: usize = 2 * BINS;

/// A correlation within bins that is surely above this ranks well enough to search with.
const ENOUGH: f64 = 0.3;

/// What is known of a network before it is fully trained; networks with higher values are expected to be better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Predictor {
    /// Validation accuracy of the brief training.
    Accuracy,
    /// Its validation loss, the lower the better.
    ValidationLoss,
    /// Its sum of training losses over epochs, the lower the better.
    TrainingLossSum,
    /// Multiply-adds: needs no training, and so is what a predictor has to beat.
    Macs,
    /// Parameters: likewise.
    Parameters,
    /// A score of the untrained network, [`ZeroCost::grad_norm`].
    GradNorm,
    /// Likewise, [`ZeroCost::synflow`].
    Synflow,
    /// Likewise, [`ZeroCost::naswot`].
    Naswot,
}

/// What predictors see of a network.
#[derive(Clone, Copy, Default)]
struct Known<'a> {
    cost: Cost,
    /// Of a brief training.
    score: Option<&'a Score>,
    zero_cost: Option<&'a ZeroCost>,
}

impl Predictor {
    const TRAINED: [Self; 3] = [Self::Accuracy, Self::ValidationLoss, Self::TrainingLossSum];
    const UNTRAINED: [Self; 5] = [Self::Macs, Self::Parameters, Self::GradNorm, Self::Synflow, Self::Naswot];

    fn value(self, Known { cost, score, zero_cost }: Known<'_>) -> Option<f64> {
        match self {
            Self::Accuracy => score.map(|it| it.accuracy),
            Self::ValidationLoss => score.map(|it| -it.validation_loss),
            Self::TrainingLossSum => score.map(|it| -it.training_loss_sum),
            Self::Macs => Some(cost.macs as f64),
            Self::Parameters => Some(cost.parameters as f64),
            Self::GradNorm => zero_cost.map(|it| it.grad_norm),
            Self::Synflow => zero_cost.map(|it| it.synflow),
            Self::Naswot => zero_cost.map(|it| it.naswot),
        }
    }

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "validation accuracy",
            Self::ValidationLoss => "validation loss",
            Self::TrainingLossSum => "sum of training losses",
            Self::Macs => "MACs",
            Self::Parameters => "parameters",
            Self::GradNorm => "gradient norm",
            Self::Synflow => "synflow",
            Self::Naswot => "NASWOT",
        }
    }
}

/// How well one predictor ranks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PredictorRow {
    /// Which one.
    pub predictor: Predictor,
    /// Its agreement, for one training as a search sees it, with the accuracy of one full training.
    pub agreement: Agreement,
    /// What following it loses of the full accuracy, the mean over seeds.
    pub regret: Regret,
}

/// One brief training.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RungRow {
    /// How brief it is.
    pub rung: Rung,
    /// Its multiply-adds, as a share of those of the full training.
    pub cost_share: f64,
    /// Mean seconds of a training.
    pub seconds: f64,
    /// Networks that were compared: those of which every training at this rung and every full one succeeded.
    pub networks: usize,
    /// One row each.
    pub predictors: Vec<PredictorRow>,
}

impl RungRow {
    /// The predictor that agrees best within bins.
    fn best(&self) -> Option<&PredictorRow> {
        let within = |row: &&PredictorRow| row.agreement.within_bins.tau;
        self.predictors.iter().max_by(|a, b| within(a).total_cmp(&within(b)))
    }
}

/// The brief training to search with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Recommendation {
    /// Place among [`Audit::rungs`].
    pub rung: usize,
    /// By what to rank.
    pub predictor: Predictor,
    /// Whether its correlation is surely high enough; else it is only as good as the noise of full trainings allows.
    pub enough: bool,
}

/// What an audit found; its JSON form is what `--json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Audit {
    /// Its name.
    pub name: String,
    /// Networks of which every full training succeeded.
    pub networks: usize,
    /// Networks that were to be trained.
    pub planned: usize,
    /// Trainings of each network at each rung.
    pub seeds: usize,
    /// Failed trainings.
    pub failed: usize,
    /// Fewest and most multiply-adds of a network.
    pub macs: [u64; 2],
    /// The full training.
    pub full: Rung,
    /// Mean seconds of a full training.
    pub full_seconds: f64,
    /// Agreement of the accuracies of two full trainings of the same networks, which that of a predictor can be held
    /// against; none with a single seed.
    pub ceiling: Option<Agreement>,
    /// What is known without any training.
    pub untrained: Vec<PredictorRow>,
    /// Brief trainings, the cheapest first.
    pub rungs: Vec<RungRow>,
    /// The cheapest one that ranks well enough.
    pub recommended: Option<Recommendation>,
    /// Hash over all trainings, except their times.
    pub digest: String,
}

/// The trainings of one network at one level, if all of them succeeded.
type Scores<'a> = Option<Vec<&'a Score>>;

impl Audit {
    /// What `trials`, by index of `plan`, show, and the `zero_cost` scores by index of the full training with the same initial
    /// weights. `None` if less than [`FEWEST_NETWORKS`] networks were fully trained, or at a rung.
    pub fn new(
        name: &str,
        plan: &AuditPlan,
        trials: &BTreeMap<usize, Trial>,
        zero_cost: &BTreeMap<usize, ZeroCost>,
    ) -> Option<Self> {
        let scores = |network: usize, level: usize| -> Scores<'_> {
            let score = |replicate| trials.get(&plan.index(network, level, replicate))?.outcome.score();
            (0..plan.replicates).map(score).collect()
        };
        let full: Vec<Scores<'_>> = (0..plan.networks.len()).map(|network| scores(network, 0)).collect();
        let whole: Vec<usize> = (0..full.len()).filter(|&network| full[network].is_some()).collect();
        let truth = |networks: &[usize]| Truth::new(plan, &full, networks);
        let all = truth(&whole)?;

        let mut rungs = (1..plan.levels.len())
            .map(|level| {
                let brief: Vec<Scores<'_>> = (0..plan.networks.len()).map(|network| scores(network, level)).collect();
                let both: Vec<usize> = whole.iter().copied().filter(|&network| brief[network].is_some()).collect();
                let truth = truth(&both)?;
                let known = |network: usize, replicate: usize| {
                    let score = brief[network].as_ref().and_then(|scores| scores.get(replicate).copied());
                    Known { score, ..Known::default() }
                };
                let row = |predictor| truth.row(predictor, known);
                Some(RungRow {
                    rung: plan.levels[level],
                    cost_share: plan.levels[level].seen() as f64 / plan.levels[0].seen() as f64,
                    seconds: mean_seconds(plan, trials, level),
                    networks: both.len(),
                    predictors: Predictor::TRAINED.into_iter().filter_map(row).collect(),
                })
            })
            .collect::<Option<Vec<RungRow>>>()?;
        rungs.sort_by(|a, b| a.cost_share.total_cmp(&b.cost_share));

        let ceiling = all.ceiling();
        let known = |network: usize, replicate: usize| {
            let zero_cost = zero_cost.get(&plan.index(network, 0, replicate));
            Known { cost: plan.networks[network].cost, score: None, zero_cost }
        };
        let untrained = Predictor::UNTRAINED.into_iter().filter_map(|predictor| all.row(predictor, known));
        let untrained: Vec<PredictorRow> = untrained.collect();
        let of_plan: Vec<Trial> = plan.jobs().keys().filter_map(|index| trials.get(index).cloned()).collect();
        let macs = |network: Option<&usize>| network.map_or(0, |&network| plan.networks[network].cost.macs);
        Some(Self {
            name: name.to_owned(),
            networks: whole.len(),
            planned: plan.networks.len(),
            seeds: plan.replicates,
            failed: of_plan.iter().filter(|trial| trial.outcome.score().is_none()).count(),
            macs: [macs(all.networks.first()), macs(all.networks.last())],
            full: plan.levels[0],
            full_seconds: mean_seconds(plan, trials, 0),
            recommended: recommend(&rungs, &untrained, ceiling.as_ref()),
            ceiling,
            untrained,
            rungs,
            digest: digest(&of_plan),
        })
    }
}

/// The networks that are compared, and how good they really are.
struct Truth<'a> {
    plan: &'a AuditPlan,
    /// By ascending MACs.
    networks: Vec<usize>,
    /// As many to a bin as can be, by ascending MACs.
    bins: Vec<usize>,
    /// Accuracies of the full trainings, a column for each seed.
    accuracies: Vec<Vec<f64>>,
    /// Their mean over seeds.
    mean: Vec<f64>,
}

impl<'a> Truth<'a> {
    fn new(plan: &'a AuditPlan, full: &[Scores<'_>], networks: &[usize]) -> Option<Self> {
        if networks.len() < FEWEST_NETWORKS {
            return None;
        }
        let mut networks = networks.to_vec();
        networks.sort_by_key(|&network| (plan.networks[network].cost.macs, network));
        let bins = (0..networks.len()).map(|place| place * BINS / networks.len()).collect();
        let mut accuracies = vec![Vec::new(); plan.replicates];
        for &network in &networks {
            let scores = full[network].as_ref()?;
            accuracies.iter_mut().zip(scores).for_each(|(column, score)| column.push(score.accuracy));
        }
        let mean = |place: usize| accuracies.iter().map(|column| column[place]).sum::<f64>() / plan.replicates as f64;
        let mean = (0..networks.len()).map(mean).collect();
        Some(Self { plan, networks, bins, accuracies, mean })
    }

    /// How `predictor` ranks by what is `known` of a network of the plan with a seed. `None` if it does not know all of them.
    fn row<'b>(&self, predictor: Predictor, known: impl Fn(usize, usize) -> Known<'b>) -> Option<PredictorRow> {
        let column = |replicate: usize| -> Option<Vec<f64>> {
            self.networks.iter().map(|&network| predictor.value(known(network, replicate))).collect()
        };
        let seen: Vec<Vec<f64>> = (0..self.plan.replicates).map(column).collect::<Option<_>>()?;
        let with = |truths: &[Vec<f64>]| Paired {
            columns: seen.iter().flat_map(|x| truths.iter().map(|y| (x.clone(), y.clone()))).collect(),
            bins: &self.bins,
        };
        // One full training, as for the ceiling: the mean over seeds has less noise, so that more agrees with it.
        let agreement = with(&self.accuracies).agreement();
        Some(PredictorRow { predictor, agreement, regret: with(std::slice::from_ref(&self.mean)).regret() })
    }

    /// How well the accuracies with one seed agree with those with another.
    fn ceiling(&self) -> Option<Agreement> {
        let pairs =
            self.accuracies.iter().enumerate().flat_map(|(i, first)| {
                self.accuracies[i + 1..].iter().map(move |second| (first.clone(), second.clone()))
            });
        let columns: Vec<_> = pairs.collect();
        (!columns.is_empty()).then(|| Paired { columns, bins: &self.bins }.agreement())
    }
}

/// The cheapest rung whose best predictor ranks networks of like cost better than anything without a training, and either
/// surely with a correlation over [`ENOUGH`], or surely better than not at all and within noise of the ceiling.
fn recommend(rungs: &[RungRow], untrained: &[PredictorRow], ceiling: Option<&Agreement>) -> Option<Recommendation> {
    rungs.iter().enumerate().find_map(|(rung, row)| {
        let best = row.best()?;
        let Tau { tau, low, high } = best.agreement.within_bins;
        let better = untrained.iter().all(|row| tau > row.agreement.within_bins.tau);
        let enough = low > ENOUGH;
        let as_good_as_can_be = low > 0.0 && ceiling.is_some_and(|ceiling| high >= ceiling.within_bins.tau);
        (better && (enough || as_good_as_can_be)).then_some(Recommendation { rung, predictor: best.predictor, enough })
    })
}

fn mean_seconds(plan: &AuditPlan, trials: &BTreeMap<usize, Trial>, level: usize) -> f64 {
    let indices = (0..plan.networks.len())
        .flat_map(|network| (0..plan.replicates).map(move |replicate| plan.index(network, level, replicate)));
    let seconds: Vec<f64> = indices.filter_map(|index| trials.get(&index)).map(|trial| trial.seconds).collect();
    seconds.iter().sum::<f64>() / seconds.len().max(1) as f64
}

#[cfg(test)]
mod tests;
