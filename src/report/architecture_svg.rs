//! A network beside the paper's as a picture.

use std::fmt::Write;

use super::escape::escape;
use super::paper::{BRANCHES, paper_widths};
use crate::arch::{Architecture, BLOCK_NAMES, Branch};

/// SVG units: of the widest bar, around and between columns, of a column whose bars are short, and of a row.
const WIDEST: f64 = 190.0;
const LEFT: f64 = 60.0;
const GAP: f64 = 18.0;
const NARROWEST: f64 = 78.0;
const TOP: f64 = 92.0;
const ROW: f64 = 36.0;
const BAR: f64 = 9.0;

/// Convolutions of the stem: they stand in the first columns.
const STEM: [&str; 3] = ["conv1", "conv2 reduce", "conv2"];

/// A wider gap before the blocks that come after a max pooling.
const POOLED: [&str; 3] = ["3a", "4a", "5a"];
const POOL_GAP: f64 = 20.0;

/// Looks, in the colours of [`super::chart`]. Names of classes are this picture's own, since a page holds several pictures.
const STYLE: &str = "\
.net-ground{fill:#fff}.net text{fill:#222;font:12px system-ui,sans-serif;font-variant-numeric:tabular-nums}
.net .net-title{font-size:16px;font-weight:600}.net .net-block{font-size:13px;font-weight:600}.net .net-faint{fill:#666}
.net-paper{fill:none;stroke:#767676}.net-same{fill:#999}.net-less{fill:#0072b2}.net-more{fill:#d55e00}.net-rule{stroke:#ddd}
@media(prefers-color-scheme:dark){.net-ground{fill:#181a1b}.net text{fill:#ddd}.net .net-faint{fill:#aaa}
.net-paper{stroke:#999}.net-same{fill:#777}.net-less{fill:#56b4e9}.net-rule{stroke:#333}}";

/// `architecture.svg`: every width of `ours` as a bar with its number, in an outline as long as that of the paper's network.
/// All bars have one scale. Bars of other widths than the paper's are coloured and marked.
pub fn architecture_svg(ours: &Architecture, title: &str) -> String {
    let (ours, paper): (Vec<usize>, Vec<usize>) = (ours.width_values().collect(), paper_widths());
    let pairs: Vec<[usize; 2]> = ours.into_iter().zip(paper).map(|(ours, paper)| [ours, paper]).collect();
    let (stem, blocks) = pairs.split_at(STEM.len().min(pairs.len()));
    let rows: Vec<&[[usize; 2]]> = std::iter::once(stem).chain(blocks.chunks(BRANCHES.len())).collect();
    let widest = pairs.iter().flatten().copied().max().unwrap_or(1);
    let unit = WIDEST / widest as f64;
    let columns = columns(&rows, unit);
    let (width, changed) = (columns[BRANCHES.len()], pairs.iter().filter(|[ours, paper]| ours != paper).count());
    let height = TOP + ROW * rows.len() as f64 + POOL_GAP * POOLED.len() as f64;
    let (title, count) = (escape(title), pairs.len());
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"net\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" \
         aria-label=\"{title}: {changed} of {count} widths differ from the paper's\">\n<style>{STYLE}</style>\n\
         <rect class=\"net-ground\" width=\"{width:.0}\" height=\"{height:.0}\"/>\n"
    );
    text(&mut svg, "net-title", [16.0, 28.0], &title);
    svg += &legend(changed, count);
    let mut y = TOP;
    for (row, name) in rows.iter().zip(std::iter::once("stem").chain(BLOCK_NAMES)) {
        if POOLED.contains(&name) {
            rule(&mut svg, [16.0, width - GAP], y + 2.0);
            y += POOL_GAP;
        }
        text(&mut svg, "net-block", [16.0, y + 20.0], name);
        for (column, pair) in row.iter().enumerate() {
            svg += &bar(*pair, [columns[column], y], unit, name, column);
        }
        y += ROW;
    }
    for (column, name) in BRANCHES.iter().enumerate() {
        // Between the stem, whose columns are others, and the first block.
        text(&mut svg, "net-faint", [columns[column], TOP + ROW + 15.0], name);
    }
    for (column, name) in STEM.iter().enumerate() {
        text(&mut svg, "net-faint", [columns[column], TOP - 8.0], name);
    }
    svg + "</svg>\n"
}

/// Where each column begins, and where the last ends.
fn columns(rows: &[&[[usize; 2]]], unit: f64) -> [f64; Branch::ALL.len() + 1] {
    let mut at = LEFT;
    let mut columns = [at; Branch::ALL.len() + 1];
    for (column, end) in columns.iter_mut().skip(1).enumerate() {
        let widest = rows.iter().filter_map(|row| row.get(column)).flatten().copied().max().unwrap_or(0);
        at += (widest as f64 * unit).max(NARROWEST) + GAP;
        *end = at;
    }
    columns
}

/// One width: its number and the paper's, and under them the bar in its outline.
fn bar([ours, paper]: [usize; 2], [x, y]: [f64; 2], unit: f64, block: &str, column: usize) -> String {
    let (class, mark) = match ours.cmp(&paper) {
        std::cmp::Ordering::Less => ("net-less", " ▾"),
        std::cmp::Ordering::Equal => ("net-same", ""),
        std::cmp::Ordering::Greater => ("net-more", " ▴"),
    };
    let branch = if block == "stem" { STEM.get(column) } else { BRANCHES.get(column) };
    let (branch, top) = (branch.copied().unwrap_or_default(), y + 20.0);
    let [own, theirs] = [ours, paper].map(|width| width as f64 * unit);
    // The space stands before the `tspan`: resvg drops one at its start.
    format!(
        "<g><title>{block} {branch}: {ours}, the paper's {paper}</title>\
         <text x=\"{x:.1}\" y=\"{:.1}\">{ours}{mark} <tspan class=\"net-faint\">of {paper}</tspan></text>\
         <rect class=\"{class}\" x=\"{x:.1}\" y=\"{top:.1}\" width=\"{own:.1}\" height=\"{BAR}\"/>\
         <rect class=\"net-paper\" x=\"{x:.1}\" y=\"{top:.1}\" width=\"{theirs:.1}\" height=\"{BAR}\"/></g>\n",
        y + 15.0
    )
}

fn legend(changed: usize, count: usize) -> String {
    let mut svg = String::new();
    let parts = [("net-less", "narrower ▾"), ("net-more", "wider ▴"), ("net-same", "the same"), ("net-paper", "paper")];
    let mut x = 16.0;
    for (class, name) in parts {
        // Writing to a String cannot fail.
        let _ = write!(svg, "<rect class=\"{class}\" x=\"{x:.1}\" y=\"45\" width=\"22\" height=\"{BAR}\"/>");
        text(&mut svg, "", [x + 28.0, 54.0], name);
        x += 112.0;
    }
    text(&mut svg, "net-faint", [x, 54.0], &format!("output channels; {changed} of {count} differ"));
    svg
}

fn rule(svg: &mut String, [x1, x2]: [f64; 2], y: f64) {
    let _ = writeln!(svg, "<line class=\"net-rule\" x1=\"{x1:.1}\" y1=\"{y:.1}\" x2=\"{x2:.1}\" y2=\"{y:.1}\"/>");
}

fn text(svg: &mut String, class: &str, [x, y]: [f64; 2], text: &str) {
    let _ = writeln!(svg, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::BranchWidths;

    #[test]
    fn every_width_is_drawn_beside_the_papers() {
        let paper = Architecture::googlenet(2, false).unwrap();
        let mut blocks = *paper.blocks();
        blocks[0] = BranchWidths::new([32, 96, 256, 16, 32, 32]);
        let changed = Architecture::new(paper.stem(), blocks, 2, false).unwrap();
        let svg = architecture_svg(&changed, "trial 7 <&>");
        assert_eq!(svg.matches("<title>").count(), 57);
        for expected in [
            "aria-label=\"trial 7 &lt;&amp;&gt;: 2 of 57 widths differ from the paper's\"",
            "<title>3a 1x1: 32, the paper's 64</title>",
            ">32 ▾ <tspan class=\"net-faint\">of 64</tspan>",
            ">256 ▴ <tspan class=\"net-faint\">of 128</tspan>",
            "<title>stem conv2: 192, the paper's 192</title>",
            "<title>5b pool proj.: 128, the paper's 128</title>",
        ] {
            assert!(svg.contains(expected), "no {expected:?} in\n{svg}");
        }
        let bars = |class: &str| svg.matches(&format!("<rect class=\"{class}\"")).count() - 1;
        assert_eq!(["net-less", "net-more", "net-same", "net-paper"].map(bars), [1, 1, 55, 57]);
    }

    #[test]
    fn no_bar_is_longer_than_its_column() {
        let paper = Architecture::googlenet(2, false).unwrap();
        let blocks = paper.blocks().map(|block| block.with(Branch::PoolProj, 4096));
        let svg = architecture_svg(&Architecture::new(paper.stem(), blocks, 2, false).unwrap(), "wide");
        let width: f64 = svg.split("viewBox=\"0 0 ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        assert!(svg.contains("width=\"190.0\"") && width < LEFT + 6.0 * (WIDEST + GAP) + 1.0, "{width}");
    }
}
