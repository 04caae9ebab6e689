//! Trials as event files of TensorBoard.

mod proto;
mod records;

use std::collections::BTreeMap;

use prost::Message;

use self::proto::{
    Event, FAILURE, HParams, Kind, PluginData, SUCCESS, Session, SessionEnd, SessionStart, Summary, SummaryMetadata,
    SummaryValue, Value, What,
};
use crate::search::trial::{Origin, Outcome, Score, Trial};

/// Version of the format: what TensorBoard calls its second.
const VERSION: &str = "brain.Event:2";

/// The event file of one trial, which is one run to TensorBoard.
///
/// To the plugin hparams the trial is a session: widths, cost, fidelity and origin are what it began with, and the scalars
/// are what it measured, at the step of the trial's index, so that their charts show a search from left to right. A failed
/// trial has no scores. The journal has no dates: `began` is the time in seconds that its charts shall start from.
pub fn tensorboard_events(trial: &Trial, began: f64) -> Vec<u8> {
    let ended = began + trial.seconds;
    let step = i64::try_from(trial.job.index).unwrap_or(i64::MAX);
    let summary = |wall_time, value| Event { wall_time, step, what: Some(What::Summary(Summary { value })) };
    let (scores, status) = match &trial.outcome {
        Outcome::Done(Score { accuracy, accuracy_se, validation_loss, training_loss_sum }) => {
            let scores = [
                ("accuracy", *accuracy),
                ("accuracy_se", *accuracy_se),
                ("validation_loss", *validation_loss),
                ("training_loss_sum", *training_loss_sum),
            ];
            (scores.to_vec(), SUCCESS)
        }
        Outcome::Failed(_) => (Vec::new(), FAILURE),
    };
    let scalars = scores.into_iter().chain([("seconds", trial.seconds)]).map(|(tag, value)| SummaryValue {
        tag: tag.to_owned(),
        simple_value: Some(value as f32),
        metadata: None,
    });
    let start = SessionStart { hparams: hparams(trial), start_time_secs: began };
    let end = SessionEnd { status, end_time_secs: ended };
    let events = [
        Event { wall_time: began, step: 0, what: Some(What::FileVersion(VERSION.to_owned())) },
        summary(began, vec![session("_hparams_/session_start_info", Session::Start(start))]),
        summary(ended, scalars.collect()),
        summary(ended, vec![session("_hparams_/session_end_info", Session::End(end))]),
    ];
    let mut file = Vec::new();
    for event in events {
        records::append(&mut file, &event.encode_to_vec());
    }
    file
}

/// What a trial is, as far as it is known before its training.
fn hparams(trial: &Trial) -> BTreeMap<String, Value> {
    let job = &trial.job;
    let numbers = [
        ("resolution", job.fidelity.resolution as f64),
        ("images", job.fidelity.images as f64),
        ("epochs", job.fidelity.epochs as f64),
        ("macs", job.cost.macs as f64),
        ("parameters", job.cost.parameters as f64),
    ];
    let widths = job.architecture.widths().into_iter().map(|(name, width)| (name, width as f64));
    let numbers = numbers.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(widths);
    // Without parents and mutations: TensorBoard has a box to tick for every text there is.
    let origin = match job.origin {
        Origin::Uniform { .. } => "uniform",
        Origin::Random => "random",
        Origin::Mutation { .. } => "mutation",
        Origin::Crossover { .. } => "crossover",
        Origin::Promotion { .. } => "promotion",
    };
    let origin = ("origin".to_owned(), Kind::Text(origin.to_owned()));
    let all = numbers.map(|(name, value)| (name, Kind::Number(value))).chain([origin]);
    all.map(|(name, kind)| (name, Value { kind: Some(kind) })).collect()
}

fn session(tag: &str, session: Session) -> SummaryValue {
    let content = HParams { session: Some(session) }.encode_to_vec();
    let plugin_data = PluginData { plugin_name: "hparams".to_owned(), content };
    SummaryValue {
        tag: tag.to_owned(),
        simple_value: None,
        metadata: Some(SummaryMetadata { plugin_data: Some(plugin_data) }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::{failed, uniform};
    use super::*;

    /// The values of a file, events in order.
    fn values(mut file: &[u8]) -> Vec<(Event, SummaryValue)> {
        let mut values = Vec::new();
        while let Some((length, rest)) = file.split_first_chunk::<8>() {
            let (record, rest) = rest[4..].split_at(u64::from_le_bytes(*length) as usize);
            let event = Event::decode(record).unwrap();
            if let Some(What::Summary(summary)) = &event.what {
                values.extend(summary.value.iter().map(|value| (event.clone(), value.clone())));
            }
            file = &rest[4..];
        }
        values
    }

    fn session_of(value: &SummaryValue) -> Session {
        let plugin = value.metadata.clone().unwrap().plugin_data.unwrap();
        assert_eq!(plugin.plugin_name, "hparams");
        HParams::decode(&plugin.content[..]).unwrap().session.unwrap()
    }

    #[test]
    fn a_trial_is_a_session_and_its_scores_are_scalars() {
        let values = values(&tensorboard_events(&uniform(7, 500, 0.8, 30_000_001), 100.0));
        let scalars: Vec<_> =
            values.iter().filter_map(|(event, it)| Some((event, &it.tag[..], it.simple_value?))).collect();
        assert!(scalars.iter().all(|(event, ..)| (event.step, event.wall_time) == (7, 102.0)));
        assert_eq!(
            scalars.iter().map(|(_, tag, value)| (*tag, *value)).collect::<Vec<_>>(),
            [
                ("accuracy", 0.8),
                ("accuracy_se", 0.01),
                ("validation_loss", 0.5),
                ("training_loss_sum", 1.5),
                ("seconds", 2.0)
            ]
        );
        let Session::Start(start) = session_of(&values[0].1) else { panic!("{values:?}") };
        assert_eq!((start.start_time_secs, start.hparams.len()), (100.0, 57 + 6));
        for (name, value) in [("5b.pool_proj", 128.0), ("resolution", 32.0), ("macs", 30_000_001.0)] {
            assert_eq!(start.hparams[name].kind, Some(Kind::Number(value)), "{name}");
        }
        assert_eq!(start.hparams["origin"].kind, Some(Kind::Text("uniform".to_owned())));
        let Session::End(end) = session_of(&values[values.len() - 1].1) else { panic!("{values:?}") };
        assert_eq!((end.status, end.end_time_secs), (SUCCESS, 102.0));
    }

    #[test]
    fn a_failed_trial_has_no_scores() {
        let values = values(&tensorboard_events(&failed(3), 0.0));
        let tags: Vec<&str> = values.iter().map(|(_, value)| &value.tag[..]).collect();
        assert_eq!(tags, ["_hparams_/session_start_info", "seconds", "_hparams_/session_end_info"]);
        let Session::End(end) = session_of(&values[2].1) else { panic!("{values:?}") };
        assert_eq!(end.status, FAILURE);
    }
}
