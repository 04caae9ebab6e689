//! A space for the images that there are.

use super::Space;
use super::file::{Reference, Rung};
use super::ranges::BATCH;

/// The corner that hypervolumes are measured from.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct ReferencePoint {
    /// Error, over 0 to 1.
    pub error: f64,
    /// MACs, as a multiple of those of the paper's network.
    pub macs_ratio: f64,
}

/// For want of images a training is no longer than the one on the rung below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there are {images} training images, so that the training on rung {} of the ladder is no briefer than the next one: take that \
     rung out, or give it fewer images or epochs",
    rung + 1
)]
pub struct NoLadder {
    /// The place of the rung, from 0 for the lowest.
    pub rung: usize,
    /// Training images that there are.
    pub images: usize,
}

impl Space {
    /// This space for a data set of so many classes, training and validation images. Where it names more images than there
    /// are, it names those that there are, so that what trainings cost is reckoned as it is; and unless it says otherwise,
    /// hypervolumes are measured from the error of guessing.
    ///
    /// # Errors
    /// [`NoLadder`] if two rungs become the same training, or change places.
    pub fn fitted(mut self, classes: usize, train: usize, validation: usize) -> Result<Self, NoLadder> {
        let file = self.file_mut();
        // A batch of all images, where there are fewer than in a batch. Of fewer than two no space speaks.
        let most = train.max(*BATCH.start());
        file.protocol.batch = most.min(file.protocol.batch);
        let ladder = file.ladder.iter_mut().map(|rung| &mut rung.train_images);
        for images in ladder.chain([&mut file.protocol.train_images]) {
            *images = most.min(*images);
        }
        file.protocol.validation_images = validation.max(1).min(file.protocol.validation_images);
        file.reference.error.get_or_insert(guessing(classes));
        let seen: Vec<usize> = file.ladder.iter().chain([&file.protocol.rung()]).map(Rung::seen).collect();
        match seen.windows(2).position(|pair| pair[0] >= pair[1]) {
            Some(rung) => Err(NoLadder { rung, images: train }),
            None => Ok(self),
        }
    }
}

impl Reference {
    /// With the error of guessing between two classes, if nothing is known of any.
    pub(super) fn point(&self) -> ReferencePoint {
        ReferencePoint { error: self.error.unwrap_or(guessing(2)), macs_ratio: self.macs_ratio }
    }
}

/// The error of guessing between so many classes that are equally frequent.
fn guessing(classes: usize) -> f64 {
    1.0 - 1.0 / classes.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(overrides: &[&str]) -> Space {
        let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
        Space::parse("default.toml", include_str!("../../search_spaces/default.toml"), &overrides).unwrap()
    }

    #[test]
    fn no_more_images_than_there_are() {
        let fitted = space(&[]).fitted(2, 3189, 400).unwrap();
        assert_eq!((fitted.protocol().train_images, fitted.protocol().validation_images), (3189, 400));
        assert_eq!(fitted.clone().fitted(2, 3189, 400), Ok(fitted.clone()));
        assert_eq!(Space::parse("config.toml", &fitted.to_toml().unwrap(), &[]), Ok(fitted));
        let enough = space(&["reference.error=0.5"]);
        assert_eq!(enough.clone().fitted(2, 8000, 2000), Ok(enough));
        // What is written down has to be a space.
        let few = space(&[]).fitted(2, 5, 1).unwrap();
        assert_eq!((few.protocol().train_images, few.protocol().batch), (5, 5));
        assert_eq!(Space::parse("config.toml", &few.to_toml().unwrap(), &[]), Ok(few));
    }

    #[test]
    fn a_ladder_that_the_images_do_not_make_is_refused() {
        let ladder = space(&["ladder=[{train_images=2666, epochs=1}, {train_images=8000, epochs=1}]"]);
        assert_eq!(ladder.clone().fitted(2, 3000, 100).unwrap().ladder()[1].train_images, 3000);
        let refused = ladder.fitted(2, 2666, 100).unwrap_err();
        assert_eq!(refused, NoLadder { rung: 0, images: 2666 });
        assert!(refused.to_string().contains("rung 1"), "{refused}");
    }

    #[test]
    fn hypervolumes_are_measured_from_guessing_unless_the_file_says_otherwise() {
        assert_eq!(space(&[]).reference(), ReferencePoint { error: 0.5, macs_ratio: 1.1 });
        assert_eq!(space(&[]).fitted(10, 9000, 2000).unwrap().reference().error, 0.9);
        assert_eq!(space(&["reference.error=0.3"]).fitted(10, 9000, 2000).unwrap().reference().error, 0.3);
    }
}
