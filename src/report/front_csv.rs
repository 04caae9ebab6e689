//! The front as a table for other programs.

use super::summary::{Row, RunSummary};

/// `front.csv`: one line a trial of the front, by ascending MACs. No field needs quoting except the last.
pub fn front_csv(summary: &RunSummary) -> String {
    let mut text = "trial,accuracy,accuracy_se,resolution,macs,parameters,origin\n".to_owned();
    for Row { trial, accuracy, accuracy_se, resolution, macs, parameters, origin, .. } in &summary.front {
        text += &format!("{trial},{accuracy},{accuracy_se},{resolution},{macs},{parameters},\"{origin}\"\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::{BASELINE, example, space};
    use super::*;

    #[test]
    fn one_line_a_trial() {
        assert_eq!(
            front_csv(&RunSummary::new("pets", &space(10), &example(), &BASELINE)),
            "trial,accuracy,accuracy_se,resolution,macs,parameters,origin\n\
             2,0.76,0.01,32,20000000,1000000,\"evolved from 0 (branch)\"\n\
             4,0.84,0.01,32,90000000,4500000,\"evolved from 0 (branch)\"\n"
        );
    }
}
