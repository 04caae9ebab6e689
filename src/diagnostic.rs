//! A mistake in a file a person wrote: where it is, what is allowed there, and what was probably meant.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// An error at one place of a text file.
///
/// Displayed as several lines without colour: the message, `file:line:column`, the line itself with a caret, and the
/// help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    file: String,
    source: String,
    span: Range<usize>,
    message: String,
    help: Option<String>,
}

impl Diagnostic {
    /// A mistake at the bytes `span` of `source`, the content of `file`.
    ///
    /// Of a span over several lines only the first line is shown; a span outside the text points to its end.
    pub fn new(
        file: impl Into<String>,
        source: impl Into<String>,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        let source = source.into();
        let start = source.floor_char_boundary(span.start);
        let end = source.floor_char_boundary(span.end).max(start);
        let first_line = source[start..end].lines().next().unwrap_or_default().len();
        Self { file: file.into(), source, span: start..start + first_line, message: message.into(), help: None }
    }

    /// The same with a line that says what is allowed or what to change.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// What the TOML parser or serde found wrong, in the words of someone who has never seen Rust.
    ///
    /// An unknown key or choice gets the allowed ones and, for a near miss, a suggestion.
    pub fn from_toml(file: impl Into<String>, source: impl Into<String>, error: &toml::de::Error) -> Self {
        let (message, help) = explain(error.message());
        let diagnostic = Self::new(file, source, error.span().unwrap_or(0..0), message);
        Self { help, ..diagnostic }
    }

    /// What is wrong, in one line.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Line and column (in characters) of the mistake, both from 1.
    pub fn position(&self) -> (usize, usize) {
        let before = &self.source[..self.span.start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let caret = AnnotationKind::Primary.span(self.span.clone());
        // Whoever prints the error puts its own "error: " before it.
        let title = Level::ERROR.no_name().primary_title(&self.message);
        let group = title
            .element(Snippet::source(&self.source).path(&self.file).annotation(caret))
            .elements(self.help.as_deref().map(|help| Level::HELP.message(help)));
        f.write_str(&Renderer::plain().render(&[group]))
    }
}

impl std::error::Error for Diagnostic {}

/// The candidate closest to `word`, if it could be a slip of the finger: at most one edit (insertion, deletion,
/// replacement, swap of neighbours) for every three characters, upper and lower case counted as equal.
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let limit = word.chars().count().max(3) / 3;
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|&(distance, _)| distance <= limit)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// Message and help for a message of serde or the TOML parser.
///
/// These crates give no structure to what they found, only words; a wording not known here is passed on as it is.
fn explain(message: &str) -> (String, Option<String>) {
    for (prefix, what) in [("unknown field ", "key"), ("unknown variant ", "value")] {
        if let Some(rest) = message.strip_prefix(prefix) {
            let mut quoted = rest.split('`').skip(1).step_by(2);
            let word = quoted.next().unwrap_or_default();
            let allowed: Vec<&str> = quoted.collect();
            let guess =
                suggest(word, allowed.iter().copied()).map_or_else(String::new, |it| format!("; did you mean `{it}`?"));
            let help = (!allowed.is_empty()).then(|| format!("allowed here: {}", allowed.join(", ")));
            return (format!("unknown {what} `{word}`{guess}"), help);
        }
    }
    if let Some(rest) = message.strip_prefix("missing field ") {
        return (format!("missing key {rest}"), None);
    }
    if let Some((found, expected)) = message.rsplit_once(", expected ") {
        let plain = match expected {
            "usize" | "u8" | "u16" | "u32" | "u64" => "a whole number, 0 or more",
            "i8" | "i16" | "i32" | "i64" => "a whole number",
            "f32" | "f64" => "a number",
            "a boolean" => "true or false",
            "a string" => "a text in quotes",
            "a sequence" => "a list in square brackets",
            other => other,
        };
        return (format!("{found}, expected {plain}"), None);
    }
    (message.to_owned(), None)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the errors matter here")]
    struct File {
        trials: usize,
        share: Option<f64>,
        strategy: Option<Strategy>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Strategy {
        Evolution,
        Random,
    }

    fn mistake(source: &str) -> Diagnostic {
        Diagnostic::from_toml("a.toml", source, &toml::from_str::<File>(source).unwrap_err())
    }

    #[test]
    fn an_unknown_key_shows_the_line_the_allowed_keys_and_a_suggestion() {
        assert_eq!(
            mistake("# search\ntrails = 3\n").to_string(),
            "\
unknown key `trails`; did you mean `trials`?
 --> a.toml:2:1
  |
2 | trails = 3
  | ^^^^^^
  |
  = help: allowed here: trials, share, strategy"
        );
    }

    #[test]
    fn messages_speak_of_keys_and_numbers_not_of_rust() {
        let message = |source| mistake(source).message().to_owned();
        assert_eq!(message("nothing_like_it = 3"), "unknown key `nothing_like_it`");
        assert_eq!(message("share = 0.5"), "missing key `trials`");
        assert_eq!(message("trials = -3"), "invalid value: integer `-3`, expected a whole number, 0 or more");
        assert_eq!(message("trials = 'x'"), "invalid type: string \"x\", expected a whole number, 0 or more");
        assert_eq!(message("trials = 1\nshare = true"), "invalid type: boolean `true`, expected a number");
        assert_eq!(
            message("trials = 1\nstrategy = 'evolutoin'"),
            "unknown value `evolutoin`; did you mean `evolution`?"
        );
    }

    #[test]
    fn the_position_counts_characters_from_one() {
        assert_eq!(mistake("trials = 1 # hündisch\nshare = 'ä'").position(), (2, 9));
        assert_eq!(Diagnostic::new("a", "ä = ö", 5..7, "x").position(), (1, 5));
    }

    #[test]
    fn every_span_can_be_shown() {
        for span in [0..0, 1..2, 2..90, 90..95] {
            let shown = Diagnostic::new("a.toml", "ä = 1\nb = 2\n", span, "wrong").to_string();
            assert!(shown.starts_with("wrong"), "{shown}");
            assert!(shown.contains("a.toml:"), "{shown}");
        }
        assert!(mistake("").to_string().contains("missing key `trials`"));
        assert!(mistake("trials = ").to_string().contains("a.toml:1:"));
    }

    #[test]
    fn a_suggestion_is_a_near_miss_and_the_nearest() {
        let keys = ["b1x1", "b3x3_reduce", "b3x3", "pool_proj"];
        assert_eq!(suggest("b3x3_reduced", keys), Some("b3x3_reduce"));
        assert_eq!(suggest("B1X1", keys), Some("b1x1"));
        assert_eq!(suggest("b2x2", keys), None);
        assert_eq!(suggest("poolproj", keys), Some("pool_proj"));
        assert_eq!(suggest("", keys), None);
    }
}
