//! `inception-nas data`: looking at a folder of images before training on it, or fetching one.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::fetch::{self, FetchArgs};
use super::load::with_decoding_bar;
use super::stdout::path;
use super::{Failure, Output, stdout};
use crate::data::{Inspected, Inspection, LEFT_OUT, Split, inspect};
use crate::report::{columns, counted};
use crate::stats::quantiles;

/// Most files or groups of a kind that are shown to people; `--json` has all.
const SHOWN: usize = 10;

/// Options of `inception-nas data`.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: DataCommand,
}

#[derive(clap::Subcommand, Debug)]
enum DataCommand {
    /// Count classes, images, sizes, broken files, copies, and look-alikes that lie in different splits.
    Check(CheckArgs),
    /// Download a known set of images, check it, and make a folder of it. What was broken off goes on where it stopped.
    Fetch(FetchArgs),
}

#[derive(clap::Args, Debug)]
struct CheckArgs {
    /// A folder with one folder of images per class, or with files named like cat.0.jpg.
    #[arg(value_name = "DIR", env = "INCEPTION_NAS_DATA")]
    dir: PathBuf,
}

/// The stable machine form.
#[derive(Serialize)]
struct Report {
    #[serde(serialize_with = "path")]
    dir: PathBuf,
    files: usize,
    images: usize,
    classes: Vec<Class>,
    /// Share of the images that the largest class has: the accuracy of always guessing it.
    largest_share: f64,
    /// Why nothing can be trained on them, if nothing can.
    unusable: Option<String>,
    /// Of the upright images in pixels: least, median, most. The shorter side is what is left of an image when it is cut
    /// to a square.
    shorter_side: Option<[f64; 3]>,
    longer_side: Option<[f64; 3]>,
    broken: Vec<BrokenFile>,
    /// Folders beside those of the classes and in them, and beside `train`, that nothing is taken from.
    left_out: Vec<String>,
    /// Files that are equal.
    copies: Vec<Group>,
    /// Files that differ and look the same.
    alike: Vec<Group>,
    /// Images of each held-back split in [`alike`](Self::alike) with an image of another split.
    seen_elsewhere: SeenElsewhere,
}

#[derive(Serialize)]
struct Class {
    class: String,
    files: usize,
    images: usize,
    training: usize,
    validation: usize,
    test: usize,
}

#[derive(Serialize)]
struct BrokenFile {
    #[serde(serialize_with = "path")]
    path: PathBuf,
    class: String,
    reason: String,
}

/// Images that are one picture.
#[derive(Serialize)]
struct Group {
    several_classes: bool,
    several_splits: bool,
    images: Vec<Member>,
}

#[derive(Serialize)]
struct Member {
    #[serde(serialize_with = "path")]
    path: PathBuf,
    class: String,
    split: &'static str,
}

#[derive(Serialize)]
struct SeenElsewhere {
    validation: usize,
    test: usize,
}

/// Runs the command.
///
/// # Errors
/// [`Failure::Usage`] if the folder is no data set, or the one to make exists; [`Failure::Failed`] if images cannot be fetched.
pub fn execute(args: Args, output: Output) -> Result<(), Failure> {
    match args.command {
        DataCommand::Check(args) => check(args, output),
        DataCommand::Fetch(args) => fetch::execute(args, output),
    }
}

fn check(args: CheckArgs, output: Output) -> Result<(), Failure> {
    let inspection = with_decoding_bar(output, |progress| inspect(&args.dir, progress));
    let report = Report::new(args.dir, inspection.map_err(|error| Failure::Usage(error.into()))?)?;
    stdout::print(&if output.json { stdout::json(&report)? } else { report.to_text() })
}

impl Report {
    fn new(dir: PathBuf, inspection: Inspection) -> anyhow::Result<Self> {
        let Inspection { classes: names, images, broken, left_out, copies, alike } = inspection;
        let group = |indices: Vec<usize>| Group::new(indices.into_iter().map(|index| &images[index]), &names);
        let alike: Vec<Group> = alike.into_iter().map(group).collect();
        let (mut held, mut unreadable) = (vec![[0; Split::ALL.len()]; names.len()], vec![0; names.len()]);
        images.iter().for_each(|image| held[image.label][image.split as usize] += 1);
        broken.iter().for_each(|file| unreadable[file.label] += 1);
        let class = |((name, [training, validation, test]), unreadable): ((&String, [usize; 3]), usize)| {
            let images = training + validation + test;
            Class { class: name.clone(), files: images + unreadable, images, training, validation, test }
        };
        let classes: Vec<Class> = names.iter().zip(held).zip(unreadable).map(class).collect();
        let largest = classes.iter().map(|class| class.images).max().unwrap_or(0);
        let untrained = classes.iter().find(|class| class.training == 0);
        let untrained = untrained.map(|class| format!("class {} has no image in the training split", class.class));
        let held_back: [(Split, fn(&Class) -> usize); 2] =
            [(Split::Validation, |class| class.validation), (Split::Test, |class| class.test)];
        let empty = held_back.iter().find(|(_, images)| classes.iter().all(|class| images(class) == 0));
        let empty = empty.map(|(split, _)| format!("the {} split has no image: more are needed", split.name()));
        let sides = |side: fn(&Inspected) -> u32| {
            let sides: Vec<f64> = images.iter().map(|image| f64::from(side(image))).collect();
            (!sides.is_empty()).then(|| quantiles(&sides, [0.0, 0.5, 1.0])).transpose()
        };
        let elsewhere = |split: Split| {
            let groups = alike.iter().filter(|group| group.several_splits);
            groups.flat_map(|group| &group.images).filter(|image| image.split == split.name()).count()
        };
        Ok(Self {
            dir,
            files: images.len() + broken.len(),
            images: images.len(),
            largest_share: largest as f64 / images.len().max(1) as f64,
            unusable: untrained.or(empty),
            shorter_side: sides(|image| image.width.min(image.height))?,
            longer_side: sides(|image| image.width.max(image.height))?,
            copies: copies.into_iter().map(group).collect(),
            seen_elsewhere: SeenElsewhere { validation: elsewhere(Split::Validation), test: elsewhere(Split::Test) },
            broken: broken
                .into_iter()
                .map(|file| BrokenFile { path: file.path, class: names[file.label].clone(), reason: file.reason })
                .collect(),
            left_out: left_out.iter().map(|folder| folder.display().to_string()).collect(),
            classes,
            alike,
        })
    }

    fn to_text(&self) -> String {
        let member = |image: &Member| format!("{} ({}, {})", self.name(&image.path), image.class, image.split);
        let line = |group: &Group| group.images.iter().map(member).collect::<Vec<_>>().join("  ");
        let header = ["class", "files", "images", "training", "validation", "test"].map(str::to_owned);
        let row = |class: &Class| {
            let counts = [class.files, class.images, class.training, class.validation, class.test];
            let [files, images, training, validation, test] = counts.map(|count| count.to_string());
            [class.class.clone(), files, images, training, validation, test]
        };
        let rows: Vec<_> = [header].into_iter().chain(self.classes.iter().map(row)).collect();
        let sides = |sides: Option<[f64; 3]>| {
            sides.map_or_else(
                || "no image".to_owned(),
                |[least, median, most]| format!("{least} to {most} px, median {median}"),
            )
        };
        let fewest = self.classes.iter().map(|class| class.images).min().unwrap_or(0);
        let mut text = format!(
            "{}\nbalance       the largest class has {:.1} % of the images, which is what guessing gets right; the smallest has \
             {}\n\
             shorter side  {}\nlonger side   {}\n",
            columns(&rows, 1),
            100.0 * self.largest_share,
            counted(fewest, "image"),
            sides(self.shorter_side),
            sides(self.longer_side),
        );
        if let Some(reason) = &self.unusable {
            text += &format!("unusable      nothing can be trained on these: {reason}\n");
        }
        text += &listed(&format!("broken        {}", counted(self.broken.len(), "file")), &self.broken, |file| {
            format!("{}: {}", self.name(&file.path), file.reason)
        });
        if !self.left_out.is_empty() {
            let title = format!("left out      {}: {LEFT_OUT}", counted(self.left_out.len(), "folder"));
            text += &listed(&title, &self.left_out, Clone::clone);
        }
        let mixed = |groups: &[Group]| groups.iter().filter(|group| group.several_classes).count();
        text += &listed(
            &format!(
                "copies        {} groups of equal files, always in one split; {} of them in several classes",
                self.copies.len(),
                mixed(&self.copies)
            ),
            &self.copies,
            line,
        );
        // Those first that matter.
        let (apart, together): (Vec<&Group>, Vec<&Group>) = self.alike.iter().partition(|group| group.several_splits);
        let SeenElsewhere { validation, test } = self.seen_elsewhere;
        let total = |of: fn(&Class) -> usize| self.classes.iter().map(of).sum::<usize>();
        text += &listed(
            &format!(
                "look-alikes   {} groups of other files that look the same; {} of them in several classes, {} in several \
                 splits:\n              {validation} of {} validation images and {test} of {} test images look like an \
                 image of another split,\n              on which a network does better than on new images",
                self.alike.len(),
                mixed(&self.alike),
                apart.len(),
                total(|class| class.validation),
                total(|class| class.test),
            ),
            &[apart, together].concat(),
            |group| line(group),
        );
        text
    }

    /// A file without the folder that was given.
    fn name<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.dir).unwrap_or(path).display()
    }
}

/// A line, the first few of what it speaks of, and how many more there are.
fn listed<T>(title: &str, all: &[T], line: impl Fn(&T) -> String) -> String {
    let shown = all.iter().take(SHOWN).map(|one| format!("  {}\n", line(one)));
    let more = all.len().saturating_sub(SHOWN);
    let rest = if more > 0 { format!("  and {more} more, all with --json\n") } else { String::new() };
    format!("{title}\n{}{rest}", shown.collect::<String>())
}

impl Group {
    fn new<'a>(images: impl Iterator<Item = &'a Inspected>, classes: &[String]) -> Self {
        let images: Vec<&Inspected> = images.collect();
        let several = |differ: fn(&Inspected, &Inspected) -> bool| images.iter().any(|image| differ(image, images[0]));
        Self {
            several_classes: several(|one, other| one.label != other.label),
            several_splits: several(|one, other| one.split != other.split),
            images: images
                .iter()
                .map(|image| Member {
                    path: image.path.clone(),
                    class: classes[image.label].clone(),
                    split: image.split.name(),
                })
                .collect(),
        }
    }
}
