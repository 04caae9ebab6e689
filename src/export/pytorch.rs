//! A network as a Python module for PyTorch, which loads the weights of a model folder.

use super::model_dir::Model;
use crate::arch::{Architecture, BLOCK_MODULES};
use crate::net::{BATCH_NORM_EPSILON, DROPOUT, POOLED};

/// The module, with a place for everything that differs from network to network.
const MODULE: &str = include_str!("pytorch.py");

/// The text of `model.py` for a model of this architecture.
pub fn pytorch(model: &Model, architecture: &Architecture) -> String {
    let stem = architecture.stem();
    let blocks = BLOCK_MODULES.iter().zip(architecture.blocks());
    let blocks: String = blocks.map(|(name, widths)| format!("    \"{name}\": {:?},\n", widths.to_array())).collect();
    let pooled = POOLED.map(|(block, _)| format!("\"{}\"", BLOCK_MODULES[block])).join(", ");
    let values = [
        ("$RESOLUTION", model.resolution.to_string()),
        ("$MEAN", format!("{:?}", model.mean)),
        ("$STD", format!("{:?}", model.std)),
        ("$STEM", format!("{:?}", [stem.conv1, stem.conv2_reduce, stem.conv2])),
        ("$BLOCKS", format!("{{\n{blocks}}}")),
        ("$POOLED", format!("({pooled})")),
        ("$EPSILON", BATCH_NORM_EPSILON.to_string()),
        ("$DROPOUT", DROPOUT.to_string()),
        // Last, since names may hold anything. A JSON list of texts is one of Python's, too.
        ("$CLASSES", serde_json::json!(model.classes).to_string()),
    ];
    values.iter().fold(MODULE.to_owned(), |text, (place, value)| text.replacen(place, value, 1))
}
