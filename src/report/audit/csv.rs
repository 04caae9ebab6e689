//! An audit as a table for other programs.

use super::{Audit, PredictorRow, RungRow};

/// `audit.csv`: one line a predictor of each rung; those without a training have an empty rung.
pub fn audit_csv(audit: &Audit) -> String {
    let mut text = "images,epochs,cost_share,seconds,networks,predictor,tau,tau_low,tau_high,within_tau,\
                    within_tau_low,within_tau_high,regret_1,regret_3,regret_5,within_regret_1,within_regret_3,\
                    within_regret_5,recommended\n"
        .to_owned();
    for row in &audit.untrained {
        text += &line(&format!(",,0,0,{}", audit.networks), row, false);
    }
    for (place, RungRow { rung, cost_share, seconds, networks, predictors }) in audit.rungs.iter().enumerate() {
        let (images, epochs) = (rung.train_images, rung.epochs);
        for row in predictors {
            let recommended = audit.recommended.is_some_and(|it| (it.rung, it.predictor) == (place, row.predictor));
            text += &line(&format!("{images},{epochs},{cost_share},{seconds},{networks}"), row, recommended);
        }
    }
    text
}

fn line(rung: &str, PredictorRow { predictor, agreement, regret }: &PredictorRow, recommended: bool) -> String {
    let taus = [agreement.overall, agreement.within_bins];
    let taus = taus.iter().flat_map(|tau| [tau.tau, tau.low, tau.high]);
    let numbers = taus.chain(regret.overall).chain(regret.within_bins).map(|number| number.to_string());
    format!("{rung},{},{},{recommended}\n", predictor.name(), numbers.collect::<Vec<_>>().join(","))
}
