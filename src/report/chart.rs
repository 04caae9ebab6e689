//! Charts as self-contained SVG files, readable on light and dark ground, printed, and without colours.

use std::fmt::Write;

use super::escape::escape;
use super::scale::{Axis, Scale};

/// Extent of the picture, and of the margins around the plot, in SVG units.
const SIZE: [f64; 2] = [820.0, 460.0];
const LEFT: f64 = 72.0;
const RIGHT: f64 = 190.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 56.0;

/// Looks. The colours are those of Okabe & Ito 2008, which people of all colour visions can tell apart.
const STYLE: &str = "\
.ground{fill:#fff}text{fill:#222;font:13px system-ui,sans-serif}.title{font-size:16px;font-weight:600}
.grid{stroke:#ddd}.axis{stroke:#666}.line{stroke-width:2}.band{stroke:none;opacity:.18}.bar{stroke-width:1.2;opacity:.7}
.c0{stroke:#0072b2;fill:#0072b2}.c1{stroke:#d55e00;fill:#d55e00}.c2{stroke:#009e73;fill:#009e73}.c3{stroke:#cc79a7;fill:#cc79a7}
.c4{stroke:#999;fill:#999}.c5{stroke:#e69f00;fill:#e69f00}.c6{stroke:#56b4e9;fill:#56b4e9}
.line.c1{stroke-dasharray:7 3}.line.c2{stroke-dasharray:2 3}.line.c3{stroke-dasharray:9 3 2 3}.line{fill:none!important}.faint{opacity:.45}
@media(prefers-color-scheme:dark){.ground{fill:#181a1b}text{fill:#ddd}.grid{stroke:#333}.axis{stroke:#999}
.c0{stroke:#56b4e9;fill:#56b4e9}}";

/// One value with its uncertainty.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Point {
    pub x: f64,
    /// Lower end, value, upper end.
    pub y: [f64; 3],
    /// What a reader is told who points at it.
    pub about: String,
    /// The trial that it is about, if it is about one.
    pub trial: Option<usize>,
}

/// How the points of a series are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// A line through the values, with the uncertainty as a band around it.
    Band,
    /// A line through the values, with the uncertainty as a bar at each.
    Bars,
    /// A line through the values, which have no uncertainty.
    Line,
    /// A dot for each value.
    Dots,
}

/// Points that belong together.
pub(super) struct Series {
    pub name: String,
    pub look: Look,
    pub points: Vec<Point>,
}

/// A picture of series over two axes. The names are beside the plot, in the order given.
pub(super) struct Chart {
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    pub series: Vec<Series>,
}

impl Chart {
    /// The picture as an SVG document.
    pub fn svg(&self) -> String {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let [width, height] = SIZE;
        let x = Scale::new(&self.x, points().map(|point| point.x), [LEFT, width - RIGHT]);
        let y = Scale::new(&self.y, points().flat_map(|point| point.y), [height - BOTTOM, TOP]);
        let (title, names) = (escape(&self.title), self.series.iter().map(|it| escape(&it.name)).collect::<Vec<_>>());
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}\">\n\
             <desc>{} over {}: {}</desc>\n<style>{STYLE}</style>\n\
             <rect class=\"ground\" width=\"{width}\" height=\"{height}\"/>\n\
             <text class=\"title\" x=\"{LEFT}\" y=\"28\">{title}</text>\n",
            escape(self.y.label),
            escape(self.x.label),
            names.join(", ")
        );
        svg += &axes(&x, &y);
        for (number, series) in self.series.iter().enumerate() {
            svg += &drawn(series, number % 7, &x, &y);
        }
        for (number, (series, name)) in self.series.iter().zip(&names).enumerate() {
            svg += &legend(series.look, name, number);
        }
        svg + "</svg>\n"
    }
}

/// Grid, numbers and labels.
fn axes(x: &Scale<'_>, y: &Scale<'_>) -> String {
    let [[left, right], [bottom, top]] = [x.places, y.places];
    let mut svg = String::new();
    for tick in x.ticks() {
        let (at, text) = (x.place(tick), escape(&(x.axis.show)(tick)));
        line(&mut svg, "grid", [at, top], [at, bottom]);
        text_at(&mut svg, [at, bottom + 20.0], "middle", &text);
    }
    for tick in y.ticks() {
        let (at, text) = (y.place(tick), escape(&(y.axis.show)(tick)));
        line(&mut svg, "grid", [left, at], [right, at]);
        text_at(&mut svg, [left - 8.0, at + 4.0], "end", &text);
    }
    line(&mut svg, "axis", [left, bottom], [right, bottom]);
    line(&mut svg, "axis", [left, top], [left, bottom]);
    text_at(&mut svg, [f64::midpoint(left, right), bottom + 42.0], "middle", &escape(x.axis.label));
    let (at, label) = (f64::midpoint(top, bottom), escape(y.axis.label));
    // Writing to a String cannot fail.
    let _ = writeln!(
        svg,
        "<text transform=\"rotate(-90 18 {at:.1})\" x=\"18\" y=\"{at:.1}\" text-anchor=\"middle\">{label}</text>"
    );
    svg
}

fn drawn(series: &Series, colour: usize, x: &Scale<'_>, y: &Scale<'_>) -> String {
    let mut svg = String::new();
    let at = |point: &Point, end: usize| format!("{:.1},{:.1}", x.place(point.x), y.place(point.y[end]));
    let path = |end: usize| series.points.iter().map(|point| at(point, end)).collect::<Vec<_>>();
    if series.look == Look::Band && !series.points.is_empty() {
        let outline: Vec<String> = path(2).into_iter().chain(path(0).into_iter().rev()).collect();
        let _ = writeln!(svg, "<polygon class=\"band c{colour}\" points=\"{}\"/>", outline.join(" "));
    }
    if series.look != Look::Dots {
        let _ = writeln!(svg, "<polyline class=\"line c{colour}\" points=\"{}\"/>", path(1).join(" "));
    }
    let class = if series.look == Look::Dots { "faint c" } else { "c" };
    for point in &series.points {
        if series.look == Look::Bars {
            let place = x.place(point.x);
            line(&mut svg, &format!("bar c{colour}"), [place, y.place(point.y[0])], [place, y.place(point.y[2])]);
        }
        let (cx, cy, about) = (x.place(point.x), y.place(point.y[1]), escape(&point.about));
        let trial = point.trial.map_or_else(String::new, |trial| format!(" data-trial=\"{trial}\""));
        let _ = writeln!(
            svg,
            "<circle class=\"{class}{colour}\" cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"3.2\"{trial}><title>{about}</title></circle>"
        );
    }
    svg
}

fn legend(look: Look, name: &str, number: usize) -> String {
    let (at, colour) = (TOP + 12.0 + 22.0 * number as f64, number % 7);
    let left = SIZE[0] - RIGHT + 16.0;
    let mut svg = String::new();
    if look != Look::Dots {
        line(&mut svg, &format!("line c{colour}"), [left, at], [left + 26.0, at]);
    }
    let class = if look == Look::Dots { "faint c" } else { "c" };
    let _ = writeln!(svg, "<circle class=\"{class}{colour}\" cx=\"{}\" cy=\"{at}\" r=\"3.2\"/>", left + 13.0);
    text_at(&mut svg, [left + 34.0, at + 4.0], "start", name);
    svg
}

fn line(svg: &mut String, class: &str, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) {
    let _ = writeln!(svg, "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>");
}

fn text_at(svg: &mut String, [x, y]: [f64; 2], anchor: &str, text: &str) {
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>");
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINEAR: Axis = Axis { label: "error", log: false, show: |value| format!("{value:.2}") };
    const LOG: Axis = Axis { label: "MACs", log: true, show: |value| format!("{value}") };

    fn point(x: f64, y: f64) -> Point {
        Point { x, y: [y - 0.1, y, y + 0.1], about: format!("at {x} < \"all\""), trial: None }
    }

    fn chart(series: Vec<Series>) -> Chart {
        Chart { title: "a & b".to_owned(), x: LOG, y: LINEAR, series }
    }

    #[test]
    fn every_point_is_inside_the_plot_and_marked_once() {
        let series = |look, name: &str| Series {
            name: name.to_owned(),
            look,
            points: vec![point(1e6, 0.2), point(3e6, 0.9), point(9e7, 0.4)],
        };
        let svg = chart(vec![series(Look::Band, "one"), series(Look::Bars, "two"), series(Look::Dots, "three")]).svg();
        let places = |attribute: &str| -> Vec<f64> {
            svg.split(&format!(" {attribute}=\""))
                .skip(1)
                .map(|rest| rest.split('"').next().unwrap().parse().unwrap())
                .collect()
        };
        let (cx, cy) = (places("cx"), places("cy"));
        // Nine points, and three in the legend.
        assert_eq!((cx.len(), cy.len()), (12, 12));
        assert!(cx[..9].iter().all(|x| (LEFT..=SIZE[0] - RIGHT).contains(x)), "{cx:?}");
        assert!(cy[..9].iter().all(|y| (TOP..=SIZE[1] - BOTTOM).contains(y)), "{cy:?}");
        assert!(cy[1] < cy[0], "larger values are higher up");
        for (what, count) in
            [("<polygon", 1), ("<polyline", 2), ("class=\"bar", 3), ("a &amp; b", 2), ("&lt; &quot;all&quot;", 9)]
        {
            assert_eq!(svg.matches(what).count(), count, "{what} in {svg}");
        }
    }

    #[test]
    fn nothing_to_show_is_an_empty_chart() {
        let svg = chart(vec![Series { name: "none".to_owned(), look: Look::Band, points: vec![] }]).svg();
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n") && !svg.contains("NaN") && !svg.contains("inf"));
    }
}
