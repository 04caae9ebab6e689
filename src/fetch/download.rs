//! A file of known length over HTTP, in as many connections as it takes.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use ureq::Agent;
use ureq::http::header::{CONTENT_RANGE, RANGE};

use super::{Archive, FetchError, Stage, Watch};

/// How long to wait for a connection, and for the next bytes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Connections one after the other that may bring nothing new.
const ATTEMPTS: usize = 3;

/// Between two of these.
const PAUSE: Duration = Duration::from_secs(1);

/// Why a connection did not bring the rest of the file.
enum Setback {
    /// It broke off: the next one may do better.
    Connection(String),
    /// The next one would do no better.
    Final(FetchError),
}

impl From<FetchError> for Setback {
    fn from(error: FetchError) -> Self {
        Self::Final(error)
    }
}

/// Writes `archive` to `file`, which is at `path` and may hold its beginning already.
pub fn download(archive: &Archive, file: &mut File, path: &Path, watch: Watch) -> Result<(), FetchError> {
    let config = Agent::config_builder()
        .timeout_connect(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE))
        .http_status_as_error(false);
    let agent = config.build().into();
    let mut part = Part { have: 0, file, path };
    let there = part.file.metadata().map_err(FetchError::io("read", path))?.len();
    part.start_at(if there > archive.bytes { 0 } else { there })?;
    let (mut furthest, mut attempts) = (part.have, 0);
    while part.have < archive.bytes {
        let Err(setback) = transfer(&agent, archive, &mut part, watch) else { continue };
        let reason = match setback {
            Setback::Final(error) => return Err(error),
            Setback::Connection(reason) => reason,
        };
        attempts = if part.have > furthest { 0 } else { attempts + 1 };
        furthest = furthest.max(part.have);
        if attempts == ATTEMPTS {
            let Archive { url, bytes, .. } = archive.clone();
            return Err(FetchError::BrokenOff { url, reason, have: part.have, bytes });
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// What is on the disk of a file.
struct Part<'a> {
    /// Bytes of it, from the beginning.
    have: u64,
    file: &'a mut File,
    path: &'a Path,
}

impl Part<'_> {
    /// Keeps so many bytes and goes on behind them.
    fn start_at(&mut self, have: u64) -> Result<(), FetchError> {
        self.have = have;
        let moved = self.file.set_len(have).and_then(|()| self.file.seek(SeekFrom::Start(have)));
        moved.map(drop).map_err(FetchError::io("write to", self.path))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
        self.file.write_all(bytes).map_err(FetchError::io("write to", self.path))?;
        self.have += bytes.len() as u64;
        Ok(())
    }
}

/// Asks for what is missing, and writes what comes. Whatever is on the disk when the connection breaks off stays.
fn transfer(agent: &Agent, archive: &Archive, part: &mut Part, watch: Watch) -> Result<(), Setback> {
    let Archive { url, bytes, .. } = archive;
    let other_length = |found: String| FetchError::OtherLength { url: url.clone(), expected: *bytes, found };
    let broken = |error: &dyn std::error::Error| Setback::Connection(error.to_string());
    let mut request = agent.get(url);
    if part.have > 0 {
        request = request.header(RANGE, format!("bytes={}-", part.have));
    }
    let mut response = request.call().map_err(|error| broken(&error))?;
    match response.status().as_u16() {
        206 => {
            let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok()).unwrap_or_default();
            if !(range.starts_with(&format!("bytes {}-", part.have)) && range.ends_with(&format!("/{bytes}"))) {
                return Err(other_length(format!("the range {range:?}")).into());
            }
        }
        200 => {
            if let Some(length) = response.body().content_length().filter(|length| length != bytes) {
                return Err(other_length(format!("{length} bytes")).into());
            }
            // A server that knows no ranges begins anew.
            part.start_at(0)?;
        }
        status => return Err(FetchError::Status { url: url.clone(), status }.into()),
    }
    let mut body = response.body_mut().as_reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = body.read(&mut buffer).map_err(|error| broken(&error))?;
        if part.have + read as u64 > *bytes {
            return Err(other_length("more".to_owned()).into());
        }
        part.write(&buffer[..read])?;
        watch(Stage::Download, part.have, *bytes);
        if read == 0 {
            let early = part.have < *bytes;
            return if early { Err(Setback::Connection("it ended early".to_owned())) } else { Ok(()) };
        }
    }
}
