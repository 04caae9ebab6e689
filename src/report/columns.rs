//! Text in columns.

/// Rows with columns aligned: the first `left` to the left, the others to the right.
pub fn columns<const N: usize>(rows: &[[String; N]], left: usize) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column < left { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// Rows in columns, names to the left and all else to the right, a little from the margin.
pub(super) fn indented<const N: usize>(mut rows: Vec<[String; N]>) -> String {
    rows.iter_mut().for_each(|row| row[0].insert_str(0, "  "));
    columns(&rows, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_left_and_numbers_right() {
        let rows = [["name", "±", ""], ["a", "10.5", "x"], ["ü", "3", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(columns(&rows, 1), "name     ±\na     10.5  x\nü        3\n");
        assert_eq!(columns::<2>(&[], 1), "");
    }
}
