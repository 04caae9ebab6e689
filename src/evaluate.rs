//! The one bridge between search and training: architecture + data + protocol -> outcome.

use std::sync::atomic::AtomicBool;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::Instant;

use crate::arch::{self, Architecture, ResolutionError};
use crate::data::{self, Augment, Batch, Crop, Pyramid, Split};
use crate::latency::Latency;
use crate::net::{GoogLeNet, training_engine};
use crate::ops::Engines;
use crate::search::audit::ZeroCost;
use crate::search::ports::{Evaluator, Proxy};
use crate::search::seed::trial_seed;
use crate::search::trial::{Failure, Fidelity, Inheritance, Job, Origin, Outcome, Score};
use crate::space::{self, Protocol};
use crate::train::{FitError, Measurement, Recipe, fit, load, measure};
use crate::zero_cost::{grad_norm, naswot, synflow};

/// There are images for every network.
const _: () = assert!(data::MIN_RESOLUTION <= arch::MIN_RESOLUTION && data::MAX_RESOLUTION >= arch::MAX_RESOLUTION);

/// Trains and scores candidates under a protocol, each on an engine of its own.
pub struct TrainEvaluator<G> {
    data: Pyramid,
    protocol: Protocol,
    engines: G,
    /// Held by every training while it computes, and alone by whoever times a network: nothing else may run then.
    computing: RwLock<()>,
}

impl<G: Engines> TrainEvaluator<G> {
    /// An evaluator on images at the resolutions of the jobs to come.
    pub fn new(data: Pyramid, protocol: Protocol, engines: G) -> Self {
        Self { data, protocol, engines, computing: RwLock::default() }
    }

    /// The network of a job with initial weights.
    ///
    /// # Errors
    /// [`FitError`] if the device refuses, the more so if it has not enough memory for the training.
    pub fn network(&self, job: &Job) -> Result<GoogLeNet<G::Engine>, FitError> {
        Ok(GoogLeNet::new(self.engine(job)?, &job.architecture, job.seed)?)
    }

    /// Fits and measures the network of a job, from the weights that it has.
    ///
    /// # Errors
    /// [`FitError`] if it diverges, has no images of its size, or `stop` became true.
    pub fn train(
        &self,
        job: &Job,
        mut network: GoogLeNet<G::Engine>,
        progress: &dyn Fn(f64, f64),
        stop: &AtomicBool,
    ) -> Result<(GoogLeNet<G::Engine>, Measurement, Score), FitError> {
        let data = self.data.at(job.fidelity.resolution)?;
        let training = first(self.data.split(Split::Train), job.fidelity.images);
        let recipe = Recipe { epochs: job.fidelity.epochs, ..recipe(&self.protocol) };
        let mut computing = Some(self.computing());
        let mut watch = |step: crate::train::Progress| {
            progress(step.fraction, step.loss);
            // Whoever waits to time a network does it now.
            drop(computing.take());
            computing = Some(self.computing());
        };
        let losses = fit(&mut network, data, training, &recipe, job.seed, stop, &mut watch)?;
        let validation = first(self.data.split(Split::Validation), self.protocol.validation_images);
        let measured = measure(&network, data, validation, recipe.batch, |label| label)?;
        if !measured.loss.is_finite() {
            return Err(FitError::Diverged { epoch: recipe.epochs, loss: measured.loss });
        }
        let score = Score {
            accuracy: measured.accuracy,
            accuracy_se: measured.accuracy_se,
            validation_loss: measured.loss,
            training_loss_sum: losses.iter().sum(),
        };
        Ok((network, measured, score))
    }

    fn computing(&self) -> RwLockReadGuard<'_, ()> {
        self.computing.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a job's network says before it is trained, by the first batch of the training images.
    ///
    /// # Errors
    /// [`FitError`] if the device refuses, or there are no images of the network's size.
    pub fn zero_cost(&self, job: &Job, proxy: Proxy) -> Result<f64, FitError> {
        let (engine, architecture, seed) = (self.engine(job)?, &job.architecture, job.seed);
        let data = self.data.at(job.fidelity.resolution)?;
        let mut batch = Batch::default();
        let mut images =
            || load(&engine, data, first(self.data.split(Split::Train), self.protocol.batch), None, &mut batch);
        Ok(match proxy {
            Proxy::GradNorm => {
                let images = images()?;
                grad_norm(engine, architecture, seed, images, &batch.labels)?
            }
            Proxy::Naswot => {
                let images = images()?;
                naswot(engine, architecture, seed, images)?.unwrap_or(f64::NEG_INFINITY)
            }
            Proxy::Synflow => synflow(engine, architecture, seed, data.resolution())?,
        })
    }

    fn engine(&self, job: &Job) -> Result<G::Engine, FitError> {
        let (architecture, resolution) = (&job.architecture, job.fidelity.resolution);
        Ok(training_engine(&self.engines, architecture, resolution, self.protocol.batch)?)
    }

    /// The three scores of [`Self::zero_cost`].
    ///
    /// # Errors
    /// Those of [`Self::zero_cost`].
    pub fn zero_costs(&self, job: &Job) -> Result<ZeroCost, FitError> {
        Ok(ZeroCost {
            grad_norm: self.zero_cost(job, Proxy::GradNorm)?,
            synflow: self.zero_cost(job, Proxy::Synflow)?,
            naswot: self.zero_cost(job, Proxy::Naswot)?,
        })
    }
}

/// How a training ended, for the record; nothing if it was stopped.
pub fn outcome(result: Result<Score, FitError>) -> Option<Outcome> {
    Some(match result {
        Ok(score) => Outcome::Done(score),
        Err(FitError::Stopped) => return None,
        Err(FitError::Diverged { epoch, loss }) => Outcome::Failed(Failure::Diverged { epoch, loss: loss.to_string() }),
        Err(error) => Outcome::Failed(Failure::Error { message: error.to_string() }),
    })
}

/// Trains from initial weights. Who has those that a job inherits is `cli/heirs`.
impl<G: Engines> Evaluator for TrainEvaluator<G> {
    fn evaluate(&self, job: &Job, progress: &dyn Fn(f64, f64), stop: &AtomicBool) -> Option<(Outcome, f64)> {
        if let Some(Inheritance { from, .. }) = job.inherits {
            let message = format!("it starts from the weights of trial {from}, which are not at hand");
            return Some((Outcome::Failed(Failure::Error { message }), 0.0));
        }
        let network = self.network(job);
        // Waiting for memory is no part of a training.
        let start = Instant::now();
        let trained = network.and_then(|network| self.train(job, network, progress, stop));
        let outcome = outcome(trained.map(|(_, _, score)| score))?;
        Some((outcome, start.elapsed().as_secs_f64()))
    }

    /// On one thread of the processor, whatever trains, and with all trainings at rest.
    fn latency(&self, job: &Job, batch: usize) -> (Option<f64>, f64) {
        let start = Instant::now();
        let alone = self.computing.write().unwrap_or_else(PoisonError::into_inner);
        let latency = Latency::measure(&job.architecture, job.fidelity.resolution, batch).ok();
        drop(alone);
        (latency.map(|latency| latency.median_ms()), start.elapsed().as_secs_f64())
    }

    fn untrained(&self, job: &Job, proxy: Proxy) -> (Option<f64>, f64) {
        let start = Instant::now();
        let score = self.zero_cost(job, proxy).ok();
        (score, start.elapsed().as_secs_f64())
    }
}

/// The first `count` of `indices`, or all. They are in the order of a hash, so any first ones are a random sample.
fn first(indices: &[u32], count: usize) -> &[u32] {
    &indices[..count.min(indices.len())]
}

/// The recipe that a protocol describes.
pub fn recipe(protocol: &Protocol) -> Recipe {
    let crop = match protocol.augmentation.crop {
        space::Crop::None => Crop::None,
        space::Crop::Shift => Crop::Shift,
        space::Crop::Resized => Crop::Resized,
    };
    Recipe {
        epochs: protocol.epochs,
        batch: protocol.batch,
        peak_learning_rate: protocol.peak_learning_rate,
        warmup: protocol.warmup,
        momentum: protocol.momentum,
        weight_decay: protocol.weight_decay,
        label_smoothing: protocol.label_smoothing,
        augment: Augment { crop, flip: protocol.augmentation.flip },
    }
}

/// The job that trains `architecture` as every candidate of a search with this protocol and seed is trained.
///
/// # Errors
/// [`ResolutionError`] if the network cannot take images of the protocol's resolution.
pub fn job(
    architecture: Architecture,
    origin: Origin,
    protocol: &Protocol,
    run_seed: u64,
) -> Result<Job, ResolutionError> {
    let fidelity = Fidelity::of(protocol);
    let cost = architecture.cost(protocol.resolution)?;
    let seed = trial_seed(run_seed, &architecture.key(), &fidelity, 0);
    Ok(Job { index: 0, architecture, origin, cost, fidelity, seed, inherits: None })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::num::NonZeroUsize;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::data::synthetic;
    use crate::net::training_bytes;
    use crate::ops::{Crew, OneThread};
    use crate::search::drive::Stop;
    use crate::search::list::train_all;
    use crate::search::testing::{Counts, MemoryStore};
    use crate::space::Space;

    fn tiny(learning_rate: f64) -> (TrainEvaluator<OneThread>, Job) {
        tiny_on(OneThread, learning_rate)
    }

    fn tiny_on<G: Engines>(engines: G, learning_rate: f64) -> (TrainEvaluator<G>, Job) {
        let space = Space::parse("tiny.toml", include_str!("../search_spaces/tiny.toml"), &[]).unwrap();
        let protocol = Protocol { peak_learning_rate: learning_rate, train_images: 64, ..*space.protocol() };
        let data = Pyramid::from(synthetic(300, protocol.resolution, 0.5, 1).unwrap());
        let architecture = Architecture::googlenet_scaled(0.1, 2, false).unwrap();
        let job = job(architecture, Origin::Random, &protocol, 5).unwrap();
        (TrainEvaluator::new(data, protocol, engines), job)
    }

    #[test]
    fn the_same_job_gives_the_same_bits() {
        let (evaluator, job) = tiny(0.05);
        let outcome = || evaluator.evaluate(&job, &|_, _| {}, &AtomicBool::new(false)).unwrap().0;
        let first = outcome();
        assert!(first.score().is_some_and(|score| score.accuracy > 0.0 && score.training_loss_sum > 0.0), "{first:?}");
        assert_eq!(first, outcome());
        let other = Job { seed: job.seed + 1, ..job.clone() };
        assert_ne!(first, evaluator.evaluate(&other, &|_, _| {}, &AtomicBool::new(false)).unwrap().0);
    }

    #[test]
    fn a_job_is_trained_at_its_own_resolution() {
        let space = ["input.resolutions=[32, 48]".to_owned()];
        let space = Space::parse("tiny.toml", include_str!("../search_spaces/tiny.toml"), &space).unwrap();
        let protocol = Protocol { train_images: 64, ..*space.protocol() };
        let data = || space.resolutions().iter().map(|&side| synthetic(300, side, 0.5, 1).unwrap());
        let data = Pyramid::new(data().next().unwrap(), data().skip(1)).unwrap();
        let evaluator = TrainEvaluator::new(data, protocol, OneThread);
        let architecture = Architecture::googlenet_scaled(0.1, 2, false).unwrap();
        let outcome = |resolution| {
            let protocol = Protocol { resolution, ..protocol };
            let job = job(architecture.clone(), Origin::Random, &protocol, 5).unwrap();
            evaluator.evaluate(&job, &|_, _| {}, &AtomicBool::new(false)).unwrap().0
        };
        let [low, high] = [32, 48].map(outcome);
        assert!(low.score().is_some() && high.score().is_some() && low != high, "{low:?} {high:?}");
        let missing = Failure::Error { message: "the data set is not at hand at 64 px".to_owned() };
        assert_eq!(outcome(64), Outcome::Failed(missing));
    }

    #[test]
    fn an_untrained_network_is_scored_by_its_initial_weights() {
        let (evaluator, job) = tiny(0.05);
        for proxy in [Proxy::GradNorm, Proxy::Synflow, Proxy::Naswot] {
            let score = |job: &Job| evaluator.untrained(job, proxy).0.unwrap();
            assert!(score(&job).is_finite());
            assert_eq!(score(&job).to_bits(), score(&Job { index: 7, ..job.clone() }).to_bits());
            assert_ne!(score(&job), score(&Job { seed: job.seed + 1, ..job.clone() }));
        }
    }

    #[test]
    fn inherited_weights_are_what_a_training_starts_from() {
        let (evaluator, parent) = tiny(0.05);
        let (never, file) = (AtomicBool::new(false), tempfile::NamedTempFile::new().unwrap());
        let trained = evaluator.train(&parent, evaluator.network(&parent).unwrap(), &|_, _| {}, &never);
        trained.unwrap().0.save(file.path()).unwrap();
        // Wider here, narrower there.
        let other = |ratio| Job {
            architecture: Architecture::googlenet_scaled(ratio, 2, false).unwrap(),
            inherits: Some(Inheritance { from: 0, generation: 1 }),
            ..parent.clone()
        };
        for job in [other(0.05), other(0.2)] {
            let score = |inherit: bool| {
                let mut network = evaluator.network(&job).unwrap();
                if inherit {
                    network.inherit(file.path(), job.seed).unwrap();
                }
                evaluator.train(&job, network, &|_, _| {}, &never).unwrap().2
            };
            assert_eq!(score(true), score(true));
            assert_ne!(score(true), score(false));
            let (outcome, _) = evaluator.evaluate(&job, &|_, _| {}, &never).unwrap();
            assert!(matches!(outcome, Outcome::Failed(Failure::Error { .. })), "{outcome:?}");
        }
    }

    /// Counts how many trainings take steps at once.
    struct Counting<G> {
        inner: TrainEvaluator<G>,
        now: AtomicUsize,
        most: AtomicUsize,
    }

    impl<G: Engines> Evaluator for Counting<G> {
        fn evaluate(&self, job: &Job, progress: &dyn Fn(f64, f64), stop: &AtomicBool) -> Option<(Outcome, f64)> {
            let begun = Cell::new(false);
            let counted = |share, loss| {
                if !begun.replace(true) {
                    self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                }
                // The last step: the memory comes back after it.
                if share == 1.0 {
                    self.now.fetch_sub(1, Ordering::SeqCst);
                }
                progress(share, loss);
            };
            self.inner.evaluate(job, &counted, stop)
        }
    }

    #[test]
    fn trainings_that_do_not_fit_side_by_side_follow_one_another() {
        let (alone, job) = tiny(0.05);
        let bytes = training_bytes(&job.architecture, 32, alone.protocol.batch, false).unwrap();
        let workers = NonZeroUsize::new(3).unwrap();
        // Enough for one with what a processor takes beyond a GPU's memory.
        let crew = Crew::new(workers).unwrap().with_memory(3 * bytes);
        let evaluator = Counting { inner: tiny_on(&crew, 0.05).0, now: AtomicUsize::new(0), most: AtomicUsize::new(0) };
        let jobs = (0..6).map(|index| Job { index, ..job.clone() }).collect();
        let (mut store, never) = (MemoryStore::new(vec![]), AtomicBool::new(false));
        let stop = Stop { proposing: &never, now: &never, deadline: &|| false };
        assert!(train_all(jobs, workers, &evaluator, &mut store, &Counts::default(), stop).unwrap());
        assert_eq!(evaluator.most.into_inner(), 1);
        let expected = alone.evaluate(&job, &|_, _| {}, &never).unwrap().0;
        assert!(store.trials.iter().all(|trial| trial.outcome == expected), "{:?}", store.trials);

        let (evaluator, _) = tiny_on(crew.with_memory(bytes), 0.05);
        let (outcome, _) = evaluator.evaluate(&job, &|_, _| {}, &never).unwrap();
        let Outcome::Failed(Failure::Error { message }) = outcome else { panic!("{outcome:?}") };
        assert!(message.contains("MiB of memory, and there are"), "{message}");
    }

    #[test]
    fn a_stopped_training_has_no_outcome() {
        let (evaluator, job) = tiny(0.05);
        assert!(evaluator.evaluate(&job, &|_, _| {}, &AtomicBool::new(true)).is_none());
    }

    #[test]
    fn a_training_that_diverges_fails() {
        let (evaluator, job) = tiny(1e9);
        let (outcome, _) = evaluator.evaluate(&job, &|_, _| {}, &AtomicBool::new(false)).unwrap();
        assert!(matches!(outcome, Outcome::Failed(Failure::Diverged { .. })), "{outcome:?}");
    }
}
