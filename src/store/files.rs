//! File operations that leave either the old or the new state behind, whenever they are interrupted.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::Error;

/// Ends the name of a file that is being written.
pub(super) const UNFINISHED: &str = ".tmp";

/// Writes a whole file so that after a crash there is the old content or the new, never a part. A link stays one, to the new
/// content; what is no file, such as a pipe or a terminal, is written to as it is.
///
/// # Errors
/// [`Error::Io`] if the file beside it cannot be written (also when the disk is full) or renamed.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<(), Error> {
    if fs::metadata(path).is_ok_and(|known| !known.is_file()) {
        let opened = File::options().write(true).open(path);
        return opened.and_then(|mut file| file.write_all(content)).map_err(Error::io("write to", path));
    }
    let linked = fs::symlink_metadata(path).is_ok_and(|known| known.is_symlink());
    let named = if linked { fs::canonicalize(path).map_err(Error::io("follow", path))? } else { path.to_owned() };
    let path = named.as_path();
    let mut beside = path.as_os_str().to_owned();
    beside.push(UNFINISHED);
    let beside = PathBuf::from(beside);
    let mut file = File::create(&beside).map_err(Error::io("create", &beside))?;
    let written = file.write_all(content).and_then(|()| file.sync_all()).map_err(Error::io("write to", &beside));
    let replaced = written.and_then(|()| fs::rename(&beside, path).map_err(Error::io("replace", path)));
    if replaced.is_err() {
        // What is told is why nothing was written; this can only leave what was there anyway.
        let _ = fs::remove_file(&beside);
    }
    replaced?;
    sync_parent(path)
}

/// Makes a new name in `path`'s folder durable.
pub(super) fn sync_parent(path: &Path) -> Result<(), Error> {
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    sync_dir(parent)
}

/// Makes names in `dir` durable. Only Unix can open a folder for this.
pub(super) fn sync_dir(dir: &Path) -> Result<(), Error> {
    if cfg!(unix) {
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(Error::io("sync", dir))?;
    }
    Ok(())
}

/// Copies a damaged file or folder to the first free `PATH.damaged-N`, for whoever wants to look into it.
pub(super) fn set_aside(path: &Path) -> Result<PathBuf, Error> {
    let mut number = 1;
    let copy = loop {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".damaged-{number}"));
        let copy = PathBuf::from(name);
        if !copy.exists() {
            break copy;
        }
        number += 1;
    };
    copy_all(path, &copy)?;
    Ok(copy)
}

fn copy_all(from: &Path, to: &Path) -> Result<(), Error> {
    if !from.is_dir() {
        return fs::copy(from, to).map(drop).map_err(Error::io("copy", from));
    }
    fs::create_dir_all(to).map_err(Error::io("create", to))?;
    for entry in fs::read_dir(from).map_err(Error::io("read", from))? {
        let name = entry.map_err(Error::io("read", from))?.file_name();
        copy_all(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_where_nothing_can_be_written() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("taken")).unwrap();
        write_atomically(&dir.path().join("taken"), b"new").unwrap_err();
        write_atomically(&dir.path().join("free"), b"new").unwrap();
        let mut names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["free", "taken"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_one_and_a_pipe_is_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let [file, link, pipe] = ["file", "link", "pipe"].map(|name| dir.path().join(name));
        fs::write(&file, b"old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_atomically(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe).unwrap()
        });
        write_atomically(&pipe, b"through").unwrap();
        assert_eq!(reader.join().unwrap(), b"through");
        assert!(!fs::metadata(&pipe).unwrap().is_file());
    }
}
