//! Opens a folder of images as a data set.

use std::path::{Path, PathBuf};

use super::cache::{Cache, Key};
use super::dataset::Dataset;
use super::error::{DataError, check_range};
use super::pack::{PackError, pack};
use super::{MAX_RESOLUTION, MIN_RESOLUTION, folder};

/// What there is to say about a folder that was opened.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportReport {
    /// Number of images in the set.
    pub decoded: usize,
    /// Files that are not in the set, and why.
    pub skipped: Vec<(PathBuf, String)>,
    /// The file that lists the skipped files, if there are any and the cache could be written.
    pub skipped_list: Option<PathBuf>,
    /// Whether the images were decoded earlier.
    pub from_cache: bool,
    /// What went wrong without spoiling the set.
    pub warnings: Vec<String>,
}

/// Opens the labelled images in `dir`, as squares of `resolution` pixels.
///
/// Classes are the folders in `dir`, in its `train` or in its `PetImages`, or the first parts of names like `cat.0.jpg` in
/// `dir` or its `train`. JPEG, PNG and WebP files are recognised by content; others, and damaged ones, are skipped and
/// reported. Images are decoded once, in parallel, into a file in `cache_dir`; without a cache folder, or if it cannot be
/// written, they are held in memory. `progress` is called from several threads with the numbers of files decoded so far
/// and in total. Any number of images will do here; see [`Dataset::check_splits`] before training.
///
/// # Errors
/// [`DataError`] if `dir` is missing, not a folder, unreadable or empty, has one class or too many, a class without a
/// readable image, or `resolution` is not between [`MIN_RESOLUTION`] and [`MAX_RESOLUTION`].
pub fn open_folder(
    dir: &Path,
    resolution: usize,
    cache_dir: Option<&Path>,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<(Dataset, ImportReport), DataError> {
    check_range("the resolution", resolution, MIN_RESOLUTION, MAX_RESOLUTION)?;
    let labelled = folder::find(dir)?;
    let mut warnings: Vec<String> = labelled.warning().into_iter().collect();
    if let Some(cache_dir) = cache_dir {
        let cache = Cache::new(cache_dir, dir, resolution, Key::of(&labelled, resolution));
        match cache.load_or_build(|sink| pack(&labelled, resolution, sink, progress)) {
            Ok((cached, from_cache)) => {
                let report = ImportReport {
                    decoded: cached.dataset.len(),
                    skipped_list: (!cached.skipped.is_empty()).then(|| cache.skipped_list()),
                    skipped: cached.skipped,
                    from_cache,
                    warnings,
                };
                return Ok((cached.dataset, report));
            }
            Err(PackError::Data(error)) => return Err(error),
            Err(PackError::Io(error)) => warnings.push(format!(
                "cannot keep decoded images in {}: {error}; they are held in memory and decoded again next time",
                cache_dir.display()
            )),
        }
    }
    let mut pixels = Vec::new();
    let packed = pack(&labelled, resolution, &mut pixels, progress).map_err(|error| match error {
        PackError::Data(error) => error,
        PackError::Io(source) => DataError::Io { path: dir.into(), source },
    })?;
    let report = ImportReport {
        decoded: packed.catalogue.labels.len(),
        skipped: packed.skipped,
        skipped_list: None,
        from_cache: false,
        warnings,
    };
    Ok((Dataset::new(packed.catalogue, Box::new(pixels)), report))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::Split;
    use super::super::fixtures::{JPEG, pets, png, put, webp};
    use super::*;

    fn open(dir: &Path) -> Result<(Dataset, ImportReport), DataError> {
        open_folder(dir, 16, None, &|_, _| {})
    }

    #[test]
    fn formats_go_by_content_and_the_rest_is_skipped_with_a_reason() {
        let dir = tempfile::tempdir().unwrap();
        put(&dir.path().join("cats/really-webp.jpg"), &webp(1));
        put(&dir.path().join("cats/really-jpeg.png"), JPEG);
        put(&dir.path().join("cats/half.jpg"), &JPEG[..JPEG.len() / 2 + 200]);
        put(&dir.path().join("cats/empty.jpg"), b"");
        put(&dir.path().join("cats/text.jpg"), b"not an image");
        put(&dir.path().join("dogs/really-png"), &png(2));
        let seen = AtomicUsize::new(0);
        let (set, report) = open_folder(dir.path(), 16, None, &|done, total| {
            assert!(done <= total && total == 6);
            seen.fetch_add(1, Ordering::Relaxed);
        })
        .unwrap();
        assert_eq!((set.len(), set.resolution(), set.classes()), (3, 16, &["cats".into(), "dogs".into()][..]));
        assert_eq!((report.decoded, report.from_cache, seen.into_inner()), (3, false, 6));
        let skipped: Vec<_> =
            report.skipped.iter().map(|(path, _)| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(skipped, ["empty.jpg", "half.jpg", "text.jpg"]);
        assert!(report.skipped[1].1.starts_with("damaged"), "{:?}", report.skipped);
    }

    #[test]
    fn a_class_without_a_readable_image_is_an_error_that_names_one() {
        let dir = pets(2);
        put(&dir.path().join("horses/1.jpg"), b"oats");
        let message = open(dir.path()).unwrap_err().to_string();
        assert!(message.contains("\"horses\"") && message.contains("1.jpg: not a JPEG"), "{message}");
        fs::remove_file(dir.path().join("horses/1.jpg")).unwrap();
        assert!(open(dir.path()).unwrap_err().to_string().contains("its folder is empty"));
    }

    #[test]
    fn renaming_files_changes_nothing() {
        let dir = pets(60);
        let (before, _) = open(dir.path()).unwrap();
        for i in 0..60 {
            fs::rename(dir.path().join(format!("cats/{i}.png")), dir.path().join(format!("cats/{}x.png", 99 - i)))
                .unwrap();
        }
        let (after, _) = open(dir.path()).unwrap();
        assert_eq!(before.fingerprint(), after.fingerprint());
        for split in Split::ALL {
            assert_eq!(before.split(split), after.split(split));
        }
        put(&dir.path().join("cats/new.png"), &png(5000));
        assert_ne!(open(dir.path()).unwrap().0.fingerprint(), before.fingerprint());
    }

    #[test]
    fn duplicates_are_in_one_split() {
        let dir = pets(60);
        for i in 0..60 {
            put(&dir.path().join(format!("cats/copy-{i}.png")), &png(i));
        }
        let (set, _) = open(dir.path()).unwrap();
        let mut places = BTreeMap::<&[u8], Vec<Split>>::new();
        for split in Split::ALL {
            for &index in set.split(split) {
                places.entry(set.pixels(index)).or_default().push(split);
            }
        }
        assert_eq!(places.len(), 120);
        assert!(places.values().all(|splits| splits.iter().all(|split| *split == splits[0])));
    }

    #[test]
    fn a_handful_of_images_opens_but_is_not_enough_to_train_on() {
        let (set, _) = open(pets(2).path()).unwrap();
        assert_eq!(set.all(), [0, 1, 2, 3]);
        let message = set.check_splits().unwrap_err().to_string();
        assert!(message.contains("of 4 images none fell into the validation split"), "{message}");
        open(pets(100).path()).unwrap().0.check_splits().unwrap();
    }

    #[test]
    fn resolutions_that_cannot_be_served_are_refused() {
        let dir = pets(1);
        for resolution in [0, 7, 2049, usize::MAX] {
            let opened = open_folder(dir.path(), resolution, None, &|_, _| {});
            assert!(matches!(opened, Err(DataError::OutOfRange { .. })));
        }
    }

    /// Times the import of a real folder: `INCEPTION_NAS_TEST_PHOTOS=DIR cargo test --release photos -- --nocapture`.
    #[test]
    fn photos_are_packed_once() {
        let Some(dir) = std::env::var_os("INCEPTION_NAS_TEST_PHOTOS") else { return };
        let cache = tempfile::tempdir().unwrap();
        let [(first, second), (again, report)] = [(); 2].map(|()| {
            let start = std::time::Instant::now();
            let opened = open_folder(Path::new(&dir), 64, Some(cache.path()), &|_, _| {}).unwrap();
            println!("{} images, {} skipped: {:?}", opened.1.decoded, opened.1.skipped.len(), start.elapsed());
            opened
        });
        assert!(!second.from_cache && report.from_cache);
        assert_eq!(first.fingerprint(), again.fingerprint());
        assert_eq!(first.pixels(0), again.pixels(0));
    }
}
