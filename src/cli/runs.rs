//! Runs as they are stored: which there are, and what is in one.

use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fs, io};

use anyhow::{Context, anyhow};

use super::device::DeviceArgs;
use super::load::{BUILT_IN_DATA, DataArgs, training_sets};
use super::{Failure, Output};
use crate::arch::Cost;
use crate::data::Pyramid;
use crate::diagnostic::suggest;
use crate::report::{FinalsReport, RunSummary, baseline_cost, counted};
use crate::search::budget::within_budget;
use crate::search::trial::Trial;
use crate::space::Space;
use crate::store::{Manifest, RunDir, RunName, read_journal};

/// The options that choose a run.
#[derive(clap::Args, Debug)]
pub(super) struct RunArgs {
    /// Name of the run [default: the one that was worked on last]
    #[arg(long, value_name = "NAME")]
    run: Option<String>,
    /// The folder that holds the runs.
    #[arg(long, value_name = "DIR", default_value = "results")]
    results: PathBuf,
}

/// What is on the disk of a run, whether it is going on or not.
pub(super) struct StoredRun {
    pub(super) name: RunName,
    pub(super) dir: RunDir,
    pub(super) space: Space,
    pub(super) manifest: Manifest,
    /// By ascending index.
    pub(super) trials: Vec<Trial>,
    /// Cost of the paper's network.
    pub(super) baseline: Cost,
}

impl StoredRun {
    /// Reads the run that `args` name; damaged lines of its journal are reported on stderr.
    ///
    /// # Errors
    /// [`Failure::Usage`] if there is no such run, [`Failure::Failed`] if it cannot be read.
    pub(super) fn read(args: &RunArgs, output: Output) -> Result<Self, Failure> {
        let name = match &args.run {
            Some(name) => existing(&args.results, name)?,
            None => latest(&args.results)?,
        };
        if args.run.is_none() && output.verbose > 0 {
            say!("run {name} was worked on last");
        }
        Self::named(&args.results, name)
    }

    /// Reads the run called `name`, which exists.
    ///
    /// # Errors
    /// [`Failure::Failed`] if it cannot be read.
    pub(super) fn named(results: &Path, name: RunName) -> Result<Self, Failure> {
        let dir = RunDir::new(results, &name);
        let (space, manifest) = (dir.read_space()?, dir.read_manifest()?);
        let (trials, warnings) = read_journal(&dir.journal())?;
        warnings.iter().for_each(|warning| say!("warning: {warning}"));
        // Of a run that was made shorter, those beyond its end are kept, but are not part of it.
        let trials = within_budget(trials, space.search());
        let baseline =
            baseline_cost(manifest.classes.len(), space.protocol().resolution).map_err(|error| anyhow!(error))?;
        Ok(Self { name, dir, space, manifest, trials, baseline })
    }

    /// The same run as it is now.
    ///
    /// # Errors
    /// As [`StoredRun::named`].
    pub(super) fn again(&self, args: &RunArgs) -> Result<Self, Failure> {
        Self::named(&args.results, self.name.clone())
    }

    /// The data that the run was made on: only on these do its networks compare.
    ///
    /// # Errors
    /// [`Failure::Usage`] if the data given are others, or none to train on.
    pub(super) fn data(&self, args: &DataArgs, output: Output) -> Result<Pyramid, Failure> {
        let data = training_sets(args.data.as_deref(), &self.space, output)?;
        let Self { name, manifest, .. } = self;
        if data.base().fingerprint() != manifest.data_fingerprint {
            let made_on = &manifest.data;
            if *made_on == args.name() {
                return Err(Failure::Usage(anyhow!(
                    "{made_on} has other images, or another size of them, than when run {name} was begun: put them back, or \
                     begin a new run"
                )));
            }
            let what_to_do = match made_on.as_str() {
                BUILT_IN_DATA => "leave --data out, and unset INCEPTION_NAS_DATA",
                _ => "give it with --data",
            };
            return Err(Failure::Usage(anyhow!("run {name} was made on other data, {made_on}: {what_to_do}")));
        }
        Ok(data)
    }

    /// Refuses a device of another kind than the run was computed on: only on that one do its networks compare.
    ///
    /// # Errors
    /// [`Failure::Usage`].
    pub(super) fn check_device(&self, device: DeviceArgs) -> Result<(), Failure> {
        let (name, stored, given) = (&self.name, self.manifest.device, device.kind());
        if stored == given {
            return Ok(());
        }
        let options = stored.options();
        Err(Failure::Usage(anyhow!("run {name} was computed on {stored}, not on {given}: give {options}")))
    }

    /// Where it stands.
    ///
    /// # Errors
    /// [`Failure::Failed`] if its finals cannot be read.
    pub(super) fn summary(&self) -> Result<RunSummary, Failure> {
        let summary = RunSummary::new(self.name.as_str(), &self.space, &self.trials, &self.baseline);
        let finals = self.dir.finals().read_spent()?;
        Ok(summary.with_finals(&self.trials, &finals))
    }

    /// What was found out beside the search.
    ///
    /// # Errors
    /// [`Failure::Failed`] if that cannot be read.
    pub(super) fn findings(&self) -> Result<Findings, Failure> {
        Ok(Findings { finals: self.finals()?, audit: self.dir.audit().found_on(&self.manifest)? })
    }

    /// The report of its finals, if these are finished.
    ///
    /// # Errors
    /// [`Failure::Failed`] if it cannot be read.
    pub(super) fn finals(&self) -> Result<Option<FinalsReport>, Failure> {
        let path = self.dir.finals().report();
        if !path.exists() {
            return Ok(None);
        }
        let unreadable = || format!("cannot read {}; `finals` writes it anew", path.display());
        let text = fs::read_to_string(&path).with_context(unreadable)?;
        Ok(Some(serde_json::from_str(&text).with_context(unreadable)?))
    }

    /// Says so if finals were begun when the run had so many trials, and it has others now.
    pub(super) fn tell_of_older_finals(&self, trials: usize) {
        if trials != self.trials.len() {
            say!(
                "note: the finals are of {} that the run had then, of {} now; move {} away for new ones",
                counted(trials, "trial"),
                self.trials.len(),
                self.dir.finals().path().display()
            );
        }
    }
}

/// What was found out about a run beside its search.
pub(super) struct Findings {
    /// By its finals, if they are finished.
    pub(super) finals: Option<FinalsReport>,
    /// By the audit that goes with it, in words.
    pub(super) audit: Option<String>,
}

/// The run called `name`, if it exists.
fn existing(results: &Path, name: &str) -> Result<RunName, Failure> {
    let run: RunName = name.parse().map_err(|error: crate::store::Error| Failure::Usage(error.into()))?;
    if RunDir::new(results, &run).config().exists() {
        return Ok(run);
    }
    let names: Vec<String> = runs(results)?.into_iter().map(|(_, run)| run.to_string()).collect();
    let guess = suggest(name, names.iter().map(String::as_str));
    let hint = match guess {
        Some(guess) => format!("did you mean {guess}?"),
        None if names.is_empty() => "there are none; start one with `inception-nas run`".to_owned(),
        None => format!("there are: {}", names.join(", ")),
    };
    Err(Failure::Usage(anyhow!("no run {name} in {}; {hint}", results.display())))
}

/// The run whose files were written last.
fn latest(results: &Path) -> Result<RunName, Failure> {
    let none = || Failure::Usage(anyhow!("no runs in {}; start one with `inception-nas run`", results.display()));
    runs(results)?.pop().map(|(_, run)| run).ok_or_else(none)
}

/// All runs in the folder, the one written last at the end; none where there is no folder.
fn runs(results: &Path) -> Result<Vec<(SystemTime, RunName)>, Failure> {
    let entries = match fs::read_dir(results) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("cannot read {}", results.display()))?,
    };
    let mut runs: Vec<(SystemTime, RunName)> = entries
        .flatten()
        .filter_map(|entry| {
            let run: RunName = entry.file_name().to_str()?.parse().ok()?;
            let dir = RunDir::new(results, &run);
            let written = |path: PathBuf| fs::metadata(path).and_then(|data| data.modified()).ok();
            let begun = written(dir.config())?;
            Some((written(dir.journal()).map_or(begun, |last| last.max(begun)), run))
        })
        .collect();
    runs.sort_by(|(a, left), (b, right)| a.cmp(b).then_with(|| left.to_string().cmp(&right.to_string())));
    Ok(runs)
}
