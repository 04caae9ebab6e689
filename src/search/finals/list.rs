//! What is trained in the finals, decided before any of it is.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::choose::{Choice, is_zero};
use super::heats::{Heats, Place};
use super::scaling::{Scaling, nearest_scaling};
use crate::arch::{Architecture, ArchitectureError, Cost, ResolutionError};
use crate::search::seed::trial_seed;
use crate::search::trial::{Fidelity, Job, Origin, Outcome, Trial};
use crate::space::{Protocol, Space};

/// Version of a list's form.
pub const VERSION: u32 = 2;

/// What can be chosen about the finals of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Trainings of every network.
    pub seeds: usize,
    /// Passes over all training images.
    pub epochs: usize,
    /// Whether the paper's network takes part even where it is over the limits of the space.
    pub baseline: bool,
    /// Which networks are finalists.
    #[serde(flatten)]
    pub choice: Choice,
}

/// A network of the finals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// What it is called in tables: `trial 26`, `GoogLeNet x0.612`.
    pub name: String,
    /// Index of the trial that found it, of a finalist.
    pub trial: Option<usize>,
    /// How it came to be.
    pub origin: Origin,
    /// The network itself.
    pub architecture: Architecture,
    /// Side of the images that it is for, in pixels, where it is not the protocol's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<usize>,
    /// Its cost for one of them.
    pub cost: Cost,
    /// Seeds of its trainings; the search has used none of them.
    pub seeds: Vec<u64>,
}

/// A finalist and its controls; positions in the networks of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// The finalist.
    pub finalist: usize,
    /// The uniform scaling of about equal MACs at the same resolution.
    pub control: usize,
    /// That at the protocol's resolution, where it is another.
    pub base: Option<usize>,
}

/// All networks, how they are trained and with which seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct List {
    /// Version of this form.
    pub version: u32,
    /// Version of the program that froze the list.
    pub program: String,
    /// Fingerprint of the data.
    pub data_fingerprint: String,
    /// Trials that the run had when the list was frozen.
    pub trials: usize,
    /// See [`Images::openings`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub openings: usize,
    /// What was asked for.
    pub settings: Settings,
    /// How every network is trained and measured.
    pub protocol: Protocol,
    /// The paper's network first, if it takes part; none twice.
    pub networks: Vec<Network>,
    /// Finalists by ascending MACs; none in the list of the heats.
    pub pairs: Vec<Pair>,
    /// What the heats decide; nothing in the list of the finals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Place>,
    /// Finalists that need no heats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decided: Vec<Network>,
    /// How the heats came out that this list is made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heats: Option<Heats>,
}

/// Why a run has no finals.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NoList {
    /// The search has found nothing.
    #[error("there is no finalist: no searched network has a score at the run's own fidelity yet")]
    NoFinalist,
    /// Nothing is left of those that it found.
    #[error("there is no finalist: every network of the heats had a training that failed, the first one {0}")]
    AllFailed(String),
    /// There is no paper's network for these classes.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// There is none at this resolution.
    #[error(transparent)]
    Resolution(#[from] ResolutionError),
}

/// The data of a run, as far as a list depends on them.
#[derive(Clone, Copy, Debug)]
pub struct Images<'a> {
    /// Hash of everything.
    pub fingerprint: &'a str,
    /// Images of the training split.
    pub train: usize,
    /// Images of the validation split.
    pub validation: usize,
    /// Earlier finals of the run that have opened the test split: this list gets other seeds than theirs.
    pub openings: usize,
}

impl List {
    /// The finals of the trials of a run: the finalists that `settings` choose; for each the uniform scaling nearest in
    /// MACs at its resolution, and that at the protocol's resolution; and the paper's network, if it is inside the limits or
    /// asked for. All of them are trained on all images, otherwise by the protocol of the run.
    ///
    /// # Errors
    /// [`NoList`] if there is no finalist.
    pub fn new(
        space: &Space,
        trials: &[Trial],
        images: Images<'_>,
        program: &str,
        settings: Settings,
    ) -> Result<Self, NoList> {
        // Without heats as many contend as there are places, so all is decided.
        let settings = Settings { choice: Choice { heats: 0, ..settings.choice }, ..settings };
        Self::heats(space, trials, images, program, settings)?.after_heats(space, &[], images.openings, program)
    }

    /// A list without networks.
    pub(super) fn empty(
        brief: &Protocol,
        trials: usize,
        images: Images<'_>,
        program: &str,
        settings: Settings,
    ) -> Self {
        let protocol = Protocol {
            train_images: images.train,
            validation_images: images.validation,
            epochs: settings.epochs,
            ..*brief
        };
        Self {
            version: VERSION,
            program: program.to_owned(),
            data_fingerprint: images.fingerprint.to_owned(),
            trials,
            openings: images.openings,
            settings,
            protocol,
            networks: Vec::new(),
            pairs: Vec::new(),
            places: Vec::new(),
            decided: Vec::new(),
            heats: None,
        }
    }

    /// Adds `finalists`, by ascending MACs, and what they are compared with.
    pub(super) fn fill(&mut self, space: &Space, finalists: Vec<Network>) -> Result<(), NoList> {
        let like = &finalists.first().ok_or(NoList::NoFinalist)?.architecture;
        let own = self.protocol.resolution;
        // The search trains with replicate 0.
        let seeds = Seeds { run: space.search().seed, first: 1, count: self.settings.seeds };
        let paper = Scaling::new(1000, like, own)?;
        if self.settings.baseline || space.within_limits(&paper.architecture, own).is_ok() {
            self.add_scaling(paper, own, seeds);
        }
        for finalist in finalists {
            let (resolution, macs) = (finalist.resolution.unwrap_or(own), finalist.cost.macs);
            let control = nearest_scaling(&finalist.architecture, resolution, macs)?;
            let base = match resolution {
                same if same == own => None,
                _ => Some(nearest_scaling(&finalist.architecture, own, macs)?),
            };
            let finalist = self.add(finalist, seeds);
            let control = self.add_scaling(control, resolution, seeds);
            let base = base.map(|base| self.add_scaling(base, own, seeds));
            self.pairs.push(Pair { finalist, control, base });
        }
        Ok(())
    }

    /// The network of a trial, without seeds.
    pub(super) fn network(&self, trial: &Trial) -> Network {
        let Job { index, origin, architecture, cost, fidelity, .. } = trial.job.clone();
        let name = format!("trial {index}{}", self.suffix(fidelity.resolution));
        let resolution = self.unless_own(fidelity.resolution);
        Network { name, trial: Some(index), origin, architecture, resolution, cost, seeds: vec![] }
    }

    /// The position of the paper's network, if it takes part.
    pub fn paper(&self) -> Option<usize> {
        let first = self.networks.first()?;
        (first.origin == Origin::Uniform { permille: 1000 } && first.resolution.is_none()).then_some(0)
    }

    /// How a network at some resolution is trained.
    fn fidelity(&self, resolution: usize) -> Fidelity {
        Fidelity::new(self.protocol.rung(), resolution)
    }

    /// A resolution that is not the protocol's.
    fn unless_own(&self, resolution: usize) -> Option<usize> {
        (resolution != self.protocol.resolution).then_some(resolution)
    }

    /// What is behind the name of a network of that resolution.
    fn suffix(&self, resolution: usize) -> String {
        self.unless_own(resolution).map_or_else(String::new, |side| format!(" at {side} px"))
    }

    /// Trainings of every network.
    fn seeds(&self) -> usize {
        self.networks.first().map_or(0, |network| network.seeds.len())
    }

    /// All trainings: the first seed of every network, then the second of every one, and so on.
    pub fn jobs(&self) -> Vec<Job> {
        let networks = self.networks.len();
        (0..networks * self.seeds())
            .map(|index| {
                let Network { origin, architecture, resolution, cost, seeds, .. } = &self.networks[index % networks];
                let (origin, architecture) = (origin.clone(), architecture.clone());
                let fidelity = self.fidelity(resolution.unwrap_or(self.protocol.resolution));
                let seed = seeds[index / networks];
                Job { index, architecture, origin, cost: *cost, fidelity, seed, inherits: None }
            })
            .collect()
    }

    /// Indices of the jobs of network `network`, by seed.
    pub fn jobs_of(&self, network: usize) -> impl Iterator<Item = usize> {
        let networks = self.networks.len();
        (0..self.seeds()).map(move |seed| seed * networks + network)
    }

    /// Validation accuracies of a network by seed; nothing if one of its trainings failed or is missing.
    pub fn accuracies(&self, network: usize, trainings: &[Trial]) -> Option<Vec<f64>> {
        let score = |job| trainings.iter().find(|it| it.job.index == job)?.outcome.score();
        self.jobs_of(network).map(|job| Some(score(job)?.accuracy)).collect()
    }

    /// The first training of a network that failed, and why.
    pub fn failure(&self, network: usize, trainings: &[Trial]) -> Option<String> {
        self.jobs_of(network).find_map(|job| match &trainings.iter().find(|it| it.job.index == job)?.outcome {
            Outcome::Failed(failure) => Some(format!("{}: {failure}", self.name(job))),
            Outcome::Done(_) => None,
        })
    }

    /// What a training is called.
    pub fn name(&self, job: usize) -> String {
        let networks = self.networks.len();
        format!("{}, seed {}", self.networks[job % networks].name, job / networks + 1)
    }

    /// SHA-256 over the list's JSON without white space, in lower-case hex.
    pub fn sha256(&self) -> String {
        // Cannot fail: the list has no maps and its numbers are finite.
        let text = serde_json::to_string(self).unwrap_or_default();
        HEXLOWER.encode(&Sha256::digest(text))
    }

    fn add_scaling(&mut self, scaling: Scaling, resolution: usize, seeds: Seeds) -> usize {
        let Scaling { permille, architecture, cost } = scaling;
        let suffix = self.suffix(resolution);
        let name = match permille {
            1000 => format!("GoogLeNet{suffix}"),
            _ => format!("GoogLeNet x{}{suffix}", f64::from(permille) / 1000.0),
        };
        let (origin, resolution) = (Origin::Uniform { permille }, self.unless_own(resolution));
        self.add(Network { name, trial: None, origin, architecture, resolution, cost, seeds: vec![] }, seeds)
    }

    /// The position of a network, which is added with its seeds unless it is there: trainings of one architecture with the
    /// same seeds would be the same to the last bit.
    pub(super) fn add(&mut self, mut network: Network, seeds: Seeds) -> usize {
        let same =
            |known: &Network| (&known.architecture, known.resolution) == (&network.architecture, network.resolution);
        if let Some(position) = self.networks.iter().position(same) {
            let known = &mut self.networks[position];
            known.trial = known.trial.or(network.trial);
            return position;
        }
        let key = network.architecture.key();
        let fidelity = self.fidelity(network.resolution.unwrap_or(self.protocol.resolution));
        // No finals have as many seeds as there are numbers below these.
        let first = ((self.openings as u64) << 32) + seeds.first;
        let replicates = first..first + seeds.count as u64;
        network.seeds = replicates.map(|replicate| trial_seed(seeds.run, &key, &fidelity, replicate)).collect();
        self.networks.push(network);
        self.networks.len() - 1
    }
}

/// Which seeds the trainings of a network get.
#[derive(Clone, Copy)]
pub(super) struct Seeds {
    /// That of the run.
    pub(super) run: u64,
    /// Number of the first replicate, under 2^32.
    pub(super) first: u64,
    /// How many there are.
    pub(super) count: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::testing::{done_trial, space};

    const IMAGES: Images<'_> = Images { fingerprint: "abc", train: 900, validation: 110, openings: 0 };

    /// A trial of the tiny space's fidelity, with the widths of GoogLeNet times `ratio`, block 3a aside.
    fn found(index: usize, ratio: f64, first: usize, accuracy: f64) -> Trial {
        let scaled = Architecture::googlenet_scaled(ratio, 2, false).unwrap();
        let mut blocks = *scaled.blocks();
        blocks[0] = blocks[first];
        let architecture = Architecture::new(scaled.stem(), blocks, 2, false).unwrap();
        let cost = architecture.cost(32).unwrap();
        let mut trial = done_trial(index, accuracy, 0);
        trial.job =
            Job { architecture, cost, fidelity: Fidelity { resolution: 32, images: 128, epochs: 1 }, ..trial.job };
        trial
    }

    fn list(trials: &[Trial]) -> Result<List, NoList> {
        let choice = Choice { bins: 2, per_bin: 1, max_finalists: 9, heats: 0 };
        let settings = Settings { seeds: 2, epochs: 5, baseline: true, choice };
        List::new(&space(&[]), trials, IMAGES, "0.1.0", settings)
    }

    #[test]
    fn every_finalist_has_a_control_of_about_its_cost_and_fresh_seeds() {
        let list = list(&[found(3, 0.2, 8, 0.8), found(5, 0.1, 8, 0.6)]).unwrap();
        assert_eq!(list.networks.iter().map(|it| it.trial).collect::<Vec<_>>(), [None, Some(5), None, Some(3), None]);
        assert_eq!(list.networks[list.paper().unwrap()].architecture, Architecture::googlenet(2, false).unwrap());
        assert_eq!(
            list.pairs,
            [Pair { finalist: 1, control: 2, base: None }, Pair { finalist: 3, control: 4, base: None }]
        );
        for pair in &list.pairs {
            let macs = |network: usize| list.networks[network].cost.macs as f64;
            assert!((macs(pair.finalist) / macs(pair.control) - 1.0).abs() < 0.1);
        }
        assert_eq!(list.jobs()[0].fidelity, Fidelity { resolution: 32, images: 900, epochs: 5 });
        assert_eq!(list.protocol.validation_images, 110);

        let jobs = list.jobs();
        assert_eq!(jobs.iter().map(|job| job.index).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
        assert_eq!(list.jobs_of(3).collect::<Vec<_>>(), [3, 8]);
        assert_eq!((list.name(8), jobs[8].architecture == jobs[3].architecture), ("trial 3, seed 2".to_owned(), true));
        let mut seeds: Vec<u64> = jobs.iter().map(|job| job.seed).collect();
        let searched = trial_seed(0, &jobs[3].architecture.key(), &jobs[3].fidelity, 0);
        seeds.push(searched);
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 11);

        // Finals after these have others again.
        let later = Images { openings: 1, ..IMAGES };
        let later = List::new(&space(&[]), &[found(3, 0.2, 8, 0.8)], later, "0.1.0", list.settings).unwrap();
        assert!(later.jobs().iter().all(|job| seeds.binary_search(&job.seed).is_err()));
    }

    #[test]
    fn a_finalist_of_another_resolution_has_its_control_there() {
        let mut larger = found(3, 0.2, 8, 0.8);
        larger.job.fidelity.resolution = 48;
        larger.job.cost = larger.job.architecture.cost(48).unwrap();
        let list = list(&[larger, found(5, 0.2, 8, 0.7)]).unwrap();
        let resolutions: Vec<_> = list.networks.iter().map(|it| it.resolution).collect();
        assert_eq!(resolutions, [None, None, None, Some(48), Some(48), None]);
        assert_eq!(list.pairs[1], Pair { finalist: 3, control: 4, base: Some(5) });
        let names: Vec<&str> = list.networks.iter().map(|it| it.name.as_str()).collect();
        assert_eq!((names[1], names[3]), ("trial 5", "trial 3 at 48 px"));
        assert!(names[4].starts_with("GoogLeNet x0.") && names[4].ends_with(" at 48 px"), "{}", names[4]);
        let [finalist, control, base] = [3, 4, 5].map(|network| list.networks[network].cost.macs as f64);
        assert!((finalist / control - 1.0).abs() < 0.1 && (finalist / base - 1.0).abs() < 0.1);
        let sides: Vec<usize> = list.jobs().iter().take(6).map(|job| job.fidelity.resolution).collect();
        assert_eq!(sides, [32, 32, 32, 48, 48, 32]);
    }

    #[test]
    fn the_papers_network_takes_part_within_the_limits_or_if_asked_for() {
        let of = |baseline, limit: &str| {
            let choice = Choice { bins: 1, per_bin: 1, max_finalists: 1, heats: 0 };
            let settings = Settings { seeds: 2, epochs: 5, baseline, choice };
            let list = List::new(&space(&[limit]), &[found(3, 0.2, 8, 0.8)], IMAGES, "0.1.0", settings).unwrap();
            (list.paper(), list.networks.len())
        };
        assert_eq!(of(false, "limits.max_macs=1G"), (Some(0), 3));
        assert_eq!(of(true, "limits.max_macs=3M"), (Some(0), 3));
        assert_eq!(of(false, "limits.max_macs=3M"), (None, 2));
    }

    #[test]
    fn a_network_that_is_there_is_not_trained_twice() {
        // A searched network that is a scaling is its own control.
        let list = list(&[found(3, 0.2, 0, 0.8)]).unwrap();
        assert_eq!((list.networks.len(), &list.pairs[..]), (2, &[Pair { finalist: 1, control: 1, base: None }][..]));
    }

    #[test]
    fn the_hash_is_over_everything() {
        let trials = [found(3, 0.2, 8, 0.8)];
        let list = list(&trials).unwrap();
        let mut other = list.clone();
        other.networks[1].seeds[0] += 1;
        assert_ne!(list.sha256(), other.sha256());
        let text = serde_json::to_string(&list).unwrap();
        let read: List = serde_json::from_str(&text).unwrap();
        assert_eq!((read.sha256(), read), (list.sha256(), list));
        // Without heats the form is that of lists before there were any: they have to keep their hashes.
        let keys: serde_json::Value = serde_json::from_str(&text).unwrap();
        let keys: Vec<&String> = keys.as_object().unwrap().keys().collect();
        let known = ["version", "program", "data_fingerprint", "trials", "settings", "protocol", "networks", "pairs"];
        assert_eq!(keys.len(), known.len());
        assert!(known.iter().all(|key| text.contains(&format!("\"{key}\":"))) && !text.contains("heats"), "{text}");
        assert_eq!(self::list(&[]), Err(NoList::NoFinalist));
    }
}
