//! All that is known of a run as one HTML file that needs no network.

mod cards;
mod html;
mod widths;

use html::{figure, folded, paragraph, preformatted, section};

use super::architecture_svg::architecture_svg;
use super::card::lineage;
use super::chart::{Chart, Look, Point, Series};
use super::escape::escape;
use super::finals::{FinalsReport, finals_table, finals_verdict};
use super::front_svg::front_svg;
use super::ledger::{self, Ledger};
use super::scale::Axis;
use super::summary::{Row, RunSummary};
use super::table::verdict;
use super::units::{counted, duration, si, with_error};
use crate::arch::Cost;
use crate::search::front::{best_within, front};
use crate::search::generation::{Peers, comparable};
use crate::search::hypervolume::{Reference, hypervolume_of};
use crate::search::trial::Trial;
use crate::space::Space;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
const LIVE: &str = include_str!("live.js");

/// Where all of it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The run, summed up.
    pub summary: &'a RunSummary,
    /// Its space.
    pub space: &'a Space,
    /// Its trials by ascending index.
    pub trials: &'a [Trial],
    /// Cost of the paper's network.
    pub baseline: &'a Cost,
    /// What its finals have shown, if they are finished.
    pub finals: Option<&'a FinalsReport>,
    /// What an audit of its space has shown on its data.
    pub audit: Option<&'a str>,
    /// Its data, in words.
    pub data: &'a str,
    /// Version of the program that began it.
    pub program: &'a str,
}

/// What a page cannot hold.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// A setting.
    #[error("a setting cannot be written: {0}")]
    Setting(#[from] toml::ser::Error),
    /// A trial.
    #[error("a trial cannot be written: {0}")]
    Trial(#[from] serde_json::Error),
}

impl Page<'_> {
    /// `report.html`.
    ///
    /// # Errors
    /// [`PageError`], which nothing that was read from a run gives.
    pub fn html(&self) -> Result<String, PageError> {
        self.with_scripts(&format!("<script>\n{SCRIPT}</script>\n"))
    }

    /// The same for a server: the page loads itself again as soon as `state`, beside it on the server, is another text than this.
    ///
    /// # Errors
    /// As [`Page::html`].
    pub fn live(&self, state: &str) -> Result<String, PageError> {
        let state = escape(state);
        self.with_scripts(&format!("<script>\n{SCRIPT}</script>\n<script data-state=\"{state}\">\n{LIVE}</script>\n"))
    }

    fn with_scripts(&self, scripts: &str) -> Result<String, PageError> {
        let Self { summary, space, data, program, .. } = self;
        let RunSummary { run, trials, failed, seconds, digest, .. } = summary;
        let comparable = || comparable(space, self.trials);
        let title = format!("Run {}", escape(run));
        let facts = format!(
            "{}, {failed} failed, {} of training, hypervolume {:.4}. Data: {data}.",
            counted(*trials, "trial"),
            duration(*seconds),
            summary.hypervolume
        );
        // Finals know better than the scores that the search selected on.
        let verdict = self.finals.map_or_else(|| verdict(&summary.versus_uniform), finals_verdict);
        let verdict = format!("<p class=\"verdict\">{}</p>\n", escape(verdict.trim_end()));
        let mut body = format!("<h1>{title}</h1>\n{}{verdict}", paragraph(&facts));
        body += &summary.generations.as_ref().map(|it| paragraph(&it.text())).unwrap_or_default();
        body += &section("Finals", &self.finals.map(|report| preformatted(&finals_table(report))).unwrap_or_default());
        let note = "Accuracies are on the validation images that the search selected on, with one standard error: the \
                    best of many look better than they are. Differences of less than two standard errors are noise. Point at a \
                    dot, or go through them with the arrow keys, to see which trial it is; a click or Enter keeps its card, \
                    Escape puts it away.";
        let picture = figure(&front_svg(summary, comparable()));
        body += &section(
            "Accuracy and cost",
            &format!(
                "<div id=\"front\">\n{picture}</div>\n{}{}{}{}{}",
                paragraph(note),
                rows("the front, cheapest first", &summary.front),
                rows("GoogLeNet scaled as a whole", &summary.uniform),
                cards::table(self.trials),
                cards::data(comparable().filter(|trial| trial.outcome.score().is_some()))?,
            ),
        );
        body += &section("The most accurate network within the paper's cost", &self.best());
        body += &section("Which widths moved", &widths::over_front(&front(comparable())));
        body += &section("Hypervolume over trials", &self.volumes());
        body += &section("What it cost", &ledger(&summary.ledger));
        body += &section("Do brief trainings rank networks?", &self.audit.map(preformatted).unwrap_or_default());
        body += &section("Settings", &preformatted(&space.to_toml()?));
        body += &section(
            "Where it comes from",
            &format!(
                "<p>inception-nas {}. Digest of all trials: <code>{}</code></p>\n",
                escape(program),
                escape(digest)
            ),
        );
        Ok(format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
             content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
             <main>\n{body}</main>\n{scripts}</body>\n</html>\n"
        ))
    }

    /// The most accurate network within the paper's cost, if there is one.
    fn best_trial(&self) -> Option<&Trial> {
        best_within(comparable(self.space, self.trials), self.baseline.macs)
    }

    /// `architecture.svg`, the best network beside the paper's, if there is one.
    pub fn architecture(&self) -> Option<String> {
        self.best_trial().map(drawing)
    }

    /// Widths and lineage of the best network; nothing if there is none.
    fn best(&self) -> String {
        let Some((best, score)) = self.best_trial().and_then(|trial| Some((trial, trial.outcome.score()?))) else {
            return String::new();
        };
        let intro = format!(
            "Trial {}: {}, {} MACs, {:.2}x those of the paper's network. `best` exports it.",
            best.job.index,
            with_error(score.accuracy, score.accuracy_se),
            si(best.job.cost.macs),
            best.job.cost.macs as f64 / self.baseline.macs as f64
        );
        let ancestors = lineage(best, self.trials);
        let steps: String =
            ancestors.iter().map(|ancestor| format!("<li>{}</li>\n", escape(&ancestor.text()))).collect();
        format!(
            "{}{}{}<p>How it came to be, from the last step to the first:</p>\n<ul>\n{steps}</ul>\n",
            paragraph(&intro),
            figure(&drawing(best)),
            folded("The same as a table", &widths::beside_paper(&best.job.architecture))
        )
    }

    /// The hypervolume after every trial.
    fn volumes(&self) -> String {
        let reference = Reference::new(self.space.reference(), self.baseline);
        let peers = Peers::of(self.space, self.trials);
        // Only the front so far counts, and it is short.
        let mut reached: Vec<&Trial> = Vec::new();
        let points = self.trials.iter().zip(1..).map(|(trial, count)| {
            if peers.has(trial) {
                reached.push(trial);
                reached = front(reached.iter().copied());
            }
            let volume = hypervolume_of(reached.iter().copied(), &reference);
            Point {
                x: f64::from(count),
                y: [volume; 3],
                about: format!("after {count} trials: {volume:.4}"),
                trial: None,
            }
        });
        let series = Series { name: "this run".to_owned(), look: Look::Line, points: points.collect() };
        let x = Axis { label: "trials", log: false, show: |value| format!("{value}") };
        let y = Axis { label: "hypervolume", log: false, show: |value| format!("{value:.2}") };
        Chart { title: "hypervolume of the front so far".to_owned(), x, y, series: vec![series] }.svg()
    }
}

fn drawing(trial: &Trial) -> String {
    architecture_svg(&trial.job.architecture, &format!("trial {} beside GoogLeNet", trial.job.index))
}

fn rows(caption: &str, rows: &[Row]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let cells = |row: &Row| {
        let gain = row.accuracy_gain.map_or_else(String::new, |gain| format!("{:+.1} points", 100.0 * gain));
        vec![
            format!("trial {}", row.trial),
            with_error(row.accuracy, row.accuracy_se),
            si(row.macs),
            format!("{:.2}x", row.macs_ratio),
            si(row.parameters),
            gain,
            escape(&row.origin),
        ]
    };
    let header = ["trial", "accuracy", "MACs", "of the paper's", "parameters", "vs baseline", "origin"];
    html::table(caption, &header, &rows.iter().map(cells).collect::<Vec<_>>())
}

fn ledger(ledger: &Ledger) -> String {
    let rows: Vec<Vec<String>> = ledger.rows().into_iter().map(Vec::from).collect();
    html::table("every training, failed ones included", &ledger::HEADER, &rows)
}

#[cfg(test)]
mod tests {
    use super::super::finals::tests::finals;
    use super::super::summary::tests::{BASELINE, example, space};
    use super::*;

    fn html(trials: &[Trial]) -> String {
        html_with(trials, None, None)
    }

    fn html_with(trials: &[Trial], finals: Option<&FinalsReport>, audit: Option<&str>) -> String {
        let space = space(10);
        let summary = RunSummary::new("pets <&> \"co\"", &space, trials, &BASELINE);
        let (baseline, data) = (&BASELINE, "/home/<me>/pets");
        let summary = &summary;
        Page { summary, space: &space, trials, baseline, finals, audit, data, program: "0.1.0" }.html().unwrap()
    }

    #[test]
    fn finals_have_the_last_word() {
        for (share, expected) in [(90, "trial 26 beats the paper"), (80, "no finalist beats the paper")] {
            let html = html_with(&example(), Some(&finals(share)), None);
            assert!(html.contains(&format!("<p class=\"verdict\">{expected}")) && html.contains("<h2>Finals</h2>"));
            assert!(!html.contains("beats uniform scaling"));
        }
    }

    #[test]
    fn an_audit_has_its_place_if_there_is_one() {
        let heading = "<h2>Do brief trainings rank networks?</h2>";
        assert!(!html(&example()).contains(heading));
        let html = html_with(&example(), None, Some("tau < 0.3"));
        assert!(html.contains(&format!("{heading}\n<pre tabindex=\"0\">tau &lt; 0.3</pre>")), "{html}");
    }

    #[test]
    fn one_file_has_everything_and_asks_for_nothing() {
        let html = html(&example());
        for expected in [
            "<h1>Run pets &lt;&amp;&gt; &quot;co&quot;</h1>",
            "5 trials, 1 failed, 10s of training, hypervolume 0.",
            "/home/&lt;me&gt;/pets",
            "<p class=\"verdict\">trial 4 beats uniform scaling (trial 0)",
            "<th scope=\"row\">trial 4</th><td>84.0 ± 1.0 %</td><td>90.0M</td><td>0.90x</td><td>4.50M</td><td>+4.0 points</td>",
            "<li>trial 4: evolved from 0 (branch); 90.0M MACs, 84.00 %</li>",
            "<td>64 of 64<span class=\"bar\" style=\"width:50%\"></span></td>",
            "<td>1.00 (1.00–1.00)<span",
            "<title>after 5 trials: 0.",
            "aria-label=\"trial 4 beside GoogLeNet: 0 of 57 widths differ from the paper's\"",
            "<script type=\"application/json\" id=\"trials\">[{\"trial\":0,",
            "<th scope=\"row\">uniform scalings</th><td>1</td><td>2s</td><td>20 %</td>",
            "strategy = &quot;evolution&quot;",
        ] {
            assert!(html.contains(expected), "no {expected:?} in\n{html}");
        }
        for outside in ["http:", "https:", "<script src", "src=", "@import", "url("] {
            let inside = html.replace("http://www.w3.org/2000/svg", "");
            assert!(!inside.contains(outside), "{outside}");
        }
        let count = |what: &str| html.matches(what).count();
        for (open, close) in
            [("<section", "</section>"), ("<table", "</table>"), ("<svg", "</svg>"), ("<tr", "</tr>"), ("<p", "</p>")]
        {
            let opened = count(open) - if open == "<p" { count("<pre") + count("<poly") } else { 0 };
            assert_eq!(opened, count(close), "{open}");
        }
    }

    #[test]
    fn a_run_without_trials_has_a_page() {
        let html = html(&[]);
        assert!(html.contains("0 trials") && !html.contains("<h2>Which widths moved") && !html.contains("NaN"));
    }
}
