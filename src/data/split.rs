//! Which image is trained on and which is held back: decided by the content of its file alone.

/// SHA-256 of an image's file, or of the pixels of a drawn image.
pub(super) type ContentHash = [u8; 32];

/// One of three disjoint parts of a data set. Which image falls where depends on its content alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// Networks are fitted to these.
    Train,
    /// Networks are compared on these.
    Validation,
    /// Opened once, for results that are reported.
    Test,
}

impl Split {
    /// All three, in the order of their discriminants.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "training",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }

    /// Tenths of all images that it gets on average.
    pub(super) fn tenths(self) -> u8 {
        match self {
            Self::Train => 8,
            Self::Validation | Self::Test => 1,
        }
    }

    /// Where an image belongs: the hash, read as a fraction of 1, falls into [0, 0.8), [0.8, 0.9) or [0.9, 1).
    ///
    /// No other image has a say in it, so adding or removing images never moves one from training to test, and exact
    /// duplicates are always together.
    pub(super) fn of(hash: &ContentHash) -> Self {
        let fraction = u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]]);
        match (u64::from(fraction) * 10) >> 32 {
            0..8 => Self::Train,
            8 => Self::Validation,
            _ => Self::Test,
        }
    }
}

/// Indices of the images of each split, ordered by hash and then by label.
///
/// The order, too, is a matter of content: the first n images of a split are a random sample of it, whatever the files
/// are called. Bytes 0 to 3 choose the split, so the order goes by those from byte 4 on.
pub(super) fn split(hashes: &[ContentHash], labels: &[u16]) -> [Vec<u32>; 3] {
    let mut order: Vec<u32> = (0..hashes.len() as u32).collect();
    order.sort_by_key(|&index| (&hashes[index as usize][4..], labels[index as usize]));
    Split::ALL.map(|split| order.iter().copied().filter(|&index| Split::of(&hashes[index as usize]) == split).collect())
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    fn hashes(range: std::ops::Range<u32>) -> Vec<ContentHash> {
        range.map(|i| Sha256::digest(i.to_le_bytes()).into()).collect()
    }

    #[test]
    fn shares_are_eight_one_and_one_tenth() {
        let splits = split(&hashes(0..10_000), &[0; 10_000]);
        let sizes = splits.each_ref().map(Vec::len);
        assert_eq!(sizes.iter().sum::<usize>(), 10_000);
        for (size, expected) in sizes.into_iter().zip([8000, 1000, 1000]) {
            assert!(size.abs_diff(expected) < 120, "{sizes:?}");
        }
    }

    #[test]
    fn an_image_stays_where_it_is_when_others_come() {
        let (few, many) = (hashes(0..100), hashes(0..500));
        let (before, after) = (split(&few, &[0; 100]), split(&many, &[0; 500]));
        for (before, after) in before.iter().zip(&after) {
            let kept: Vec<u32> = after.iter().copied().filter(|&index| index < 100).collect();
            assert_eq!(&kept, before);
        }
    }

    #[test]
    fn duplicates_stay_together_and_the_order_ignores_positions() {
        let once = hashes(0..200);
        let twice: Vec<ContentHash> = once.iter().rev().chain(&once).copied().collect();
        let splits = split(&twice, &[0; 400]);
        for (split, reference) in splits.iter().zip(split(&once, &[0; 200])) {
            let pairs: Vec<_> =
                split.chunks(2).map(|pair| (twice[pair[0] as usize], twice[pair[1] as usize])).collect();
            let expected: Vec<_> = reference.iter().map(|&i| (once[i as usize], once[i as usize])).collect();
            assert_eq!(pairs, expected);
        }
    }
}
