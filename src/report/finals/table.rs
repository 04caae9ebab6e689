//! The finals for people.

use super::{Contest, EQUAL_MACS, FinalsReport, Spread, Standing, TestGap, Versus, spread};
use crate::report::columns::indented;
use crate::report::units::{counted, p_value, si};
use crate::search::finals::{Contender, HEAT_SEEDS, Heats};
use crate::stats::Interval;

const HEADER: [&str; 5] = ["network", "MACs", "parameters", "validation", "test"];

/// Every network with its accuracies, and the differences on the validation images.
pub fn standings_table(report: &FinalsReport) -> String {
    let FinalsReport { run, list, seeds, epochs, train_images, networks, heats, .. } = report;
    let (frozen, selected) = match heats {
        None => (format!("list, frozen before anything was trained: {list}\n\n"), "the search"),
        Some(heats) => (heats_table(heats, list), "the search and the heats"),
    };
    let mut text = format!(
        "finals of run {run}: {} networks, {seeds} fresh seeds each, {} of {train_images} images\n{frozen}",
        networks.len(),
        counted(*epochs, "epoch"),
    );
    text += &indented(std::iter::once(HEADER.map(str::to_owned)).chain(networks.iter().map(cells)).collect());
    let failures = networks.iter().filter_map(|network| network.failed.as_ref());
    failures.for_each(|failure| text += &format!("failed, so not compared: {failure}\n"));
    text += &format!(
        "\ndifferences on the {} validation images, on which {selected} selected; 95 % interval over seeds\n",
        report.validation_images
    );
    for comparison in &report.comparisons {
        for versus in others(comparison) {
            let gap = versus.validation.map(|gap| (gap.difference, gap.over_seeds));
            text += &format!("  {}: {}\n", names(report, comparison, versus), difference(gap));
        }
    }
    text
}

/// All of it: [`standings_table`], and what the test images have shown.
pub fn finals_table(report: &FinalsReport) -> String {
    let mut text = standings_table(report);
    let images = report.test_images.unwrap_or(0);
    text += &format!("\ndifferences on the {images} test images; 95 % interval over seeds and images\n");
    for comparison in &report.comparisons {
        for versus in others(comparison) {
            let gap = versus.test.map(|test| (test.gap.difference, test.interval));
            text += &format!("  {}: {}\n", names(report, comparison, versus), difference(gap));
            text += &versus.test.as_ref().map_or_else(String::new, details);
        }
    }
    if report.openings > 0 {
        text += &format!(
            "\nearlier finals of this run that have opened the test images: {}; what they showed may have been chosen by\n",
            report.openings
        );
    }
    text + "\n" + &finals_verdict(report)
}

/// How the finalists of `list` were chosen, and what was frozen before.
fn heats_table(heats: &Heats, list: &str) -> String {
    let cells = |contender: &Contender| {
        let accuracies = contender.validation.as_deref().and_then(spread);
        let validation = accuracies.map_or_else(|| "failed".to_owned(), percent);
        let chosen = if contender.chosen { "finalist" } else { "" };
        [contender.name.clone(), si(contender.macs), validation, chosen.to_owned()]
    };
    let mut text = format!(
        "list of the heats, frozen before anything was trained: {}\nlist of the finals, frozen before they were trained: \
         {list}\n\n",
        heats.list
    );
    let mut rows = vec![["heats, by range of MACs", "MACs", "validation", ""].map(str::to_owned)];
    for (index, range) in heats.ranges.iter().enumerate() {
        // An empty line between ranges.
        rows.extend((index > 0).then(|| std::array::from_fn(|_| String::new())));
        rows.extend(range.iter().map(cells));
    }
    if rows.len() > 1 {
        text += &indented(rows);
        text += &format!(
            "chosen by the mean of {HEAT_SEEDS} trainings with other seeds; what is chosen by is optimistic of the chosen\n"
        );
        let failures = heats.ranges.iter().flatten().filter_map(|contender| contender.failed.as_ref());
        failures.for_each(|failure| text += &format!("failed, so not chosen: {failure}\n"));
        text += "\n";
    }
    text
}

/// The controls, and the paper's network unless that is one of them.
fn others(Contest { control, base, paper, .. }: &Contest) -> impl Iterator<Item = &Versus> {
    let paper =
        paper.as_ref().filter(|paper| std::iter::once(control).chain(base).all(|it| it.network != paper.network));
    std::iter::once(control).chain(base).chain(paper)
}

fn cells(network: &Standing) -> [String; 5] {
    let [validation, test] = [network.validation, network.test].map(|it| it.map_or_else(String::new, percent));
    [network.name.clone(), si(network.macs), si(network.parameters), validation, test]
}

fn percent(Spread { mean, se }: Spread) -> String {
    format!("{:.2} ± {:.2} %", mean * 100.0, se * 100.0)
}

/// `trial 26 (57.6M) against GoogLeNet x0.65 (57.0M), 1.01x its MACs`
fn names(report: &FinalsReport, comparison: &Contest, versus: &Versus) -> String {
    let name = |network: usize| {
        let Standing { name, macs, .. } = &report.networks[network];
        format!("{name} ({})", si(*macs))
    };
    let (ours, theirs, ratio) = (name(comparison.finalist), name(versus.network), versus.macs_ratio);
    format!("{ours} against {theirs}, {ratio:.2}x its MACs")
}

fn difference(gap: Option<(f64, Interval)>) -> String {
    gap.map_or_else(
        || "not compared".to_owned(),
        |(difference, interval)| format!("{:+.2} points, {}", difference * 100.0, range(interval)),
    )
}

fn range(Interval { low, high }: Interval) -> String {
    format!("{:+.2} to {:+.2}", low * 100.0, high * 100.0)
}

fn details(test: &TestGap) -> String {
    let (seeds, images, mcnemar) = (range(test.gap.over_seeds), range(test.over_images), test.mcnemar);
    format!(
        "    p {}, after Holm {}; over seeds alone {seeds}, over images alone {images}; McNemar on the majority of the \
         seeds: right alone {} against {}, p {}\n",
        p_value(test.p),
        p_value(test.p_holm),
        mcnemar.only_finalist,
        mcnemar.only_other,
        p_value(mcnemar.p)
    )
}

/// Whether searching was worth it, in words.
pub fn finals_verdict(report: &FinalsReport) -> String {
    let name = |comparison: &Contest| report.networks[comparison.finalist].name.as_str();
    let winners: Vec<&str> = report.winners().map(name).collect();
    let mut text = if winners.is_empty() {
        "no finalist beats the paper's network scaled to its MACs: this search has not been shown to be better than scaling \
         GoogLeNet\n"
            .to_owned()
    } else {
        let (verb, whose) = if winners.len() == 1 { ("beats", "its") } else { ("beat", "their") };
        format!("{} {verb} the paper's network scaled to {whose} MACs, by more than an accident\n", winners.join(", "))
    };
    let based = || report.comparisons.iter().filter_map(|it| Some((it, it.base.as_ref()?)));
    if based().next().is_some() {
        let (won, all) = (based().filter(|(_, base)| base.is_won()), based().count());
        let won: Vec<&str> = won.map(|(comparison, _)| name(comparison)).collect();
        let whom = if won.is_empty() { "none".to_owned() } else { won.join(", ") };
        text += &format!(
            "of {all} at other resolutions than the baseline's, shown better than its scalings there: {whom}\n"
        );
    }
    let lost = |it: &&Contest| it.control.is_lost() || it.base.as_ref().is_some_and(Versus::is_lost);
    let lost: Vec<&str> = report.comparisons.iter().filter(lost).map(name).collect();
    if !lost.is_empty() {
        text += &format!("shown worse than GoogLeNet scaled to about as many MACs: {}\n", lost.join(", "));
    }
    let costlier = report.comparisons.iter().filter(|comparison| comparison.control.macs_ratio > EQUAL_MACS);
    let costlier: Vec<&str> = costlier.map(name).collect();
    if !costlier.is_empty() {
        let most = (EQUAL_MACS - 1.0) * 100.0;
        text += &format!(
            "no scaling has about the MACs of {}: what costs over {most:.0} % more than its control does not count as better\n",
            costlier.join(", ")
        );
    }
    text + "± is one standard error over seeds; differences are of means over seeds, on the same images\n"
}
