//! Bars that show how far something is.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use super::Output;

/// A bar like `template` on a terminal, and a hidden one where nobody watches.
pub(super) fn bar(output: Output, length: u64, template: &str) -> ProgressBar {
    if output.quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    ProgressBar::new(length).with_style(style(template))
}

/// What a bar looks like.
pub(super) fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
