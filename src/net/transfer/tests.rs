//! What a network computes with the weights that it inherits.

use std::collections::BTreeSet;

use dfdx::prelude::*;
use proptest::prelude::*;

use super::*;
use crate::arch::{BLOCKS, Branch, StemWidths};
use crate::net::GoogLeNet;
use crate::ops::{Engine, Gemm};

/// Widths in network order: the stem's three, then six a block.
const WIDTHS: usize = 3 + BLOCKS * Branch::ALL.len();

fn architecture(widths: &[usize], aux_heads: bool) -> Architecture {
    let stem = StemWidths { conv1: widths[0], conv2_reduce: widths[1], conv2: widths[2] };
    let blocks = std::array::from_fn(|block| BranchWidths::new(std::array::from_fn(|i| widths[3 + 6 * block + i])));
    Architecture::new(stem, blocks, 3, aux_heads).unwrap()
}

/// Widths that are all different from their neighbours'.
fn widths() -> Vec<usize> {
    (0..WIDTHS).map(|i| 3 + i % 4).collect()
}

/// Tensors in which no channel of batch norm is like another one.
fn weights(architecture: &Architecture) -> Tensors {
    let mut tensors = GoogLeNet::new(Gemm::new(), architecture, 5).unwrap().tensors().unwrap();
    let mut generator = ChaCha8Rng::seed_from_u64(7);
    for (name, tensor) in &mut tensors {
        let base = if name.ends_with("bn.weight") || name.ends_with("running_var") { 1.0 } else { 0.0 };
        if name.contains(".bn.") {
            let draw = |_: &f32| base + 0.4 * (generator.next_u32() as i32 as f32 / (1_u32 << 31) as f32);
            tensor.values = tensor.values.iter().map(draw).collect();
        }
    }
    tensors
}

fn network(architecture: &Architecture, tensors: &Tensors) -> GoogLeNet<Gemm> {
    let mut network = GoogLeNet::new(Gemm::new(), architecture, 1).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let bytes = crate::net::weights::encode(tensors, architecture.canonical()).unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    network.load(file.path()).unwrap();
    network
}

/// Logits at inference, and those of all heads in training without dropout.
fn logits(architecture: &Architecture, tensors: &Tensors) -> Vec<f32> {
    let mut network = network(architecture, tensors);
    let pixels = (0..4 * 32 * 32 * 3).map(|i| (i as f32 * 0.7).sin() + (i as f32 * 0.0013).cos()).collect::<Vec<_>>();
    let images = network.engine().device().tensor_from_vec(pixels, (4, 32, 32, 3));
    let mut all = network.forward(images.clone()).unwrap().as_vec();
    let trained = network.forward_train(images.leaky_traced(), None).unwrap();
    all.extend(trained.logits.as_vec());
    trained.aux_logits.into_iter().for_each(|logits| all.extend(logits.as_vec()));
    all
}

fn assert_computes_the_same(what: &str, child: &Architecture, tensors: &Tensors, expected: &[f32]) {
    let found = logits(child, tensors);
    let off = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f32::max);
    assert!(found.len() == expected.len() && off < 1e-4, "{what}: off by {off}");
}

#[test]
fn a_child_that_is_only_wider_computes_what_its_parent_does() {
    for aux_heads in [false, true] {
        let parent = architecture(&widths(), aux_heads);
        let (inherited, expected) = (weights(&parent), logits(&parent, &weights(&parent)));
        assert!(expected.iter().any(|logit| logit.abs() > 0.1), "{expected:?}");
        let check = |what: &str, widths: &[usize]| {
            let child = architecture(widths, aux_heads);
            let tensors = transfer_with(&inherited, &child, 3, 0.0).unwrap();
            assert_computes_the_same(what, &child, &tensors, &expected);
        };
        // Up to more than three times as many, so that some channels are there four times.
        for (gene, (name, _)) in parent.widths().into_iter().enumerate() {
            let mut wider = widths();
            wider[gene] += 1 + 3 * (gene % 5);
            check(&name, &wider);
        }
        check("all", &widths().iter().map(|width| width * 2 + 1).collect::<Vec<_>>());
    }
}

#[test]
fn an_equal_child_has_the_same_bits() {
    let parent = architecture(&widths(), true);
    let inherited = weights(&parent);
    assert_eq!(transfer(&inherited, &parent, 3).unwrap(), inherited);
    // A child without heads has all but theirs.
    let headless = transfer(&inherited, &architecture(&widths(), false), 3).unwrap();
    assert!(headless.iter().all(|(name, tensor)| inherited[name] == *tensor) && headless.len() < inherited.len());
}

#[test]
fn what_gets_narrower_loses_its_weakest_channels() {
    let parent = architecture(&widths(), true);
    let wide = architecture(&widths().iter().map(|width| width + 3).collect::<Vec<_>>(), true);
    // A network with three channels more in every layer than it needs: they are always 0.
    let mut needless = transfer_with(&weights(&parent), &wide, 3, 0.0).unwrap();
    let narrow = weights(&parent);
    let mut expected = narrow.clone();
    for (name, tensor) in &mut needless {
        let copied = |extra: usize| extra >= narrow[name].values.len();
        if name.ends_with("bn.weight") && !name.starts_with("aux") {
            tensor.values.iter_mut().enumerate().filter(|(at, _)| copied(*at)).for_each(|(_, value)| *value = -1e-6);
        }
        if name.ends_with("bn.bias") && !name.starts_with("aux") {
            tensor.values.iter_mut().enumerate().filter(|(at, _)| copied(*at)).for_each(|(_, value)| *value = -1.0);
        }
    }
    let kept = transfer(&needless, &parent, 3).unwrap();
    for name in ["inception4b.branch2.0.bn.weight", "conv3.bn.running_var", "inception5b.branch4.1.bn.bias"] {
        assert_eq!(kept[name], expected.remove(name).unwrap(), "{name}");
    }
    assert_computes_the_same("narrow", &parent, &kept, &logits(&wide, &needless));
}

#[test]
fn noise_is_in_the_repeated_channels_alone_and_follows_from_the_seed() {
    let parent = architecture(&widths(), false);
    let child = architecture(&widths().iter().map(|width| width * 2 + 1).collect::<Vec<_>>(), false);
    let of = |seed, noise| transfer_with(&weights(&parent), &child, seed, noise).unwrap();
    let (quiet, noisy) = (of(3, 0.0), of(3, NOISE));
    assert_eq!(noisy, transfer(&weights(&parent), &child, 3).unwrap());
    assert_ne!(noisy, of(4, NOISE));
    let name = "inception3a.branch1.conv.weight";
    let (width, kernel) = (weights(&parent)[name].shape[0], quiet[name].shape[1]);
    let rows = |tensors: &Tensors| -> Vec<Vec<u32>> {
        tensors[name].values.chunks(kernel).map(|row| row.iter().map(|weight| weight.to_bits()).collect()).collect()
    };
    let distinct = |tensors: &Tensors| rows(tensors).into_iter().collect::<BTreeSet<_>>().len();
    assert_eq!((distinct(&quiet), distinct(&noisy)), (width, 2 * width + 1));
    assert_eq!(rows(&quiet)[..width], rows(&noisy)[..width]);
    // Every channel is there twice, one of them three times.
    let scales: Vec<u32> = noisy["inception3a.branch1.bn.weight"].values.iter().map(|it| it.to_bits()).collect();
    let mut counts: Vec<usize> =
        scales[..width].iter().map(|scale| scales.iter().filter(|it| *it == scale).count()).collect();
    counts.sort_unstable();
    assert_eq!((counts[0], counts[width - 2], counts[width - 1]), (2, 2, 3));
}

#[test]
fn weights_that_cannot_be_inherited_are_refused() {
    let parent = weights(&architecture(&widths(), false));
    let refused = |tensors: &Tensors, child| transfer(tensors, &child, 1).unwrap_err();
    let with_heads = architecture(&widths(), true);
    assert_eq!(refused(&parent, with_heads), "aux1.conv.bn.weight is missing");
    let classes = architecture(&widths(), false).with_classes(7).unwrap();
    assert!(refused(&parent, classes).contains("fc.weight is [3, "));
    let mut torn = parent.clone();
    torn.insert("conv2.bn.bias".to_owned(), StoredTensor::default());
    assert!(refused(&torn, architecture(&widths(), false)).starts_with("conv2.bn.bias is []"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_child_can_inherit_from_any_parent(
        pairs in prop::collection::vec((1..9usize, 1..9usize), WIDTHS),
        aux_heads: bool,
        seed: u64,
    ) {
        let (theirs, ours): (Vec<usize>, Vec<usize>) = pairs.into_iter().unzip();
        let child = architecture(&ours, aux_heads);
        let inherited = transfer(&weights(&architecture(&theirs, aux_heads)), &child, seed).unwrap();
        let shapes = |tensors: &Tensors| {
            tensors.iter().map(|(name, tensor)| (name.clone(), tensor.shape.clone())).collect::<Vec<_>>()
        };
        prop_assert_eq!(shapes(&inherited), shapes(&weights(&child)));
        prop_assert!(inherited.values().all(|tensor| tensor.shape.iter().product::<usize>() == tensor.values.len()));
        prop_assert!(inherited.values().flat_map(|tensor| &tensor.values).all(|value| value.is_finite()));
    }
}
