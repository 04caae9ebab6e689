//! A linear layer, and its gradients.

use super::array::round;

/// `x: [n, inputs]`, `weight: [inputs, outputs]`, `bias: [outputs]` -> `[n, outputs]`.
pub fn linear(x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let (inputs, outputs) = (weight.len() / bias.len(), bias.len());
    let value = |row: &[f32], o: usize| {
        let products = (0..inputs).map(|i| f64::from(row[i]) * f64::from(weight[i * outputs + o]));
        (products.sum::<f64>() + f64::from(bias[o])) as f32
    };
    x.chunks(inputs).flat_map(|row| (0..outputs).map(|o| value(row, o)).collect::<Vec<_>>()).collect()
}

/// Gradients of [`linear`].
pub struct LinearGradients {
    /// With respect to the input, `[n, inputs]`.
    pub x: Vec<f32>,
    /// With respect to the weight, `[inputs, outputs]`.
    pub weight: Vec<f32>,
    /// With respect to the bias, `[outputs]`.
    pub bias: Vec<f32>,
}

/// Given the gradient with respect to the output, `dy: [n, outputs]`.
pub fn linear_gradients(x: &[f32], weight: &[f32], dy: &[f32], outputs: usize) -> LinearGradients {
    let inputs = weight.len() / outputs;
    let (mut dx, mut dw, mut db) = (vec![0.0; x.len()], vec![0.0; weight.len()], vec![0.0; outputs]);
    for row in 0..x.len() / inputs {
        for o in 0..outputs {
            let g = f64::from(dy[row * outputs + o]);
            db[o] += g;
            for i in 0..inputs {
                dx[row * inputs + i] += g * f64::from(weight[i * outputs + o]);
                dw[i * outputs + o] += g * f64::from(x[row * inputs + i]);
            }
        }
    }
    LinearGradients { x: round(&dx), weight: round(&dw), bias: round(&db) }
}
