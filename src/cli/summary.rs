//! `inception-nas summary`.

use indicatif::HumanCount;
use serde_json::json;

use super::{Failure, Output, stdout};
use crate::arch::{Architecture, Cost, Footprint, Layer, LayerKind, PAPER_OPS, vgg16_layers};
use crate::export::architecture_file;
use crate::report::columns;

const VGG16: &str = "vgg16";

/// The input size of the paper, and of its "ops" column.
const PAPER_RESOLUTION: usize = 224;

/// Options of `inception-nas summary`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// An architecture file, `googlenet`, `googlenet:0.25` for that with every width multiplied by 0.25, or `vgg16`.
    #[arg(long, value_name = "FILE|NAME", default_value = architecture_file::GOOGLENET)]
    arch: String,
    /// Images in the batch of the torchinfo figures.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=16_384))]
    batch: u64,
    /// Side of the square input in pixels [default: the file's, or 224]
    #[arg(long)]
    size: Option<usize>,
    /// Number of classes [default: the file's; 1000 for a named network]
    #[arg(long)]
    classes: Option<usize>,
    /// Leave the auxiliary heads out, as at inference.
    #[arg(long)]
    no_aux: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failure::Usage`] for an unknown architecture or a size or number of classes it cannot have.
pub fn execute(args: Args, output: Output) -> Result<(), Failure> {
    let summary = Summary::of(&args).map_err(Failure::Usage)?;
    stdout::print(&if output.json { summary.to_json()? } else { summary.to_text() })
}

/// What the command shows.
struct Summary {
    name: String,
    resolution: usize,
    batch: u64,
    layers: Vec<Layer>,
    classes: usize,
    aux_heads: bool,
    /// Whether the paper's "ops" column is about this network at this size.
    is_papers: bool,
}

impl Summary {
    fn of(args: &Args) -> anyhow::Result<Self> {
        let size = |own: Option<usize>| args.size.or(own).unwrap_or(PAPER_RESOLUTION);
        let mut resolution = size(None);
        let (layers, classes, aux_heads, is_papers) = if args.arch == VGG16 {
            let classes = args.classes.unwrap_or(architecture_file::IMAGENET_CLASSES);
            (vgg16_layers(classes, resolution)?, classes, false, false)
        } else {
            let written = architecture_file::resolve(&args.arch, args.classes)?;
            resolution = size(written.resolution);
            let architecture = written.architecture;
            let aux_heads = architecture.aux_heads() && !args.no_aux;
            let architecture = architecture.with_aux_heads(aux_heads);
            let papers = Architecture::googlenet(architecture.classes(), aux_heads)?;
            let is_papers = resolution == PAPER_RESOLUTION && architecture == papers;
            (architecture.layers(resolution)?, architecture.classes(), aux_heads, is_papers)
        };
        Ok(Self { name: args.arch.clone(), resolution, batch: args.batch, layers, classes, aux_heads, is_papers })
    }

    fn total(&self) -> Cost {
        self.layers.iter().map(Layer::cost).sum()
    }

    fn footprint(&self) -> Footprint {
        Footprint::of(&self.layers, self.batch)
    }

    /// Modules with multiply-adds, in network order, with their MACs.
    fn modules(&self) -> Vec<(&'static str, u64)> {
        let mut modules: Vec<(&str, u64)> = Vec::new();
        for layer in self.layers.iter().filter(|layer| layer.macs() > 0) {
            // A module's layers stand together in the list.
            match modules.last_mut() {
                Some((module, macs)) if *module == layer.name.module => *macs += layer.macs(),
                _ => modules.push((layer.name.module, layer.macs())),
            }
        }
        modules
    }

    /// The stable machine form: whole numbers, figures of one image except under `torchinfo`.
    fn to_json(&self) -> Result<String, serde_json::Error> {
        let footprint = self.footprint();
        let layers: Vec<_> = self.layers.iter().map(layer_json).collect();
        let modules: Vec<_> =
            self.modules().into_iter().map(|(name, macs)| json!({ "name": name, "macs": macs })).collect();
        let summary = json!({
            "architecture": self.name,
            "resolution": self.resolution,
            "classes": self.classes,
            "aux_heads": self.aux_heads,
            "layers": layers,
            "modules": modules,
            "total": self.total(),
            "torchinfo": {
                "batch": self.batch,
                "mult_adds": footprint.mult_adds,
                "input_bytes": footprint.input_bytes,
                "forward_backward_bytes": footprint.forward_backward_bytes,
                "parameter_bytes": footprint.parameter_bytes,
                "total_bytes": footprint.total_bytes(),
            },
        });
        stdout::json(&summary)
    }

    fn to_text(&self) -> String {
        let heads = if self.aux_heads { ", with auxiliary heads" } else { "" };
        let title = format!("{}, {} classes{heads}; one image of {} px", self.name, self.classes, self.resolution);
        let modules = self.module_table();
        format!("{title}\n\n{}\n{modules}\n{}", self.layer_table(), self.torchinfo_text())
    }

    fn layer_table(&self) -> String {
        let header = ["layer", "output", "kernel", "parameters", "MACs", "activation bytes"].map(str::to_owned);
        let rows = self.layers.iter().map(|layer| {
            let kernel = layer.kind.geometry().map_or_else(String::new, |geometry| geometry.to_string());
            let [parameters, macs, bytes] = figures(layer.cost());
            [layer.name.to_string(), layer.output.to_string(), kernel, parameters, macs, bytes]
        });
        let [parameters, macs, bytes] = figures(self.total());
        let total = ["total".to_owned(), String::new(), String::new(), parameters, macs, bytes];
        columns(&std::iter::once(header).chain(rows).chain([total]).collect::<Vec<_>>(), 3)
    }

    /// MACs by module, beside the paper's figures where they are about this network.
    fn module_table(&self) -> String {
        let modules = self.modules();
        if !self.is_papers {
            let header = ["module", "MACs"].map(str::to_owned);
            let rows = modules.into_iter().map(|(name, macs)| [name.to_owned(), HumanCount(macs).to_string()]);
            return columns(&std::iter::once(header).chain(rows).collect::<Vec<_>>(), 1);
        }
        let header = ["module", "MACs", "paper's ops"].map(str::to_owned);
        let rows = modules.into_iter().map(|(name, macs)| {
            let ops = PAPER_OPS.iter().find(|(module, _)| *module == name);
            let ops = ops.map_or_else(String::new, |(_, millions)| format!("{millions}M"));
            [name.to_owned(), HumanCount(macs).to_string(), ops]
        });
        let note = "\
Of conv1 and 5a the paper (Szegedy et al. 2014, table 1) gives other figures than arithmetic does.\n";
        columns(&std::iter::once(header).chain(rows).collect::<Vec<_>>(), 1) + note
    }

    fn torchinfo_text(&self) -> String {
        let footprint = self.footprint();
        let rows = [
            ("mult-adds (G)", footprint.mult_adds as f64 / 1e9),
            ("input (MB)", footprint.input_bytes as f64 / 1e6),
            ("forward/backward pass (MB)", footprint.forward_backward_bytes as f64 / 1e6),
            ("parameters (MB)", footprint.parameter_bytes as f64 / 1e6),
            ("total (MB)", footprint.total_bytes() as f64 / 1e6),
        ];
        let mut text = format!("in torchinfo's terms, batch of {}\n", self.batch);
        text += &columns(&rows.map(|(name, value)| [name.to_owned(), format!("{value:.2}")]), 1);
        text + Footprint::RULE + "\n"
    }
}

fn layer_json(layer: &Layer) -> serde_json::Value {
    let geometry = layer.kind.geometry();
    let output = layer.output;
    json!({
        "name": layer.name.to_string(),
        "kind": layer.kind.name(),
        "output": if layer.kind == LayerKind::Linear {
            vec![output.channels]
        } else {
            vec![output.channels, output.side, output.side]
        },
        "kernel": geometry.map(|geometry| geometry.kernel),
        "stride": geometry.map(|geometry| geometry.stride),
        "padding": geometry.map(|geometry| geometry.padding),
        "parameters": layer.parameters(),
        "macs": layer.macs(),
        "activation_bytes": layer.activation_bytes(),
    })
}

/// Parameters, MACs and activation bytes with thousands set apart.
fn figures(cost: Cost) -> [String; 3] {
    [cost.parameters, cost.macs, cost.activation_bytes].map(|figure| HumanCount(figure).to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        args: Args,
    }

    fn summary(options: &[&str]) -> anyhow::Result<Summary> {
        let program = Program::try_parse_from([&["summary"], options].concat())?;
        Summary::of(&program.args)
    }

    #[test]
    fn the_text_has_the_known_figures() {
        let text = summary(&[]).unwrap().to_text();
        for expected in [
            "googlenet, 1000 classes, with auxiliary heads; one image of 224 px",
            "conv1.conv                  64 x 112 x 112  7x7/2        9,408    118,013,952         3,211,264",
            "13,385,816  1,591,044,096",
            "inception5a   51,079,168          54M",
            "mult-adds (G)                 31.82",
            "forward/backward pass (MB)  1034.49",
            "total (MB)                  1100.08",
            Footprint::RULE,
        ] {
            assert!(text.contains(expected), "no {expected:?} in\n{text}");
        }
        assert!(text.lines().all(|line| line.len() <= 120 && line == line.trim_end()), "{text}");
    }

    #[test]
    fn the_json_has_exact_whole_numbers() {
        let json = |options: &[&str]| -> serde_json::Value {
            serde_json::from_str(&summary(options).unwrap().to_json().unwrap()).unwrap()
        };
        let googlenet = json(&["--no-aux"]);
        assert_eq!(googlenet["total"]["parameters"], 7_005_832);
        assert_eq!(googlenet["total"]["macs"], 1_582_671_872);
        assert_eq!(googlenet["modules"][3], serde_json::json!({ "name": "inception3a", "macs": 128_049_152 }));
        assert_eq!(googlenet["layers"][0]["output"], serde_json::json!([64, 112, 112]));
        let vgg16 = json(&["--arch", "vgg16", "--batch", "1"]);
        assert_eq!(vgg16["total"]["parameters"], 138_357_544);
        assert_eq!(vgg16["torchinfo"]["mult_adds"], 15_483_821_032_u64);
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_way_out() {
        let refused = |options: &[&str]| summary(options).err().unwrap().to_string();
        assert_eq!(refused(&["--size", "31"]), "an input of 31 px: give a size from 32 to 2048 px");
        assert_eq!(refused(&["--arch", "vgg16", "--size", "31"]), "an input of 31 px: give a size from 32 to 2048 px");
        assert_eq!(refused(&["--classes", "1"]), "1 classes: give a number from 2 to 65536");
        assert!(refused(&["--arch", "no/such.toml"]).starts_with("there is no architecture file no/such.toml"));
        assert!(refused(&["--batch", "0"]).contains("0 is not in 1..=16384"));
    }

    #[test]
    fn the_papers_column_is_only_beside_the_papers_network() {
        assert!(summary(&["--no-aux"]).unwrap().to_text().contains("paper's ops"));
        for options in [&["--size", "96"], &["--arch", "vgg16"]] {
            assert!(!summary(options).unwrap().to_text().contains("paper's ops"));
        }
    }
}
