//! What the page tells of single trials: as a table, and as data for the cards that `script.js` shows at the dots.

use serde::Serialize;

use super::html;
use crate::arch::{Architecture, BLOCK_NAMES, StemWidths};
use crate::report::escape::escape;
use crate::report::summary::origin;
use crate::report::units::{counted, si, with_error};
use crate::search::trial::{Outcome, Trial};

/// What is told of a trial, besides its number and its widths.
const FACTS: [&str; 6] = ["accuracy", "MACs", "parameters", "input", "trained on", "origin"];

/// One card.
#[derive(Serialize)]
struct Card {
    trial: usize,
    facts: [[String; 2]; FACTS.len()],
    /// Names and widths of the stem and of the blocks.
    widths: Vec<(&'static str, Vec<usize>)>,
}

/// The cards of `trials`, for the script.
///
/// # Errors
/// If JSON cannot hold them; it can hold all numbers and texts.
pub fn data<'a>(trials: impl Iterator<Item = &'a Trial>) -> Result<String, serde_json::Error> {
    let card = |trial: &Trial| {
        let mut values = facts(trial).into_iter();
        let facts = FACTS.map(|name| [name.to_owned(), values.next().unwrap_or_default()]);
        Card { trial: trial.job.index, facts, widths: widths(&trial.job.architecture) }
    };
    let json = serde_json::to_string(&trials.map(card).collect::<Vec<_>>())?;
    // Only texts have a `<`, and there this is the same: nothing in it can end the element.
    let json = json.replace('<', "\\u003c");
    Ok(format!("<script type=\"application/json\" id=\"trials\">{json}</script>\n"))
}

/// All trials, failed and briefer ones included, behind a line that unfolds it; nothing without trials.
pub fn table(trials: &[Trial]) -> String {
    if trials.is_empty() {
        return String::new();
    }
    let row = |trial: &Trial| {
        let facts = facts(trial).map(|fact| escape(&fact));
        std::iter::once(format!("trial {}", trial.job.index)).chain(facts).collect::<Vec<_>>()
    };
    let header: Vec<&str> = std::iter::once("trial").chain(FACTS).collect();
    let rows: Vec<Vec<String>> = trials.iter().map(row).collect();
    let table = html::table("as they were trained; `trials` prints them with all widths", &header, &rows);
    html::folded(&format!("All {}", counted(trials.len(), "trial")), &table)
}

/// In the order of [`FACTS`].
fn facts(trial: &Trial) -> [String; FACTS.len()] {
    let (job, fidelity) = (&trial.job, trial.job.fidelity);
    let accuracy = match &trial.outcome {
        Outcome::Done(score) => with_error(score.accuracy, score.accuracy_se),
        Outcome::Failed(failure) => format!("failed: {failure}"),
    };
    [
        accuracy,
        si(job.cost.macs),
        si(job.cost.parameters),
        format!("{} px", fidelity.resolution),
        format!("{} images x {}", fidelity.images, fidelity.epochs),
        origin(trial),
    ]
}

fn widths(architecture: &Architecture) -> Vec<(&'static str, Vec<usize>)> {
    let StemWidths { conv1, conv2_reduce, conv2 } = architecture.stem();
    let blocks = BLOCK_NAMES.iter().zip(architecture.blocks());
    let blocks = blocks.map(|(name, widths)| (*name, widths.to_array().to_vec()));
    std::iter::once(("stem", vec![conv1, conv2_reduce, conv2])).chain(blocks).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::summary::tests::{evolved, example};
    use crate::search::trial::Origin;

    #[test]
    fn a_card_has_the_numbers_of_its_trial_and_cannot_end_the_script() {
        let mut trial = evolved(7, 0.843_21, 41_234_567);
        trial.job.origin = Origin::Mutation { parent: 1, operators: vec!["</script><b>".to_owned()] };
        let html = data([&trial].into_iter()).unwrap();
        assert_eq!(html.matches('<').count(), 2, "{html}");
        let json = html.split_once('>').unwrap().1.strip_suffix("</script>\n").unwrap();
        let cards: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(cards[0]["trial"], 7);
        let values: Vec<&str> =
            cards[0]["facts"].as_array().unwrap().iter().map(|fact| fact[1].as_str().unwrap()).collect();
        assert_eq!(
            values,
            ["84.3 ± 1.0 %", "41.2M", "2.06M", "32 px", "128 images x 1", "evolved from 1 (</script><b>)"]
        );
        assert_eq!(cards[0]["widths"][0], serde_json::json!(["stem", [64, 64, 192]]));
        assert_eq!(cards[0]["widths"][9], serde_json::json!(["5b", [384, 192, 384, 48, 128, 128]]));
    }

    #[test]
    fn failed_trials_are_in_the_table() {
        let html = table(&example());
        assert!(
            html.contains("<summary>All 5 trials</summary>") && html.contains("failed: diverged in epoch 1"),
            "{html}"
        );
        assert_eq!(table(&[]), "");
    }
}
