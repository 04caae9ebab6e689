//! Agreement with PyTorch on the vectors that `tests/golden/ops.py` wrote.

use safetensors::SafeTensors;

use super::fused::Parameters;
use super::*;
use crate::ops::Moments;

/// The cases of one kind, by the names of their tensors.
struct Golden {
    tensors: SafeTensors<'static>,
    case: String,
}

impl Golden {
    fn open(case: impl Into<String>) -> Self {
        let bytes = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/ops.safetensors"));
        Self { tensors: SafeTensors::deserialize(bytes).unwrap(), case: case.into() }
    }

    /// The cases `kind.0`, `kind.1`, ...
    fn all(kind: &str) -> Vec<Self> {
        let cases: Vec<Self> = (0..)
            .map(|i| Self::open(format!("{kind}.{i}")))
            .take_while(|golden| {
                golden.tensors.names().iter().any(|name| name.starts_with(&format!("{}/", golden.case)))
            })
            .collect();
        assert!(!cases.is_empty(), "no golden vectors of {kind}");
        cases
    }

    fn values(&self, name: &str) -> Vec<f32> {
        let view = self.tensors.tensor(&format!("{}/{name}", self.case)).unwrap();
        view.data().chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
    }

    fn array(&self, name: &str) -> Array {
        let view = self.tensors.tensor(&format!("{}/{name}", self.case)).unwrap();
        Array::new(view.shape().try_into().unwrap(), self.values(name))
    }

    fn sizes<const N: usize>(&self, name: &str) -> [usize; N] {
        let sizes: Vec<usize> = self.values(name).iter().map(|&v| v as usize).collect();
        sizes.try_into().unwrap()
    }

    fn window(&self, name: &str) -> Window {
        let [kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w] = self.sizes(name);
        Window { kernel: [kernel_h, kernel_w], stride: [stride_h, stride_w], padding: [pad_h, pad_w] }
    }

    fn parameters<D: Device<f32>>(&self, device: &D, prefix: &str) -> Parameters<D> {
        let scale = self.values(&format!("{prefix}scale"));
        Parameters {
            weight: rows(device, &self.values(&format!("{prefix}weight")), scale.len()),
            shift: channels(device, &self.values(&format!("{prefix}shift"))),
            scale: channels(device, &scale),
            window: self.window(&format!("{prefix}window")),
        }
    }

    fn assert_close(&self, name: &str, got: &[f32]) {
        assert_close(&format!("{}/{name}", self.case), got, &self.values(name));
    }

    fn assert_gradients<D: Device<f32>>(
        &self,
        prefix: &str,
        parameters: &Parameters<D>,
        gradients: &Gradients<f32, D>,
    ) {
        self.assert_close(&format!("{prefix}dweight"), &gradients.get(&parameters.weight).as_vec());
        self.assert_close(&format!("{prefix}dscale"), &gradients.get(&parameters.scale).as_vec());
        self.assert_close(&format!("{prefix}dshift"), &gradients.get(&parameters.shift).as_vec());
    }

    /// Running statistics start at 0 and 1 and move by a tenth, PyTorch's default.
    fn assert_running<D: Device<f32>>(&self, prefix: &str, moments: &Moments<D>) {
        let mean: Vec<f32> = moments.mean.as_vec().iter().map(|m| 0.1 * m).collect();
        let variance: Vec<f32> = moments.variance.as_vec().iter().map(|v| 0.9 + 0.1 * v).collect();
        self.assert_close(&format!("{prefix}running_mean"), &mean);
        self.assert_close(&format!("{prefix}running_variance"), &variance);
    }
}

pub fn conv2d_matches_pytorch<E: Engine>(engine: &E) {
    for golden in Golden::all("conv2d") {
        let (x, dy) = (maps(engine.device(), &golden.array("x")), golden.array("dy"));
        let weight = rows(engine.device(), &golden.values("weight"), dy.shape[3]);
        let y = engine.conv2d(x.leaky_trace(), &weight, golden.window("window")).unwrap();
        golden.assert_close("y", &y.as_vec());
        let gradients = backward(y, &dy);
        golden.assert_close("dx", &gradients.get(&x).as_vec());
        golden.assert_close("dweight", &gradients.get(&weight).as_vec());
    }
}

pub fn batch_norm_matches_pytorch<E: Engine>(engine: &E) {
    let device = engine.device();
    let channels_of = |golden: &Golden, name| channels(device, &golden.values(name));
    for case in ["batch_norm_train", "batch_norm_eval"] {
        let golden = Golden::open(case);
        let x = maps(device, &golden.array("x"));
        let (scale, shift) = (channels_of(&golden, "scale"), channels_of(&golden, "shift"));
        let y = if case == "batch_norm_train" {
            let (y, moments) = engine.batch_norm_train(x.leaky_trace(), &scale, &shift, 1e-3).unwrap();
            golden.assert_running("", &moments);
            y
        } else {
            let (mean, variance) = (channels_of(&golden, "mean"), channels_of(&golden, "variance"));
            engine.batch_norm(x.leaky_trace(), &scale, &shift, &Moments { mean, variance }, 1e-3).unwrap()
        };
        golden.assert_close("y", &y.as_vec());
        let gradients = backward(y, &golden.array("dy"));
        golden.assert_close("dx", &gradients.get(&x).as_vec());
        golden.assert_close("dscale", &gradients.get(&scale).as_vec());
        golden.assert_close("dshift", &gradients.get(&shift).as_vec());
    }
}

pub fn pools_match_pytorch<E: Engine>(engine: &E) {
    for kind in ["max_pool", "avg_pool", "adaptive_avg_pool"] {
        for golden in Golden::all(kind) {
            let array = golden.array("x");
            let extents = [array.shape[1], array.shape[2]];
            let spans = if kind == "adaptive_avg_pool" {
                Spans::adaptive(extents, golden.sizes("output"))
            } else {
                let [ceil] = golden.sizes("ceil");
                Spans::sliding("pool", golden.window("window"), extents, ceil == 1).unwrap()
            };
            let x = maps(engine.device(), &array);
            let y = if kind == "max_pool" {
                engine.max_pool(x.leaky_trace(), &spans)
            } else {
                engine.avg_pool(x.leaky_trace(), &spans)
            };
            let (y, dy) = (y.unwrap(), golden.array("dy"));
            assert_eq!(shape(&y), dy.shape, "{}", golden.case);
            golden.assert_close("y", &y.as_vec());
            golden.assert_close("dx", &backward(y, &dy).get(&x).as_vec());
        }
    }
}

pub fn conv_bn_relu_matches_pytorch<E: Engine>(engine: &E) {
    let golden = Golden::open("conv_bn_relu");
    let x = maps(engine.device(), &golden.array("x"));
    let parameters = golden.parameters(engine.device(), "");
    let (y, moments) = engine.conv_bn_relu_train(x.leaky_trace(), &parameters.layer()).unwrap();
    golden.assert_close("y", &y.as_vec());
    golden.assert_running("", &moments);
    let gradients = backward(y, &golden.array("dy"));
    golden.assert_close("dx", &gradients.get(&x).as_vec());
    golden.assert_gradients("", &parameters, &gradients);
}

pub fn inception_matches_pytorch<E: Engine>(engine: &E) {
    const LAYERS: [&str; 6] = ["b1x1.", "b3x3_reduce.", "b3x3.", "b5x5_reduce.", "b5x5.", "pool_proj."];
    let golden = Golden::open("inception");
    let x = maps(engine.device(), &golden.array("x"));
    let parameters = LAYERS.map(|prefix| golden.parameters(engine.device(), prefix));
    let layers = parameters.each_ref().map(Parameters::layer);
    let (y, moments) = engine.inception_train(x.leaky_trace(), &layers).unwrap();
    golden.assert_close("y", &y.as_vec());
    let gradients = backward(y, &golden.array("dy"));
    golden.assert_close("dx", &gradients.get(&x).as_vec());
    for ((prefix, parameters), moments) in LAYERS.into_iter().zip(&parameters).zip(&moments) {
        golden.assert_running(prefix, moments);
        golden.assert_gradients(prefix, parameters, &gradients);
    }
}
