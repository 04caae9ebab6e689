//! A web server for the browsers of this machine: GET, one request a connection.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// Longest head of a request in bytes; browsers send some hundreds.
const MAX_HEAD: u64 = 16 * 1024;

/// How long a browser may take to ask, and to take the reply.
const PATIENCE: Duration = Duration::from_secs(30);

/// The names that a browser on this machine calls this server by, also through a forwarded port. A page from elsewhere can
/// make its own name stand for this machine (DNS rebinding); then the browser sends that name, and must not get an answer.
const OWN_NAMES: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// What a browser gets.
#[derive(Debug, PartialEq)]
pub(super) struct Reply {
    status: &'static str,
    content_type: &'static str,
    body: String,
}

impl Reply {
    /// A page.
    pub(super) fn html(body: String) -> Self {
        Self { status: "200 OK", content_type: "text/html", body }
    }

    /// A text, with a status such as `404 Not Found`.
    pub(super) fn text(status: &'static str, body: impl Into<String>) -> Self {
        Self { status, content_type: "text/plain", body: body.into() }
    }
}

/// Replies to every request with what `answer` has for its path, until `listener` fails; why it did.
pub(super) fn serve(listener: &TcpListener, answer: impl Fn(&str) -> Reply + Sync) -> io::Error {
    let answer = &answer;
    thread::scope(|scope| {
        loop {
            // A thread each: browsers open connections in advance, which must not keep the others waiting.
            let accepted = listener.accept().and_then(|(stream, _)| {
                // A browser that goes away is no failure.
                thread::Builder::new().spawn_scoped(scope, move || converse(&stream, answer).unwrap_or_default())
            });
            match accepted {
                Err(error) if error.kind() != ErrorKind::ConnectionAborted => return error,
                _ => {}
            }
        }
    })
}

fn converse(mut stream: &TcpStream, answer: impl Fn(&str) -> Reply) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let Reply { status, content_type, body } = reply(BufReader::new(stream.take(MAX_HEAD)), answer)?;
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}; charset=utf-8\r\nContent-Length: {length}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n{body}"
    )
}

/// The reply to a request with this head.
fn reply(head: impl BufRead, answer: impl Fn(&str) -> Reply) -> io::Result<Reply> {
    let mut lines = head.lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let mut hosts = Vec::new();
    for line in lines {
        let line = line?;
        match line.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("host") => hosts.push(value.trim().to_owned()),
            Some(_) => {}
            None => break,
        }
    }
    Ok(match (&request.split(' ').collect::<Vec<_>>()[..], &hosts[..]) {
        ([_, _, _], [host]) if !is_own(host) => Reply::text("403 Forbidden", "ask for localhost\n"),
        (["GET", path, _], [_]) => answer(path),
        ([_, _, _], [_]) => Reply::text("405 Method Not Allowed", "only GET is known here\n"),
        _ => Reply::text("400 Bad Request", "a request has a method, a path, a version, and one Host\n"),
    })
}

/// Whether a `Host`, with or without a port, is one of [`OWN_NAMES`].
fn is_own(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    OWN_NAMES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(head: &str) -> &'static str {
        reply(head.as_bytes(), |path| Reply::text("200 OK", path)).unwrap().status
    }

    #[test]
    fn only_get_under_a_name_of_this_machine_is_answered() {
        for host in ["localhost", "localhost:8000", "127.0.0.1:80", "[::1]:8000"] {
            assert_eq!(status(&format!("GET / HTTP/1.1\r\nAccept: a:b\r\nhOST: {host}\r\n\r\n")), "200 OK", "{host}");
        }
        for host in ["example.org", "localhost.example.org:80", "127.0.0.1.example.org", "192.168.0.1", ""] {
            assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")), "403 Forbidden", "{host}");
        }
        assert_eq!(status("POST / HTTP/1.1\r\nHost: localhost\r\n\r\n"), "405 Method Not Allowed");
        for broken in [
            "",
            "\r\n",
            "GET /\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: localhost\r\nHost: example.org\r\n",
        ] {
            assert_eq!(status(broken), "400 Bad Request", "{broken:?}");
        }
    }

    #[test]
    fn what_stands_behind_the_head_is_no_part_of_it() {
        assert_eq!(status("GET / HTTP/1.1\r\nHost: localhost\r\n\r\nHost: example.org\r\n"), "200 OK");
    }
}
