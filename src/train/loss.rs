//! What a training step minimises.

use dfdx::prelude::*;

use super::recipe::AUX_WEIGHT;
use crate::ops::{OpError, Rows};

/// A scalar on the tape.
type Scalar<D> = Tensor<Rank0, f32, D, OwnedTape<f32, D>>;

/// The loss of one step.
pub struct Loss<D: Device<f32>> {
    /// The main head's loss plus the weighted losses of the auxiliary heads, to differentiate.
    pub total: Scalar<D>,
    /// The main head's loss.
    main: Tensor<Rank0, f32, D>,
}

/// The values of a [`Loss`], still on the device.
pub struct UnreadValues<D: Device<f32>> {
    total: Tensor<Rank0, f32, D>,
    main: Tensor<Rank0, f32, D>,
}

/// The values of a [`Loss`] in nats.
#[derive(Clone, Copy, Debug)]
pub struct Values {
    /// Of what is minimised.
    pub total: f64,
    /// Of the main head: comparable between networks with and without auxiliary heads.
    pub main: f64,
}

impl<D: Device<f32>> Loss<D> {
    /// Its values, to be read later: reading makes the host wait for the device.
    pub fn values(&self) -> UnreadValues<D> {
        UnreadValues { total: self.total.retaped(), main: self.main.clone() }
    }
}

impl<D: Device<f32>> UnreadValues<D> {
    /// Waits for the device.
    pub fn read(self) -> Values {
        let value = |scalar: &Tensor<Rank0, f32, D>| f64::from(scalar.as_vec()[0]);
        Values { total: value(&self.total), main: value(&self.main) }
    }
}

/// Cross-entropy with label smoothing of the main head, plus [`AUX_WEIGHT`] times that of each auxiliary head.
///
/// `logits`, each of `aux_logits`: `[N, classes]`; `labels: [N]`, each less than `classes`; the mean is over the images.
/// Equal to PyTorch's `cross_entropy(logits, labels, label_smoothing=smoothing)`.
///
/// # Errors
/// [`OpError`] if the number of labels is not that of the logits' rows, a label is no class, or the device refuses.
pub fn loss<D: Device<f32>>(
    logits: Rows<D, OwnedTape<f32, D>>,
    aux_logits: Vec<Rows<D, OwnedTape<f32, D>>>,
    labels: &[usize],
    smoothing: f64,
) -> Result<Loss<D>, OpError> {
    let targets = targets(&logits, labels, smoothing)?;
    let mut total = cross_entropy(logits, targets.clone())?;
    let main = total.retaped();
    for logits in aux_logits {
        let aux = cross_entropy(logits, targets.clone())?;
        let aux = aux.try_mul(AUX_WEIGHT as f32).map_err(OpError::device)?;
        total = total.try_add(aux).map_err(OpError::device)?;
    }
    Ok(Loss { total, main })
}

/// Target distributions `[N, classes]`: `1 - smoothing` on the label, and `smoothing` spread evenly over all classes.
///
/// Source: Szegedy et al. 2015, "Rethinking the Inception Architecture", section 7.
fn targets<D: Device<f32>, T: Tape<f32, D>>(
    logits: &Rows<D, T>,
    labels: &[usize],
    smoothing: f64,
) -> Result<Rows<D>, OpError> {
    let (rows, classes) = *logits.shape();
    if labels.len() != rows {
        return Err(OpError::Shape { op: "loss", what: "number of labels", got: labels.len(), expected: rows });
    }
    if let Some(&label) = labels.iter().find(|&&label| label >= classes) {
        return Err(OpError::Shape { op: "loss", what: "number of classes", got: classes, expected: label + 1 });
    }
    let mut targets = vec![(smoothing / classes as f64) as f32; rows * classes];
    for (row, &label) in targets.chunks_exact_mut(classes).zip(labels) {
        row[label] = (1.0 - smoothing + smoothing / classes as f64) as f32;
    }
    logits.device().try_tensor_from_vec(targets, (rows, classes)).map_err(OpError::device)
}

/// The same as dfdx's `cross_entropy_with_logits_loss`, which panics where the device refuses.
fn cross_entropy<D: Device<f32>>(logits: Rows<D, OwnedTape<f32, D>>, targets: Rows<D>) -> Result<Scalar<D>, OpError> {
    let (rows, _) = *logits.shape();
    let log_probabilities = logits.try_log_softmax::<Axis<1>>().map_err(OpError::device)?;
    let sum = log_probabilities.try_mul(targets).and_then(|t| t.try_sum::<Rank0, _>()).map_err(OpError::device)?;
    sum.try_div(-(rows as f32)).map_err(OpError::device)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Logits as in `tests/golden/loss.py`.
    fn head(cpu: &Cpu, head: usize) -> Rows<Cpu> {
        let values = (0..12).map(|i| ((1 + 7 * head + 3 * (i / 3) + i % 3) as f32).sin()).collect();
        cpu.tensor_from_vec(values, (4, 3))
    }

    fn first_row(tensor: Rows<Cpu>) -> Vec<f32> {
        tensor.as_vec()[..3].to_vec()
    }

    #[test]
    fn values_and_gradients_are_those_of_pytorch() {
        let cpu = Cpu::default();
        let heads = [head(&cpu, 0), head(&cpu, 1), head(&cpu, 2)];
        let [main, aux1, aux2] = heads.clone().map(|logits| logits.leaky_traced());
        let loss = loss(main, vec![aux1, aux2], &[2, 0, 1, 2], 0.1).unwrap();
        let values = loss.values().read();
        assert!((values.main - 1.162615).abs() < 1e-5, "{values:?}");
        assert!((values.total - 2.024840).abs() < 1e-5, "{values:?}");
        let gradients = loss.total.backward();
        for (index, expected) in [(0, [0.089072, 0.095908, -0.184980]), (2, [0.044644, 0.015949, -0.060592])] {
            for (got, expected) in first_row(gradients.get(&heads[index])).into_iter().zip(expected) {
                assert!((got - expected).abs() < 1e-6, "head {index}: {got} is not {expected}");
            }
        }
    }

    #[test]
    fn refuses_labels_that_do_not_fit() {
        let cpu = Cpu::default();
        let of = |labels: &[usize]| loss(head(&cpu, 0).leaky_traced(), vec![], labels, 0.0).map(|_| ());
        assert!(matches!(of(&[0, 1]), Err(OpError::Shape { what: "number of labels", got: 2, expected: 4, .. })));
        assert!(matches!(of(&[0, 1, 2, 3]), Err(OpError::Shape { what: "number of classes", expected: 4, .. })));
    }
}
