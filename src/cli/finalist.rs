//! The models that trainings of the finals leave, so that they can be measured when all are done.

use anyhow::bail;

use super::filing::Files;
use crate::data::{MEAN, Pyramid, STD};
use crate::device::DeviceKind;
use crate::evaluate::recipe;
use crate::export::model_dir::Model;
use crate::net::GoogLeNet;
use crate::ops::Engines;
use crate::search::trial::{Job, Trial};
use crate::space::Protocol;
use crate::store::FinalsDir;
use crate::train::Measurement;

/// The model of each training goes to its folder in that of the finals.
pub(super) struct Models {
    /// The images.
    pub(super) data: Pyramid,
    /// How all are trained.
    pub(super) protocol: Protocol,
    /// Where they are trained.
    pub(super) device: DeviceKind,
    /// The folder of the finals.
    pub(super) dir: FinalsDir,
    /// The trainings that are recorded: of those that are done again, only the models were lost.
    pub(super) recorded: Vec<Trial>,
}

impl<G: Engines> Files<G> for Models {
    fn before(&self, _: &Job, _: &mut GoogLeNet<G::Engine>) -> anyhow::Result<()> {
        Ok(())
    }

    fn after(
        &self,
        job: &Job,
        network: &mut GoogLeNet<G::Engine>,
        validation: Measurement,
        seconds: f64,
    ) -> anyhow::Result<()> {
        let recorded = self.recorded.iter().find(|trial| trial.job.index == job.index);
        if let Some(score) = recorded.and_then(|trial| trial.outcome.score())
            && (score.accuracy, score.validation_loss) != (validation.accuracy, validation.loss)
        {
            // A model of other numbers would answer in the place of the one that was measured.
            bail!(
                "training {} was done again, since its model was lost, and came to a validation loss of {} in place of {}: this \
                 machine or program computes other numbers than those that are recorded; put the models back, or move {} away to \
                 begin anew",
                job.index,
                validation.loss,
                score.validation_loss,
                self.dir.path().display()
            );
        }
        let model = Model {
            version: Model::VERSION,
            classes: self.data.classes().to_vec(),
            resolution: job.fidelity.resolution,
            mean: MEAN,
            std: STD,
            recipe: recipe(&self.protocol),
            seed: job.seed,
            device: self.device,
            data_fingerprint: self.data.base().fingerprint().to_owned(),
            validation,
            // Opened when all trainings are done.
            test: None,
            seconds,
        };
        Ok(model.write(&self.dir.model(job.index), network)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Architecture;
    use crate::data::synthetic;
    use crate::evaluate::job;
    use crate::ops::OneThread;
    use crate::search::trial::{Origin, Outcome, Score};
    use crate::space::Space;
    use crate::store::{RunDir, RunName};

    #[test]
    fn a_training_done_again_must_come_to_what_is_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let space = Space::parse("tiny.toml", include_str!("../../search_spaces/tiny.toml"), &[]).unwrap();
        let architecture = Architecture::googlenet_scaled(0.1, 2, false).unwrap();
        let job = job(architecture.clone(), Origin::Random, space.protocol(), 5).unwrap();
        let score = Score { accuracy: 0.75, accuracy_se: 0.1, validation_loss: 0.6, training_loss_sum: 1.0 };
        let outcome = Outcome::Done(score);
        let trial = Trial { job: job.clone(), outcome, seconds: 1.0, screening_seconds: 0.0, latency_ms: None };
        let models = Models {
            data: Pyramid::from(synthetic(8, 32, 0.5, 1).unwrap()),
            protocol: *space.protocol(),
            device: DeviceKind::Cpu,
            dir: RunDir::new(folder.path(), &"pets".parse::<RunName>().unwrap()).finals(),
            recorded: vec![trial],
        };
        let mut network = GoogLeNet::new(OneThread.engine().unwrap(), &architecture, 1).unwrap();
        let mut after = |loss| {
            let measured = Measurement { images: 20, accuracy: 0.75, accuracy_se: 0.1, loss };
            Files::<OneThread>::after(&models, &job, &mut network, measured, 1.0)
        };
        assert!(after(0.7).unwrap_err().to_string().contains("move"));
        let model = models.dir.model(job.index);
        assert!(!model.exists());
        after(0.6).unwrap();
        assert!(model.exists());
    }
}
