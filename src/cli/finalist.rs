//! The models that trainings of the finals leave, so that they can be measured when all are done.

use super::filing::Files;
use crate::data::{MEAN, Pyramid, STD};
use crate::device::DeviceKind;
use crate::evaluate::recipe;
use crate::export::model_dir::Model;
use crate::net::GoogLeNet;
use crate::ops::Engines;
use crate::search::trial::Job;
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
