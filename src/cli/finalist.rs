//! A training of the finals: its model is kept, so that it can be measured when all are done.

use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::data::{MEAN, Pyramid, STD};
use crate::evaluate::{TrainEvaluator, outcome, recipe};
use crate::export::model_dir::{Model, ModelDirError};
use crate::net::GoogLeNet;
use crate::ops::Engines;
use crate::search::ports::Evaluator;
use crate::search::trial::{Job, Outcome};
use crate::space::Protocol;
use crate::store::FinalsDir;
use crate::train::Measurement;

/// Trains as [`TrainEvaluator`] does, and writes the model of each training to its folder before the outcome is known.
pub(super) struct KeepModels<G> {
    inner: TrainEvaluator<G>,
    data: Pyramid,
    protocol: Protocol,
    dir: FinalsDir,
    error: Mutex<Option<ModelDirError>>,
}

impl<G: Engines> KeepModels<G> {
    /// Trainings on these engines, whose models go to the folder of the finals.
    pub(super) fn new(data: Pyramid, protocol: Protocol, dir: FinalsDir, engines: G) -> Self {
        let inner = TrainEvaluator::new(data.clone(), protocol, engines);
        Self { inner, data, protocol, dir, error: Mutex::new(None) }
    }

    /// Why a model could not be written, if one could not.
    pub(super) fn into_error(self) -> Option<ModelDirError> {
        self.error.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(
        &self,
        job: &Job,
        network: &mut GoogLeNet<G::Engine>,
        validation: Measurement,
        seconds: f64,
    ) -> Result<(), ModelDirError> {
        let model = Model {
            version: Model::VERSION,
            classes: self.data.classes().to_vec(),
            resolution: job.fidelity.resolution,
            mean: MEAN,
            std: STD,
            recipe: recipe(&self.protocol),
            seed: job.seed,
            device: G::DEVICE,
            data_fingerprint: self.data.base().fingerprint().to_owned(),
            validation,
            // Opened when all trainings are done.
            test: None,
            seconds,
        };
        model.write(&self.dir.model(job.index), network)
    }
}

impl<G: Engines> Evaluator for KeepModels<G> {
    /// A training whose model cannot be written counts as broken off: it is the disk that failed, not the network.
    fn evaluate(&self, job: &Job, progress: &dyn Fn(f64, f64), stop: &AtomicBool) -> Option<(Outcome, f64)> {
        let start = Instant::now();
        let network = self.inner.network(job);
        let trained = network.and_then(|network| self.inner.train(job, network, progress, stop));
        let trained = trained.map(|(mut network, validation, score)| {
            (self.keep(job, &mut network, validation, start.elapsed().as_secs_f64()), score)
        });
        let trained = match trained {
            Ok((Err(error), _)) => {
                *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                return None;
            }
            Ok((Ok(()), score)) => Ok(score),
            Err(error) => Err(error),
        };
        Some((outcome(trained)?, start.elapsed().as_secs_f64()))
    }
}
