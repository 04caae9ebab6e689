//! Decoded images on disk, mapped into memory.
//!
//! A cache file is the pixels, `[N, side, side, 3]`, followed by a record in MessagePack and a fixed tail: length and
//! CRC-32C of the record, format version, magic. The tail comes last because N is known last, and so a file that was cut
//! short has none. Nothing in a file is believed before its lengths, both checksums and its key agree.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use data_encoding::HEXLOWER;
use memmap2::Mmap;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::dataset::{Catalogue, Dataset};
use super::folder::Labelled;
use super::pack::{PackError, Packed};

/// Changes whenever decoding, resizing or this format changes, so that older caches are rebuilt.
const VERSION: u32 = 1;
const MAGIC: [u8; 16] = *b"inception-nas px";
const TAIL: usize = 32;

/// Where caches go unless told otherwise: `$INCEPTION_NAS_CACHE`, else `inception-nas` in `$XDG_CACHE_HOME` or `~/.cache`.
/// `None` if none of these is set.
pub fn default_cache_dir() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("INCEPTION_NAS_CACHE").or_else(|| {
        let base = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
        base.map(|base| base.join("inception-nas"))
    })
}

/// What a cache stands for: a hash of classes, files with their sizes and times of change, resolution and version.
///
/// Taking an unchanged size and time (to the nanosecond, where the file system has it) for unchanged content is what lets
/// a set of any size open at once. The content hashes behind splits and fingerprint are in the cache itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Key([u8; 32]);

impl Key {
    pub(super) fn of(labelled: &Labelled, resolution: usize) -> Self {
        let mut hasher = Sha256::new();
        let mut text = |text: &str| {
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text);
        };
        text(&format!("{VERSION} {resolution} {}", labelled.classes.len()));
        labelled.classes.iter().for_each(|class| text(class));
        for source in &labelled.files {
            let name = source.path.file_name().unwrap_or_default().to_string_lossy();
            text(&name);
            // A file that cannot be looked at is skipped by the import; the key only has to differ once it can be.
            let seen = fs::metadata(&source.path).ok().map(|metadata| {
                let changed = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
                (metadata.len(), changed.map(|time| time.as_nanos()))
            });
            text(&format!("{} {seen:?}", source.label));
        }
        Self(hasher.finalize().into())
    }
}

#[derive(Serialize, Deserialize)]
struct Record {
    key: Key,
    catalogue: Catalogue,
    skipped: Vec<(String, String)>,
}

/// The cache of one folder at one resolution.
pub(super) struct Cache {
    path: PathBuf,
    key: Key,
}

/// A set out of a cache.
pub(super) struct Cached {
    pub(super) dataset: Dataset,
    pub(super) skipped: Vec<(PathBuf, String)>,
}

impl Cache {
    /// The place for images of the folder `source` in `cache_dir`.
    pub(super) fn new(cache_dir: &Path, source: &Path, resolution: usize, key: Key) -> Self {
        let source = source.canonicalize().unwrap_or_else(|_| source.into());
        let name = source.file_name().unwrap_or_default().to_string_lossy();
        let place = HEXLOWER.encode(&Sha256::digest(source.as_os_str().as_encoded_bytes())[..4]);
        Self { path: cache_dir.join(format!("{name}-{place}-{resolution}px.cache")), key }
    }

    /// The file that lists what was skipped.
    pub(super) fn skipped_list(&self) -> PathBuf {
        self.path.with_extension("skipped.txt")
    }

    /// The cached set; `None` if there is none, or it is of other files, damaged, cut short, or not a cache at all.
    pub(super) fn load(&self) -> Option<Cached> {
        let file = File::open(&self.path).ok()?;
        // SAFETY: a cache file is never changed once it has its name: `build` writes under another name and renames, which
        // leaves an older file's pages as they are. That nothing else overwrites files in a cache folder has to be assumed
        // by every user of a memory map.
        let map = unsafe { Mmap::map(&file) }.ok()?;
        let record = self.check(&map)?;
        Some(Cached {
            dataset: Dataset::new(record.catalogue, Box::new(map)),
            skipped: record.skipped.into_iter().map(|(path, reason)| (path.into(), reason)).collect(),
        })
    }

    fn check(&self, bytes: &[u8]) -> Option<Record> {
        let (body, tail) = bytes.split_last_chunk::<TAIL>()?;
        let (length, checksum) = (&tail[..8], &tail[8..12]);
        if tail[12..16] != VERSION.to_le_bytes() || tail[16..] != MAGIC {
            return None;
        }
        let length = usize::try_from(u64::from_le_bytes(length.try_into().ok()?)).ok()?;
        let (pixels, record) = body.split_at_checked(body.len().checked_sub(length)?)?;
        if crc32c::crc32c(record).to_le_bytes() != checksum {
            return None;
        }
        let record: Record = rmp_serde::from_slice(record).ok()?;
        let catalogue = &record.catalogue;
        let trusted = record.key == self.key
            && catalogue.is_consistent()
            && catalogue.pixel_bytes() == Some(pixels.len())
            && crc32c::crc32c(pixels) == catalogue.checksum;
        trusted.then_some(record)
    }

    /// Loads the cached set, or else builds it: `pack` writes the pixels. The flag says whether it was there already.
    ///
    /// Of several processes one builds while the others wait. The file gets its name when it is complete and on disk.
    pub(super) fn load_or_build(
        &self,
        pack: impl FnOnce(&mut dyn Write) -> Result<Packed, PackError>,
    ) -> Result<(Cached, bool), PackError> {
        if let Some(cached) = self.load() {
            return Ok((cached, true));
        }
        if let Some(parent) = self.path.parent() {
            fs::create_dir_all(parent)?;
        }
        let lock = File::create(self.path.with_extension("lock"))?;
        lock.lock()?;
        if let Some(cached) = self.load() {
            return Ok((cached, true));
        }
        let partial = self.path.with_extension("partial");
        let written = self.build(&partial, pack);
        if written.is_err() {
            // Best effort: the next build overwrites what is left.
            let _ = fs::remove_file(&partial);
        }
        written?;
        let cached = self.load().ok_or_else(|| io::Error::other("the cache reads back other than it was written"))?;
        Ok((cached, false))
    }

    fn build(
        &self,
        partial: &Path,
        pack: impl FnOnce(&mut dyn Write) -> Result<Packed, PackError>,
    ) -> Result<(), PackError> {
        let mut file = BufWriter::with_capacity(1 << 20, File::create(partial)?);
        let Packed { catalogue, skipped } = pack(&mut file)?;
        let skipped: Vec<_> =
            skipped.into_iter().map(|(path, reason)| (path.to_string_lossy().into_owned(), reason)).collect();
        let lines: String = skipped.iter().map(|(path, reason)| format!("{path}\t{reason}\n")).collect();
        let record = Record { key: self.key, catalogue, skipped };
        let record = rmp_serde::to_vec_named(&record).map_err(io::Error::other)?;
        file.write_all(&record)?;
        file.write_all(&(record.len() as u64).to_le_bytes())?;
        file.write_all(&crc32c::crc32c(&record).to_le_bytes())?;
        file.write_all(&VERSION.to_le_bytes())?;
        file.write_all(&MAGIC)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        if lines.is_empty() {
            // Whether there was an earlier list or not.
            let _ = fs::remove_file(self.skipped_list());
        } else {
            fs::write(self.skipped_list(), lines)?;
        }
        fs::rename(partial, &self.path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{pets, png, put};
    use super::super::{ImportReport, open_folder};
    use super::*;

    fn open(dir: &Path, cache: &Path) -> (Dataset, ImportReport) {
        open_folder(dir, 16, Some(cache), &|_, _| {}).unwrap()
    }

    fn cache_file(cache: &Path) -> PathBuf {
        let mut files = fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path());
        files.find(|path| path.extension().is_some_and(|extension| extension == "cache")).unwrap()
    }

    fn all_pixels(set: &Dataset) -> Vec<u8> {
        set.all().iter().flat_map(|&index| set.pixels(index)).copied().collect()
    }

    #[test]
    fn the_second_opening_gives_the_same_set_and_report_from_the_cache() {
        let (dir, cache) = (pets(5), tempfile::tempdir().unwrap());
        put(&dir.path().join("cats/notes.txt"), b"hello");
        let (first, built) = open(dir.path(), &cache.path().join("new/folder"));
        let (second, loaded) = open(dir.path(), &cache.path().join("new/folder"));
        assert_eq!((built.from_cache, loaded.from_cache), (false, true));
        assert_eq!(ImportReport { from_cache: true, ..built.clone() }, loaded);
        assert_eq!((first.fingerprint(), all_pixels(&first)), (second.fingerprint(), all_pixels(&second)));
        let (in_memory, _) = open_folder(dir.path(), 16, None, &|_, _| {}).unwrap();
        assert_eq!((first.fingerprint(), all_pixels(&first)), (in_memory.fingerprint(), all_pixels(&in_memory)));
        let list = fs::read_to_string(built.skipped_list.unwrap()).unwrap();
        assert!(list.contains("notes.txt\tnot a JPEG, PNG or WebP image\n"), "{list}");
        assert!(!cache_file(&cache.path().join("new/folder")).with_extension("partial").exists());
    }

    #[test]
    fn a_damaged_cache_is_rebuilt_wherever_the_damage_is() {
        let (dir, cache) = (pets(3), tempfile::tempdir().unwrap());
        let (set, _) = open(dir.path(), cache.path());
        let file = cache_file(cache.path());
        let good = fs::read(&file).unwrap();
        let pixels = 6 * 16 * 16 * 3;
        let mut damaged: Vec<Vec<u8>> = [0, pixels - 1, pixels + 3, good.len() - 40, good.len() - 30, good.len() - 18]
            .into_iter()
            .chain(good.len() - 16..good.len())
            .map(|position| {
                let mut bytes = good.clone();
                bytes[position] ^= 4;
                bytes
            })
            .collect();
        damaged.extend([0, 10, pixels, good.len() / 2, good.len() - 1].map(|length| good[..length].to_vec()));
        damaged.push([&good[1..]].concat());
        damaged.push([&good[..], b"more"].concat());
        damaged.push(vec![0xff; good.len()]);
        damaged.push(b"somebody else's file".to_vec());
        for (case, bytes) in damaged.iter().enumerate() {
            // As a new file: the old one may still be mapped.
            fs::remove_file(&file).unwrap();
            fs::write(&file, bytes).unwrap();
            let (again, report) = open(dir.path(), cache.path());
            assert!(!report.from_cache, "case {case}");
            assert_eq!(
                (again.fingerprint(), fs::read(&file).unwrap() == good),
                (set.fingerprint(), true),
                "case {case}"
            );
        }
    }

    #[test]
    fn a_cache_of_other_files_is_rebuilt_and_each_resolution_has_its_own() {
        let (dir, cache) = (pets(3), tempfile::tempdir().unwrap());
        open(dir.path(), cache.path());
        put(&dir.path().join("cats/0.png"), &png(4321));
        let (changed, report) = open(dir.path(), cache.path());
        assert!(!report.from_cache);
        let (other, report) = open_folder(dir.path(), 24, Some(cache.path()), &|_, _| {}).unwrap();
        assert_eq!((report.from_cache, other.resolution(), other.pixels(0).len()), (false, 24, 24 * 24 * 3));
        let (same, report) = open(dir.path(), cache.path());
        assert_eq!((report.from_cache, same.fingerprint()), (true, changed.fingerprint()));
    }

    #[test]
    fn an_unwritable_cache_folder_costs_a_warning() {
        let (dir, place) = (pets(3), tempfile::tempdir().unwrap());
        put(&place.path().join("file"), b"x");
        let (set, report) = open(dir.path(), &place.path().join("file/cache"));
        assert_eq!((set.len(), report.from_cache, report.skipped_list), (6, false, None));
        assert!(report.warnings[0].contains("held in memory"), "{:?}", report.warnings);
    }

    #[test]
    fn a_failed_import_leaves_no_cache() {
        let (dir, cache) = (pets(1), tempfile::tempdir().unwrap());
        put(&dir.path().join("owls/1.png"), b"hoo");
        assert!(open_folder(dir.path(), 16, Some(cache.path()), &|_, _| {}).is_err());
        let left: Vec<_> = fs::read_dir(cache.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.iter().all(|path| path.extension().unwrap() == "lock"), "{left:?}");
    }

    #[test]
    fn openings_at_the_same_time_share_one_import() {
        let (dir, cache) = (pets(20), tempfile::tempdir().unwrap());
        let built: Vec<bool> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| !open(dir.path(), cache.path()).1.from_cache)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(built.iter().filter(|&&built| built).count(), 1);
    }
}
