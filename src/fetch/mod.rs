//! Images from the network: an archive that is known beforehand, downloaded, checked and unpacked into a folder.

mod download;
mod error;
#[cfg(test)]
mod tests;
mod unpack;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

pub use error::FetchError;

/// An archive, and what tells it from any other file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// Where it is.
    pub url: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its bytes, as 64 hex digits.
    pub sha256: String,
}

impl Archive {
    /// Microsoft's "Kaggle Cats and Dogs Dataset": 12,500 photographs of either, in a version of 2022. The hash is the one that
    /// the library GoMLX checks this file by.
    pub fn cats_vs_dogs() -> Self {
        let url = "https://download.microsoft.com/download/3/E/1/3E1C3F21-ECDB-4869-8368-6DEBA77B919F/kagglecatsanddogs_5340.zip";
        let sha256 = "b7974bd00a84a99921f36ee4403f089853777b5ae8d151c76a86e64900334af9";
        Self { url: url.to_owned(), bytes: 824_887_076, sha256: sha256.to_owned() }
    }
}

/// What is being done, of three things that take their time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// In bytes.
    Download,
    /// Of the hash, in bytes.
    Check,
    /// In files of the archive.
    Unpack,
}

/// Hears of a stage, how much of it is done, and how much there is.
pub type Watch<'a> = &'a dyn Fn(Stage, u64, u64);

/// Makes `dir` of the images in `archive`, one folder a class; how many images.
///
/// The archive is written to `DIR.zip.part` beside it, and a download that was broken off goes on there. `dir` appears as a
/// whole, when all is unpacked; then the archive is removed.
///
/// # Errors
/// [`FetchError`]. A file with another hash is removed, anything else is kept for the next time.
pub fn fetch(archive: &Archive, dir: &Path, watch: Watch) -> Result<u64, FetchError> {
    if dir.symlink_metadata().is_ok() {
        return Err(FetchError::Exists(dir.to_owned()));
    }
    let (part, unpacking) = (beside(dir, ".zip.part")?, beside(dir, ".unpacking")?);
    let parent = dir.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(parent).map_err(FetchError::io("create", parent))?;
    let mut file = open(&part)?;
    download::download(archive, &mut file, &part, watch)?;
    let found = sha256(&mut file, archive.bytes, watch).map_err(FetchError::io("read", &part))?;
    if found != archive.sha256 {
        fs::remove_file(&part).map_err(FetchError::io("remove", &part))?;
        return Err(FetchError::OtherContent { url: archive.url.clone(), expected: archive.sha256.clone(), found });
    }
    if unpacking.exists() {
        fs::remove_dir_all(&unpacking).map_err(FetchError::io("remove", &unpacking))?;
    }
    let images = unpack::unpack(&file, &unpacking, watch)?;
    fs::rename(&unpacking, dir).map_err(FetchError::io("create", dir))?;
    fs::remove_file(&part).map_err(FetchError::io("remove", &part))?;
    Ok(images)
}

/// The path with `ending` behind its last name.
fn beside(dir: &Path, ending: &str) -> Result<PathBuf, FetchError> {
    let mut name = dir.file_name().ok_or_else(|| FetchError::Exists(dir.to_owned()))?.to_owned();
    name.push(ending);
    Ok(dir.with_file_name(name))
}

/// The file that one process at a time downloads to.
fn open(path: &Path) -> Result<File, FetchError> {
    let options = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path);
    let file = options.map_err(FetchError::io("create", path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(FetchError::Busy(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(FetchError::io("lock", path)(error)),
    }
}

/// The hash of a file of `bytes` bytes, as hex digits.
fn sha256(file: &mut File, bytes: u64, watch: Watch) -> io::Result<String> {
    let (mut hash, mut buffer, mut done) = (Sha256::new(), vec![0; 1 << 20], 0);
    file.rewind()?;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(HEXLOWER.encode(&hash.finalize()));
        }
        hash.update(&buffer[..read]);
        done += read as u64;
        watch(Stage::Check, done, bytes);
    }
}
