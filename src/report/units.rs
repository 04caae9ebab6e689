//! Numbers as people read them.

/// A count with three digits and a decimal unit: `41.2M`. [`crate::space::parse_count`] reads it.
pub fn si(count: u64) -> String {
    let (mut value, mut unit) = (count as f64, "");
    for next in ["K", "M", "G", "T"] {
        // What would be shown as 1000 is 1.00 of the next unit.
        if value < 999.5 {
            break;
        }
        (value, unit) = (value / 1000.0, next);
    }
    match value {
        _ if unit.is_empty() => count.to_string(),
        v if v < 9.995 => format!("{v:.2}{unit}"),
        v if v < 99.95 => format!("{v:.1}{unit}"),
        v => format!("{v:.0}{unit}"),
    }
}

/// How many there are of what: `1 epoch`, `12 epochs`.
pub fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A p-value.
pub(super) fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("{p:.3}") }
}

/// A share and its standard error in percent: `68.5 ± 1.5 %`.
pub(super) fn with_error(share: f64, error: f64) -> String {
    format!("{:.1} ± {:.1} %", 100.0 * share, 100.0 * error)
}

/// Seconds in at most two units: `8s`, `4m 10s`, `3h 20m`.
pub fn duration(seconds: f64) -> String {
    // `as` saturates; NaN gives 0.
    let seconds = seconds.round() as u64;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_three_digits() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1000, "1.00K"),
            (9_994, "9.99K"),
            (9_996, "10.0K"),
            (41_234_567, "41.2M"),
            (999_499_999, "999M"),
            (999_500_000, "1.00G"),
            (1_582_671_872, "1.58G"),
        ];
        for (count, text) in cases {
            assert_eq!(si(count), text, "{count}");
        }
        assert!(si(u64::MAX).ends_with('T'));
    }

    #[test]
    fn one_is_no_plural() {
        for (count, text) in [(0, "0 trials"), (1, "1 trial"), (12, "12 trials")] {
            assert_eq!(counted(count, "trial"), text);
        }
    }

    #[test]
    fn durations_have_two_units() {
        for (seconds, text) in [(0.2, "0s"), (59.6, "1m 00s"), (250.0, "4m 10s"), (12_000.0, "3h 20m")] {
            assert_eq!(duration(seconds), text);
        }
        assert_eq!(duration(f64::NAN), "0s");
    }
}
