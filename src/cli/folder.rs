//! Whether a folder can be written to.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::stdout::path;

/// A folder that the program writes to, or will make.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Folder {
    #[serde(serialize_with = "path")]
    pub(super) path: PathBuf,
    pub(super) exists: bool,
    /// Of the files in it, not of those in folders below.
    pub(super) bytes: u64,
    /// Why nothing can be written there; `None` if something can.
    pub(super) refused: Option<String>,
}

impl Folder {
    /// Looks at it, and writes a file for a moment: into the folder, or into the one that it would be made in.
    pub(super) fn look(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            exists: path.is_dir(),
            bytes: bytes(path),
            refused: probe(path).err().map(|error| error.to_string()),
        }
    }
}

fn probe(path: &Path) -> io::Result<()> {
    // The last ancestor of a relative path is empty: the folder that the program was started in.
    let place = path.ancestors().find(|place| place.exists()).unwrap_or(Path::new("."));
    let file = place.join(format!(".inception-nas-{}", std::process::id()));
    File::create_new(&file)?;
    fs::remove_file(file)
}

fn bytes(path: &Path) -> u64 {
    let files = fs::read_dir(path).into_iter().flatten().flatten().filter_map(|entry| entry.metadata().ok());
    files.filter(fs::Metadata::is_file).map(|file| file.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_left_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "12345").unwrap();
        let there = Folder::look(dir.path());
        assert_eq!((there.exists, there.bytes, there.refused), (true, 5, None));
        let later = Folder::look(&dir.path().join("not/yet"));
        assert_eq!((later.exists, later.bytes, later.refused), (false, 0, None));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_a_folder_is_refused_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        for path in ["file", "file/below"] {
            assert!(Folder::look(&dir.path().join(path)).refused.is_some(), "{path}");
        }
    }
}
