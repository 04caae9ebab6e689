//! A trained model as an ONNX file, for runtimes that know nothing of this program.

mod graph;
mod proto;
#[cfg(test)]
mod tests;

use prost::Message;

use self::graph::Builder;
use self::proto::{Dimension, Entry, Extent, FLOAT, OperatorSet, Shape, TensorType, Type, Value};
use super::model_dir::Model;
use crate::net::GoogLeNet;
use crate::ops::{Engine, OpError};

/// Version of the operators: that of ONNX 1.12, of 2022.
const OPERATORS: i64 = 17;

/// Version of the format that belongs to it.
const IR_VERSION: i64 = 8;

const INPUT: &str = "images";
const OUTPUT: &str = "logits";

/// The file: `images: [batch, 3, resolution, resolution]` -> `logits: [batch, classes]`, any number of images at once, without
/// auxiliary heads. The images are red, green and blue from 0 to 1, minus `mean`, over `std`; these, the class names and the
/// architecture stand in the metadata. With `fold`, batch norm is part of the convolutions, otherwise on its own.
///
/// # Errors
/// [`OpError`] if the network's tensors cannot be read.
pub fn onnx<E: Engine>(model: &Model, network: &mut GoogLeNet<E>, fold: bool) -> Result<Vec<u8>, OpError> {
    let architecture = network.architecture().clone();
    let graph = Builder::new(network.tensors()?, fold).googlenet(INPUT, OUTPUT);
    let side = Extent::Fixed(model.resolution as i64);
    let batch = || Extent::Named("batch".to_owned());
    let input = value(INPUT, [batch(), Extent::Fixed(3), side.clone(), side]);
    let output = value(OUTPUT, [batch(), Extent::Fixed(model.classes.len() as i64)]);
    let entry = |key: &str, value: String| Entry { key: key.to_owned(), value };
    let list = |values: [f32; 3]| values.map(|value| value.to_string()).join(",");
    let metadata_props = vec![
        // As a JSON list: a name may hold any character.
        entry("classes", serde_json::json!(model.classes).to_string()),
        entry("mean", list(model.mean)),
        entry("std", list(model.std)),
        entry("resolution", model.resolution.to_string()),
        entry("architecture", architecture.canonical()),
    ];
    let file = proto::Model {
        ir_version: IR_VERSION,
        producer_name: env!("CARGO_PKG_NAME").to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(proto::Graph { input: vec![input], output: vec![output], ..graph }),
        opset_import: vec![OperatorSet { domain: String::new(), version: OPERATORS }],
        metadata_props,
    };
    Ok(file.encode_to_vec())
}

fn value(name: &str, extents: impl IntoIterator<Item = Extent>) -> Value {
    let dim = extents.into_iter().map(|extent| Dimension { value: Some(extent) }).collect();
    let tensor_type = TensorType { elem_type: FLOAT, shape: Some(Shape { dim }) };
    Value { name: name.to_owned(), r#type: Some(Type { tensor_type: Some(tensor_type) }) }
}
