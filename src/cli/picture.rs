//! Pictures in files.

use std::fs;
use std::path::{Path, PathBuf};

use super::Failure;
use crate::report::png;
use crate::store::write_atomically;

/// Writes the SVG picture `svg` to `path`, and as PNG beside it; the files written. Where the PNG cannot be drawn there is a
/// warning and none: nothing else depends on it.
///
/// # Errors
/// [`Failure::Failed`] if a file cannot be written.
pub(super) fn write(path: &Path, svg: &str) -> Result<Vec<PathBuf>, Failure> {
    write_atomically(path, svg.as_bytes())?;
    let mut written = vec![path.to_owned()];
    let drawn = path.with_extension("png");
    match png(svg) {
        Ok(png) => {
            write_atomically(&drawn, &png)?;
            written.push(drawn);
        }
        Err(error) => {
            // One that was drawn before would show something else. Mostly there is none.
            let _ = fs::remove_file(&drawn);
            say!("warning: {} is not drawn: {error}", drawn.display());
        }
    }
    Ok(written)
}

/// The names of files, in one line.
pub(super) fn names(files: impl IntoIterator<Item = PathBuf>) -> String {
    files.into_iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_drawn_loses_the_png_alone() {
        let dir = tempfile::tempdir().unwrap();
        let drawn = dir.path().join("a.svg");
        let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"4\" height=\"4\"/>";
        assert_eq!(write(&drawn, svg).unwrap(), [drawn.clone(), dir.path().join("a.png")]);
        assert!(dir.path().join("a.png").exists());
        assert_eq!(write(&drawn, "<svg").unwrap(), std::slice::from_ref(&drawn));
        assert_eq!(fs::read_to_string(&drawn).unwrap(), "<svg");
        assert!(!dir.path().join("a.png").exists(), "that was another picture");
    }
}
