//! Looks at a folder of images as a data set: what is in it, what is broken, what is there twice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use fast_image_resize::Resizer;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::alike;
use super::decode::decode;
use super::error::DataError;
use super::folder::{self, Source};
use super::pack::read;
use super::split::{ContentHash, Split};

/// What a folder of labelled images holds.
#[derive(Debug)]
pub struct Inspection {
    /// Class names; a label is an index into them.
    pub classes: Vec<String>,
    /// The readable images, sorted by class and path.
    pub images: Vec<Inspected>,
    /// The other files.
    pub broken: Vec<Broken>,
    /// Folders beside those of the classes and in them that nothing is taken from.
    pub left_out: Vec<PathBuf>,
    /// Groups of indices of images whose files are equal.
    pub copies: Vec<Vec<usize>>,
    /// Groups of indices of images that look the same though their files differ: they are linked by perceptual hashes that
    /// differ in at most 2 of 64 bits. Of equal files only the first is listed.
    pub alike: Vec<Vec<usize>>,
}

/// A readable image.
#[derive(Debug, PartialEq)]
pub struct Inspected {
    /// Its file.
    pub path: PathBuf,
    /// Its class.
    pub label: usize,
    /// Width in pixels, upright.
    pub width: u32,
    /// Height in pixels, upright.
    pub height: u32,
    /// Where it is put.
    pub split: Split,
}

/// A file that is no readable image.
#[derive(Debug, PartialEq)]
pub struct Broken {
    /// The file.
    pub path: PathBuf,
    /// Its class.
    pub label: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// What comparing images takes.
struct Marks {
    content: ContentHash,
    look: u64,
}

/// Decodes every file of the data set in `dir`, on all cores. Layouts, formats and splits are those of
/// [`open_folder`](super::open_folder). `progress` is called from several threads with the numbers of files seen so far and
/// in total.
///
/// # Errors
/// [`DataError`] if `dir` is missing, not a folder, unreadable or empty, or has one class or too many.
pub fn inspect(dir: &Path, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<Inspection, DataError> {
    let labelled = folder::find(dir)?;
    let (done, total) = (AtomicUsize::new(0), labelled.files.len());
    let seen: Vec<_> = labelled
        .files
        .par_iter()
        .map_init(Resizer::new, |resizer, source| {
            let seen = examine(source, resizer);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);
            seen
        })
        .collect();
    let (mut images, mut marks, mut broken) = (Vec::new(), Vec::new(), Vec::new());
    for (source, seen) in labelled.files.into_iter().zip(seen) {
        match seen {
            Ok((image, mark)) => {
                images.push(image);
                marks.push(mark);
            }
            Err(reason) => broken.push(Broken { path: source.path, label: source.label.into(), reason }),
        }
    }
    let contents = contents(&marks);
    let firsts: Vec<usize> = contents.iter().map(|equal| equal[0]).collect();
    let looks: Vec<u64> = firsts.iter().map(|&index| marks[index].look).collect();
    let alike = alike::groups(&looks);
    Ok(Inspection {
        classes: labelled.classes,
        images,
        broken,
        left_out: labelled.left_out,
        copies: contents.into_iter().filter(|equal| equal.len() > 1).collect(),
        alike: alike.into_iter().map(|group| group.into_iter().map(|at| firsts[at]).collect()).collect(),
    })
}

fn examine(source: &Source, resizer: &mut Resizer) -> Result<(Inspected, Marks), String> {
    let bytes = read(&source.path)?;
    let image = decode(&bytes)?;
    let content = Sha256::digest(&bytes).into();
    let (width, height) = image.dimensions();
    let marks = Marks { content, look: alike::look(&image, resizer)? };
    let (path, label) = (source.path.clone(), source.label.into());
    Ok((Inspected { path, label, width, height, split: Split::of(&content) }, marks))
}

/// Indices of the images of each content, ordered by their first.
fn contents(marks: &[Marks]) -> Vec<Vec<usize>> {
    let mut by_content = BTreeMap::<&ContentHash, Vec<usize>>::new();
    for (index, mark) in marks.iter().enumerate() {
        by_content.entry(&mark.content).or_default().push(index);
    }
    let mut contents: Vec<_> = by_content.into_values().collect();
    contents.sort();
    contents
}

#[cfg(test)]
mod tests {
    use image::codecs::png::{CompressionType, FilterType, PngEncoder};
    use image::{Rgb, RgbImage};

    use super::super::fixtures::{JPEG, pets, png, put};
    use super::*;

    fn names(inspection: &Inspection, group: &[usize]) -> Vec<String> {
        let name = |index: &usize| inspection.images[*index].path.file_name().unwrap().to_string_lossy().into_owned();
        group.iter().map(name).collect()
    }

    /// Lines at an angle of their own; as a file, packed more or less.
    fn lines(angle: u32, compression: CompressionType) -> Vec<u8> {
        let image = RgbImage::from_fn(64, 64, |x, y| Rgb([((x * angle + y * 5) % 64 * 4) as u8; 3]));
        let mut bytes = Vec::new();
        let encoder = PngEncoder::new_with_quality(&mut bytes, compression, FilterType::NoFilter);
        image.write_with_encoder(encoder).unwrap();
        bytes
    }

    #[test]
    fn copies_look_alikes_and_broken_files_are_found() {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in [
            ("cats/1.png", lines(1, CompressionType::Fast)),
            ("cats/2.png", lines(3, CompressionType::Fast)),
            ("cats/3.png", lines(1, CompressionType::Best)),
            ("cats/copy.png", lines(1, CompressionType::Fast)),
            ("cats/half.jpg", JPEG[..JPEG.len() / 2 + 200].to_vec()),
            ("dogs/1.png", lines(3, CompressionType::Fast)),
            ("dogs/2.jpg", JPEG.to_vec()),
        ] {
            put(&dir.path().join(name), &bytes);
        }
        let seen = AtomicUsize::new(0);
        let inspection = inspect(dir.path(), &|done, total| {
            assert!(done <= total && total == 7);
            seen.fetch_add(1, Ordering::Relaxed);
        })
        .unwrap();
        assert_eq!((inspection.images.len(), inspection.classes.len(), seen.into_inner()), (6, 2, 7));
        let copies: Vec<_> = inspection.copies.iter().map(|group| names(&inspection, group)).collect();
        assert_eq!(copies, [["1.png", "copy.png"], ["2.png", "1.png"]]);
        let alike: Vec<_> = inspection.alike.iter().map(|group| names(&inspection, group)).collect();
        assert_eq!(alike, [["1.png", "3.png"]]);
        assert_eq!((inspection.broken.len(), inspection.broken[0].label), (1, 0));
        assert!(inspection.broken[0].reason.starts_with("damaged"), "{:?}", inspection.broken);
        let last = &inspection.images[5];
        assert_eq!((last.label, last.width, last.height), (1, 24, 16));
    }

    #[test]
    fn images_are_in_the_splits_that_training_puts_them_in() {
        let dir = pets(60);
        put(&dir.path().join("cats/new.png"), &png(77));
        let (set, _) = super::super::open_folder(dir.path(), 16, None, &|_, _| {}).unwrap();
        let inspection = inspect(dir.path(), &|_, _| {}).unwrap();
        for split in Split::ALL {
            let count = inspection.images.iter().filter(|image| image.split == split).count();
            assert_eq!(count, set.split(split).len());
        }
        assert!(matches!(inspect(&dir.path().join("no"), &|_, _| {}), Err(DataError::Missing(_))));
    }
}
