//! GoogLeNet as nodes of ONNX. Names are those of torchvision's weights.

use std::collections::BTreeMap;

use super::proto::{Attribute, FLOAT, Graph, Node, Tensor};
use crate::arch::BLOCK_MODULES;
use crate::net::{BATCH_NORM_EPSILON, POOLED, StoredTensor};
use crate::ops::Window;

/// Puts nodes behind one another.
pub(super) struct Builder {
    tensors: BTreeMap<String, StoredTensor>,
    fold: bool,
    graph: Graph,
}

impl Builder {
    /// A builder with the tensors of a network, by name.
    pub fn new(tensors: BTreeMap<String, StoredTensor>, fold: bool) -> Self {
        Self { tensors, fold, graph: Graph { name: "GoogLeNet".to_owned(), ..Graph::default() } }
    }

    /// The whole network, without inputs and outputs declared.
    pub fn googlenet(mut self, input: &str, output: &str) -> Graph {
        let x = self.conv("conv1", input, Window::square(7, 2, 3));
        let x = self.halve("maxpool1", &x);
        let x = self.conv("conv2", &x, Window::square(1, 1, 0));
        let x = self.conv("conv3", &x, Window::square(3, 1, 1));
        let mut x = self.halve("maxpool2", &x);
        for (index, module) in BLOCK_MODULES.into_iter().enumerate() {
            x = self.inception(module, &x);
            if let Some((_, pool)) = POOLED.into_iter().find(|(block, _)| *block == index) {
                x = self.halve(pool, &x);
            }
        }
        let x = self.node("GlobalAveragePool", "avgpool", &[&x], vec![]);
        let x = self.node("Flatten", "flatten", &[&x], vec![]);
        let [weight, bias] = ["fc.weight", "fc.bias"].map(|name| self.given(name));
        self.node("Gemm", output, &[&x, &weight, &bias], vec![Attribute::int("transB", 1)]);
        self.graph
    }

    /// One block: four branches over `x`, concatenated.
    fn inception(&mut self, module: &str, x: &str) -> String {
        let name = |part: &str| format!("{module}.{part}");
        let branch1 = self.conv(&name("branch1"), x, Window::square(1, 1, 0));
        let reduced = self.conv(&name("branch2.0"), x, Window::square(1, 1, 0));
        let branch2 = self.conv(&name("branch2.1"), &reduced, Window::square(3, 1, 1));
        let reduced = self.conv(&name("branch3.0"), x, Window::square(1, 1, 0));
        let branch3 = self.conv(&name("branch3.1"), &reduced, Window::square(5, 1, 2));
        let pooled = self.max_pool(&name("branch4.0"), x, Window::square(3, 1, 1), false);
        let branch4 = self.conv(&name("branch4.1"), &pooled, Window::square(1, 1, 0));
        self.node("Concat", module, &[&branch1, &branch2, &branch3, &branch4], vec![Attribute::int("axis", 1)])
    }

    /// Convolution, batch norm and ReLU.
    fn conv(&mut self, name: &str, x: &str, window: Window) -> String {
        let attributes = windows(window);
        let x = if self.fold {
            let [weight, bias] = self.folded(name);
            self.node("Conv", &format!("{name}.conv"), &[x, &weight, &bias], attributes)
        } else {
            let weight = self.given(&format!("{name}.conv.weight"));
            let x = self.node("Conv", &format!("{name}.conv"), &[x, &weight], attributes);
            let [scale, shift, mean, variance] =
                ["weight", "bias", "running_mean", "running_var"].map(|part| self.given(&format!("{name}.bn.{part}")));
            let epsilon = Attribute::float("epsilon", BATCH_NORM_EPSILON);
            let inputs = [&x, &scale, &shift, &mean, &variance].map(String::as_str);
            self.node("BatchNormalization", &format!("{name}.bn"), &inputs, vec![epsilon])
        };
        self.node("Relu", &format!("{name}.relu"), &[&x], vec![])
    }

    /// 3x3 max pooling with stride 2; the last window may hang over the edge.
    fn halve(&mut self, name: &str, x: &str) -> String {
        self.max_pool(name, x, Window::square(3, 2, 0), true)
    }

    fn max_pool(&mut self, name: &str, x: &str, window: Window, ceil: bool) -> String {
        let mut attributes = windows(window);
        attributes.push(Attribute::int("ceil_mode", ceil.into()));
        self.node("MaxPool", name, &[x], attributes)
    }

    /// Adds a node whose output has its name.
    fn node(&mut self, op_type: &str, name: &str, inputs: &[&str], attribute: Vec<Attribute>) -> String {
        self.graph.node.push(Node {
            input: inputs.iter().map(|input| (*input).to_owned()).collect(),
            output: vec![name.to_owned()],
            name: name.to_owned(),
            op_type: op_type.to_owned(),
            attribute,
        });
        name.to_owned()
    }

    /// Puts a tensor of the network into the graph.
    fn given(&mut self, name: &str) -> String {
        let tensor = self.tensors.remove(name).unwrap_or_default();
        self.initializer(name, &tensor)
    }

    /// The weights and the bias of a convolution that does the work of its batch norm, too.
    fn folded(&mut self, name: &str) -> [String; 2] {
        let mut take = |part: &str| self.tensors.remove(&format!("{name}.{part}")).unwrap_or_default();
        let mut weight = take("conv.weight");
        let [scale, shift, mean, variance] =
            ["bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"].map(|part| take(part).values);
        let outputs = scale.len();
        let per_output = weight.values.len() / outputs.max(1);
        let mut bias = Vec::with_capacity(outputs);
        for (output, weights) in weight.values.chunks_exact_mut(per_output.max(1)).enumerate() {
            // In f64, so that folding costs no more than the rounding of its result.
            let factor =
                f64::from(scale[output]) / (f64::from(variance[output]) + f64::from(BATCH_NORM_EPSILON)).sqrt();
            weights.iter_mut().for_each(|weight| *weight = (f64::from(*weight) * factor) as f32);
            bias.push((f64::from(shift[output]) - f64::from(mean[output]) * factor) as f32);
        }
        let bias = StoredTensor { shape: vec![outputs], values: bias };
        [("weight", weight), ("bias", bias)].map(|(part, it)| self.initializer(&format!("{name}.conv.{part}"), &it))
    }

    fn initializer(&mut self, name: &str, tensor: &StoredTensor) -> String {
        self.graph.initializer.push(Tensor {
            dims: tensor.shape.iter().map(|extent| *extent as i64).collect(),
            data_type: FLOAT,
            name: name.to_owned(),
            raw_data: tensor.bytes(),
        });
        name.to_owned()
    }
}

/// Where the windows of a convolution or pooling lie.
fn windows(Window { kernel, stride, padding }: Window) -> Vec<Attribute> {
    let [top, left] = padding;
    vec![
        Attribute::ints("kernel_shape", &kernel),
        Attribute::ints("strides", &stride),
        Attribute::ints("pads", &[top, left, top, left]),
    ]
}
