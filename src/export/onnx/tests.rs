//! Files are run by the ONNX runtime `rten`. `tests/golden/onnx_check.py` has onnxruntime and ONNX's own checker do the same.

use std::path::PathBuf;

use dfdx::prelude::*;
use rten::ValueOrView;
use rten_tensor::prelude::*;

use super::*;
use crate::arch::Architecture;
use crate::export::pytorch;
use crate::ops::Gemm;

const RESOLUTION: usize = 48;

/// Folder for the files that the script checks.
const OUT: &str = "INCEPTION_NAS_EXPORT_OUT";

fn model(network: &GoogLeNet<Gemm>) -> Model {
    let classes = (0..network.architecture().classes()).map(|class| format!("\"class\" {class}")).collect();
    Model { classes, resolution: RESOLUTION, ..crate::export::model_dir::tests::model() }
}

/// A network of uneven widths whose running statistics have seen some images, so that folding has something to fold.
fn network() -> GoogLeNet<Gemm> {
    let mut network = GoogLeNet::new(Gemm::new(), &Architecture::googlenet_scaled(0.17, 3, true).unwrap(), 5).unwrap();
    for step in 0..3 {
        let device = network.engine().device();
        let images = device.tensor_from_vec(pixels(4, step), (4, RESOLUTION, RESOLUTION, 3));
        network.forward_train(images.leaky_trace(), None).unwrap();
    }
    network
}

/// Channels last.
fn pixels(images: usize, step: usize) -> Vec<f32> {
    let count = images * RESOLUTION * RESOLUTION * 3;
    (0..count)
        .map(|i| ((i + 7919 * step) as u32).wrapping_mul(2_654_435_769) as f32 / u32::MAX as f32 * 4.0 - 2.0)
        .collect()
}

/// From `[N, H, W, 3]` to `[N, 3, H, W]`.
fn channels_first(pixels: &[f32]) -> Vec<f32> {
    let area = RESOLUTION * RESOLUTION;
    let image = |image: &[f32]| {
        (0..3).flat_map(|c| (0..area).map(move |i| (c, i))).map(|(c, i)| image[3 * i + c]).collect::<Vec<_>>()
    };
    pixels.chunks_exact(3 * area).flat_map(image).collect()
}

fn run(file: &[u8], images: usize, pixels: &[f32]) -> Vec<f32> {
    let model = rten::Model::load(file.to_vec()).unwrap();
    let [input, output] = [INPUT, OUTPUT].map(|name| model.node_id(name).unwrap());
    let images = rten_tensor::Tensor::from_data(&[images, 3, RESOLUTION, RESOLUTION], channels_first(pixels));
    let [logits] = model.run_n(vec![(input, ValueOrView::from(images.view()))], [output], None).unwrap();
    let logits: rten_tensor::Tensor<f32> = logits.try_into().unwrap();
    logits.to_vec()
}

#[test]
fn another_runtime_gives_the_same_logits_for_any_number_of_images() {
    let mut network = network();
    let model = model(&network);
    let files = [true, false].map(|fold| onnx(&model, &mut network, fold).unwrap());
    for images in [1, 5] {
        let pixels = pixels(images, 9);
        let maps = network.engine().device().tensor_from_vec(pixels.clone(), (images, RESOLUTION, RESOLUTION, 3));
        let ours = network.forward(maps).unwrap().as_vec();
        let spread = ours.iter().fold(0_f32, |most, logit| most.max((logit - ours[0]).abs()));
        assert!(spread > 0.01, "logits that differ: {ours:?}");
        for file in &files {
            let theirs = run(file, images, &pixels);
            assert_eq!(theirs.len(), ours.len());
            let apart = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0_f32, f32::max);
            assert!(apart < 1e-5, "{apart}");
        }
        if let Some(out) = std::env::var_os(OUT).map(PathBuf::from) {
            let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
            for (name, file) in ["folded", "plain"].into_iter().zip(&files) {
                std::fs::write(out.join(format!("{name}.onnx")), file).unwrap();
            }
            std::fs::write(out.join(format!("images{images}.f32")), bytes(&channels_first(&pixels))).unwrap();
            std::fs::write(out.join(format!("logits{images}.f32")), bytes(&ours)).unwrap();
            std::fs::write(out.join("model.py"), pytorch(&model, network.architecture())).unwrap();
            network.save(&out.join("weights.safetensors")).unwrap();
        }
    }
}

#[test]
fn the_file_says_what_it_needs_and_holds_no_more_than_that() {
    let mut network = network();
    let model = model(&network);
    for fold in [true, false] {
        let file = proto::Model::decode(&onnx(&model, &mut network, fold).unwrap()[..]).unwrap();
        let metadata = |key: &str| file.metadata_props.iter().find(|entry| entry.key == key).unwrap().value.clone();
        assert_eq!(metadata("classes"), r#"["\"class\" 0","\"class\" 1","\"class\" 2"]"#);
        assert_eq!((metadata("mean").as_str(), metadata("resolution").as_str()), ("0.485,0.456,0.406", "48"));
        let graph = file.graph.unwrap();
        let count = |op: &str| graph.node.iter().filter(|node| node.op_type == op).count();
        assert_eq!((count("Conv"), count("BatchNormalization")), (57, if fold { 0 } else { 57 }));
        // Two tensors a convolution when folded, else five; two of the classifier; none of the auxiliary heads.
        assert_eq!(graph.initializer.len(), 57 * if fold { 2 } else { 5 } + 2);
        assert!(graph.initializer.iter().all(|tensor| !tensor.raw_data.is_empty()));
    }
}
