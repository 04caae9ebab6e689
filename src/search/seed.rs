//! Where randomness comes from: a pure function of what it is for.

use sha2::{Digest, Sha256};

use super::trial::Fidelity;
use crate::arch::ArchitectureKey;
use crate::space::Rng;

/// The seed of one training: the first 8 bytes, little-endian, of SHA-256 over run seed, architecture, fidelity and
/// replicate. The same training in the same run has the same seed, whenever and wherever it runs.
pub fn trial_seed(run_seed: u64, key: &ArchitectureKey, fidelity: &Fidelity, replicate: u64) -> u64 {
    training_seed(b"trial\0", run_seed, key, fidelity, replicate)
}

/// The seed of a training of a search: that of [`trial_seed`] without a replicate where it starts from initial weights, and
/// another one for every generation of weights.
pub fn search_seed(run_seed: u64, key: &ArchitectureKey, fidelity: &Fidelity, generation: usize) -> u64 {
    match generation {
        0 => trial_seed(run_seed, key, fidelity, 0),
        _ => training_seed(b"heir\0", run_seed, key, fidelity, generation as u64),
    }
}

fn training_seed(kind: &[u8], run_seed: u64, key: &ArchitectureKey, fidelity: &Fidelity, number: u64) -> u64 {
    let mut hash = Sha256::new_with_prefix(kind);
    hash.update(run_seed.to_le_bytes());
    hash.update(key.bytes());
    for number in [fidelity.resolution as u64, fidelity.images as u64, fidelity.epochs as u64, number] {
        hash.update(number.to_le_bytes());
    }
    let digest = hash.finalize();
    let mut seed = [0; 8];
    seed.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(seed)
}

/// The generator with which proposal `index` is made. No state is carried from one proposal to the next, so a search
/// can be taken up at any point.
pub fn step_rng(run_seed: u64, index: usize) -> Rng {
    let mut hash = Sha256::new_with_prefix(b"step\0");
    hash.update(run_seed.to_le_bytes());
    hash.update((index as u64).to_le_bytes());
    Rng::from_seed(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Architecture;

    #[test]
    fn a_seed_depends_on_everything_it_should() {
        let key = |classes| Architecture::googlenet(classes, false).unwrap().key();
        let fidelity = Fidelity { resolution: 64, images: 1000, epochs: 3 };
        let seed = trial_seed(1, &key(2), &fidelity, 0);
        // Pinned: stored runs hold seeds, and must stay resumable.
        assert_eq!(seed, 9_394_978_441_100_965_714);
        for other in [
            trial_seed(2, &key(2), &fidelity, 0),
            trial_seed(1, &key(3), &fidelity, 0),
            trial_seed(1, &key(2), &Fidelity { epochs: 4, ..fidelity }, 0),
            trial_seed(1, &key(2), &Fidelity { images: 3, epochs: 1000, ..fidelity }, 0),
            trial_seed(1, &key(2), &fidelity, 1),
        ] {
            assert_ne!(other, seed);
        }
    }

    #[test]
    fn every_generation_has_a_seed_of_its_own() {
        let key = Architecture::googlenet(2, false).unwrap().key();
        let fidelity = Fidelity { resolution: 64, images: 1000, epochs: 3 };
        let seeds = [0, 1, 2].map(|generation| search_seed(1, &key, &fidelity, generation));
        assert_eq!(seeds[0], trial_seed(1, &key, &fidelity, 0));
        assert!(!seeds[1..].iter().any(|seed| (0..3).any(|i| trial_seed(1, &key, &fidelity, i) == *seed)));
        assert_ne!(seeds[1], seeds[2]);
    }

    #[test]
    fn steps_have_generators_of_their_own() {
        let draw = |seed, index| step_rng(seed, index).below(1 << 30);
        assert_eq!(draw(1, 5), draw(1, 5));
        assert_ne!(draw(1, 5), draw(1, 6));
        assert_ne!(draw(1, 5), draw(2, 5));
    }
}
