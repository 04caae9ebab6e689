//! The report as a browser sees it while a search goes on.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Child;
use std::time::{Duration, Instant};

use super::signals::interrupt;
use super::{Place, TINY};

/// A process that ends with the test, whatever becomes of that.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Status and body of the reply to a request.
fn ask(address: &str, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
    (status, body.to_owned())
}

fn get(address: &str, path: &str) -> String {
    let (status, body) = ask(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n"));
    assert_eq!(status, 200, "{body}");
    body
}

#[test]
fn a_browser_follows_a_search_that_goes_on() {
    let place = Place::new();
    // Of three trials two are left without the last, which the page counts in the plural.
    let mut busy = Running(place.start(&format!("{TINY} --name busy --trials 100000 --workers 1"), "busy", 3));
    // Killed at the end: where Ctrl-C is ignored, as under `nohup`, the server ignores it too.
    let mut server = Running(place.command("report --serve --run busy").spawn().unwrap());
    let mut url = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let address = url.trim_end().strip_prefix("http://").and_then(|url| url.strip_suffix('/')).unwrap();

    let first = get(address, "/state");
    assert!(get(address, "/").contains("<h1>Run busy</h1>"));
    let deadline = Instant::now() + Duration::from_secs(60);
    while get(address, "/state") == first {
        assert!(Instant::now() < deadline, "no trial in a minute");
        std::thread::sleep(Duration::from_millis(10));
    }
    interrupt(&busy.0);
    assert_eq!(busy.0.wait().unwrap().code(), Some(130));

    let journal = place.path().join("results/busy/trials.jsonl");
    let whole = fs::read_to_string(&journal).unwrap();
    let trials = whole.lines().count();
    let without_last = &whole[..whole.trim_end().rfind('\n').unwrap() + 1];
    let mut states = Vec::new();
    // Of a line that is still being written nothing is shown.
    for (text, count) in [(&whole[..], trials), (without_last, trials - 1), (&whole[..whole.len() - 9], trials - 1)] {
        fs::write(&journal, text).unwrap();
        let (state, page) = (get(address, "/state"), get(address, "/"));
        assert!(page.contains(&format!("<p>{count} trials, ")), "not {count} trials in\n{page}");
        assert!(page.contains(&format!("<script data-state=\"{state}\">")), "no {state} in\n{page}");
        assert!(!states.contains(&state));
        states.push(state);
    }
    fs::OpenOptions::new()
        .append(true)
        .open(&journal)
        .unwrap()
        .write_all(&whole.as_bytes()[whole.len() - 9..])
        .unwrap();
    assert_eq!(get(address, "/state"), states[0]);
    assert!(get(address, "/").contains(&format!("<p>{trials} trials, ")));

    let host = format!("Host: {address}\r\n\r\n");
    assert_eq!(ask(address, &format!("GET /config.toml HTTP/1.1\r\n{host}")).0, 404);
    assert_eq!(ask(address, &format!("POST / HTTP/1.1\r\n{host}")).0, 405);
    assert_eq!(ask(address, "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n").0, 403);
    let port = address.rsplit_once(':').unwrap().1;
    let error = place.fails(2, &format!("report --serve --run busy --port {port}"));
    assert!(error.contains(&format!("port {port} is in use; give another one")), "{error}");
    assert!(place.fails(2, "report --port 8000").contains("--serve"));

    fs::remove_file(place.path().join("results/busy/config.toml")).unwrap();
    let (status, error) = ask(address, &format!("GET / HTTP/1.1\r\n{host}"));
    assert!(status == 500 && error.contains("config.toml"), "{status} {error}");
}
