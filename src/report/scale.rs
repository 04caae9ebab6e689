//! Axes of charts: from values to places, and which values are marked.

/// Share of the extent of the data that is left free on every side.
const FREE: f64 = 0.04;

/// About as many marks an axis.
const TICKS: f64 = 6.0;

/// A logarithmic axis has no fewer marks than this.
const FEWEST_TICKS: usize = 3;

/// One direction of a chart.
pub(super) struct Axis {
    /// What it shows, with the unit.
    pub label: &'static str,
    /// Whether equal lengths are equal ratios.
    pub log: bool,
    /// How a value on it is written.
    pub show: fn(f64) -> String,
}

/// From the values of an axis to places in a picture.
pub(super) struct Scale<'a> {
    pub axis: &'a Axis,
    /// Ends of the values, logarithms if the axis is logarithmic.
    ends: [f64; 2],
    /// Places of the ends.
    pub places: [f64; 2],
}

impl<'a> Scale<'a> {
    pub fn new(axis: &'a Axis, values: impl Iterator<Item = f64>, places: [f64; 2]) -> Self {
        let mapped = values.map(|value| if axis.log { value.ln() } else { value }).filter(|value| value.is_finite());
        let [low, high] = mapped.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], v| [low.min(v), high.max(v)]);
        // Nothing to show, or a single value: any extent will do.
        let [low, high] = if low < high {
            [low, high]
        } else if low.is_finite() {
            [low - 0.5, low + 0.5]
        } else {
            [0.0, 1.0]
        };
        let free = FREE * (high - low);
        Self { axis, ends: [low - free, high + free], places }
    }

    pub fn place(&self, value: f64) -> f64 {
        let value = if self.axis.log { value.ln() } else { value };
        let share = (value - self.ends[0]) / (self.ends[1] - self.ends[0]);
        self.places[0] + share.clamp(0.0, 1.0) * (self.places[1] - self.places[0])
    }

    /// Round values between the ends.
    pub fn ticks(&self) -> Vec<f64> {
        let [low, high] = self.ends;
        if self.axis.log {
            let (low, high) = (low.exp(), high.exp());
            let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
            let steps = decades.flat_map(|decade| [1.0, 2.0, 5.0].map(|step| step * 10_f64.powi(decade)));
            let ticks: Vec<f64> = steps.filter(|tick| (low..=high).contains(tick)).collect();
            // Over less than a decade there may be none of these: then the round values of a linear axis.
            return if ticks.len() < FEWEST_TICKS { round_between([low, high]) } else { ticks };
        }
        round_between([low, high])
    }
}

/// About [`TICKS`] multiples of 1, 2 or 5 times a power of ten.
fn round_between([low, high]: [f64; 2]) -> Vec<f64> {
    let rough = (high - low) / TICKS;
    let decade = rough.log10().floor() as i32;
    let power = 10_f64.powi(decade.abs());
    // A division rounds once: three times 0.2 comes out as 0.6 and is written so.
    let scaled = |count: f64| if decade < 0 { count / power } else { count * power };
    let steps = [1.0, 2.0, 5.0, 10.0].into_iter().find(|steps| scaled(*steps) >= rough).unwrap_or(10.0);
    let (first, last) = ((low / scaled(steps)).ceil() as i64, (high / scaled(steps)).floor() as i64);
    (first..=last).map(|tick| scaled(tick as f64 * steps)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINEAR: Axis = Axis { label: "error", log: false, show: |value| format!("{value:.2}") };
    const LOG: Axis = Axis { label: "MACs", log: true, show: |value| format!("{value}") };

    #[test]
    fn ticks_are_round_numbers_inside_the_data() {
        let scale = |axis, values: [f64; 2]| Scale::new(axis, values.into_iter(), [0.0, 100.0]);
        let near = |ticks: Vec<f64>, expected: &[f64]| {
            assert_eq!(ticks.len(), expected.len(), "{ticks:?}");
            ticks
                .iter()
                .zip(expected)
                .for_each(|(tick, value)| assert!((tick / value - 1.0).abs() < 1e-9, "{ticks:?}"));
        };
        near(scale(&LINEAR, [0.11, 0.62]).ticks(), &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
        near(scale(&LOG, [1.15e6, 1.6e6]).ticks(), &[1.2e6, 1.3e6, 1.4e6, 1.5e6, 1.6e6]);
        near(scale(&LOG, [1.5, 120.0]).ticks(), &[2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
        assert!(scale(&LINEAR, [3.0, 3.0]).ticks().contains(&3.0));
        let written: Vec<String> = scale(&LINEAR, [66.2, 67.1]).ticks().iter().map(f64::to_string).collect();
        assert_eq!(written, ["66.2", "66.4", "66.6", "66.8", "67"]);
        assert_eq!(scale(&LINEAR, [f64::NAN, f64::NAN]).ends, [-FREE, 1.0 + FREE]);
    }
}
