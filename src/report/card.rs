//! What there is to know about one network that a run found.

use std::fmt::Write;

use serde::Serialize;

use super::finals::{Contest, FinalsReport, Spread, Standing, Versus};
use super::summary::origin;
use super::units::{counted, si};
use crate::arch::Cost;
use crate::search::trial::{Fidelity, Inheritance, Origin, Score, Trial};
use crate::space::Protocol;

/// What the card says about the accuracy, wherever it is read.
const SELECTED_ON: &str = "The search selected on this accuracy, so it is too high on average: train the network anew \
                           and measure it on images that no choice was made by.";

/// Where a network comes from.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Source<'a> {
    /// Name of the run.
    pub run: &'a str,
    /// Where the images came from, in words.
    pub data: &'a str,
    /// Hash of everything the training could see of them.
    pub data_fingerprint: &'a str,
    /// Class names.
    pub classes: &'a [String],
    /// Version of the program that began the run.
    pub program: &'a str,
    /// How the network was trained.
    pub protocol: &'a Protocol,
}

/// The card; its JSON form is `card.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Card<'a> {
    #[serde(flatten)]
    source: Source<'a>,
    trial: usize,
    /// As text: JSON readers commonly lose digits of numbers beyond 2^53.
    seed: String,
    architecture: String,
    key: String,
    fidelity: Fidelity,
    /// Whose weights the training started from, if not from initial ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    inherits: Option<Inheritance>,
    score: Score,
    score_note: &'static str,
    /// What the finals have shown of it.
    finals: Option<Finalist<'a>>,
    cost: Cost,
    baseline_cost: Cost,
    lineage: Vec<Ancestor>,
}

/// What the finals of the run have shown of one network: numbers that it was not selected on.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Finalist<'a> {
    /// Trainings from scratch.
    seeds: usize,
    /// Epochs of each.
    epochs: usize,
    /// The network's accuracies.
    network: &'a Standing,
    /// The uniform scaling of about equal MACs.
    control: &'a Standing,
    /// The network beside it.
    versus_control: &'a Versus,
}

impl<'a> Finalist<'a> {
    /// The finalist that trial `trial` found, if there is one.
    pub fn of(report: &'a FinalsReport, trial: usize) -> Option<Self> {
        let Contest { finalist, control, .. } = report.of_trial(trial)?;
        let (network, versus_control) = (&report.networks[*finalist], control);
        let control = &report.networks[control.network];
        Some(Self { seeds: report.seeds, epochs: report.epochs, network, control, versus_control })
    }

    fn markdown(&self) -> String {
        let Self { seeds, epochs, network, control, versus_control } = self;
        let spread = |spread: &Option<Spread>| {
            spread.map_or_else(|| "-".to_owned(), |it| format!("{:.2} ± {:.2} %", it.mean * 100.0, it.se * 100.0))
        };
        let mut text = format!(
            "\n## Finals\n\nMeans of {seeds} trainings from scratch with fresh seeds, {} of all training images; ± \
             is one standard error over seeds. The test images were opened after all choices, so these numbers are not too \
             high.\n\n| | this network | {} |\n|---|---|---|\n| validation | {} | {} |\n| test | {} | {} |\n| MACs | {} | {} |\n",
            counted(*epochs, "epoch"),
            control.name,
            spread(&network.validation),
            spread(&control.validation),
            spread(&network.test),
            spread(&control.test),
            si(network.macs),
            si(control.macs),
        );
        if let Some(test) = &versus_control.test {
            let [difference, low, high] =
                [test.gap.difference, test.interval.low, test.interval.high].map(|it| it * 100.0);
            let won = if versus_control.is_won() { "shown to be better than" } else { "not shown to be better than" };
            text += &format!(
                "\nDifference on the test images: {difference:+.2} points ({low:+.2} to {high:+.2}): {won} scaling GoogLeNet.\n"
            );
        }
        text
    }
}

/// One step of a lineage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Ancestor {
    trial: usize,
    origin: String,
    macs: u64,
    accuracy: Option<f64>,
}

impl Ancestor {
    pub(super) fn text(&self) -> String {
        let Self { trial, origin, macs, accuracy } = self;
        let accuracy = accuracy.map_or_else(|| "failed".to_owned(), |value| format!("{:.2} %", value * 100.0));
        format!("trial {trial}: {origin}; {} MACs, {accuracy}", si(*macs))
    }
}

impl<'a> Card<'a> {
    /// The card of `trial`, one of `trials`; `baseline` is the cost of the paper's network. `None` without a score.
    pub fn new(source: Source<'a>, trial: &Trial, trials: &[Trial], baseline: Cost) -> Option<Self> {
        let job = &trial.job;
        Some(Self {
            source,
            trial: job.index,
            seed: job.seed.to_string(),
            architecture: job.architecture.canonical(),
            key: job.architecture.key().to_string(),
            fidelity: job.fidelity,
            inherits: job.inherits,
            score: *trial.outcome.score()?,
            score_note: SELECTED_ON,
            finals: None,
            cost: job.cost,
            baseline_cost: baseline,
            lineage: lineage(trial, trials),
        })
    }

    /// The card with what the finals have shown, if the network was in them.
    pub fn with_finals(self, finals: Option<Finalist<'a>>) -> Self {
        Self { finals, ..self }
    }

    /// The card for people.
    ///
    /// # Errors
    /// If TOML cannot hold the protocol; it can hold every protocol that was read from TOML.
    pub fn to_markdown(&self) -> Result<String, toml::ser::Error> {
        let Self { source, score, cost, baseline_cost, fidelity, .. } = self;
        let inherits = self.inherits.map_or_else(String::new, |Inheritance { from, generation }| {
            format!(", from the weights of trial {from}, generation {generation}")
        });
        let ratio = |ours: u64, theirs: u64| ours as f64 / theirs as f64;
        let mut text = format!(
            "# Trial {} of run {}\n\n| | |\n|---|---|\n| validation accuracy | {:.2} ± {:.2} % |\n| validation loss | \
             {:.4} nats |\n| MACs | {} ({:.2}x the paper's network) |\n| parameters | {} ({:.2}x) |\n| trained on | {} \
             images of {} px, {}{} |\n| seed | {} |\n\n{}\n",
            self.trial,
            source.run,
            score.accuracy * 100.0,
            score.accuracy_se * 100.0,
            score.validation_loss,
            si(cost.macs),
            ratio(cost.macs, baseline_cost.macs),
            si(cost.parameters),
            ratio(cost.parameters, baseline_cost.parameters),
            fidelity.images,
            fidelity.resolution,
            counted(fidelity.epochs, "epoch"),
            inherits,
            self.seed,
            SELECTED_ON,
        );
        text += &self.finals.as_ref().map_or_else(String::new, Finalist::markdown);
        text += "\n## Lineage\n\n";
        for ancestor in &self.lineage {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "- {}", ancestor.text());
        }
        let Source { data, data_fingerprint, classes, program, protocol, .. } = source;
        let classes = classes.join(", ");
        let protocol = toml::to_string(protocol)?;
        text += &format!(
            "\n## Training\n\n- data: {data}\n- classes: {classes}\n- data fingerprint: {data_fingerprint}\n- program: \
             inception-nas {program}\n- architecture: `{}`\n\n```toml\n{protocol}```\n",
            self.architecture
        );
        Ok(text)
    }
}

/// From `trial` back to what was not changed from anything else; of two parents along the first.
pub(super) fn lineage(trial: &Trial, trials: &[Trial]) -> Vec<Ancestor> {
    let step = |trial: &Trial| Ancestor {
        trial: trial.job.index,
        origin: origin(trial),
        macs: trial.job.cost.macs,
        accuracy: trial.outcome.score().map(|score| score.accuracy),
    };
    let parent = |child: &&Trial| {
        let parent = match child.job.origin {
            Origin::Mutation { parent, .. } | Origin::Crossover { parents: [parent, _], .. } => Some(parent),
            Origin::Promotion { from } => Some(from),
            Origin::Uniform { .. } | Origin::Random => None,
        };
        // A parent is always an earlier trial; a damaged record must not send this round in circles.
        let parent = parent.filter(|parent| *parent < child.job.index)?;
        trials.iter().find(|trial| trial.job.index == parent)
    };
    std::iter::successors(Some(trial), parent).map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::{BASELINE, failed, heir, trial, uniform};
    use super::*;
    use crate::space::Space;

    fn evolved(index: usize, parent: usize, accuracy: f64) -> Trial {
        trial(index, Origin::Mutation { parent, operators: vec!["branch".to_owned()] }, accuracy, 50_000_000)
    }

    #[test]
    fn a_card_tells_the_whole_story() {
        let space = Space::parse("tiny.toml", include_str!("../../search_spaces/tiny.toml"), &[]).unwrap();
        let classes = ["cat".to_owned(), "dog".to_owned()];
        let source = Source {
            run: "pets",
            data: "drawn",
            data_fingerprint: "abc",
            classes: &classes,
            program: "0.1.0",
            protocol: space.protocol(),
        };
        let trials = [uniform(0, 500, 0.7, 26_000_000), evolved(1, 0, 0.75), failed(2), evolved(3, 1, 0.8)];
        let card = Card::new(source, &trials[3], &trials, BASELINE).unwrap();
        let text = card.to_markdown().unwrap();
        for expected in [
            "# Trial 3 of run pets",
            "| validation accuracy | 80.00 ± 1.00 % |",
            "| MACs | 50.0M (0.50x the paper's network) |",
            SELECTED_ON,
            "- trial 3: evolved from 1 (branch); 50.0M MACs, 80.00 %\n- trial 1: evolved from 0 (branch); 50.0M MACs, \
             75.00 %\n- trial 0: GoogLeNet x0.5; 26.0M MACs, 70.00 %\n",
            "- data fingerprint: abc\n",
            "resolution = 32\n",
        ] {
            assert!(text.contains(expected), "no {expected:?} in\n{text}");
        }
        let json = serde_json::to_value(&card).unwrap();
        assert_eq!((&json["run"], &json["trial"], &json["seed"]), (&"pets".into(), &3.into(), &"1".into()));
        assert_eq!(json["lineage"][2]["origin"], "GoogLeNet x0.5");
        assert!(Card::new(source, &trials[2], &trials, BASELINE).is_none());
    }

    #[test]
    fn a_card_says_whose_weights_the_training_started_from() {
        let space = Space::parse("tiny.toml", include_str!("../../search_spaces/tiny.toml"), &[]).unwrap();
        let (data, data_fingerprint, program) = ("drawn", "abc", "0.1.0");
        let source = Source { run: "pets", data, data_fingerprint, classes: &[], program, protocol: space.protocol() };
        let trials = [uniform(0, 500, 0.7, 26_000_000), heir(evolved(1, 0, 0.75), 0, 1)];
        let card = |trial: &Trial| Card::new(source, trial, &trials, BASELINE).unwrap();
        let text = card(&trials[1]).to_markdown().unwrap();
        assert!(text.contains("1 epoch, from the weights of trial 0, generation 1 |"), "{text}");
        assert_eq!(serde_json::to_value(card(&trials[1])).unwrap()["inherits"]["from"], 0);
        assert!(serde_json::to_value(card(&trials[0])).unwrap().get("inherits").is_none());
    }

    #[test]
    fn a_lineage_ends_at_a_hole_and_never_goes_round() {
        let trials = [evolved(5, 3, 0.8), evolved(7, 7, 0.8)];
        assert_eq!(trials.each_ref().map(|trial| lineage(trial, &trials).len()), [1, 1]);
    }
}
