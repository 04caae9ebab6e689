//! The images of an archive, and nothing else of it.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::Path;

use zip::ZipArchive;

use super::{FetchError, Stage, Watch};

/// Folders of the archive that hold images.
const CLASSES: [&str; 2] = ["Cat", "Dog"];

/// Writes the images of `archive` to a folder a class in `into`, which is made; how many. The checksum of each is looked at.
pub fn unpack(archive: &File, into: &Path, watch: Watch) -> Result<u64, FetchError> {
    let mut zip = ZipArchive::new(BufReader::new(archive))?;
    for class in CLASSES {
        let folder = into.join(class);
        fs::create_dir_all(&folder).map_err(FetchError::io("create", &folder))?;
    }
    let (files, mut images) = (zip.len() as u64, 0);
    for index in 0..zip.len() {
        watch(Stage::Unpack, index as u64, files);
        let entry = zip.by_index_data(index)?;
        let name = entry.name().unwrap_or_default();
        let Some((class, name)) = image(&name).filter(|_| entry.is_file()) else { continue };
        let path = into.join(class).join(name);
        let mut file = File::create_new(&path).map_err(FetchError::io("create", &path))?;
        io::copy(&mut zip.by_index(index)?, &mut file).map_err(FetchError::io("unpack", &path))?;
        images += 1;
    }
    if images == 0 { Err(FetchError::NoImages { files }) } else { Ok(images) }
}

/// Class and file name of an image, if an entry's name is one. Only names of this very form become paths, so that no archive
/// can name a place outside.
fn image(name: &str) -> Option<(&'static str, &str)> {
    let (class, file) = name.strip_prefix("PetImages/")?.split_once('/')?;
    let number = file.strip_suffix(".jpg")?;
    let class = CLASSES.into_iter().find(|known| *known == class)?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some((class, file))
}
