//! Values of options that are more than a number.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;

use crate::space::{EPOCHS, LATENCY_BATCH, MAX_COUNT, parse_count};

/// The most of what is counted one by one: more would not fit into memory, and is a slip of the finger.
const MOST: usize = 10_000;

/// So many of something, at least one.
pub(super) fn positive(text: &str) -> Result<NonZeroUsize, String> {
    within(text, 1..=MOST)
}

/// So many of something, at least two.
pub(super) fn two_or_more(text: &str) -> Result<NonZeroUsize, String> {
    within(text, 2..=MOST)
}

/// So many of something, at least three.
pub(super) fn three_or_more(text: &str) -> Result<NonZeroUsize, String> {
    within(text, 3..=MOST)
}

/// Passes over the training images, as many as a space file may ask for.
pub(super) fn epochs(text: &str) -> Result<NonZeroUsize, String> {
    within(text, EPOCHS)
}

/// Images that are classified at once, as many as a space file may ask for.
pub(super) fn latency_batch(text: &str) -> Result<NonZeroUsize, String> {
    within(text, LATENCY_BATCH)
}

/// Steps of a training that is timed.
pub(super) fn steps(text: &str) -> Result<usize, String> {
    within(text, 1..=1_000_000).map(NonZeroUsize::get)
}

fn within(text: &str, range: RangeInclusive<usize>) -> Result<NonZeroUsize, String> {
    let number = text.parse().ok().filter(|number: &NonZeroUsize| range.contains(&number.get()));
    number.ok_or_else(|| format!("give a whole number from {} to {}", range.start(), range.end()))
}

/// A share, 0 to 1.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "give a number from 0 to 1, such as 0.9".to_owned())
}

/// Milliseconds over 0.
pub(super) fn milliseconds(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|ms: &f64| ms.is_finite() && *ms > 0.0);
    number.ok_or_else(|| "give milliseconds over 0, such as 2.5".to_owned())
}

/// Seconds of a time like `90s`, `20m` or `1h30m`.
pub(super) fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || "give a time such as 90s, 20m or 1h30m".to_owned();
    let mut rest = text;
    let mut total = 0_u64;
    while let Some(end) = rest.find(|c: char| !c.is_ascii_digit()) {
        let number: u64 = rest[..end].parse().map_err(|_| wrong())?;
        let unit = match rest.as_bytes()[end] {
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            _ => return Err(wrong()),
        };
        total = number.checked_mul(unit).and_then(|more| total.checked_add(more)).ok_or_else(wrong)?;
        rest = &rest[end + 1..];
    }
    if rest.is_empty() && total > 0 { Ok(total) } else { Err(wrong()) }
}

/// Images and epochs of a rung like `500x2`.
pub(super) fn rung(text: &str) -> Result<(usize, usize), String> {
    let wrong = || "give images and epochs such as 500x2".to_owned();
    let (images, epochs) = text.split_once('x').ok_or_else(wrong)?;
    let images = images.parse().ok().filter(|&images| images > 0).ok_or_else(wrong)?;
    Ok((images, self::epochs(epochs).map_err(|_| wrong())?.get()))
}

/// Whether a name can stand in any table and file name as it is.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
}

/// Name and setting of a variant like `screened:search.screen=naswot`.
pub(super) fn variant(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, setting)) if is_plain(name) && setting.contains('=') => Ok((name.to_owned(), setting.to_owned())),
        _ => Err("give a name of letters, digits, `-` and `_` and a setting, such as screened:search.screen=naswot"
            .to_owned()),
    }
}

/// What a search may spend on training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Budget {
    /// Multiply-adds.
    Macs(u64),
    /// Trainings of the paper's network.
    Baselines(f64),
}

impl Budget {
    /// In multiply-adds, where a training of the paper's network costs `baseline` of them.
    pub(super) fn macs(self, baseline: u64) -> u64 {
        match self {
            Self::Macs(macs) => macs,
            // `as` saturates.
            Self::Baselines(count) => ((count * baseline as f64) as u64).clamp(1, MAX_COUNT),
        }
    }
}

/// A budget like `200T` or `20x`.
pub(super) fn budget(text: &str) -> Result<Budget, String> {
    let wrong = || "give multiply-adds such as 200T, or trainings of the paper's network such as 20x".to_owned();
    match text.strip_suffix('x') {
        // Without a unit, 20 is sooner meant to be trainings than multiply-adds.
        None if text.ends_with(|c: char| c.is_ascii_digit()) => Err(wrong()),
        None => parse_count(text).map(Budget::Macs).map_err(|_| wrong()),
        Some(count) => {
            let count = count.parse().ok().filter(|count: &f64| count.is_finite() && *count > 0.0);
            count.map(Budget::Baselines).ok_or_else(wrong)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, expected) in [("90s", 90), ("20m", 1200), ("1h30m", 5400), ("2h", 7200)] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for text in ["", "20", "m", "0s", "1d", "1h30", "-5m", "5 m", "99999999999999999h", "1ä"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shares_are_from_0_to_1() {
        assert_eq!(share("0.9"), Ok(0.9));
        for text in ["90", "-0.1", "90%", "nan", ""] {
            assert!(share(text).is_err(), "{text}");
        }
    }

    #[test]
    fn counts_start_at_1() {
        assert_eq!(positive("3").map(NonZeroUsize::get), Ok(3));
        assert_eq!(epochs("100000").map(NonZeroUsize::get), Ok(100_000));
        for text in ["0", "-1", "two", "", "10001", "99999999999999999999"] {
            assert_eq!(positive(text), Err("give a whole number from 1 to 10000".to_owned()));
        }
    }

    #[test]
    fn budgets_are_macs_or_multiples_of_the_baseline() {
        assert_eq!(budget("200T").map(|it| it.macs(7)), Ok(200_000_000_000_000));
        assert_eq!(budget("20x").map(|it| it.macs(7)), Ok(140));
        assert_eq!(budget("1.5x").map(|it| it.macs(1000)), Ok(1500));
        assert_eq!(budget("9e99x").map(|it| it.macs(1000)), Ok(MAX_COUNT));
        for text in ["", "x", "0x", "-3x", "nanx", "infx", "20 x", "0", "20", "20X"] {
            assert!(budget(text).is_err_and(|error| error.contains("20x")), "{text}");
        }
    }

    #[test]
    fn variants_are_a_name_and_a_setting() {
        let parts = |name: &str, setting: &str| Ok((name.to_owned(), setting.to_owned()));
        assert_eq!(variant("old:search.population=5"), parts("old", "search.population=5"));
        assert_eq!(variant("flat:ladder=[{a=\"b:c\"}]"), parts("flat", "ladder=[{a=\"b:c\"}]"));
        for text in ["", "screened", "search.screen=naswot", ":search.screen=naswot", "screened:naswot", "a,b:x=1"] {
            assert!(variant(text).is_err_and(|error| error.contains("screened:search.screen=naswot")), "{text}");
        }
    }

    #[test]
    fn rungs_are_images_and_epochs() {
        assert_eq!(rung("500x2"), Ok((500, 2)));
        for text in ["500", "x2", "500x", "0x2", "500x0", "500X2", "500x2x2", "-5x2"] {
            assert_eq!(rung(text), Err("give images and epochs such as 500x2".to_owned()), "{text}");
        }
    }
}
