//! A trained model as a folder: `architecture.toml`, `weights.safetensors`, and `model.json` with everything needed to
//! use it and to know where it came from.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::architecture_file::{self, ArchitectureFileError};
use crate::arch::ResolutionError;
use crate::data::{MEAN, STD};
use crate::device::DeviceKind;
use crate::net::{GoogLeNet, WeightsError};
use crate::ops::{Engine, OpError};
use crate::train::{Measurement, Recipe};

/// Version of the folder's form.
const VERSION: u32 = 1;

const ARCHITECTURE: &str = "architecture.toml";
const WEIGHTS: &str = "weights.safetensors";
const MODEL: &str = "model.json";

/// What may lie in a model folder that a new model takes the place of: a model, and what was exported of it, which is not of
/// the new one.
const OURS: [&str; 5] = [ARCHITECTURE, WEIGHTS, MODEL, super::ONNX_FILE, super::PYTORCH_FILE];

/// What `model.json` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Version of the folder's form.
    pub version: u32,
    /// Class names; a logit's position is an index into them.
    pub classes: Vec<String>,
    /// Side of the square input in pixels.
    pub resolution: usize,
    /// Subtracted from each of red, green and blue, scaled to 0 to 1.
    pub mean: [f32; 3],
    /// What each is divided by afterwards.
    pub std: [f32; 3],
    /// How it was trained.
    pub recipe: Recipe,
    /// Seed of the training.
    pub seed: u64,
    /// What it was trained on.
    #[serde(default, skip_serializing_if = "DeviceKind::is_cpu")]
    pub device: DeviceKind,
    /// Fingerprint of the data it was trained on.
    pub data_fingerprint: String,
    /// On the validation images.
    pub validation: Measurement,
    /// On the test images, if they were opened.
    pub test: Option<Measurement>,
    /// Wall time of the training in seconds.
    pub seconds: f64,
}

/// Why a model folder could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ModelDirError {
    /// The folder has something else in it.
    #[error("{} exists and is no model folder: give another --out, or remove it", .0.display())]
    Occupied(PathBuf),
    /// No folder can be made there.
    #[error("{} cannot be made: {error}; give another --out", path.display())]
    Place {
        /// The model folder.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The model folder holds more than a model.
    #[error("{} is in a model folder and no part of the model: give another --out, or move it away", .0.display())]
    Foreign(PathBuf),
    /// The path does not end in a name.
    #[error("{} has no name of its own: give --out a folder such as model", .0.display())]
    NoName(PathBuf),
    /// No network takes images of the size that `model.json` names.
    #[error("{}: {error}", path.display())]
    Resolution {
        /// Which file.
        path: PathBuf,
        /// Which sizes there are.
        error: ResolutionError,
    },
    /// A file could not be written or read.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// `model.json` is damaged.
    #[error("{}: not a readable model description: {error}", path.display())]
    Json {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// The folder was written by another version of the program.
    #[error("{}: version {found} of the model folder; this program reads version {VERSION}", path.display())]
    Version {
        /// Which file.
        path: PathBuf,
        /// The file's version.
        found: u64,
    },
    /// The network expects images normalised in another way than this program does it.
    #[error("{}: mean and std are not those with which this program normalises images", .0.display())]
    Normalisation(PathBuf),
    /// The classes of the description are not as many as the network's.
    #[error("{}: {described} class names, but the network has {network} classes", path.display())]
    Classes {
        /// Which file.
        path: PathBuf,
        /// Number of names.
        described: usize,
        /// Classes of the network.
        network: usize,
    },
    /// The architecture cannot be read.
    #[error(transparent)]
    Architecture(#[from] ArchitectureFileError),
    /// The weights cannot be written or read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The network cannot be built.
    #[error(transparent)]
    Op(#[from] OpError),
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> ModelDirError {
    let path = path.to_owned();
    move |error| ModelDirError::Io { path, error }
}

/// Whether a model may be written to `dir`: it is not there, empty, or an earlier model and nothing else, and folders can
/// be made beside it.
///
/// # Errors
/// [`ModelDirError::Occupied`] or [`ModelDirError::Foreign`] if there is something else; [`ModelDirError::NoName`] if the
/// path ends in none; [`ModelDirError::Place`] if nothing can be written there; [`ModelDirError::Io`] if it cannot be looked at.
pub fn check_free(dir: &Path) -> Result<(), ModelDirError> {
    let new = beside(dir, "new")?;
    // Where it is going to be made: for a path that is not there yet, in the last folder that is.
    let place = new.ancestors().skip(1).find(|place| place.exists()).unwrap_or(Path::new("."));
    let probe = place.join(new.file_name().unwrap_or_default());
    let made = fs::create_dir(&probe).and_then(|()| fs::remove_dir(&probe));
    made.map_err(|error| ModelDirError::Place { path: dir.to_owned(), error })?;
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>().map_err(io(dir))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io(dir)(error)),
    };
    if !entries.is_empty() && read_description(&dir.join(MODEL)).is_err() {
        return Err(ModelDirError::Occupied(dir.to_owned()));
    }
    let ours = |path: &PathBuf| path.is_file() && OURS.iter().any(|name| path.ends_with(name));
    match entries.into_iter().find(|path| !ours(path)) {
        Some(foreign) => Err(ModelDirError::Foreign(foreign)),
        None => Ok(()),
    }
}

/// Reads `model.json`, whose version comes first: another one may have other fields.
fn read_description(path: &Path) -> Result<Model, ModelDirError> {
    let text = fs::read_to_string(path).map_err(io(path))?;
    let json = |error| ModelDirError::Json { path: path.to_owned(), error };
    let value: serde_json::Value = serde_json::from_str(&text).map_err(json)?;
    match value.get("version").and_then(serde_json::Value::as_u64) {
        Some(found) if found != u64::from(VERSION) => Err(ModelDirError::Version { path: path.to_owned(), found }),
        _ => serde_json::from_value(value).map_err(json),
    }
}

/// A hidden folder of this process beside `dir`, for a model that is not finished or not needed any more.
fn beside(dir: &Path, what: &str) -> Result<PathBuf, ModelDirError> {
    let name = dir.file_name().ok_or_else(|| ModelDirError::NoName(dir.to_owned()))?;
    Ok(dir.with_file_name(format!(".{}.{}.{what}", name.to_string_lossy(), std::process::id())))
}

impl Model {
    /// The version that this program writes.
    pub const VERSION: u32 = VERSION;

    /// Writes the model folder `dir`: beside it first, then in its place, so that an earlier model is lost only to a
    /// whole new one.
    ///
    /// # Errors
    /// [`ModelDirError`] if the folder is occupied or cannot be written.
    pub fn write<E: Engine>(&self, dir: &Path, network: &mut GoogLeNet<E>) -> Result<(), ModelDirError> {
        check_free(dir)?;
        let (new, old) = (beside(dir, "new")?, beside(dir, "old")?);
        if let Some(parent) = dir.parent().filter(|parent| *parent != Path::new("")) {
            fs::create_dir_all(parent).map_err(io(parent))?;
        }
        // Fails if it exists: nothing is removed that this call did not make or `check_free` did not look into.
        fs::create_dir(&new).map_err(io(&new))?;
        let written = self.write_files(&new, network);
        if written.is_err() {
            // What is told is why; on a full disk the next attempt needs the room.
            let _ = fs::remove_dir_all(&new);
        }
        written?;
        let replaces = dir.exists();
        if replaces {
            fs::rename(dir, &old).map_err(io(dir))?;
        }
        fs::rename(&new, dir).map_err(io(dir))?;
        if replaces {
            fs::remove_dir_all(&old).map_err(io(&old))?;
        }
        Ok(())
    }

    fn write_files<E: Engine>(&self, new: &Path, network: &mut GoogLeNet<E>) -> Result<(), ModelDirError> {
        let architecture = new.join(ARCHITECTURE);
        let text = architecture_file::to_toml(network.architecture(), Some(self.resolution));
        fs::write(&architecture, text).map_err(io(&architecture))?;
        network.save(&new.join(WEIGHTS))?;
        let description = new.join(MODEL);
        let json = serde_json::to_string_pretty(self);
        let json = json.map_err(|error| ModelDirError::Json { path: description.clone(), error })?;
        fs::write(&description, json + "\n").map_err(io(&description))
    }

    /// Reads a model folder and builds its network.
    ///
    /// # Errors
    /// [`ModelDirError`] naming the file that is missing, damaged, of another version, or does not fit the others.
    pub fn read<E: Engine>(dir: &Path, engine: E) -> Result<(Self, GoogLeNet<E>), ModelDirError> {
        let path = dir.join(MODEL);
        let model = read_description(&path)?;
        if (model.mean, model.std) != (MEAN, STD) {
            return Err(ModelDirError::Normalisation(path));
        }
        let architecture = architecture_file::read(&dir.join(ARCHITECTURE))?.architecture;
        if architecture.classes() != model.classes.len() {
            let (described, network) = (model.classes.len(), architecture.classes());
            return Err(ModelDirError::Classes { path, described, network });
        }
        let fits = architecture.layers(model.resolution);
        fits.map_err(|error| ModelDirError::Resolution { path, error })?;
        let mut network = GoogLeNet::new(engine, &architecture, model.seed)?;
        network.load(&dir.join(WEIGHTS))?;
        Ok((model, network))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use dfdx::prelude::*;

    use super::*;
    use crate::arch::Architecture;
    use crate::data::{Augment, Crop};
    use crate::ops::Gemm;

    pub(in crate::export) fn model() -> Model {
        let measurement = Measurement { images: 10, accuracy: 0.7, accuracy_se: 0.145, loss: 0.6 };
        let recipe = Recipe {
            epochs: 2,
            batch: 4,
            peak_learning_rate: 0.05,
            warmup: 0.1,
            momentum: 0.9,
            weight_decay: 5e-4,
            label_smoothing: 0.05,
            augment: Augment { crop: Crop::Shift, flip: true },
        };
        Model {
            version: VERSION,
            classes: vec!["cat".to_owned(), "dog".to_owned()],
            resolution: 32,
            mean: MEAN,
            std: STD,
            recipe,
            seed: 3,
            device: DeviceKind::Cpu,
            data_fingerprint: "f".to_owned(),
            validation: measurement,
            test: Some(measurement),
            seconds: 1.5,
        }
    }

    fn network(seed: u64) -> GoogLeNet<Gemm> {
        GoogLeNet::new(Gemm::new(), &Architecture::googlenet_scaled(0.1, 2, true).unwrap(), seed).unwrap()
    }

    #[test]
    fn a_model_reads_back_with_the_same_bits() {
        let dir = tempfile::tempdir().unwrap();
        let (dir, mut network) = (dir.path().join("model"), network(1));
        model().write(&dir, &mut network).unwrap();
        model().write(&dir, &mut network).unwrap();
        let (read, reloaded) = Model::read(&dir, Gemm::new()).unwrap();
        assert_eq!(read, model());
        let logits = |network: &GoogLeNet<Gemm>| {
            let images = network.engine().device().tensor_from_vec(vec![0.3; 2 * 32 * 32 * 3], (2, 32, 32, 3));
            network.forward(images).unwrap().as_vec().into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        assert_eq!(logits(&network), logits(&reloaded));
    }

    #[test]
    fn neighbours_of_a_model_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        for neighbour in ["model.old", "model.new"] {
            fs::create_dir(folder.path().join(neighbour)).unwrap();
            fs::write(folder.path().join(neighbour).join("thesis.txt"), "mine").unwrap();
        }
        let dir = folder.path().join("model/");
        model().write(&dir, &mut network(1)).unwrap();
        model().write(&dir, &mut network(2)).unwrap();
        let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["model", "model.new", "model.old"]);
        assert!(folder.path().join("model.old/thesis.txt").exists());
        // What was exported of the old model goes with it; what is somebody's own is not touched.
        fs::write(dir.join("model.onnx"), "exported").unwrap();
        model().write(&dir, &mut network(1)).unwrap();
        assert!(!dir.join("model.onnx").exists());
        fs::create_dir(dir.join("mine")).unwrap();
        let refused = model().write(&dir, &mut network(2)).unwrap_err();
        assert!(matches!(&refused, ModelDirError::Foreign(path) if path.ends_with("model/mine")), "{refused}");
        assert!(dir.join("mine").exists());
        assert!(matches!(check_free(Path::new("..")), Err(ModelDirError::NoName(_))));
    }

    #[test]
    fn a_place_that_no_folder_can_be_made_in_is_refused_before_a_training() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(matches!(check_free(&folder.path().join("file/model")), Err(ModelDirError::Place { .. })));
        check_free(&folder.path().join("not/yet/there")).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_not_a_model_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let error = |dir: &Path| Model::read(dir, Gemm::new()).err().unwrap().to_string();
        assert!(error(dir).contains("model.json"));
        fs::write(dir.join("notes.txt"), "mine").unwrap();
        assert!(matches!(model().write(dir, &mut network(1)), Err(ModelDirError::Occupied(_))));
        fs::remove_file(dir.join("notes.txt")).unwrap();
        model().write(dir, &mut network(1)).unwrap();

        let description = fs::read_to_string(dir.join(MODEL)).unwrap();
        fs::write(dir.join(MODEL), description.replace("\"resolution\": 32", "\"resolution\": 5")).unwrap();
        assert!(error(dir).contains("model.json: an input of 5 px"), "{}", error(dir));
        fs::write(dir.join(MODEL), description.replace("\"version\": 1", "\"version\": 2")).unwrap();
        assert!(error(dir).contains("version 2 of the model folder; this program reads version 1"), "{}", error(dir));
        fs::write(dir.join(MODEL), description.replace("\"dog\"", "\"dog\", \"fox\"")).unwrap();
        assert!(error(dir).contains("3 class names, but the network has 2 classes"), "{}", error(dir));
        fs::write(dir.join(MODEL), &description).unwrap();
        let other = Architecture::googlenet_scaled(0.5, 2, true).unwrap();
        fs::write(dir.join(ARCHITECTURE), architecture_file::to_toml(&other, None)).unwrap();
        assert!(error(dir).contains("weights of another architecture"), "{}", error(dir));
    }
}
