//! Charts as plain text, for terminals. Characters tell the series apart, so there are no colours to turn off.

use super::chart::{Chart, Point};
use super::scale::Scale;

/// Lines of the plot, without its lower axis.
const ROWS: usize = 18;

/// Narrower plots show nothing; wider ones no more.
const COLUMNS: [usize; 2] = [24, 100];

/// One character a series, in their order.
const MARKS: [char; 4] = ['●', '×', '·', '+'];

impl Chart {
    /// The values of the chart without their uncertainty, in lines of at most `columns` characters if that many are enough
    /// to show anything. Where values of several series meet, the first series is seen.
    pub fn text(&self, columns: usize) -> String {
        let columns = columns.clamp(COLUMNS[0], COLUMNS[1]);
        let points = || self.series.iter().flat_map(|series| &series.points);
        let y = Scale::new(&self.y, points().map(|point| point.y[1]), [ROWS as f64 - 1.0, 0.0]);
        let row_labels: Vec<(usize, String)> =
            y.ticks().into_iter().map(|tick| (cell(y.place(tick)), (self.y.show)(tick))).collect();
        let margin = row_labels.iter().map(|(_, label)| label.chars().count()).max().unwrap_or(0);
        // A space, and the axis.
        let width = columns.saturating_sub(margin + 2).max(1);
        let x = Scale::new(&self.x, points().map(|point| point.x), [0.0, width as f64 - 1.0]);
        let at = |point: &Point| (cell(y.place(point.y[1])), cell(x.place(point.x)));

        let marked: Vec<_> = self.series.iter().zip(MARKS.into_iter().cycle()).collect();
        let mut plot = vec![vec![' '; width]; ROWS];
        for (series, mark) in marked.iter().rev() {
            for (row, column) in series.points.iter().map(at) {
                plot[row][column] = *mark;
            }
        }
        let mut lines = vec![self.y.label.to_owned()];
        for (row, cells) in plot.iter().enumerate() {
            let label = row_labels.iter().find(|(at, _)| *at == row).map(|(_, label)| label.as_str());
            let axis = if label.is_some() { '┤' } else { '│' };
            lines.push(format!("{:>margin$} {axis}{}", label.unwrap_or_default(), cells.iter().collect::<String>()));
        }
        let (axis, labels) = lower_axis(&x, width);
        let indent = " ".repeat(margin + 1);
        lines.extend([format!("{indent}└{axis}"), format!("{indent} {labels}"), format!("{indent} {}", self.x.label)]);
        let names = marked.iter().filter(|(series, _)| !series.points.is_empty());
        let names: Vec<String> = names.map(|(series, mark)| format!("{mark} {}", series.name)).collect();
        let legend = names.join("   ");
        if legend.chars().count() <= columns {
            lines.push(legend)
        } else {
            lines.extend(names)
        }
        lines.iter().map(|line| line.trim_end().to_owned() + "\n").collect()
    }
}

/// The line of the axis, and its numbers: those that have room.
fn lower_axis(x: &Scale<'_>, width: usize) -> (String, String) {
    let (mut axis, mut labels) = (vec!['─'; width], String::new());
    for tick in x.ticks() {
        let (column, label) = (cell(x.place(tick)), (x.axis.show)(tick));
        axis[column] = '┬';
        let (used, length) = (labels.chars().count(), label.chars().count());
        let start = column.saturating_sub(length / 2);
        let free = used == 0 || start > used;
        if free && start + length <= width {
            labels += &(" ".repeat(start.saturating_sub(used)) + &label);
        }
    }
    (axis.into_iter().collect(), labels)
}

/// The cell of a place, which is not negative.
fn cell(place: f64) -> usize {
    place.round() as usize
}

#[cfg(test)]
mod tests {
    use super::super::chart::{Look, Series};
    use super::super::scale::Axis;
    use super::*;

    fn chart(series: &[(&str, &[[f64; 2]])]) -> Chart {
        let point = |[x, y]: &[f64; 2]| Point { x: *x, y: [*y; 3], about: String::new(), trial: None };
        let series = series.iter().map(|(name, points)| Series {
            name: (*name).to_owned(),
            look: Look::Dots,
            points: points.iter().map(point).collect(),
        });
        let x = Axis { label: "MACs", log: true, show: |value| format!("{value}") };
        let y = Axis { label: "accuracy", log: false, show: |value| format!("{value}") };
        Chart { title: "run".to_owned(), x, y, series: series.collect() }
    }

    #[test]
    fn marks_stand_where_the_values_are() {
        let text = chart(&[("front", &[[1.0, 50.0], [100.0, 90.0]]), ("other trials", &[[10.0, 60.0], [100.0, 90.0]])]);
        let text = text.text(50);
        assert!(text.starts_with("accuracy\n"), "{text}");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), ROWS + 5, "{text}");
        let column = |mark: char| -> Vec<usize> {
            lines[1..=ROWS].iter().filter_map(|line| line.chars().position(|it| it == mark)).collect()
        };
        // The two values that meet are one mark, that of the first series; higher values come first.
        let (front, other) = (column('●'), column('×'));
        assert_eq!((front.len(), other.len()), (2, 1), "{text}");
        assert!(front[0] > other[0] && other[0] > front[1], "{text}");
        assert!(lines[ROWS + 1].contains('┬') && lines[ROWS + 2].trim_start().starts_with('1'), "{text}");
        assert!(text.ends_with("MACs\n● front   × other trials\n"), "{text}");
    }

    #[test]
    fn every_width_of_a_terminal_is_kept_to() {
        let points: &[[f64; 2]] = &[[1e6, 50.25], [3e8, 90.5]];
        let chart = chart(&[("front", points), ("uniform scaling", points), ("other trials", points)]);
        for columns in [0, 1, 24, 40, 80, 1000] {
            let text = chart.text(columns);
            let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(longest <= columns.clamp(COLUMNS[0], COLUMNS[1]), "{columns}: {longest}\n{text}");
        }
    }

    #[test]
    fn nothing_to_show_is_an_empty_plot() {
        for text in [chart(&[]).text(60), chart(&[("front", &[])]).text(60), chart(&[("one", &[[5.0, 5.0]])]).text(60)]
        {
            assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
        }
    }
}
