//! Decodes labelled files, in the order of their content, into a stream of small squares.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use fast_image_resize::Resizer;
use rayon::iter::Either;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::dataset::Catalogue;
use super::decode::decode;
use super::error::DataError;
use super::folder::{Labelled, Source};
use super::resize::to_square;
use super::split::ContentHash;

/// Largest file that is read.
const MAX_FILE_BYTES: u64 = 256 << 20;
/// Images decoded before they are written: bounds the memory, and is enough for any number of cores.
const CHUNK: usize = 512;

/// What became of the files.
pub(super) struct Packed {
    pub(super) catalogue: Catalogue,
    /// Files left out, and why, sorted by path.
    pub(super) skipped: Vec<(PathBuf, String)>,
}

/// Why packing ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum PackError {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Writes the pixels of every readable file to `sink`: `[N, resolution, resolution, 3]`, ordered by content hash.
///
/// Image indices, and with them everything that is a function of an index, so survive renaming. The files are read twice,
/// to hash and to decode, in exchange for memory that does not grow with the set. `progress` is called with the number of
/// files decoded and of all files.
pub(super) fn pack(
    labelled: &Labelled,
    resolution: usize,
    sink: &mut dyn Write,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Packed, PackError> {
    let (mut files, mut skipped): (Vec<(ContentHash, &Source)>, Vec<_>) =
        labelled.files.par_iter().partition_map(|source| match read(&source.path) {
            Ok(bytes) => Either::Left((Sha256::digest(bytes).into(), source)),
            Err(reason) => Either::Right((source.path.clone(), reason)),
        });
    files.sort_by_key(|(hash, source)| (*hash, source.label));

    let mut catalogue =
        Catalogue { resolution, classes: labelled.classes.clone(), labels: vec![], hashes: vec![], checksum: 0 };
    let done = AtomicUsize::new(skipped.len());
    for chunk in files.chunks(CHUNK) {
        let squares: Vec<Result<Vec<u8>, String>> = chunk
            .par_iter()
            .map_init(Resizer::new, |resizer, (_, source)| {
                let square = read(&source.path).and_then(|bytes| to_square(&decode(&bytes)?, resolution, resizer));
                progress(done.fetch_add(1, Ordering::Relaxed) + 1, labelled.files.len());
                square
            })
            .collect();
        for ((hash, source), square) in chunk.iter().zip(squares) {
            match square {
                Ok(square) => {
                    sink.write_all(&square)?;
                    catalogue.checksum = crc32c::crc32c_append(catalogue.checksum, &square);
                    catalogue.labels.push(source.label);
                    catalogue.hashes.push(*hash);
                }
                Err(reason) => skipped.push((source.path.clone(), reason)),
            }
        }
    }
    skipped.sort();
    check_classes(labelled, &catalogue, &skipped)?;
    Ok(Packed { catalogue, skipped })
}

/// The bytes of a file, or the reason why not.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: io::Error| format!("cannot be read: {error}");
    if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_FILE_BYTES {
        return Err(format!("larger than {} MiB", MAX_FILE_BYTES >> 20));
    }
    std::fs::read(path).map_err(unreadable)
}

/// Every class needs an image.
fn check_classes(labelled: &Labelled, catalogue: &Catalogue, skipped: &[(PathBuf, String)]) -> Result<(), DataError> {
    let mut found = vec![false; labelled.classes.len()];
    for &label in &catalogue.labels {
        found[usize::from(label)] = true;
    }
    let Some(missing) = found.iter().position(|found| !found) else { return Ok(()) };
    let files: Vec<&Path> = labelled
        .files
        .iter()
        .filter(|file| usize::from(file.label) == missing)
        .map(|file| file.path.as_path())
        .collect();
    let example = skipped.iter().find(|(path, _)| files.contains(&path.as_path()));
    Err(DataError::NothingDecodable {
        class: labelled.classes[missing].clone(),
        files: files.len(),
        example: example.map_or("its folder is empty".into(), |(path, reason)| format!("{}: {reason}", path.display())),
    })
}
