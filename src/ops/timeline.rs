//! When a training step gets to the parts of a network.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use dfdx::prelude::*;
use dfdx::tensor::Synchronize;

use super::OpError;

/// A moment of a training step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// A part of the network.
    pub part: &'static str,
    /// When the forward pass came to it; at its second mark, when the backward pass was through with it.
    pub at: Instant,
}

/// Tells a listener when the passes of a step get to each part of a network; does nothing where nobody listens.
///
/// On any device: the device finishes its work before a moment is noted.
#[derive(Clone, Debug, Default)]
pub struct Timeline(Option<Sender<Mark>>);

impl Timeline {
    /// A timeline and its listener, who gets a mark for each part in the order of the forward pass, and then, if the result
    /// is differentiated, a second one for each in reverse. What lies between neighbours tiles the step without a gap.
    pub fn new() -> (Self, Receiver<Mark>) {
        let (sender, receiver) = channel();
        (Self(Some(sender)), receiver)
    }

    /// Begins `part`, which `x` is the input of, and returns `x` as it is.
    ///
    /// # Errors
    /// [`OpError::Device`] if somebody listens and the device refuses.
    pub fn begin<S: Shape, D: Device<f32> + Synchronize, T: Tape<f32, D>>(
        &self,
        part: &'static str,
        x: Tensor<S, f32, D, T>,
    ) -> Result<Tensor<S, f32, D, T>, OpError> {
        let Some(listener) = &self.0 else { return Ok(x) };
        let (device, listener) = (x.device().clone(), listener.clone());
        device.try_synchronize().map_err(OpError::device)?;
        note(&listener, part);
        let (x, mut tape) = x.split_tape();
        // Recorded before the part's own operations, so it runs after them: a tape plays in the reverse order of time.
        tape.add_backward_op(move |_| {
            device.try_synchronize()?;
            note(&listener, part);
            Ok(())
        });
        Ok(x.put_tape(tape))
    }
}

/// A listener may have gone away.
fn note(listener: &Sender<Mark>, part: &'static str) {
    let _ = listener.send(Mark { part, at: Instant::now() });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(marks: &Receiver<Mark>) -> Vec<&'static str> {
        let marks: Vec<Mark> = marks.try_iter().collect();
        assert!(marks.is_sorted_by_key(|mark| mark.at));
        marks.into_iter().map(|mark| mark.part).collect()
    }

    #[test]
    fn marks_come_forward_and_then_in_reverse_also_of_side_branches() {
        let (timeline, marks) = Timeline::new();
        let x = timeline.begin("first", Cpu::default().tensor([1.0, 2.0]).leaky_trace()).unwrap().square();
        let side = timeline.begin("side", x.retaped::<OwnedTape<_, _>>()).unwrap().exp();
        let x = timeline.begin("last", x).unwrap().sin();
        let loss = (side.sum::<Rank0, _>() + x.sum()).exp();
        assert_eq!(parts(&marks), ["first", "side", "last"]);
        loss.backward();
        assert_eq!(parts(&marks), ["last", "side", "first"]);
    }

    #[test]
    fn a_tensor_passes_as_it_is_with_and_without_a_listener() {
        let device = Cpu::default();
        let x = device.tensor([1.0, -2.0]);
        let gradient = |timeline: &Timeline| {
            let y = timeline.begin("square", x.leaky_trace()).unwrap().square();
            y.sum().backward().get(&x).array()
        };
        let (timeline, marks) = Timeline::new();
        drop(marks);
        assert_eq!(gradient(&timeline), [2.0, -4.0]);
        assert_eq!(gradient(&Timeline::default()), [2.0, -4.0]);
    }
}
