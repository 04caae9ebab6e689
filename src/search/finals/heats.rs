//! Trainings before the finals, which decide who goes there: the score that a search selects on is the best of many single
//! trainings, and some of it is luck.

use serde::{Deserialize, Serialize};

use super::choose::ranges;
use super::list::{Images, List, Network, NoList, Seeds, Settings};
use crate::search::generation::comparable;
use crate::search::trial::{Outcome, Trial};
use crate::space::Space;
use crate::stats::mean;

/// Trainings of each network of the heats.
pub const HEAT_SEEDS: usize = 3;

/// The first of their replicates: far from those of the finals.
const FIRST_REPLICATE: u64 = 1 << 31;

/// A range of MACs whose networks contend for the finals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Positions of these networks in the list.
    pub contenders: Vec<usize>,
    /// How many of them go on.
    pub finalists: usize,
}

/// The heats that a list of finals is made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heats {
    /// SHA-256 of the list of the heats, frozen before them.
    pub list: String,
    /// Everybody, range by range, the most accurate first.
    pub contenders: Vec<Contender>,
}

/// A network in the heats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contender {
    /// What it is called.
    pub name: String,
    /// Multiply-adds of one image.
    pub macs: u64,
    /// Accuracy on all validation images, 0 to 1, by seed; nothing if a training failed.
    pub validation: Option<Vec<f64>>,
    /// Whether it goes on to the finals.
    pub chosen: bool,
}

impl Contender {
    /// The mean over seeds, by which is chosen.
    pub fn mean(&self) -> Option<f64> {
        mean(self.validation.as_ref()?).ok()
    }
}

impl List {
    /// The heats before the finals of the trials of a run: the most accurate networks of each range of MACs, [`HEAT_SEEDS`]
    /// trainings each as in the finals, with other seeds.
    ///
    /// # Errors
    /// [`NoList`] if there is no finalist.
    pub fn heats(
        space: &Space,
        trials: &[Trial],
        images: Images<'_>,
        program: &str,
        settings: Settings,
    ) -> Result<Self, NoList> {
        let mut list = Self::empty(space.protocol(), trials.len(), images, program, settings);
        let seeds = Seeds { run: space.search().seed, first: FIRST_REPLICATE, count: HEAT_SEEDS };
        for range in ranges(comparable(space, trials), settings.choice) {
            let contenders = range.contenders.iter().map(|trial| list.network(trial)).collect::<Vec<_>>();
            let contenders = contenders.into_iter().map(|network| list.add(network, seeds)).collect();
            list.places.push(Place { contenders, finalists: range.finalists.len() });
        }
        if list.places.is_empty() { Err(NoList::NoFinalist) } else { Ok(list) }
    }

    /// The finals after these heats, whose trainings are all done: the networks of every range with the largest mean
    /// accuracy on the validation images, and what [`List::new`] sets them beside.
    ///
    /// # Errors
    /// [`NoList`] if no network came through.
    pub fn after_heats(&self, space: &Space, trainings: &[Trial]) -> Result<Self, NoList> {
        let mut contenders = Vec::new();
        let mut finalists = Vec::new();
        for place in &self.places {
            let mut of_range: Vec<(usize, Contender)> =
                place.contenders.iter().map(|&network| (network, self.contender(network, trainings))).collect();
            // Of equals the one that the search found better: this keeps their order.
            of_range.sort_by(|(_, a), (_, b)| worth(b).total_cmp(&worth(a)));
            for (network, contender) in of_range.iter_mut().take(place.finalists) {
                contender.chosen = contender.validation.is_some();
                if contender.chosen {
                    finalists.push(Network { seeds: vec![], ..self.networks[*network].clone() });
                }
            }
            contenders.extend(of_range.into_iter().map(|(_, contender)| contender));
        }
        if finalists.is_empty() {
            let failed = trainings.iter().find_map(|trial| match &trial.outcome {
                Outcome::Failed(failure) => Some(format!("{}: {failure}", self.name(trial.job.index))),
                Outcome::Done(_) => None,
            });
            return Err(NoList::AllFailed(failed.unwrap_or_default()));
        }
        finalists.sort_by_key(|network| network.cost.macs);
        let heats = Some(Heats { list: self.sha256(), contenders });
        let mut list = Self { networks: Vec::new(), places: Vec::new(), heats, ..self.clone() };
        list.fill(space, finalists)?;
        Ok(list)
    }

    /// How a network came out, not chosen yet.
    fn contender(&self, network: usize, trainings: &[Trial]) -> Contender {
        let accuracy = |job| Some(trainings.iter().find(|it| it.job.index == job)?.outcome.score()?.accuracy);
        let validation = self.jobs_of(network).map(accuracy).collect();
        let Network { name, cost, .. } = &self.networks[network];
        Contender { name: name.clone(), macs: cost.macs, validation, chosen: false }
    }
}

/// What is compared: one of which a training failed is worth nothing.
fn worth(contender: &Contender) -> f64 {
    contender.mean().unwrap_or(f64::NEG_INFINITY)
}

#[cfg(test)]
mod tests {
    use super::super::Choice;
    use super::*;
    use crate::arch::Architecture;
    use crate::search::testing::{done_trial, failed_trial, space};
    use crate::search::trial::{Fidelity, Job};

    const IMAGES: Images<'_> = Images { fingerprint: "abc", train: 900, validation: 110, openings: 0 };

    /// A trial of the tiny space's fidelity.
    fn found(index: usize, ratio: f64, accuracy: f64) -> Trial {
        let architecture = Architecture::googlenet_scaled(ratio, 2, false).unwrap();
        let (cost, fidelity) = (architecture.cost(32).unwrap(), Fidelity { resolution: 32, images: 128, epochs: 1 });
        let trial = done_trial(index, accuracy, 0);
        Trial { job: Job { architecture, cost, fidelity, ..trial.job }, ..trial }
    }

    fn heats() -> List {
        let trials = [found(2, 0.1, 0.6), found(4, 0.11, 0.5), found(6, 0.3, 0.8), found(8, 0.31, 0.7)];
        let choice = Choice { bins: 2, per_bin: 1, max_finalists: 2, heats: 2 };
        let settings = Settings { seeds: 5, epochs: 7, baseline: false, choice };
        List::heats(&space(&[]), &trials, IMAGES, "0.1.0", settings).unwrap()
    }

    /// Trainings with these accuracies by network; those without one failed.
    fn trained(heats: &List, accuracies: [Option<f64>; 4]) -> Vec<Trial> {
        let train = |job: Job| match accuracies[job.index % 4] {
            Some(accuracy) => Trial { job: job.clone(), ..done_trial(job.index, accuracy, 0) },
            None => Trial { job: job.clone(), ..failed_trial(job.index, 1) },
        };
        heats.jobs().into_iter().map(train).collect()
    }

    #[test]
    fn every_contender_is_trained_as_in_the_finals_with_seeds_of_its_own() {
        let heats = heats();
        let place = |contenders: [usize; 2]| Place { contenders: contenders.to_vec(), finalists: 1 };
        assert_eq!(heats.places, [place([0, 1]), place([2, 3])]);
        let jobs = heats.jobs();
        assert_eq!((jobs.len(), jobs[0].fidelity), (12, Fidelity { resolution: 32, images: 900, epochs: 7 }));
        let finals = heats.after_heats(&space(&[]), &trained(&heats, [Some(0.5); 4])).unwrap();
        assert_eq!(finals.jobs().len(), finals.networks.len() * 5);
        let mut seeds: Vec<u64> = jobs.iter().chain(&finals.jobs()).map(|job| job.seed).collect();
        let all = seeds.len();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), all);
    }

    #[test]
    fn the_mean_of_the_heats_decides_and_not_what_the_search_saw() {
        let heats = heats();
        let finals = |accuracies| {
            heats.after_heats(&space(&[]), &trained(&heats, accuracies)).map(|list| {
                let of = |pair: &super::super::Pair| list.networks[pair.finalist].trial.unwrap_or(0);
                (list.pairs.iter().map(of).collect::<Vec<_>>(), list)
            })
        };
        assert_eq!(finals([Some(0.6), Some(0.7), Some(0.8), Some(0.7)]).unwrap().0, [4, 6]);
        // Of equals the one that the search found better.
        let (chosen, list) = finals([Some(0.6), Some(0.6), None, Some(0.5)]).unwrap();
        assert_eq!(chosen, [2, 8]);
        let Heats { list: hash, contenders } = list.heats.as_ref().unwrap();
        assert_eq!(hash, &heats.sha256());
        let rows: Vec<_> = contenders.iter().map(|it| (it.name.as_str(), it.mean(), it.chosen)).collect();
        let expected = [
            ("trial 2", Some(0.6), true),
            ("trial 4", Some(0.6), false),
            ("trial 8", Some(0.5), true),
            ("trial 6", None, false),
        ];
        assert_eq!(rows, expected);
        // A range whose networks all failed has no finalist.
        assert_eq!(finals([None, None, Some(0.5), None]).unwrap().0, [6]);
        let nobody = finals([None; 4]).unwrap_err().to_string();
        assert!(nobody.contains("the first one trial 2, seed 1: "), "{nobody}");
    }

    #[test]
    fn a_list_of_heats_reads_back() {
        let heats = heats();
        let finals = heats.after_heats(&space(&[]), &trained(&heats, [Some(0.25); 4])).unwrap();
        for list in [heats, finals] {
            let read: List = serde_json::from_str(&serde_json::to_string(&list).unwrap()).unwrap();
            assert_eq!((read.sha256(), read), (list.sha256(), list));
        }
    }
}
