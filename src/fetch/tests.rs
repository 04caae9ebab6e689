//! Fetching from servers that break off, change their mind or lie, and unpacking archives that want out of their folder.

use std::io::{BufRead, BufReader, Cursor, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;

/// A server on this machine that replies to each connection as it is told, in turn, and then to no more.
struct Server {
    url: String,
    /// Of each request the `Range`, empty if it has none.
    ranges: Arc<Mutex<Vec<String>>>,
}

/// Takes a connection and the beginning that its request asks to leave out.
type Answer = fn(&mut TcpStream, usize);

impl Server {
    fn new(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/images.zip", listener.local_addr().unwrap());
        let ranges = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&ranges);
        thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let head = BufReader::new(&stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty());
                let range =
                    head.filter_map(|line| line.to_lowercase().strip_prefix("range: ").map(str::to_owned)).last();
                let range = range.unwrap_or_default();
                let start = range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap_or(0);
                seen.lock().unwrap().push(range);
                answer(&mut stream, start);
            }
        });
        Self { url, ranges }
    }

    fn archive(&self) -> Archive {
        let sha256 = Sha256::digest(pets()).iter().map(|byte| format!("{byte:02x}")).collect();
        Archive { url: self.url.clone(), bytes: pets().len() as u64, sha256 }
    }

    fn ranges(&self) -> Vec<String> {
        self.ranges.lock().unwrap().clone()
    }
}

/// All that is asked for.
fn honest(stream: &mut TcpStream, start: usize) {
    part(stream, start, pets().len());
}

/// Breaks off after 100 bytes.
fn cut(stream: &mut TcpStream, start: usize) {
    part(stream, start, start + 100);
}

/// Breaks off before anything.
fn nothing(stream: &mut TcpStream, start: usize) {
    part(stream, start, start);
}

/// Knows no ranges.
fn from_the_beginning(stream: &mut TcpStream, _: usize) {
    reply(stream, "200 OK", "", &pets(), pets().len());
}

/// One wrong byte.
fn damaged(stream: &mut TcpStream, start: usize) {
    let mut bytes = pets();
    bytes[200] ^= 1;
    reply(stream, if start == 0 { "200 OK" } else { "206 Partial Content" }, "", &bytes[start..], bytes.len() - start);
}

fn longer(stream: &mut TcpStream, _: usize) {
    reply(stream, "200 OK", "", b"", pets().len() + 1);
}

fn another_range(stream: &mut TcpStream, start: usize) {
    let range = format!("Content-Range: bytes {}-{}/{}\r\n", start + 1, pets().len() - 1, pets().len());
    reply(stream, "206 Partial Content", &range, b"", 0);
}

fn missing(stream: &mut TcpStream, _: usize) {
    reply(stream, "404 Not Found", "", b"", 0);
}

/// The bytes from `start` to `end`, where all from `start` are announced.
fn part(stream: &mut TcpStream, start: usize, end: usize) {
    let pets = pets();
    let range = format!("Content-Range: bytes {start}-{}/{}\r\n", pets.len() - 1, pets.len());
    let (status, range) = if start == 0 { ("200 OK", "") } else { ("206 Partial Content", &range[..]) };
    reply(stream, status, range, &pets[start..end], pets.len() - start);
}

fn reply(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8], length: usize) {
    write!(stream, "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n").unwrap();
    stream.write_all(body).unwrap();
}

/// An archive like the real one, with stored bytes, so that a place in it can be altered.
fn pets() -> Vec<u8> {
    let image = [7; 300];
    archive(&[("PetImages/Cat/0.jpg", &image), ("PetImages/Dog/0.jpg", b"woof"), ("readme[1].txt", b"read me")])
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(CompressionMethod::Stored)).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn silent(_: Stage, _: u64, _: u64) {}

/// Fetches from a server with these answers; what came of it, the server, and the folder that all of it is in.
fn fetched(answers: Vec<Answer>) -> (Result<u64, FetchError>, Server, tempfile::TempDir) {
    let (server, place) = (Server::new(answers), tempfile::tempdir().unwrap());
    let result = fetch(&server.archive(), &place.path().join("pets"), &silent);
    (result, server, place)
}

/// Every file and folder below, with their content.
fn tree(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            found.push((format!("{name}/"), Vec::new()));
            found.extend(tree(&path).into_iter().map(|(below, content)| (format!("{name}/{below}"), content)));
        } else {
            found.push((name, fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

fn names(dir: &Path) -> Vec<String> {
    tree(dir).into_iter().map(|(name, _)| name).collect()
}

const COMPLETE: [&str; 5] = ["pets/", "pets/Cat/", "pets/Cat/0.jpg", "pets/Dog/", "pets/Dog/0.jpg"];

#[test]
fn an_archive_becomes_a_folder_of_images() {
    let (server, place) = (Server::new(vec![honest]), tempfile::tempdir().unwrap());
    let stages = Mutex::new(Vec::new());
    let dir = place.path().join("new/pets/");
    let images = fetch(&server.archive(), &dir, &|stage, done, all| stages.lock().unwrap().push((stage, done, all)));
    assert_eq!(images.unwrap(), 2);
    assert_eq!(names(&place.path().join("new")), COMPLETE);
    assert_eq!(fs::read(dir.join("Dog/0.jpg")).unwrap(), b"woof");
    let bytes = server.archive().bytes;
    let stages = stages.into_inner().unwrap();
    for expected in [(Stage::Download, bytes, bytes), (Stage::Check, bytes, bytes), (Stage::Unpack, 2, 3)] {
        assert!(stages.contains(&expected), "no {expected:?} in {stages:?}");
    }
    let error = fetch(&server.archive(), &dir, &silent).unwrap_err().to_string();
    assert!(error.contains("new/pets/ exists already"), "{error}");
}

#[test]
fn a_download_goes_on_where_the_connection_broke_off() {
    let (result, server, place) = fetched(vec![cut, nothing, cut, honest]);
    assert_eq!(result.unwrap(), 2);
    assert_eq!(server.ranges(), ["", "bytes=100-", "bytes=100-", "bytes=200-"]);
    assert_eq!(names(place.path()), COMPLETE);
}

#[test]
fn a_server_that_knows_no_ranges_begins_anew() {
    let (result, server, place) = fetched(vec![cut, from_the_beginning]);
    assert_eq!(result.unwrap(), 2);
    assert_eq!(server.ranges(), ["", "bytes=100-"]);
    assert_eq!(names(place.path()), COMPLETE);
}

#[test]
fn what_has_come_is_kept_for_the_next_time() {
    let (result, _, place) = fetched(vec![cut, nothing, nothing, nothing]);
    let bytes = pets().len();
    let error = result.unwrap_err().to_string();
    assert!(error.contains(&format!("100 of {bytes} bytes are here")), "{error}");
    assert_eq!(tree(place.path()), [("pets.zip.part".to_owned(), pets()[..100].to_vec())]);

    let server = Server::new(vec![honest]);
    // Somebody else has it open.
    let held = open(&place.path().join("pets.zip.part")).unwrap();
    let error = fetch(&server.archive(), &place.path().join("pets"), &silent);
    assert!(matches!(error, Err(FetchError::Busy(_))), "{error:?}");
    drop(held);
    // Of an unpacking that was broken off.
    fs::create_dir_all(place.path().join("pets.unpacking/Cat")).unwrap();
    fs::write(place.path().join("pets.unpacking/Cat/0.jpg"), "half").unwrap();
    assert_eq!(fetch(&server.archive(), &place.path().join("pets"), &silent).unwrap(), 2);
    assert_eq!(server.ranges(), ["bytes=100-"]);
    assert_eq!(names(place.path()), COMPLETE);
}

#[test]
fn an_archive_that_is_here_needs_no_server() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("pets.zip.part"), pets()).unwrap();
    let archive = Server::new(vec![]).archive();
    assert_eq!(fetch(&archive, &place.path().join("pets"), &silent).unwrap(), 2);
    assert_eq!(names(place.path()), COMPLETE);
}

#[test]
fn another_file_is_not_unpacked() {
    let (result, _, place) = fetched(vec![damaged]);
    let error = result.unwrap_err();
    assert!(matches!(&error, FetchError::OtherContent { expected, found, .. } if expected != found), "{error}");
    assert!(names(place.path()).is_empty());

    let (result, _, place) = fetched(vec![longer]);
    let error = result.unwrap_err().to_string();
    assert!(error.contains(&format!("{} bytes where {} bytes", pets().len() + 1, pets().len())), "{error}");
    assert_eq!(names(place.path()), ["pets.zip.part"]);

    let (result, _, _) = fetched(vec![cut, another_range]);
    assert!(matches!(result, Err(FetchError::OtherLength { .. })), "{result:?}");
    let (result, _, _) = fetched(vec![missing]);
    assert!(matches!(result, Err(FetchError::Status { status: 404, .. })), "{result:?}");
}

#[test]
fn a_part_that_is_too_long_is_no_part() {
    let (server, place) = (Server::new(vec![honest]), tempfile::tempdir().unwrap());
    fs::write(place.path().join("pets.zip.part"), vec![0; pets().len() + 1]).unwrap();
    assert_eq!(fetch(&server.archive(), &place.path().join("pets"), &silent).unwrap(), 2);
    assert_eq!(server.ranges(), [""]);
}

/// Unpacks `bytes` into the folder `inside` of a new one.
fn unpacked(bytes: &[u8]) -> (Result<u64, FetchError>, tempfile::TempDir) {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("archive.zip");
    fs::write(&path, bytes).unwrap();
    let result = unpack::unpack(&File::open(&path).unwrap(), &place.path().join("inside"), &silent);
    fs::remove_file(path).unwrap();
    (result, place)
}

#[test]
fn no_entry_gets_out_of_its_folder() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    let outside = [
        "../1.jpg",
        "/tmp/1.jpg",
        "PetImages/Cat/../../../1.jpg",
        "PetImages/../PetImages/Cat/1.jpg",
        "PetImages/Cat/..\\..\\1.jpg",
        "PetImages\\Cat\\1.jpg",
        "C:\\1.jpg",
        "PetImages/Cat//1.jpg",
        "PetImages/Bird/1.jpg",
        "PetImages/Cat/one.jpg",
        "PetImages/Cat/.jpg",
        "PetImages/Cat/1.exe",
        "PetImages/Cat/Thumbs.db",
        "1.jpg",
    ];
    for name in outside {
        zip.start_file(name, options).unwrap();
        zip.write_all(b"out").unwrap();
    }
    zip.add_symlink("PetImages/Cat/2.jpg", "/etc/passwd", options).unwrap();
    zip.add_directory("PetImages/Cat/3.jpg", options).unwrap();
    zip.start_file("PetImages/Cat/4.jpg", options).unwrap();
    zip.write_all(b"meow").unwrap();
    let (result, place) = unpacked(&zip.finish().unwrap().into_inner());
    assert_eq!(result.unwrap(), 1);
    assert_eq!(names(place.path()), ["inside/", "inside/Cat/", "inside/Cat/4.jpg", "inside/Dog/"]);
}

#[test]
fn a_damaged_image_is_noticed() {
    let whole = pets();
    let mut damaged = whole.clone();
    damaged[100] ^= 1;
    assert!(unpacked(&whole).0.is_ok());
    let error = unpacked(&damaged).0.unwrap_err();
    assert!(
        matches!(&error, FetchError::Io { action: "unpack", path, .. } if path.ends_with("Cat/0.jpg")),
        "{error:?}"
    );
    assert!(matches!(unpacked(&whole[..whole.len() / 2]).0, Err(FetchError::Archive(_))));
    let none = unpacked(&archive(&[("readme.txt", b"")])).0;
    assert!(matches!(none, Err(FetchError::NoImages { files: 1 })), "{none:?}");
}
