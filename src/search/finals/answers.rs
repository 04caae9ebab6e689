//! Which test images every network of the finals got right.

use serde::{Deserialize, Serialize};

/// The answers of all trainings of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// SHA-256 of the list that was frozen before.
    pub list: String,
    /// For each job of the list, in its order: a `1` for every test image that was classified right and a `0` for every
    /// other, in the order of the split. Nothing for a training that failed.
    pub right: Vec<Option<String>>,
}

impl Answers {
    /// The answers of training `index`, if it has any.
    pub fn of(&self, index: usize) -> Option<Vec<bool>> {
        let text = self.right.get(index)?.as_ref()?;
        Some(text.bytes().map(|byte| byte == b'1').collect())
    }

    /// Answers as they are stored.
    pub fn text(right: &[bool]) -> String {
        right.iter().map(|&right| if right { '1' } else { '0' }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_read_back() {
        let right = [true, false, false, true];
        let answers = Answers { list: String::new(), right: vec![None, Some(Answers::text(&right))] };
        assert_eq!((answers.of(0), answers.of(1), answers.of(2)), (None, Some(right.to_vec()), None));
    }
}
