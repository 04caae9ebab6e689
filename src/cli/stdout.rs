//! Where results go.

use std::io::{self, Write};
use std::path::Path;

use serde::{Serialize, Serializer};

use super::Failure;

/// Writes `text` to stdout. A reader that has gone away (`| head`) has seen enough: that is no failure.
///
/// # Errors
/// [`Failure::Failed`] if the text cannot be written for another reason, such as a full disk.
pub fn print(text: &str) -> Result<(), Failure> {
    print_while_read(text).map(drop)
}

/// As [`print`]; says whether somebody still reads.
///
/// # Errors
/// As [`print`].
pub fn print_while_read(text: &str) -> Result<bool, Failure> {
    write_to(io::stdout().lock(), text)
        .map_err(|error| anyhow::Error::new(error).context("cannot write to stdout").into())
}

/// Writes `value` as JSON to stdout.
///
/// # Errors
/// As [`print`], and if the value cannot be written as JSON.
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    print(&json(value)?)
}

/// A path in JSON, which has no other names than those of Unicode: what is none is shown as a question mark.
///
/// # Errors
/// Those of `serializer`.
pub fn path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

/// `value` as JSON for files and for stdout.
///
/// # Errors
/// If it cannot be written so.
pub fn json(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

fn write_to(mut stream: impl Write, text: &str) -> io::Result<bool> {
    match stream.write_all(text.as_bytes()).and_then(|()| stream.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        result => result.map(|()| true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fails(io::ErrorKind);

    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_a_reader_gone_away_is_no_failure() {
        assert!(!write_to(Fails(io::ErrorKind::BrokenPipe), "x").unwrap());
        assert!(write_to(Fails(io::ErrorKind::StorageFull), "x").is_err());
        let mut written = Vec::new();
        assert!(write_to(&mut written, "x\n").unwrap());
        assert_eq!(written, b"x\n");
    }
}
