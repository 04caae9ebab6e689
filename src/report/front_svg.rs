//! The trials of a run as a picture.

use super::chart::{Chart, Look, Point, Series};
use super::scale::Axis;
use super::summary::{Row, RunSummary, origin};
use super::units::{si, with_error};
use crate::search::trial::Trial;

/// `front.svg`: validation accuracy over MACs, with one standard error, of the front and of the uniform scalings of
/// `summary` (of several resolutions those that no cheaper scaling equals), and the other scored ones among `trials`, which
/// are those of equal training, as dots.
pub fn front_svg<'a>(summary: &RunSummary, trials: impl IntoIterator<Item = &'a Trial>) -> String {
    let label = "validation accuracy in % (± one standard error)";
    chart(summary, trials, label).svg()
}

/// The same for a terminal of so many columns, without the standard errors.
pub fn front_text<'a>(summary: &RunSummary, trials: impl IntoIterator<Item = &'a Trial>, columns: usize) -> String {
    chart(summary, trials, "validation accuracy in %").text(columns)
}

fn chart<'a>(summary: &RunSummary, trials: impl IntoIterator<Item = &'a Trial>, label: &'static str) -> Chart {
    let (front, uniform): (Vec<&Row>, Vec<&Row>) = (summary.front.iter().collect(), best_scalings(&summary.uniform));
    let shown = |trial: &Trial| front.iter().chain(&uniform).any(|row| row.trial == trial.job.index);
    let others = trials.into_iter().filter(|trial| !shown(trial)).filter_map(|trial| {
        let score = trial.outcome.score()?;
        Some(point(trial.job.index, trial.job.cost.macs, [score.accuracy, score.accuracy_se], &origin(trial)))
    });
    let series = |name: &str, look, points| Series { name: name.to_owned(), look, points };
    let series = vec![
        series("front", Look::Bars, rows(&front)),
        series("uniform scaling", Look::Bars, rows(&uniform)),
        series("other trials", Look::Dots, others.collect()),
    ];
    let x = Axis { label: "MACs of one image", log: true, show: |value| si(value as u64) };
    let y = Axis { label, log: false, show: |value| format!("{value}") };
    Chart { title: format!("run {}", summary.run), x, y, series }
}

/// The curve of the scalings, which are by ascending MACs: where they are of several resolutions, a line through all of them
/// would go to and fro.
fn best_scalings(uniform: &[Row]) -> Vec<&Row> {
    let several = uniform.iter().any(|row| row.resolution != uniform[0].resolution);
    let mut best = f64::NEG_INFINITY;
    let better = |row: &&Row| {
        let better = row.accuracy > best;
        best = best.max(row.accuracy);
        better || !several
    };
    uniform.iter().filter(better).collect()
}

fn rows(rows: &[&Row]) -> Vec<Point> {
    rows.iter().map(|row| point(row.trial, row.macs, [row.accuracy, row.accuracy_se], &row.origin)).collect()
}

fn point(trial: usize, macs: u64, score: [f64; 2], origin: &str) -> Point {
    let [accuracy, se] = score.map(|share| 100.0 * share);
    let about = format!("trial {trial}: {}, {} MACs, {origin}", with_error(score[0], score[1]), si(macs));
    Point { x: macs as f64, y: [accuracy - se, accuracy, accuracy + se], about, trial: Some(trial) }
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::{BASELINE, evolved, example, space};
    use super::*;

    #[test]
    fn every_scored_trial_is_there_once() {
        let mut trials = example();
        trials.push(evolved(5, 0.60, 50_000_000));
        let summary = RunSummary::new("pets", &space(10), &trials, &BASELINE);
        let svg = front_svg(&summary, &trials);
        let told = |trial: usize| svg.matches(&format!("<title>trial {trial}: ")).count();
        // Trial 3 failed.
        assert_eq!([0, 1, 2, 3, 4, 5].map(told), [1, 1, 1, 0, 1, 1]);
        assert!(svg.contains("<title>trial 4: 84.0 ± 1.0 %, 90.0M MACs, evolved from 0 (branch)</title>"), "{svg}");
        assert!(svg.contains("run pets") && svg.contains(">uniform scaling</text>"));
    }

    #[test]
    fn of_scalings_at_several_resolutions_the_best_are_the_curve() {
        let summary = RunSummary::new("pets", &space(10), &example(), &BASELINE);
        let with = |resolutions: [usize; 3]| {
            let row = |(accuracy, resolution): (f64, usize)| Row { accuracy, resolution, ..summary.uniform[0].clone() };
            let rows: Vec<Row> = [0.6, 0.5, 0.7].into_iter().zip(resolutions).map(row).collect();
            best_scalings(&rows).iter().map(|row| row.accuracy).collect::<Vec<_>>()
        };
        assert_eq!(with([32, 32, 32]), [0.6, 0.5, 0.7]);
        assert_eq!(with([48, 32, 32]), [0.6, 0.7]);
        assert!(best_scalings(&[]).is_empty());
    }
}
