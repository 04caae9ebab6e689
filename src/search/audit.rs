//! The trainings that show whether brief trainings rank networks as full ones do.

use std::collections::{BTreeMap, HashSet};

#[cfg(doc)]
use super::ports::Proxy;
use super::seed::{step_rng, trial_seed};
use super::trial::{Fidelity, Job, Origin, Trial};
use crate::arch::{Architecture, ArchitectureError, Cost};
use crate::space::{Rng, Rung, Space, random};

/// How often a network is drawn before there is taken to be no other of about its cost.
const DRAWS: usize = 256;

/// Steps in which the end of the axis is looked for.
const STEPS: usize = 64;

/// All scores of an untrained network, with the initial weights of one of its trainings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ZeroCost {
    /// [`Proxy::GradNorm`].
    pub grad_norm: f64,
    /// [`Proxy::Synflow`].
    pub synflow: f64,
    /// [`Proxy::Naswot`].
    pub naswot: f64,
}

/// A network of an audit.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    /// The network.
    pub architecture: Architecture,
    /// Side of the images that it is for, in pixels.
    pub resolution: usize,
    /// Its cost for one of them.
    pub cost: Cost,
}

/// Networks, each to be trained fully and at every rung, with every seed.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditPlan {
    /// By ascending place on the axis of log MACs.
    pub networks: Vec<Drawn>,
    /// The full training first, then the brief ones.
    pub levels: Vec<Rung>,
    /// Trainings of each network at each level, with seeds of their own.
    pub replicates: usize,
    /// Seed of everything random.
    pub run_seed: u64,
}

/// Why an audit cannot be planned, or goes with other trainings than those stored.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The number of classes makes no network.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// The space is too small.
    #[error("the space has too few networks inside its limits: found {found} different ones of {asked}; ask for fewer")]
    TooFewNetworks {
        /// Networks that were found.
        found: usize,
        /// Networks that were asked for.
        asked: usize,
    },
    /// The stored trainings are not those of this plan.
    #[error(
        "training {index} in the store is not the one that this audit makes: give the number of networks, the epochs of the \
         full training and the rungs that it was begun with (more seeds, and more rungs behind the others, are fine), or \
         choose another name"
    )]
    OtherPlan {
        /// Index of the first training that differs.
        index: usize,
    },
}

/// Draws `count` different networks inside the limits of `space`, one in the middle of each of `count` equal stretches of
/// the axis of log MACs, from the fewest up to where the limits let networks be.
///
/// # Errors
/// [`AuditError::TooFewNetworks`] if there are not so many, [`AuditError::Architecture`] for a wrong number of classes.
pub fn networks(space: &Space, classes: usize, count: usize) -> Result<Vec<Drawn>, AuditError> {
    let draw = |rng: &mut Rng, position: f64| -> Result<Option<Drawn>, ArchitectureError> {
        let genotype = random(space, rng, position);
        let (architecture, resolution) = (space.decode(&genotype, classes)?, space.resolution(&genotype));
        let cost = space.within_limits(&architecture, resolution).ok();
        Ok(cost.map(|cost| Drawn { architecture, resolution, cost }))
    };
    // A limit on parameters may end the axis before its own end.
    let (mut rng, mut top) = (step_rng(space.search().seed, count), STEPS);
    while top > 1 && draw(&mut rng, top as f64 / STEPS as f64)?.is_none() {
        top -= 1;
    }
    let mut taken = HashSet::new();
    let mut networks = Vec::new();
    for i in 0..count {
        let mut rng = step_rng(space.search().seed, i);
        let position = (i as f64 + 0.5) / count as f64 * top as f64 / STEPS as f64;
        let mut found = None;
        for _ in 0..DRAWS {
            found = draw(&mut rng, position)?.filter(|it| taken.insert((it.architecture.key(), it.resolution)));
            if found.is_some() {
                break;
            }
        }
        networks.push(found.ok_or(AuditError::TooFewNetworks { found: i, asked: count })?);
    }
    Ok(networks)
}

impl AuditPlan {
    /// The index of a training; it stays the same if an audit gets more levels or more replicates, so that it can be
    /// continued with them.
    pub fn index(&self, network: usize, level: usize, replicate: usize) -> usize {
        // Cantor's pairing: counts levels and replicates along diagonals.
        let diagonal = level + replicate;
        (diagonal * (diagonal + 1) / 2 + replicate) * self.networks.len() + network
    }

    /// All trainings by their index.
    pub fn jobs(&self) -> BTreeMap<usize, Job> {
        let mut jobs = BTreeMap::new();
        for (network, Drawn { architecture, resolution, cost }) in self.networks.iter().enumerate() {
            for (level, rung) in self.levels.iter().enumerate() {
                let fidelity = Fidelity::new(*rung, *resolution);
                for replicate in 0..self.replicates {
                    let index = self.index(network, level, replicate);
                    let job = Job {
                        index,
                        architecture: architecture.clone(),
                        origin: Origin::Random,
                        cost: *cost,
                        fidelity,
                        seed: trial_seed(self.run_seed, &architecture.key(), &fidelity, replicate as u64),
                        inherits: None,
                    };
                    jobs.insert(index, job);
                }
            }
        }
        jobs
    }

    /// The trainings that are not among `stored`, the costliest first, so that no worker is left alone with a long one.
    /// Stored ones that are not part of this plan are left alone.
    ///
    /// # Errors
    /// [`AuditError::OtherPlan`] if a stored training is another one than this plan has under its index.
    pub fn left(&self, stored: &[Trial]) -> Result<Vec<Job>, AuditError> {
        let mut jobs = self.jobs();
        for trial in stored {
            let index = trial.job.index;
            match jobs.remove(&index) {
                Some(job) if job != trial.job => return Err(AuditError::OtherPlan { index }),
                Some(_) | None => {}
            }
        }
        let mut left: Vec<Job> = jobs.into_values().collect();
        left.sort_by_key(|job| (std::cmp::Reverse(job.training_macs()), job.index));
        Ok(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::testing::{done_trial, space};

    const FULL: Rung = Rung { train_images: 3000, epochs: 9 };
    const BRIEF: Rung = Rung { train_images: 128, epochs: 1 };

    fn plan(levels: &[Rung], replicates: usize) -> AuditPlan {
        let networks = networks(&space(&[]), 2, 12).unwrap();
        AuditPlan { networks, levels: levels.to_vec(), replicates, run_seed: 3 }
    }

    #[test]
    fn networks_spread_evenly_over_the_log_macs_inside_the_limits() {
        let overrides = ["limits.max_parameters=3M".to_owned()];
        let text = include_str!("../../search_spaces/default.toml");
        let space = Space::parse("default.toml", text, &overrides).unwrap();
        let networks = networks(&space, 2, 20).unwrap();
        let macs: Vec<f64> = networks.iter().map(|it| (it.cost.macs as f64).ln()).collect();
        let reach = macs[19] - macs[0];
        for (i, macs_here) in macs.iter().enumerate() {
            // A network is not exactly as dear as it was asked to be.
            let away = (macs_here - macs[0]) / reach - i as f64 / 19.0;
            assert!(away.abs() < 0.15, "{i}: {macs:?}");
        }
        assert!(networks.iter().all(|it| it.cost.parameters <= 3_000_000));
        assert_eq!(networks, super::networks(&space, 2, 20).unwrap());
    }

    #[test]
    fn a_limit_on_macs_alone_leaves_the_whole_axis() {
        let networks = networks(&space(&[]), 2, 20).unwrap();
        let (least, most) = (networks[0].cost.macs, networks[19].cost.macs);
        assert!(most > 2_000_000 && least < 1_000_000, "{least} {most}");
    }

    #[test]
    fn a_space_that_is_too_small_is_an_error() {
        let one = space(&["widths.min_ratio=0.25"]);
        let error = networks(&one, 2, 3).unwrap_err();
        assert!(matches!(error, AuditError::TooFewNetworks { found: 1, asked: 3 }), "{error}");
    }

    #[test]
    fn every_training_has_an_index_and_a_seed_of_its_own() {
        let jobs = plan(&[FULL, BRIEF], 2).jobs();
        assert_eq!(jobs.len(), 12 * 2 * 2);
        let seeds: HashSet<u64> = jobs.values().map(|job| job.seed).collect();
        assert_eq!(seeds.len(), jobs.len());
        // As the same candidate of a search with that seed is trained.
        let first = &jobs[&plan(&[FULL, BRIEF], 2).index(0, 1, 0)];
        assert_eq!(first.seed, trial_seed(3, &first.architecture.key(), &Fidelity::new(BRIEF, 32), 0));
    }

    #[test]
    fn more_seeds_and_rungs_continue_an_audit_and_other_plans_do_not() {
        let small = plan(&[FULL, BRIEF], 1);
        let stored: Vec<Trial> = small.jobs().into_values().map(|job| Trial { job, ..done_trial(0, 0.5, 1) }).collect();
        assert!(small.left(&stored).unwrap().is_empty());
        let briefer = Rung { train_images: 64, ..BRIEF };
        let large = plan(&[FULL, BRIEF, briefer], 3);
        let left = large.left(&stored).unwrap();
        assert_eq!(left.len(), 12 * 9 - 24);
        assert!(left.windows(2).all(|pair| pair[0].training_macs() >= pair[1].training_macs()));
        // What is stored beyond the plan is left alone.
        let more: Vec<Trial> = large.jobs().into_values().map(|job| Trial { job, ..done_trial(0, 0.5, 1) }).collect();
        assert!(small.left(&more).unwrap().is_empty());
        for other in [plan(&[Rung { epochs: 8, ..FULL }, BRIEF], 1), plan(&[BRIEF, FULL], 1)] {
            assert!(matches!(other.left(&stored), Err(AuditError::OtherPlan { index: 0 })));
        }
    }
}
