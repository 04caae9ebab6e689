//! Pieces of HTML.

use crate::report::escape::escape;

/// A section with a heading. `body` is HTML; nothing if that is empty.
pub fn section(heading: &str, body: &str) -> String {
    if body.is_empty() {
        return String::new();
    }
    format!("<section>\n<h2>{}</h2>\n{body}</section>\n", escape(heading))
}

/// A paragraph of text.
pub fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", escape(text))
}

/// Text that keeps its lines.
pub fn preformatted(text: &str) -> String {
    format!("<pre tabindex=\"0\">{}</pre>\n", escape(text))
}

/// `body`, which is HTML, behind a line that unfolds it.
pub fn folded(summary: &str, body: &str) -> String {
    format!("<details>\n<summary>{}</summary>\n{body}</details>\n", escape(summary))
}

/// A picture that scrolls where it is too wide to be read.
pub fn figure(svg: &str) -> String {
    format!("<div class=\"wide figure\" tabindex=\"0\">\n{svg}</div>\n")
}

/// The column that has words in it, where the others have numbers.
const WORDS: &str = "origin";

/// A table that scrolls where it is too wide. The first column names the rows; cells are HTML, as many in a row as
/// `header` has names.
pub fn table(caption: &str, header: &[&str], rows: &[Vec<String>]) -> String {
    let class = |column: usize| if header[column] == WORDS { " class=\"text\"" } else { "" };
    let head = header
        .iter()
        .enumerate()
        .map(|(column, name)| format!("<th scope=\"col\"{}>{}</th>", class(column), escape(name)));
    let head: String = head.collect();
    let row = |cells: &Vec<String>| {
        let cells = cells.iter().enumerate().map(|(column, cell)| match column {
            0 => format!("<th scope=\"row\">{cell}</th>"),
            _ => format!("<td{}>{cell}</td>", class(column)),
        });
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    };
    let (caption, rows) = (escape(caption), rows.iter().map(row).collect::<String>());
    format!(
        "<div class=\"wide\" tabindex=\"0\"><table>\n<caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n\
         <tbody>\n{rows}</tbody></table></div>\n"
    )
}
