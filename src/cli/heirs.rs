//! The weights that trainings of a search inherit and leave.

use anyhow::Context;

use super::filing::Files;
use crate::net::GoogLeNet;
use crate::ops::Engines;
use crate::search::trial::{Inheritance, Job};
use crate::store::RunDir;
use crate::train::Measurement;

/// A training starts from inherited weights where its job has any, which lie in the folder of the run.
pub(super) struct Heirs {
    /// Whose trainings they are.
    pub(super) run: RunDir,
    /// Whether what was learned is kept, for children to come: on the disk before its trial is stored.
    pub(super) keep: bool,
}

impl<G: Engines> Files<G> for Heirs {
    fn before(&self, job: &Job, network: &mut GoogLeNet<G::Engine>) -> anyhow::Result<()> {
        let Some(Inheritance { from, .. }) = job.inherits else { return Ok(()) };
        network.inherit(&self.run.weights(from), job.seed).with_context(|| {
            format!(
                "trial {} starts from what trial {from} had learned, but that cannot be read: put the file back, or begin a \
                 search under another name",
                job.index
            )
        })
    }

    fn after(&self, job: &Job, network: &mut GoogLeNet<G::Engine>, _: Measurement, _: f64) -> anyhow::Result<()> {
        if self.keep {
            self.run.keep_weights(job.index, &network.safetensors()?)?;
        }
        Ok(())
    }
}
