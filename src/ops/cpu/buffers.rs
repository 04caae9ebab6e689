//! Memory that is used again, so that a training step neither asks the system for it nor fills it with zeros.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Elements that nobody uses, by capacity.
type Free = BTreeMap<usize, Vec<Vec<f32>>>;

/// Buffers of one training.
#[derive(Clone, Debug, Default)]
pub struct Buffers(Arc<Mutex<Free>>);

impl Buffers {
    /// No panic leaves the map in a state that matters.
    fn free(&self) -> MutexGuard<'_, Free> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A buffer of `len` elements of any value: whoever takes it overwrites all of it before reading.
    pub fn take(&self, len: usize) -> Buffer {
        let mut free = self.free();
        // The smallest that holds them, unless half of it would lie idle.
        let fitting = free.range_mut(len..=2 * len).find_map(|(_, buffers)| buffers.pop());
        Buffer { elements: fitting.unwrap_or_else(|| vec![0.0; len]), len, home: self.clone() }
    }

    /// Exactly so many elements of any value for a tensor, which do not come back by themselves.
    pub fn take_vec(&self, len: usize) -> Vec<f32> {
        let fitting = self.free().get_mut(&len).and_then(Vec::pop);
        fitting.unwrap_or_else(|| vec![0.0; len])
    }

    /// Elements that nobody uses.
    #[cfg(test)]
    pub fn elements(&self) -> usize {
        self.free().iter().map(|(length, buffers)| length * buffers.len()).sum()
    }

    /// A buffer of these elements, which come here afterwards: in exchange for those of a [`take_vec`](Self::take_vec), since
    /// what nobody takes stays for as long as the training.
    pub fn adopt(&self, elements: Vec<f32>) -> Buffer {
        Buffer { len: elements.len(), elements, home: self.clone() }
    }
}

/// A buffer that goes back where it came from.
#[derive(Debug)]
pub struct Buffer {
    elements: Vec<f32>,
    len: usize,
    home: Buffers,
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let elements = std::mem::take(&mut self.elements);
        if !elements.is_empty() {
            self.home.free().entry(elements.len()).or_default().push(elements);
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.elements[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.elements[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_for_lengths_near_its_own() {
        let buffers = Buffers::default();
        let mut first = buffers.take(4);
        first.fill(7.0);
        let place = first.as_ptr();
        assert_ne!(buffers.take(4).as_ptr(), place);
        drop(first);
        assert_eq!(buffers.take(5).len(), 5);
        assert_eq!(buffers.take(1).len(), 1);
        let both = [buffers.take(3), buffers.take(4)];
        assert!(both.iter().any(|buffer| buffer.as_ptr() == place && buffer[..] == vec![7.0; buffer.len()]));
        assert_eq!(both.each_ref().map(|buffer| buffer.len()), [3, 4]);
    }
}
