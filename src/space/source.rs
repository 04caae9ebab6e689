//! The text of a space file, with overrides written into it, and where in it a key stands.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::Diagnostic;

/// The text of a TOML file under its name.
///
/// Overrides are written into the text, so that a wrong one is shown like any other mistake of the file.
pub(super) struct Source {
    name: String,
    text: String,
}

impl Source {
    /// The text `text` of the file `name`, in which every `key.path=value` of `overrides` is set, in order.
    ///
    /// A value that is not TOML is taken as a text: `search.strategy=random` needs no quotes.
    pub fn new(name: &str, text: &str, overrides: &[String]) -> Result<Self, Diagnostic> {
        let mut source = Self { name: name.to_owned(), text: text.to_owned() };
        for assignment in overrides {
            source.set(assignment)?;
        }
        if !overrides.is_empty() {
            source.name = format!("{name} with --set {}", overrides.join(" --set "));
        }
        Ok(source)
    }

    /// The text as a value of type `T`.
    pub fn deserialize<T: serde::de::DeserializeOwned>(&self) -> Result<T, Diagnostic> {
        toml::from_str(&self.text).map_err(|error| Diagnostic::from_toml(&self.name, &self.text, &error))
    }

    /// A mistake in the value at `path`; elements of lists are numbered. If a part of the path is missing, the part
    /// before it is pointed at.
    pub fn mistake(&self, path: &[&str], message: impl Into<String>) -> Diagnostic {
        let span = DeTable::parse(&self.text).map_or(0..0, |root| find(&root, path).0);
        Diagnostic::new(&self.name, &self.text, span, message)
    }

    /// A mistake in the key at `path`.
    pub fn key_mistake(&self, path: &[&str], message: impl Into<String>) -> Diagnostic {
        let span = DeTable::parse(&self.text).map_or(0..0, |root| match path.split_last() {
            Some((&last, parents)) => table_at(&root, parents)
                .and_then(|table| table.keys().find(|key| key.get_ref() == last))
                .map_or_else(|| find(&root, path).0, Spanned::span),
            None => root.span(),
        });
        Diagnostic::new(&self.name, &self.text, span, message)
    }

    fn set(&mut self, assignment: &str) -> Result<(), Diagnostic> {
        let malformed = |span, message: &str| {
            Diagnostic::new("--set", assignment, span, message).with_help("write it like search.trials=40")
        };
        let whole = 0..assignment.len();
        let (key, value) = assignment
            .split_once('=')
            .ok_or_else(|| malformed(whole.clone(), "no equals sign between key and value"))?;
        let path = key_path(key).ok_or_else(|| malformed(0..key.len(), "this is not a key"))?;
        let (value_start, single_line) = (key.len() + 1, !assignment.contains(['\n', '\r']));
        if !single_line {
            return Err(malformed(value_start..assignment.len(), "a value has one line"));
        }
        let value = match DeTable::parse(&format!("x = {value}")) {
            Ok(_) => value.trim().to_owned(),
            Err(_) => toml::Value::String(value.to_owned()).to_string(),
        };

        let root = DeTable::parse(&self.text).map_err(|error| Diagnostic::from_toml(&self.name, &self.text, &error))?;
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let Some((&leaf, parents)) = path.split_last() else {
            return Err(malformed(0..key.len(), "this is not a key"));
        };
        let edit = match find(&root, &path) {
            (_, Some(DeValue::Table(_))) => {
                return Err(malformed(0..key.len(), "this is a section of the file; set one of its keys"));
            }
            (span, Some(_)) => (span, value),
            (_, None) => {
                let line = format!("{} = {value}", quoted(leaf));
                match find(&root, parents) {
                    (span, Some(DeValue::Table(_))) if self.text[span.clone()].starts_with('{') => {
                        (span.start + 1..span.start + 1, format!(" {line},"))
                    }
                    (span, Some(DeValue::Table(_))) if self.text[span.clone()].starts_with('[') => {
                        let end = self.text[span.start..].find('\n').map_or(self.text.len(), |at| span.start + at);
                        (end..end, format!("\n{line}"))
                    }
                    (span, Some(DeValue::Table(_))) => {
                        // Written as a dotted key: so is this one, before it.
                        let start = self.text[..span.start].rfind('\n').map_or(0, |at| at + 1);
                        let dotted = self.text[start..].split('=').next().and_then(key_path).unwrap_or_default();
                        let ends = |many: &usize| {
                            parents.ends_with(&dotted[..*many].iter().map(String::as_str).collect::<Vec<_>>())
                        };
                        let many = (1..=dotted.len()).find(ends).unwrap_or(0);
                        let prefix: String = dotted[..many].iter().map(|part| quoted(part) + ".").collect();
                        (start..start, format!("{prefix}{line}\n"))
                    }
                    (_, Some(_)) => {
                        let parents = parents.join(".").len();
                        return Err(malformed(0..parents, "this is no section of the file"));
                    }
                    (_, None) if parents.is_empty() => (0..0, format!("{line}\n")),
                    (_, None) => {
                        let section: Vec<String> = parents.iter().map(|part| quoted(part)).collect();
                        let end = self.text.len();
                        (end..end, format!("\n[{}]\n{line}\n", section.join(".")))
                    }
                }
            }
        };
        self.text.replace_range(edit.0, &edit.1);
        Ok(())
    }
}

/// The parts of a dotted TOML key.
fn key_path(key: &str) -> Option<Vec<String>> {
    let text = format!("{key} = 0");
    let root = DeTable::parse(&text).ok()?;
    let mut path = Vec::new();
    let mut table = root.get_ref();
    loop {
        let (part, value) = table.iter().next()?;
        path.push(part.get_ref().to_string());
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => return Some(path),
        }
    }
}

/// A key as TOML writes it.
fn quoted(key: &str) -> String {
    if !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        return key.to_owned();
    }
    toml::Value::String(key.to_owned()).to_string()
}

/// Where the value at `path` stands, and the value; where its nearest existing parent stands, and `None`, if there is
/// none. The document itself has no value.
fn find<'a, 'i>(root: &'a Spanned<DeTable<'i>>, path: &[&str]) -> (Range<usize>, Option<&'a DeValue<'i>>) {
    let Some((first, rest)) = path.split_first() else { return (0..0, None) };
    let Some(mut at) = root.get_ref().get(*first) else { return (0..0, None) };
    for part in rest {
        let next = match at.get_ref() {
            DeValue::Table(table) => table.get(*part),
            DeValue::Array(list) => part.parse().ok().and_then(|i: usize| list.get(i)),
            _ => None,
        };
        match next {
            Some(value) => at = value,
            None => return (at.span(), None),
        }
    }
    (at.span(), Some(at.get_ref()))
}

/// The table at `path`.
fn table_at<'a, 'i>(root: &'a Spanned<DeTable<'i>>, path: &[&str]) -> Option<&'a DeTable<'i>> {
    if path.is_empty() {
        return Some(root.get_ref());
    }
    match find(root, path).1 {
        Some(DeValue::Table(table)) => Some(table),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# a space
[search]
trials = 24 # some
[widths]
choices = { \"3a.b1x1\" = [8, 16] }
";

    fn with(overrides: &[&str]) -> Result<String, String> {
        let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
        Source::new("a.toml", TEXT, &overrides).map(|source| source.text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_value_is_replaced_where_it_stands() {
        assert_eq!(with(&["search.trials=40"]), Ok(TEXT.replace("24", "40")));
        assert_eq!(with(&["search.trials=many"]), Ok(TEXT.replace("24", "\"many\"")));
        assert_eq!(with(&["search.trials = 7", "search.trials=8"]), Ok(TEXT.replace("24", "8")));
        assert_eq!(with(&["widths.choices.\"3a.b1x1\"=[4]"]), Ok(TEXT.replace("[8, 16]", "[4]")));
    }

    #[test]
    fn a_new_key_goes_into_its_section() {
        assert_eq!(with(&["search.seed=1"]), Ok(TEXT.replace("[search]", "[search]\nseed = 1")));
        assert_eq!(with(&["widths.choices.\"3b.b1x1\"=[4]"]), Ok(TEXT.replace("{ \"3a", "{ \"3b.b1x1\" = [4], \"3a")));
        assert_eq!(with(&["limits.max_macs=600M"]), Ok(format!("{TEXT}\n[limits]\nmax_macs = \"600M\"\n")));
        assert_eq!(with(&["x=1"]), Ok(format!("x = 1\n{TEXT}")));
    }

    #[test]
    fn a_new_key_stands_beside_dotted_ones_of_its_section() {
        let set = |text: &str, key: &str| {
            Source::new("a.toml", text, &[key.to_owned()]).map(|source| source.text).map_err(|error| error.to_string())
        };
        let dotted = "limits.max_macs = \"4M\"\n[search]\nend.after = 3\n";
        assert_eq!(set(dotted, "limits.max_parameters=1M"), Ok(format!("limits.max_parameters = \"1M\"\n{dotted}")));
        assert_eq!(set(dotted, "search.end.by=1"), Ok(dotted.replace("end.after", "end.by = 1\nend.after")));
        let refused = set(TEXT, "search.trials.sample=1").unwrap_err();
        assert!(refused.contains("this is no section of the file"), "{refused}");
    }

    #[test]
    fn malformed_overrides_are_explained() {
        for (text, message) in [
            ("search.trials", "no equals sign"),
            ("=3", "not a key"),
            ("a b=3", "not a key"),
            ("search=3", "a section"),
            ("search.trials=3\n[x]", "one line"),
        ] {
            let error = with(&[text]).unwrap_err();
            assert!(error.contains(message) && error.contains("search.trials=40"), "{error}");
        }
    }

    #[test]
    fn paths_lead_to_lines() {
        let source = Source::new("a.toml", TEXT, &[]).unwrap();
        let position = |path: &[&str]| source.mistake(path, "wrong").position();
        assert_eq!(position(&["search", "trials"]), (3, 10));
        assert_eq!(position(&["search", "missing"]).0, 2);
        assert_eq!(position(&["widths", "choices", "3a.b1x1", "1"]), (5, 29));
        assert_eq!(position(&["missing"]), (1, 1));
        assert_eq!(source.key_mistake(&["widths", "choices", "3a.b1x1"], "wrong").position(), (5, 13));
    }
}
