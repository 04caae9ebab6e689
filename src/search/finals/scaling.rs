//! The uniform scaling of the paper's network that costs what another network costs.

use crate::arch::{Architecture, Cost};

use super::NoList;

/// The widest scaling that is looked at, in thousandths: about where the widest branch reaches the largest width.
const WIDEST: u32 = 10_000;

/// The paper's network with every width multiplied by `permille / 1000`.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    /// The multiplier in thousandths.
    pub permille: u32,
    /// The network.
    pub architecture: Architecture,
    /// Its cost.
    pub cost: Cost,
}

impl Scaling {
    /// The scaling by `permille`, with the number of classes and the auxiliary heads of `like`; cost at `resolution`.
    ///
    /// # Errors
    /// [`NoList`] if there is no such network.
    pub fn new(permille: u32, like: &Architecture, resolution: usize) -> Result<Self, NoList> {
        let ratio = f64::from(permille) / 1000.0;
        let architecture = Architecture::googlenet_scaled(ratio, like.classes(), like.aux_heads())?;
        let cost = architecture.cost(resolution)?;
        Ok(Self { permille, architecture, cost })
    }
}

/// The scaling with the classes of `like` whose multiply-adds at `resolution` are nearest, in ratio, to `macs`; the costlier of
/// two that are as near.
///
/// Widths are rounded, so it costs about as much, not just as much.
///
/// # Errors
/// [`NoList`] if there is no network at this resolution.
pub fn nearest_scaling(like: &Architecture, resolution: usize, macs: u64) -> Result<Scaling, NoList> {
    // Of the scalings from `low` to `high`, the first that costs `macs` or more is looked for. No width falls as the
    // multiplier rises, so neither does the cost.
    let (mut low, mut high) = (1, WIDEST);
    while low < high {
        let middle = low + (high - low) / 2;
        if Scaling::new(middle, like, resolution)?.cost.macs < macs { low = middle + 1 } else { high = middle }
    }
    let above = Scaling::new(low, like, resolution)?;
    if low == 1 {
        return Ok(above);
    }
    let below = Scaling::new(low - 1, like, resolution)?;
    let distance = |scaling: &Scaling| (scaling.cost.macs as f64 / macs as f64).ln().abs();
    Ok(if distance(&below) < distance(&above) { below } else { above })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The nearest to what `network` costs there.
    fn nearest(network: &Architecture, resolution: usize) -> Result<Scaling, NoList> {
        nearest_scaling(network, resolution, network.cost(resolution)?.macs)
    }

    #[test]
    fn a_scaling_is_its_own_control() {
        for permille in [1, 125, 333, 500, 707, 1000, 1414] {
            let network = Scaling::new(permille, &Architecture::googlenet(2, true).unwrap(), 64).unwrap();
            let found = nearest(&network.architecture, 64).unwrap();
            assert_eq!((found.architecture, found.cost), (network.architecture, network.cost), "{permille}");
        }
    }

    #[test]
    fn no_other_scaling_is_nearer() {
        let mut blocks = *Architecture::googlenet_scaled(0.5, 3, false).unwrap().blocks();
        blocks[4] = blocks[0];
        let stem = Architecture::googlenet_scaled(0.5, 3, false).unwrap().stem();
        let network = Architecture::new(stem, blocks, 3, false).unwrap();
        let macs = network.cost(64).unwrap().macs as f64;
        let distance = |scaling: &Scaling| (scaling.cost.macs as f64 / macs).ln().abs();
        let found = nearest(&network, 64).unwrap();
        assert_eq!(found.architecture.classes(), 3);
        for permille in 1..1500 {
            let other = Scaling::new(permille, &network, 64).unwrap();
            assert!(distance(&other) >= distance(&found), "{permille} is nearer than {}", found.permille);
        }
    }

    #[test]
    fn beyond_the_narrowest_and_the_widest_the_ends_are_nearest() {
        let least = Architecture::googlenet_scaled(0.001, 2, false).unwrap();
        let blocks = least.blocks().map(|_| crate::arch::BranchWidths::new([1; 6]));
        let narrow = Architecture::new(least.stem(), blocks, 2, false).unwrap();
        assert_eq!(nearest(&narrow, 32).unwrap().permille, 1);
        let blocks = blocks.map(|_| crate::arch::BranchWidths::new([crate::arch::MAX_WIDTH; 6]));
        let wide = Architecture::new(least.stem(), blocks, 2, false).unwrap();
        assert_eq!(nearest(&wide, 32).unwrap().permille, WIDEST);
        assert!(matches!(nearest(&narrow, 1), Err(NoList::Resolution(_))));
    }
}
