//! An audit as people read it.

use super::{Audit, BINS, ENOUGH, PredictorRow, Recommendation, Tau};
use crate::report::columns::columns;
use crate::report::units::{counted, duration, si};
use crate::space::Rung;

/// The ceiling, a row for every rung and predictor, and which rung to search with.
pub fn audit_text(audit: &Audit) -> String {
    let Audit { name, networks, planned, seeds, failed, macs: [fewest, most], full, full_seconds, .. } = audit;
    let mut text = format!(
        "audit {name}: {networks} of {planned} networks from {} to {} MACs, {seeds} trainings each, {failed} failed\n\
         full training: {}, {} on average\n",
        si(*fewest),
        si(*most),
        words(full),
        duration(*full_seconds),
    );
    text += &match &audit.ceiling {
        Some(ceiling) => format!(
            "ceiling: full trainings with different seeds agree with tau {}, within MAC bins {}\n",
            tau(&ceiling.overall),
            tau(&ceiling.within_bins)
        ),
        None => "ceiling: unknown; --seeds 2 shows how well full trainings agree among themselves\n".to_owned(),
    };
    text += "\nKendall's tau-b [95 %] with the accuracy of one full training, and points of accuracy lost by the top 1, 3, 5 of a predictor\n";
    text += &table(audit);
    text.push('\n');
    text += &recommendation(audit);
    text += &format!(
        "within bins: in {BINS} bins of about equal MACs, since between them size alone ranks; a rung is recommended if its \
         best predictor has, within bins, a higher tau than all that needs no training, and an interval above {ENOUGH}, or above 0 \
         and reaching the ceiling\n"
    );
    text
}

fn table(audit: &Audit) -> String {
    let header = ["rung", "predictor", "cost", "time", "tau", "within bins", "lost", "lost within bins"];
    let mut rows = vec![header.map(str::to_owned)];
    let untrained = [String::from("no training"), "0".to_owned(), String::new()];
    rows.extend(audit.untrained.iter().map(|row| cells(&untrained, row)));
    for rung in &audit.rungs {
        let cost = format!("{:.1} %", rung.cost_share * 100.0);
        let rung_cells = [short(&rung.rung), cost, duration(rung.seconds)];
        rows.extend(rung.predictors.iter().map(|row| cells(&rung_cells, row)));
    }
    columns(&rows, 2)
}

fn cells(
    [rung, cost, time]: &[String; 3],
    PredictorRow { predictor, agreement, regret }: &PredictorRow,
) -> [String; 8] {
    let points = |regret: &[f64]| regret.iter().map(|it| format!("{:.1}", it * 100.0)).collect::<Vec<_>>().join(" ");
    [
        rung.clone(),
        predictor.name().to_owned(),
        cost.clone(),
        time.clone(),
        tau(&agreement.overall),
        tau(&agreement.within_bins),
        points(&regret.overall),
        points(&regret.within_bins),
    ]
}

fn recommendation(audit: &Audit) -> String {
    let Some(Recommendation { rung, predictor, enough }) = audit.recommended else {
        return "recommended: none of these rungs ranks networks of like cost well enough; try longer ones with --rung \
                IMAGESxEPOCHS, or more networks with -n\n"
            .to_owned();
    };
    let why = if enough { "surely ranks well enough" } else { "ranks within noise of the ceiling" };
    let rung = audit.rungs.get(rung).map_or_else(String::new, |rung| words(&rung.rung));
    format!("recommended: {rung}, ranked by {}: the cheapest rung that {why}\n", predictor.name())
}

/// `+0.62 [+0.44, +0.76]`
fn tau(Tau { tau, low, high }: &Tau) -> String {
    format!("{tau:+.2} [{low:+.2}, {high:+.2}]")
}

fn words(Rung { train_images, epochs }: &Rung) -> String {
    format!("{} of {train_images} images", counted(*epochs, "epoch"))
}

fn short(Rung { train_images, epochs }: &Rung) -> String {
    format!("{train_images}x{epochs}")
}
