//! The closing table of a run.

use super::ledger::ledger_table;
use super::summary::{Row, RunSummary, RungCount, VersusUniform};
use super::units::{counted, duration, si};

const HEADER: [&str; 7] = ["trial", "accuracy", "px", "MACs", "parameters", "vs baseline", "origin"];

/// The column of the resolution.
const RESOLUTION: usize = 2;

/// The front beside the baseline and the uniform scalings, and what can and cannot be said about it.
pub fn table(summary: &RunSummary) -> String {
    let RunSummary { run, planned, trials, failed, seconds, hypervolume, .. } = summary;
    let done = match summary.max_training_macs {
        None => format!("{trials} of {planned} trials"),
        Some(most) => {
            format!("{} for {} of {} training MACs", counted(*trials, "trial"), si(summary.training_macs), si(most))
        }
    };
    let mut text = format!(
        "run {run}: {done}, {failed} failed, {} of training, hypervolume {hypervolume:.4}\n",
        duration(*seconds)
    );
    if let [below @ .., full] = &summary.rungs[..]
        && !below.is_empty()
    {
        let below: Vec<String> = below.iter().map(rung).collect();
        text += &format!("rungs: {}; below are only the {}\n", below.join(", "), rung(full));
    }
    if let Some(generations) = &summary.generations {
        text += &format!("{}\n", generations.text());
    }
    if let Some(failure) = &summary.first_failure {
        text += &format!("first failure: {failure}\n");
    }
    if summary.front.is_empty() {
        return text + "no trial has a score yet\n" + &ledger_table(&summary.ledger);
    }
    let sections = [("front, cheapest first", &summary.front), ("GoogLeNet scaled as a whole", &summary.uniform)];
    let rows = || sections.iter().flat_map(|(_, rows)| rows.iter());
    // Where all networks are for images of one size, it goes without saying.
    let several = rows().any(|row| row.resolution != summary.front[0].resolution);
    let cells: Vec<[String; 7]> = rows().map(cells).collect();
    let width = |column: usize| {
        let widest = cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        widest.max(HEADER[column].len())
    };
    let line = |row: &[String; 7]| {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate().filter(|(column, _)| several || *column != RESOLUTION) {
            let cell = if column == 6 { cell.clone() } else { format!("{cell:>0$}", width(column)) };
            line += &format!("  {cell}");
        }
        line.trim_end().to_owned() + "\n"
    };
    for (title, rows) in sections.iter().filter(|(_, rows)| !rows.is_empty()) {
        text += &format!("\n{title}\n{}", line(&HEADER.map(str::to_owned)));
        rows.iter().for_each(|row| text += &line(&self::cells(row)));
    }
    text += &match &summary.baseline {
        Some(row) => format!("\nbaseline: GoogLeNet, trial {}, {} MACs\n", row.trial, si(row.macs)),
        None => format!("\nbaseline: GoogLeNet, {} MACs, not trained in this run\n", si(summary.baseline_macs)),
    };
    text += &verdict(&summary.versus_uniform);
    text += "accuracy is on the validation images that the search selected on, ± one standard error; differences of \
             less than two are noise, not an order\n";
    text + &ledger_table(&summary.ledger)
}

/// `12 of 500 images x 1`.
fn rung(RungCount { rung, trials }: &RungCount) -> String {
    format!("{trials} of {} images x {}", rung.train_images, rung.epochs)
}

fn cells(row: &Row) -> [String; 7] {
    let gain = row.accuracy_gain.map_or_else(String::new, |gain| format!("{:+.1} points, ", gain * 100.0));
    [
        row.trial.to_string(),
        format!("{:.1} ± {:.1} %", row.accuracy * 100.0, row.accuracy_se * 100.0),
        row.resolution.to_string(),
        si(row.macs),
        si(row.parameters),
        format!("{gain}{:.2}x MACs", row.macs_ratio),
        row.origin.clone(),
    ]
}

pub(super) fn verdict(versus: &VersusUniform) -> String {
    match versus {
        VersusUniform::NoControl => {
            "no uniform scaling was scored in this run, so it does not show whether searching was worth it\n".to_owned()
        }
        VersusUniform::NotBeaten => {
            "nothing beats uniform scaling by more than chance makes among so many trials\n".to_owned()
        }
        VersusUniform::Beaten { trial, uniform, accuracy_gain, macs_ratio } => format!(
            "trial {trial} beats uniform scaling (trial {uniform}): {:+.1} points at {macs_ratio:.2}x its MACs, more \
             than chance makes among so many trials; but both were trained once, so ask `finals` before relying on it\n",
            accuracy_gain * 100.0
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::{
        BASELINE, brief, evolved, example, failed, heir, space, space_with, space_with_ladder, uniform,
    };
    use super::*;
    use crate::search::trial::Trial;

    #[test]
    fn a_whole_table() {
        let text = table(&RunSummary::new("pets", &space(10), &example(), &BASELINE));
        let expected = "\
run pets: 5 of 10 trials, 1 failed, 10s of training, hypervolume ";
        assert!(text.starts_with(expected), "{text}");
        let rest = "
first failure: trial 3: diverged in epoch 1: loss NaN

front, cheapest first
  trial      accuracy   MACs  parameters               vs baseline  origin
      2  76.0 ± 1.0 %  20.0M       1.00M  -4.0 points, 0.20x MACs  evolved from 0 (branch)
      4  84.0 ± 1.0 %  90.0M       4.50M  +4.0 points, 0.90x MACs  evolved from 0 (branch)

GoogLeNet scaled as a whole
  trial      accuracy   MACs  parameters               vs baseline  origin
      1  75.0 ± 1.0 %  26.0M       1.30M  -5.0 points, 0.26x MACs  GoogLeNet x0.5
      0  80.0 ± 1.0 %   100M       5.00M  +0.0 points, 1.00x MACs  GoogLeNet

baseline: GoogLeNet, trial 0, 100M MACs
trial 4 beats uniform scaling (trial 0): +4.0 points at 0.90x its MACs, more than chance makes among so many trials; but \
both were trained once, so ask `finals` before relying on it
accuracy is on the validation images that the search selected on, ± one standard error; differences of less than two \
are noise, not an order

cost
  spent on          trainings  time  share  images  training MACs
  candidates                2    4s   40 %     256          42.2G
  failed                    1    2s   20 %     128          3.84K
  uniform scalings          1    2s   20 %     128          9.98G
  baseline                  1    2s   20 %     128          38.4G
  all                       5   10s  100 %     640          90.6G
";
        let rest = rest.replace("             vs baseline", "            vs baseline");
        assert!(text.ends_with(&rest), "{text}");
    }

    #[test]
    fn a_ladder_is_counted_by_rungs() {
        let trials = [brief(evolved(0, 0.7, 40_000_000)), uniform(1, 500, 0.80, 50_000_000)];
        let text = table(&RunSummary::new("pets", &space_with_ladder(5), &trials, &BASELINE));
        assert!(text.contains("\nrungs: 1 of 64 images x 1; below are only the 1 of 128 images x 1\n"), "{text}");
    }

    #[test]
    fn generations_are_counted_and_one_is_shown() {
        let space = space_with(9, &["search.inherit=true".to_owned(), "search.population=2".to_owned()]);
        let trials = [
            evolved(0, 0.9, 40_000_000),
            uniform(1, 500, 0.8, 50_000_000),
            heir(uniform(2, 500, 0.85, 50_000_000), 1, 1),
            heir(evolved(3, 0.82, 30_000_000), 0, 1),
        ];
        let table = |trials: &[Trial]| table(&RunSummary::new("pets", &space, trials, &BASELINE));
        let text = table(&trials);
        let line = "\ntrials by generation of inherited weights: 2 of 0, 2 of 1; results are of generation 1 alone\n";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("evolved from 0 (branch), generation 1\n"), "{text}");
        assert!(text.contains("GoogLeNet x0.5, generation 1\n") && !text.contains("GoogLeNet x0.5\n"), "{text}");
        // One of the next generation is no population.
        assert!(table(&trials[..3]).contains("2 of 0, 1 of 1; results are of generation 0 alone\n"));
    }

    #[test]
    fn says_so_when_nothing_was_gained() {
        let trials = [uniform(0, 500, 0.80, 50_000_000), evolved(1, 0.81, 40_000_000)];
        let text = table(&RunSummary::new("pets", &space(2), &trials, &BASELINE));
        assert!(text.contains("nothing beats uniform scaling by more than chance"), "{text}");
        assert!(text.contains("GoogLeNet, 100M MACs, not trained in this run"), "{text}");
        assert!(!text.contains("points"), "{text}");
    }

    #[test]
    fn a_limited_cost_takes_the_place_of_the_number_of_trials() {
        let space = space_with(10, &["search.max_training_macs=\"120G\"".to_owned()]);
        let text = table(&RunSummary::new("pets", &space, &example(), &BASELINE));
        assert!(text.starts_with("run pets: 5 trials for 90.6G of 120G training MACs, 1 failed, "), "{text}");
    }

    #[test]
    fn a_run_without_a_score_has_no_table() {
        let text = table(&RunSummary::new("pets", &space(2), &[failed(0)], &BASELINE));
        assert!(text.contains("\nno trial has a score yet\n\ncost\n"), "{text}");
    }
}
