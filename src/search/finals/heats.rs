//! Trainings before the finals, which decide who goes there: the score that a search selects on is the best of many single
//! trainings, and some of it is luck.

use serde::{Deserialize, Serialize};

use super::choose::{Range, ranges};
use super::list::{Images, List, Network, NoList, Seeds, Settings};
use crate::search::generation::comparable;
use crate::search::trial::Trial;
use crate::space::Space;
use crate::stats::mean;

/// Trainings of each network of the heats.
pub const HEAT_SEEDS: usize = 3;

/// The first of their replicates: far from those of the finals.
const FIRST_REPLICATE: u64 = 1 << 31;

/// A range of MACs with more networks than go to the finals.
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
    /// Those who contended in each range of MACs, the most accurate first. Ranges with nothing to decide are not here.
    pub ranges: Vec<Vec<Contender>>,
}

/// A network in the heats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contender {
    /// What it is called.
    pub name: String,
    /// Index of the trial that found it.
    pub trial: Option<usize>,
    /// Multiply-adds of one image.
    pub macs: u64,
    /// Accuracy on all validation images, 0 to 1, by seed; nothing if a training failed.
    pub validation: Option<Vec<f64>>,
    /// The first of its trainings that failed, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Whether it goes on to the finals.
    pub chosen: bool,
}

impl Contender {
    /// The mean over seeds, by which is chosen; less than any other if a training failed.
    fn worth(&self) -> f64 {
        self.validation.as_ref().and_then(|accuracies| mean(accuracies).ok()).unwrap_or(f64::NEG_INFINITY)
    }
}

impl List {
    /// The heats before the finals of the trials of a run: the most accurate networks of each range of MACs where there are
    /// more than go on, [`HEAT_SEEDS`] trainings each as in the finals, with other seeds.
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
        for Range { finalists, contenders } in ranges(comparable(space, trials), settings.choice) {
            if contenders.len() <= finalists.len() {
                let decided: Vec<Network> = finalists.iter().map(|trial| list.network(trial)).collect();
                list.decided.extend(decided);
                continue;
            }
            let networks: Vec<Network> = contenders.iter().map(|trial| list.network(trial)).collect();
            let contenders = networks.into_iter().map(|network| list.add(network, seeds)).collect();
            list.places.push(Place { contenders, finalists: finalists.len() });
        }
        if list.places.is_empty() && list.decided.is_empty() { Err(NoList::NoFinalist) } else { Ok(list) }
    }

    /// The finals after these heats, whose trainings are all done: the networks of every range with the largest mean
    /// accuracy on the validation images, and what [`List::new`] sets them beside. `openings` and `program` are those of now.
    ///
    /// # Errors
    /// [`NoList`] if no network came through.
    pub fn after_heats(
        &self,
        space: &Space,
        trainings: &[Trial],
        openings: usize,
        program: &str,
    ) -> Result<Self, NoList> {
        let mut finalists = self.decided.clone();
        let mut ranges = Vec::new();
        for place in &self.places {
            let mut of_range: Vec<(usize, Contender)> =
                place.contenders.iter().map(|&network| (network, self.contender(network, trainings))).collect();
            // Of equals the one that the search found better: this keeps their order.
            of_range.sort_by(|(_, a), (_, b)| b.worth().total_cmp(&a.worth()));
            for (network, contender) in of_range.iter_mut().take(place.finalists) {
                contender.chosen = contender.validation.is_some();
                if contender.chosen {
                    finalists.push(Network { seeds: vec![], ..self.networks[*network].clone() });
                }
            }
            ranges.push(of_range.into_iter().map(|(_, contender)| contender).collect());
        }
        if finalists.is_empty() {
            let failed = (0..self.networks.len()).find_map(|network| self.failure(network, trainings));
            return Err(NoList::AllFailed(failed.unwrap_or_default()));
        }
        finalists.sort_by_key(|network| network.cost.macs);
        let mut list = Self {
            program: program.to_owned(),
            openings,
            networks: Vec::new(),
            places: Vec::new(),
            decided: Vec::new(),
            // Where nothing was trained, nothing was chosen by it.
            heats: (!ranges.is_empty()).then(|| Heats { list: self.sha256(), ranges }),
            ..self.clone()
        };
        list.fill(space, finalists)?;
        Ok(list)
    }

    /// How a network came out, not chosen yet.
    fn contender(&self, network: usize, trainings: &[Trial]) -> Contender {
        let (validation, failed) = (self.accuracies(network, trainings), self.failure(network, trainings));
        let Network { name, trial, cost, .. } = &self.networks[network];
        Contender { name: name.clone(), trial: *trial, macs: cost.macs, validation, failed, chosen: false }
    }
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

    /// Heats of two ranges with two networks each, and one place.
    fn heats() -> List {
        list(&[found(2, 0.1, 0.6), found(4, 0.11, 0.5), found(6, 0.3, 0.8), found(8, 0.31, 0.7)])
    }

    fn list(trials: &[Trial]) -> List {
        let choice = Choice { bins: 2, per_bin: 1, max_finalists: 2, heats: 2 };
        let settings = Settings { seeds: 5, epochs: 7, baseline: false, choice };
        List::heats(&space(&[]), trials, IMAGES, "0.1.0", settings).unwrap()
    }

    /// Trainings with these accuracies by network; those without one failed.
    fn trained(heats: &List, accuracies: &[Option<f64>]) -> Vec<Trial> {
        let train = |job: Job| match accuracies[job.index % accuracies.len()] {
            Some(accuracy) => Trial { job: job.clone(), ..done_trial(job.index, accuracy, 0) },
            None => Trial { job: job.clone(), ..failed_trial(job.index, 1) },
        };
        heats.jobs().into_iter().map(train).collect()
    }

    fn finals(heats: &List, accuracies: &[Option<f64>]) -> Result<List, NoList> {
        heats.after_heats(&space(&[]), &trained(heats, accuracies), 0, "0.1.0")
    }

    /// Indices of the trials that are finalists.
    fn chosen(list: &List) -> Vec<usize> {
        list.pairs.iter().filter_map(|pair| list.networks[pair.finalist].trial).collect()
    }

    #[test]
    fn every_contender_is_trained_as_in_the_finals_with_seeds_of_its_own() {
        let heats = heats();
        let place = |contenders: [usize; 2]| Place { contenders: contenders.to_vec(), finalists: 1 };
        assert_eq!(heats.places, [place([0, 1]), place([2, 3])]);
        let jobs = heats.jobs();
        assert_eq!((jobs.len(), jobs[0].fidelity), (12, Fidelity { resolution: 32, images: 900, epochs: 7 }));
        let finals = finals(&heats, &[Some(0.5); 4]).unwrap();
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
        let after = |accuracies| finals(&heats, accuracies);
        assert_eq!(chosen(&after(&[Some(0.6), Some(0.7), Some(0.8), Some(0.7)]).unwrap()), [4, 6]);
        // Of equals the one that the search found better.
        let list = after(&[Some(0.6), Some(0.6), None, Some(0.5)]).unwrap();
        assert_eq!(chosen(&list), [2, 8]);
        let Heats { list: hash, ranges } = list.heats.as_ref().unwrap();
        assert_eq!(hash, &heats.sha256());
        let row = |it: &Contender| (it.trial.unwrap(), it.validation.clone(), it.failed.is_some(), it.chosen);
        let rows: Vec<Vec<_>> = ranges.iter().map(|range| range.iter().map(row).collect()).collect();
        let seeds = |accuracy| Some(vec![accuracy; 3]);
        assert_eq!(rows[0], [(2, seeds(0.6), false, true), (4, seeds(0.6), false, false)]);
        assert_eq!(rows[1], [(8, seeds(0.5), false, true), (6, None, true, false)]);
        // A range whose networks all failed has no finalist.
        assert_eq!(chosen(&after(&[None, None, Some(0.5), None]).unwrap()), [6]);
        let nobody = after(&[None; 4]).unwrap_err().to_string();
        assert!(nobody.contains("the first one trial 2, seed 1: "), "{nobody}");
    }

    #[test]
    fn who_has_no_rival_goes_on_untrained() {
        let mut larger = found(6, 0.3, 0.8);
        larger.job.fidelity.resolution = 48;
        let heats = list(&[found(2, 0.1, 0.6), found(4, 0.11, 0.5), larger]);
        assert_eq!((heats.networks.len(), &heats.decided[0].name[..]), (2, "trial 6 at 48 px"));
        assert_eq!(chosen(&finals(&heats, &[Some(0.5), Some(0.6)]).unwrap()), [4, 6]);
        let alone = list(&[found(2, 0.1, 0.6)]);
        assert!(alone.jobs().is_empty());
        let finals = finals(&alone, &[None]).unwrap();
        assert_eq!((chosen(&finals), finals.heats), (vec![2], None));
    }

    #[test]
    fn the_list_says_what_froze_it_and_when() {
        let heats = heats();
        let trainings = trained(&heats, &[Some(0.5); 4]);
        let later = heats.after_heats(&space(&[]), &trainings, 2, "0.2.0").unwrap();
        assert_eq!((later.openings, &later.program[..]), (2, "0.2.0"));
        let first = finals(&heats, &[Some(0.5); 4]).unwrap();
        assert!(later.jobs().iter().zip(&first.jobs()).all(|(later, first)| later.seed != first.seed));
        for list in [heats, first] {
            let read: List = serde_json::from_str(&serde_json::to_string(&list).unwrap()).unwrap();
            assert_eq!((read.sha256(), read), (list.sha256(), list));
        }
    }
}
