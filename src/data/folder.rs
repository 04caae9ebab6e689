//! Which files of a folder are images of which class.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::DataError;

/// Why folders are left out.
pub const LEFT_OUT: &str =
    "images are taken from the folders of the classes, or from the one of the files that name them, alone";

/// Most classes of a data set: those of ImageNet. More folders than this are hardly classes.
const MAX_CLASSES: usize = 1000;

/// One file that should be an image.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) label: u16,
}

/// The files of a data set, sorted by class and path.
#[derive(Debug)]
pub(super) struct Labelled {
    pub(super) classes: Vec<String>,
    pub(super) files: Vec<Source>,
    /// Folders beside those of the classes and in them, and beside `train`, that nothing was taken from.
    pub(super) left_out: Vec<PathBuf>,
}

impl Labelled {
    /// What a user may have meant to be images, in a sentence; nothing if there is none.
    pub(super) fn warning(&self) -> Option<String> {
        let first = self.left_out.first()?.display();
        let what = match self.left_out.len() {
            1 => "the folder".to_owned(),
            count => format!("{count} folders, first"),
        };
        Some(format!("left out {what} {first}: {LEFT_OUT}"))
    }
}

/// The files of each class.
type Classes = BTreeMap<String, Vec<PathBuf>>;
/// Reads a folder by the rules of one layout, and adds what it leaves out.
type Layout = fn(&Path, &mut Vec<PathBuf>) -> Result<Classes, DataError>;

/// Finds the labelled files below `dir`. The first of these layouts that has at least two classes is taken:
/// `cat.0.jpg` and `dog.0.jpg` in `dir` or its `train`; a folder per class in `dir`, its `train`, or its `PetImages`.
///
/// Hidden files are left out. Whether a file is an image is not looked at here, its content decides that later.
pub(super) fn find(dir: &Path) -> Result<Labelled, DataError> {
    match fs::metadata(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(DataError::Missing(dir.into())),
        Err(source) => return Err(DataError::Io { path: dir.into(), source }),
        Ok(metadata) if !metadata.is_dir() => return Err(DataError::NotAFolder(dir.into())),
        Ok(_) => {}
    }
    let (train, pets) = (dir.join("train"), dir.join("PetImages"));
    let layouts: [(Layout, &Path); 5] =
        [(flat, dir), (flat, &train), (folders, dir), (folders, &train), (folders, &pets)];
    let mut only_class = None;
    for (read, root) in layouts {
        if !root.is_dir() {
            continue;
        }
        let mut left_out = if root == dir { Vec::new() } else { folders_beside(root, dir)? };
        let classes = read(root, &mut left_out)?;
        if classes.len() > MAX_CLASSES {
            return Err(DataError::TooManyClasses { path: root.into(), found: classes.len(), limit: MAX_CLASSES });
        }
        if classes.len() >= 2 {
            return Ok(labelled(classes, left_out));
        }
        only_class = only_class.or(classes.into_keys().next());
    }
    Err(match only_class {
        Some(class) => DataError::OneClass { path: dir.into(), class },
        None => DataError::Empty(dir.into()),
    })
}

fn labelled(classes: Classes, left_out: Vec<PathBuf>) -> Labelled {
    let mut files = Vec::new();
    let mut names = Vec::new();
    for (label, (name, paths)) in classes.into_iter().enumerate() {
        names.push(name);
        files.extend(paths.into_iter().map(|path| Source { path, label: label as u16 }));
    }
    Labelled { classes: names, files, left_out }
}

/// Sorted, without hidden entries.
fn entries(dir: &Path) -> Result<Vec<(String, PathBuf)>, DataError> {
    let failed = |source| DataError::Io { path: dir.into(), source };
    let mut entries = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            entries.push((name, entry.path()));
        }
    }
    entries.sort();
    Ok(entries)
}

/// The folders of `dir` but `root`.
fn folders_beside(root: &Path, dir: &Path) -> Result<Vec<PathBuf>, DataError> {
    let paths = entries(dir)?.into_iter().map(|(_, path)| path);
    Ok(paths.filter(|path| path != root && path.is_dir()).collect())
}

/// Files named CLASS.NUMBER.EXTENSION.
fn flat(dir: &Path, left_out: &mut Vec<PathBuf>) -> Result<Classes, DataError> {
    let mut classes = Classes::new();
    for (name, path) in entries(dir)? {
        if path.is_dir() {
            left_out.push(path);
        } else if let [class, number, _extension] = name.split('.').collect::<Vec<_>>()[..]
            && !class.is_empty()
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
            && path.is_file()
        {
            classes.entry(class.into()).or_default().push(path);
        }
    }
    Ok(classes)
}

/// A folder per class, unless it holds nothing but further folders.
fn folders(dir: &Path, left_out: &mut Vec<PathBuf>) -> Result<Classes, DataError> {
    let mut classes = Classes::new();
    for (name, path) in entries(dir)? {
        if path.is_dir() {
            let inside: Vec<PathBuf> = entries(&path)?.into_iter().map(|(_, path)| path).collect();
            let files: Vec<PathBuf> = inside.iter().filter(|path| path.is_file()).cloned().collect();
            if !files.is_empty() || inside.is_empty() {
                // Two such names can look alike.
                if path.file_name().is_none_or(|name| name.to_str().is_none()) {
                    return Err(DataError::NotUtf8(path));
                }
                classes.insert(name, files);
                left_out.extend(inside.into_iter().filter(|path| path.is_dir()));
            } else {
                left_out.push(path);
            }
        }
    }
    Ok(classes)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::put;
    use super::*;

    /// What is found in a folder of these files, as "class/file name".
    fn found(files: &[&str]) -> Result<Vec<String>, DataError> {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            put(&dir.path().join(file), b"x");
        }
        let Labelled { classes, files, .. } = find(dir.path())?;
        let name = |file: &Source| file.path.file_name().unwrap().to_string_lossy().into_owned();
        Ok(files.iter().map(|file| format!("{}/{}", classes[usize::from(file.label)], name(file))).collect())
    }

    #[test]
    fn a_folder_per_class_whatever_their_number() {
        let files = ["b/2.jpg", "a/1.png", "c/x", "b/1.jpg", ".git/config", "a/.hidden", "readme.txt"];
        assert_eq!(found(&files).unwrap(), ["a/1.png", "b/1.jpg", "b/2.jpg", "c/x"]);
        assert_eq!(found(&["train/a/1", "train/b/2", "test/a/3", "test/b/4"]).unwrap(), ["a/1", "b/2"]);
    }

    #[test]
    fn folders_that_nothing_is_taken_from_are_named() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["cat/1", "cat/kittens/2", "dog/3", "horse/arab/4"] {
            put(&dir.path().join(file), b"x");
        }
        let labelled = find(dir.path()).unwrap();
        assert_eq!(labelled.classes, ["cat", "dog"]);
        assert_eq!(labelled.left_out, ["cat/kittens", "horse"].map(|path| dir.path().join(path)));
        assert!(labelled.warning().unwrap().contains("left out 2 folders"));
        for (files, expected) in [
            (["train/cat.0.jpg", "train/dog.1.jpg", "val/cat.1.jpg"], "val"),
            (["train/cat/0.jpg", "train/dog/1.jpg", "val/cat/1.jpg"], "val"),
            (["cat.0.jpg", "dog.1.jpg", "horse/1.jpg"], "horse"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            files.iter().for_each(|file| put(&dir.path().join(file), b"x"));
            assert_eq!(find(dir.path()).unwrap().left_out, [dir.path().join(expected)]);
        }
        std::fs::remove_dir_all(dir.path().join("horse")).unwrap();
        std::fs::remove_dir_all(dir.path().join("cat/kittens")).unwrap();
        assert_eq!(find(dir.path()).unwrap().warning(), None);
    }

    #[test]
    fn names_that_carry_the_class() {
        let expected = ["cat/cat.0.jpg", "cat/cat.10.jpg", "dog/dog.1.jpg"];
        let files = ["cat.0.jpg", "dog.1.jpg", "cat.10.jpg", "cat.jpg", "a.b.jpg", ".x.1.jpg"];
        assert_eq!(found(&files).unwrap(), expected);
        let files = ["train/cat.0.jpg", "train/dog.1.jpg", "train/cat.10.jpg", "test1/1.jpg", "sample.csv"];
        assert_eq!(found(&files).unwrap(), expected);
    }

    #[test]
    fn the_pet_images_folder_and_the_one_above_it() {
        let expected = ["Cat/0.jpg", "Cat/Thumbs.db", "Dog/0.jpg"];
        let files = ["Cat/0.jpg", "Dog/0.jpg", "Cat/Thumbs.db"];
        assert_eq!(found(&files).unwrap(), expected);
        assert_eq!(
            found(&files.map(|file| format!("PetImages/{file}")).each_ref().map(String::as_str)).unwrap(),
            expected
        );
    }

    #[test]
    fn folders_that_are_no_data_set_are_refused_with_the_reason() {
        assert!(matches!(found(&[]), Err(DataError::Empty(_))));
        assert!(matches!(found(&["a.jpg", "b.jpg"]), Err(DataError::Empty(_))));
        assert!(matches!(found(&["only/1.jpg"]), Err(DataError::OneClass { class, .. }) if class == "only"));
        assert!(matches!(found(&["cat.1.jpg"]), Err(DataError::OneClass { class, .. }) if class == "cat"));
        let many: Vec<String> = (0..=MAX_CLASSES).map(|i| format!("{i}/x")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(matches!(found(&many), Err(DataError::TooManyClasses { found: 1001, .. })));
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        put(&file, b"x");
        assert!(matches!(find(&file), Err(DataError::NotAFolder(path)) if path == file));
        assert!(matches!(find(&dir.path().join("no")), Err(DataError::Missing(_))));
    }

    #[cfg(unix)]
    #[test]
    fn classes_with_names_that_look_alike_are_not_mixed() {
        use std::os::unix::ffi::OsStrExt;
        let dir = tempfile::tempdir().unwrap();
        for name in [b"\xfe", b"\xff"] {
            put(&dir.path().join(std::ffi::OsStr::from_bytes(name)).join("1"), b"x");
        }
        assert!(
            matches!(find(dir.path()), Err(DataError::NotUtf8(path)) if path.ends_with(std::ffi::OsStr::from_bytes(b"\xfe")))
        );
    }
}
