//! Where results go.

use std::io::{self, Write};

use super::Failure;

/// Writes `text` to stdout. A reader that has gone away (`| head`) has seen enough: that is no failure.
///
/// # Errors
/// [`Failure::Failed`] if the text cannot be written for another reason, such as a full disk.
pub fn print(text: &str) -> Result<(), Failure> {
    write_to(io::stdout().lock(), text)
        .map_err(|error| anyhow::Error::new(error).context("cannot write to stdout").into())
}

fn write_to(mut stream: impl Write, text: &str) -> io::Result<()> {
    match stream.write_all(text.as_bytes()).and_then(|()| stream.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
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
        assert!(write_to(Fails(io::ErrorKind::BrokenPipe), "x").is_ok());
        assert!(write_to(Fails(io::ErrorKind::StorageFull), "x").is_err());
        let mut written = Vec::new();
        write_to(&mut written, "x\n").unwrap();
        assert_eq!(written, b"x\n");
    }
}
