//! Which widths a network has, beside the paper's.

use super::html::table;
use crate::arch::{Architecture, BLOCK_NAMES, Branch};
use crate::report::paper::{BRANCHES, paper_widths};
use crate::search::trial::Trial;
use crate::stats::median;

/// Columns of a block, and the convolutions of the stem in as many of them as there are.
fn rows(cell: impl Fn(usize) -> String) -> Vec<Vec<String>> {
    let branches = Branch::ALL.len();
    let stem = 3;
    let mut rows = vec![std::iter::once("stem".to_owned()).chain((0..stem).map(&cell)).collect::<Vec<_>>()];
    rows[0].resize(branches + 1, String::new());
    for (block, name) in BLOCK_NAMES.iter().enumerate() {
        let first = stem + block * branches;
        rows.push(std::iter::once((*name).to_owned()).chain((first..first + branches).map(&cell)).collect());
    }
    rows
}

fn header() -> Vec<&'static str> {
    std::iter::once("block").chain(BRANCHES).collect()
}

/// Every width of `ours` beside that of the paper, with a bar for their ratio.
pub fn beside_paper(ours: &Architecture) -> String {
    let (ours, paper): (Vec<usize>, Vec<usize>) = (ours.width_values().collect(), paper_widths());
    let cell = |gene: usize| {
        let (width, papers) = (ours[gene], paper[gene]);
        // Full at twice the paper's width.
        let share = (50.0 * width as f64 / papers as f64).min(100.0);
        format!("{width} of {papers}<span class=\"bar\" style=\"width:{share:.0}%\"></span>")
    };
    table(
        "output channels, this network of the paper's; the stem's are conv1, conv2 reduce, conv2",
        &header(),
        &rows(cell),
    )
}

/// The median ratio of every width of `front` to that of the paper, and the least and the largest; nothing without a front.
pub fn over_front(front: &[&Trial]) -> String {
    let networks: Vec<Vec<usize>> = front.iter().map(|trial| trial.job.architecture.width_values().collect()).collect();
    let paper = paper_widths();
    let cell = |gene: usize| {
        let ratios: Vec<f64> = networks.iter().map(|widths| widths[gene] as f64 / paper[gene] as f64).collect();
        let (least, most) = ratios.iter().fold((f64::INFINITY, 0.0_f64), |(l, m), r| (l.min(*r), m.max(*r)));
        // There is at least one network.
        let middle = median(&ratios).unwrap_or_default();
        let share = (50.0 * middle).min(100.0);
        format!("{middle:.2} ({least:.2}–{most:.2})<span class=\"bar\" style=\"width:{share:.0}%\"></span>")
    };
    if networks.is_empty() {
        String::new()
    } else {
        table("ratio to the paper's width: median over the front (least–most)", &header(), &rows(cell))
    }
}
