//! Hypervolume over cost as a picture.

use super::{Comparison, volumes_at};
use crate::report::chart::{Chart, Look, Point, Series};
use crate::report::scale::Axis;
use crate::report::units::{counted, si};
use crate::stats::quartiles;

/// `compare.svg`: for each strategy the median hypervolume over seeds, and the quartiles as a band, at every tenth of the
/// cost.
pub fn comparison_svg(comparison: &Comparison) -> String {
    let series = comparison.strategies.iter().map(|row| {
        let costs = row.searches.first().into_iter().flat_map(|search| &search.curve).enumerate();
        let points = costs.filter_map(|(i, point)| {
            // Of at least one search, or there were no costs.
            let y = quartiles(&volumes_at(&row.searches, i)).ok()?;
            let about = format!(
                "{}, {} training MACs: {:.4}, quartiles {:.4} to {:.4}",
                row.strategy,
                si(point.cost_macs),
                y[1],
                y[0],
                y[2]
            );
            Some(Point { x: point.cost_macs as f64, y, about, trial: None })
        });
        Series { name: row.strategy.clone(), look: Look::Band, points: points.collect() }
    });
    let title = format!("{}: {}, median and quartiles", comparison.name, counted(comparison.seeds.len(), "seed"));
    let x = Axis { label: "training MACs spent", log: false, show: |value| si(value as u64) };
    let y = Axis { label: "hypervolume", log: false, show: |value| format!("{value:.2}") };
    Chart { title, x, y, series: series.collect() }.svg()
}
