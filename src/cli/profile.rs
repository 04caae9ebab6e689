//! Where the time of a training step goes, module by module.

use std::time::Instant;

use serde::Serialize;

use crate::arch::Layer;
use crate::ops::Mark;
use crate::report::columns;
use crate::report::si;
use crate::stats::{Undefined, median};

const HEADER: [&str; 8] = ["module", "MACs", "forward ms", "GFLOP/s", "backward ms", "GFLOP/s", "ms", "share"];

/// One training step as it was timed.
pub struct Step {
    /// When it began.
    pub begin: Instant,
    /// When it was over.
    pub end: Instant,
    /// What the network's timeline told of it.
    pub marks: Vec<Mark>,
}

impl Step {
    /// Wall time in seconds.
    pub fn seconds(&self) -> f64 {
        (self.end - self.begin).as_secs_f64()
    }

    /// Milliseconds from each moment to the next: data, every module forward, the loss, every module backward from the last
    /// to the first, update. Their sum is the step.
    fn pieces(&self) -> Vec<f64> {
        let moments: Vec<_> = self.marks.iter().map(|mark| mark.at).chain([self.end]).collect();
        let begins = [self.begin].into_iter().chain(moments.iter().copied());
        begins.zip(&moments).map(|(begin, end)| (*end - begin).as_secs_f64() * 1e3).collect()
    }
}

/// Medians over the timed steps.
#[derive(Debug, Serialize)]
pub struct Profile {
    step_ms: f64,
    /// Data, the modules in the order of the forward pass, loss, update.
    modules: Vec<Module>,
    /// Of the modules.
    sum_ms: f64,
    /// The step less the sum: a sum of medians is not the median of sums.
    rest_ms: f64,
}

/// One part of a step.
#[derive(Debug, Serialize)]
struct Module {
    module: &'static str,
    /// Of one image.
    macs: u64,
    /// Both passes.
    ms: f64,
    /// Of the step.
    share: f64,
    /// None for what is no part of the network.
    #[serde(flatten)]
    passes: Option<Passes>,
}

/// The two passes through a module.
#[derive(Debug, Serialize)]
struct Passes {
    forward_ms: f64,
    backward_ms: f64,
    /// 2 x MACs x images a second, where there are MACs.
    #[serde(skip_serializing_if = "Option::is_none")]
    forward_gflops: Option<f64>,
    /// 4 x MACs x images a second, for the gradients of weights and input; 2 x for the first layer, whose input has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    backward_gflops: Option<f64>,
}

impl Profile {
    /// The profile of `steps`, at least one, each of `batch` images through `layers`.
    ///
    /// # Errors
    /// [`Undefined`] if there is no step.
    pub fn new(steps: &[Step], layers: &[Layer], batch: usize) -> Result<Self, Undefined> {
        let seconds: Vec<f64> = steps.iter().map(Step::seconds).collect();
        let step_ms = 1e3 * median(&seconds)?;
        let pieces: Vec<_> = steps.iter().map(Step::pieces).collect();
        // Every part is marked twice, the loss as the last forward and the first backward.
        let parts = steps.first().map_or(&[][..], |step| &step.marks[..step.marks.len() / 2]);
        let last = 2 * parts.len();
        let of_piece = |index: usize| median(&pieces.iter().map(|pieces| pieces[index]).collect::<Vec<_>>());
        let medians: Vec<f64> = (0..=last).map(of_piece).collect::<Result<_, _>>()?;
        let outside = |module, ms| Module { module, macs: 0, ms, share: ms / step_ms, passes: None };
        let mut modules = vec![outside("data", medians[0])];
        for (index, &Mark { part, .. }) in parts.iter().enumerate() {
            if index + 1 == parts.len() {
                modules.push(outside(part, medians[parts.len()]));
                continue;
            }
            let macs = layers.iter().filter(|layer| layer.name.module == part).map(Layer::macs).sum();
            let (forward_ms, backward_ms) = (medians[1 + index], medians[last - 1 - index]);
            let gflops = |each: f64, ms: f64| (macs > 0).then(|| each * macs as f64 * batch as f64 / (ms * 1e6));
            let passes = Passes {
                forward_ms,
                backward_ms,
                forward_gflops: gflops(2.0, forward_ms),
                backward_gflops: gflops(if index == 0 { 2.0 } else { 4.0 }, backward_ms),
            };
            let ms = forward_ms + backward_ms;
            modules.push(Module { module: part, macs, ms, share: ms / step_ms, passes: Some(passes) });
        }
        modules.push(outside("update", medians[last]));
        let sum_ms = modules.iter().map(|module| module.ms).sum();
        Ok(Self { step_ms, modules, sum_ms, rest_ms: step_ms - sum_ms })
    }

    /// The table for people.
    pub fn to_text(&self) -> String {
        let modules = self.modules.iter().map(|Module { module, macs, ms, share, passes }| {
            let rate = |gflops: Option<f64>| gflops.map_or_else(String::new, |gflops| format!("{gflops:.1}"));
            let [forward, forward_rate, backward, backward_rate] = passes.as_ref().map_or_else(Default::default, |p| {
                [
                    format!("{:.2}", p.forward_ms),
                    rate(p.forward_gflops),
                    format!("{:.2}", p.backward_ms),
                    rate(p.backward_gflops),
                ]
            });
            let macs = if *macs > 0 { si(*macs) } else { String::new() };
            [
                (*module).to_owned(),
                macs,
                forward,
                forward_rate,
                backward,
                backward_rate,
                format!("{ms:.2}"),
                percent(*share),
            ]
        });
        let passes: Vec<&Passes> = self.modules.iter().filter_map(|module| module.passes.as_ref()).collect();
        let [forward, backward] = [|p: &Passes| p.forward_ms, |p: &Passes| p.backward_ms]
            .map(|pass| format!("{:.2}", passes.iter().map(|passes| pass(passes)).sum::<f64>()));
        let total = |name: &str, [macs, forward, backward]: [String; 3], ms: f64| {
            let (share, none) = (percent(ms / self.step_ms), String::new());
            [name.to_owned(), macs, forward, none.clone(), backward, none, format!("{ms:.2}"), share]
        };
        let macs = si(self.modules.iter().map(|module| module.macs).sum());
        let totals = [
            total("sum", [macs, forward, backward], self.sum_ms),
            total("rest", Default::default(), self.rest_ms),
            total("step", Default::default(), self.step_ms),
        ];
        columns(&[HEADER.map(str::to_owned)].into_iter().chain(modules).chain(totals).collect::<Vec<_>>(), 1)
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::arch::Architecture;

    /// A step of `data`, `conv1`, `fc`, `loss`, `fc`, `conv1` and update that take so many ms.
    fn step(pieces: [u64; 7]) -> Step {
        let begin = Instant::now();
        let at = |pieces: &[u64]| begin + Duration::from_millis(pieces.iter().sum());
        let parts = ["conv1", "fc", "loss", "loss", "fc", "conv1"];
        let marks = parts.into_iter().enumerate().map(|(i, part)| Mark { part, at: at(&pieces[..=i]) }).collect();
        Step { begin, end: at(&pieces), marks }
    }

    #[test]
    fn every_moment_of_a_step_belongs_to_one_module() {
        let layers = Architecture::googlenet(1000, false).unwrap().layers(224).unwrap();
        let steps = [step([1, 20, 3, 4, 5, 80, 7]), step([3, 20, 3, 4, 5, 70, 7]), step([2, 20, 3, 4, 5, 90, 9])];
        let profile = Profile::new(&steps, &layers, 2).unwrap();
        let near = |got: f64, expected: f64| {
            assert!((got - expected).abs() < 1e-6 * expected.abs(), "{got} is not {expected}")
        };
        let rows: Vec<_> =
            profile.modules.iter().map(|module| (module.module, module.ms.round(), module.macs)).collect();
        let macs = 118_013_952;
        assert_eq!(
            rows,
            [("data", 2.0, 0), ("conv1", 100.0, macs), ("fc", 8.0, 1_024_000), ("loss", 4.0, 0), ("update", 7.0, 0)]
        );
        near(profile.step_ms, 120.0);
        near(profile.sum_ms, 121.0);
        near(profile.rest_ms, -1.0);
        near(profile.modules[1].share, 100.0 / 120.0);
        let passes = |module: usize| profile.modules[module].passes.as_ref().unwrap();
        near(passes(1).forward_gflops.unwrap(), 2.0 * macs as f64 * 2.0 / 0.020 / 1e9);
        near(passes(1).backward_gflops.unwrap(), 2.0 * macs as f64 * 2.0 / 0.080 / 1e9);
        near(passes(2).forward_ms, 3.0);
        near(passes(2).backward_ms, 5.0);
        near(passes(2).backward_gflops.unwrap(), 4.0 * 1_024_000.0 * 2.0 / 0.005 / 1e9);

        let text = profile.to_text();
        for expected in ["conv1    118M       20.00     23.6        80.00      5.9  100.00   83.3 %", "rest"] {
            assert!(text.contains(expected), "no {expected:?} in\n{text}");
        }
        let json = serde_json::to_value(&profile).unwrap();
        assert_eq!(json["modules"][1]["macs"], macs);
        assert!(json["modules"][1]["forward_ms"].is_f64() && json["modules"][0].get("forward_ms").is_none(), "{json}");
    }
}
