//! Whole reports of trainings that were made up.

use super::*;
use crate::arch::Architecture;
use crate::search::finals::{Choice, Contender, Heats, Images, Settings};
use crate::search::trial::{Failure, Fidelity, Job, Origin, Score};
use crate::space::Space;

const IMAGES: usize = 400;

/// A list with one finalist, narrower than the paper's network, and three seeds.
fn list() -> List {
    let space = Space::parse("tiny.toml", include_str!("../../../search_spaces/tiny.toml"), &[]).unwrap();
    let mut blocks = *Architecture::googlenet_scaled(0.2, 2, false).unwrap().blocks();
    blocks.swap(0, 8);
    let stem = Architecture::googlenet_scaled(0.2, 2, false).unwrap().stem();
    let architecture = Architecture::new(stem, blocks, 2, false).unwrap();
    let cost = architecture.cost(32).unwrap();
    let fidelity = Fidelity { resolution: 32, images: 128, epochs: 1 };
    let job = Job { index: 26, architecture, origin: Origin::Random, cost, fidelity, seed: 1, inherits: None };
    let images = Images { fingerprint: "abc", train: 3000, validation: 350, openings: 0 };
    let settings = Settings {
        seeds: 3,
        epochs: 4,
        baseline: true,
        choice: Choice { bins: 4, per_bin: 1, max_finalists: 4, heats: 0 },
    };
    List::new(&space, &[trial(job, Some(0.6))], images, "0.1.0", settings).unwrap()
}

fn trial(job: Job, accuracy: Option<f64>) -> Trial {
    let outcome = accuracy
        .map_or(Outcome::Failed(Failure::Diverged { epoch: 1, loss: "NaN".to_owned() }), |accuracy| {
            Outcome::Done(Score { accuracy, accuracy_se: 0.01, validation_loss: 0.5, training_loss_sum: 1.0 })
        });
    Trial { job, outcome, seconds: 2.0, screening_seconds: 0.0, latency_ms: None }
}

/// Trainings and answers in which the finalist is right on `share` of 100 images and all others on 80, give or take.
fn trained(list: &List, share: usize) -> (Vec<Trial>, Answers) {
    let networks = list.networks.len();
    let share = |job: usize| if job % networks == list.pairs[0].finalist { share } else { 80 } + job / networks;
    let trainings = list.jobs().into_iter().map(|job| {
        let accuracy = share(job.index) as f64 / 100.0;
        trial(job, Some(accuracy))
    });
    let right = |job: usize| (0..IMAGES).map(|i| i * 37 % 100 < share(job)).collect::<Vec<bool>>();
    let right = (0..list.jobs().len()).map(|job| Some(Answers::text(&right(job)))).collect();
    (trainings.collect(), Answers { list: list.sha256(), right })
}

/// Finals whose finalist is right on `share` of 100 images, and all others on 80.
pub(in crate::report) fn finals(share: usize) -> FinalsReport {
    let list = list();
    let (trainings, answers) = trained(&list, share);
    FinalsReport::new("pets", &list, &trainings, Some(&answers))
}

#[test]
fn a_finalist_that_is_better_wins() {
    let list = list();
    assert_eq!(list.networks.iter().map(|it| it.trial).collect::<Vec<_>>(), [None, Some(26), None]);
    let (trainings, answers) = trained(&list, 90);
    let report = FinalsReport::new("pets", &list, &trainings, Some(&answers));
    assert_eq!((report.test_images, report.winners().count()), (Some(IMAGES), 1));
    let control = &report.comparisons[0].control;
    let test = control.test.unwrap();
    assert!((test.gap.difference - 0.1).abs() < 1e-12 && (control.macs_ratio - 1.0).abs() < 0.05);
    assert_eq!((test.mcnemar.only_finalist, test.mcnemar.only_other), (IMAGES / 10, 0));
    let finalist = &report.networks[1];
    assert!(
        (finalist.validation.unwrap().mean - 0.91).abs() < 1e-12 && (finalist.test.unwrap().mean - 0.91).abs() < 1e-12
    );
    let text = finals_table(&report);
    for expected in [
        "finals of run pets: 3 networks, 3 fresh seeds each, 4 epochs of 3000 images\n",
        "91.00 ± 0.58 %  91.00 ± 0.58 %\n",
        "differences on the 350 validation images, on which the search selected; 95 % interval over seeds\n  trial 26 (",
        "x its MACs: +10.00 points, +",
        "right alone 40 against 0, p < 0.001\n",
        "\ntrial 26 beats the paper's network scaled to its MACs, by more than an accident\n",
    ] {
        assert!(text.contains(expected), "no {expected:?} in\n{text}");
    }
    // What is stored is what was reported.
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<FinalsReport>(&json).unwrap(), report);
}

#[test]
fn of_another_resolution_the_scaling_at_the_baseline_s_is_a_second_control() {
    let mut list = list();
    let control = list.pairs[0].control;
    list.pairs[0].base = Some(control);
    let (trainings, answers) = trained(&list, 90);
    let report = FinalsReport::new("pets", &list, &trainings, Some(&answers));
    assert!(report.comparisons[0].base.as_ref().is_some_and(Versus::is_won));
    let text = finals_table(&report);
    let expected = "\nof 1 at other resolutions than the baseline's, shown better than its scalings there: trial 26\n";
    assert!(text.contains(expected), "{text}");
    assert!(!finals_table(&finals(90)).contains("other resolutions"));
}

#[test]
fn a_finalist_that_is_no_better_does_not() {
    let list = list();
    let (trainings, answers) = trained(&list, 80);
    let report = FinalsReport::new("pets", &list, &trainings, Some(&answers));
    assert_eq!(report.winners().count(), 0);
    let text = finals_table(&report);
    assert!(text.contains("\nno finalist beats the paper's network scaled to its MACs"), "{text}");
    assert!(!text.contains("shown worse"), "{text}");
    // One that is clearly behind is named.
    assert!(
        finals_table(&finals(70)).contains("\nshown worse than GoogLeNet scaled to about as many MACs: trial 26\n")
    );
    assert!(!finals_table(&finals(90)).contains("shown worse"));
}

#[test]
fn before_the_test_images_are_opened_nothing_is_said_about_them() {
    let list = list();
    let (trainings, _) = trained(&list, 90);
    let report = FinalsReport::new("pets", &list, &trainings, None);
    assert_eq!((report.test_images, report.winners().count()), (None, 0));
    assert!(report.networks.iter().all(|it| it.test.is_none() && it.validation.is_some()));
    assert!(report.comparisons.iter().all(|it| it.control.test.is_none() && it.control.validation.is_some()));
    assert!(!standings_table(&report).contains("test images"));
}

#[test]
fn a_network_of_which_a_training_failed_is_compared_with_nothing() {
    let list = list();
    let (mut trainings, mut answers) = trained(&list, 90);
    let control = list.pairs[0].control;
    trainings[control] = trial(trainings[control].job.clone(), None);
    answers.right[control] = None;
    let report = FinalsReport::new("pets", &list, &trainings, Some(&answers));
    let comparison = &report.comparisons[0];
    assert_eq!((&comparison.control.validation, &comparison.control.test), (&None, &None));
    assert!(comparison.paper.as_ref().is_some_and(|paper| paper.test.is_some()));
    assert_eq!(report.winners().count(), 0);
    let text = finals_table(&report);
    assert!(text.contains(": not compared\n") && text.contains("failed, so not compared: GoogLeNet x"), "{text}");
}

#[test]
fn heats_show_who_was_chosen_and_by_what() {
    let contender = |name: &str, validation: Option<[f64; 3]>, failed: Option<&str>, chosen| Contender {
        name: name.to_owned(),
        trial: None,
        macs: 3_000_000,
        validation: validation.map(Vec::from),
        failed: failed.map(str::to_owned),
        chosen,
    };
    let mut list = list();
    assert!(!standings_table(&FinalsReport::new("pets", &list, &[], None)).contains("heats"));
    let first = vec![
        contender("trial 26", Some([0.8, 0.81, 0.82]), None, true),
        contender("trial 7 at 96 px", Some([0.7; 3]), None, false),
    ];
    let second = vec![contender("trial 5", None, Some("trial 5, seed 2: oh"), false)];
    list.heats = Some(Heats { list: "abc".to_owned(), ranges: vec![first, second] });
    let text = standings_table(&FinalsReport::new("pets", &list, &[], None));
    let expected = [
        "list of the heats, frozen before anything was trained: abc",
        &format!("list of the finals, frozen before they were trained: {}", list.sha256()),
        "",
        "  heats, by range of MACs   MACs      validation",
        "  trial 26                 3.00M  81.00 ± 0.58 %  finalist",
        "  trial 7 at 96 px         3.00M  70.00 ± 0.00 %",
        "",
        "  trial 5                  3.00M          failed",
        "chosen by the mean of 3 trainings with other seeds; what is chosen by is optimistic of the chosen",
        "failed, so not chosen: trial 5, seed 2: oh",
        "",
    ];
    assert!(text.contains(&expected.join("\n")), "{text}");
    assert!(text.contains("on which the search and the heats selected"), "{text}");
}

#[test]
fn finalists_are_rescored_by_the_finals() {
    let list = list();
    let (trainings, answers) = trained(&list, 90);
    let report = FinalsReport::new("pets", &list, &trainings, Some(&answers));
    let mut found = trainings[1].clone();
    found.job.index = 26;
    let other = Trial { job: Job { index: 5, ..found.job.clone() }, ..found.clone() };
    let rescored = report.rescored(&[other, found]);
    assert_eq!(rescored.len(), 1);
    assert!((rescored[0].outcome.score().unwrap().accuracy - 0.91).abs() < 1e-12);
}
