//! An HTTP load generator: each connection submits the next mail after each response.
//!
//! It shares the machine with the program it measures, so one thread serves all connections and
//! the requests are the same bytes except for a number.

use crate::{
    bench::table::quantile,
    rig::{postern::SENDER, process, random::Random},
};
use anyhow::{Context, Result, anyhow, bail};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use serde_json::json;
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

/// Approximate size of a mail as delivered.
pub const MAIL_BYTES: usize = 4096;

/// Approximate size of the header that Postern adds.
const HEADER_BYTES: usize = 350;

/// The result of a client's thread.
pub fn joined<T>(result: thread::Result<Result<T>>) -> Result<T> {
    result.map_err(|_| anyhow!("a thread panicked"))?
}

pub struct Load<'a> {
    pub address: SocketAddr,
    pub token: &'a str,
    /// Number of keep-alive connections, each with one request at a time.
    pub clients: usize,
    /// Number of requests, one mail each.
    pub mails: u64,
}

/// The result of a load in which every mail was accepted.
pub struct LoadResult {
    pub mails: u64,
    pub time: Duration,
    /// Time from the request to the complete response, ascending.
    latencies: Vec<Duration>,
    /// CPU time of the load generator.
    pub own: Duration,
}

impl LoadResult {
    pub fn per_second(&self) -> f64 {
        self.mails as f64 / self.time.as_secs_f64()
    }

    /// The latency quantile for `share`, as in 0.99.
    pub fn quantile(&self, share: f64) -> Duration {
        quantile(&self.latencies, share)
    }
}

struct Connection {
    stream: TcpStream,
    asked: Instant,
    answer: Vec<u8>,
}

impl Load<'_> {
    pub fn run(&self) -> Result<LoadResult> {
        let mut request = Request::new(self.address, self.token);
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mut connections = Vec::new();
        for at in 0..self.clients.min(self.mails as usize) {
            let stream = TcpStream::connect(self.address)?;
            stream.set_nodelay(true)?;
            epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, at as u64))?;
            connections.push(Connection {
                stream,
                asked: Instant::now(),
                answer: Vec::new(),
            });
        }

        let before = process::processor_time(std::process::id())?;
        let start = Instant::now();
        let mut sent = 0;
        for connection in &mut connections {
            connection.ask(request.numbered(sent))?;
            sent += 1;
        }
        let mut latencies = Vec::with_capacity(self.mails as usize);
        let mut events = vec![EpollEvent::empty(); self.clients];
        let mut buffer = vec![0; 16 * 1024];
        while latencies.len() < self.mails as usize {
            let ready = epoll.wait(&mut events, EpollTimeout::NONE)?;
            for event in &events[..ready] {
                let connection = &mut connections[event.data() as usize];
                let read = connection.stream.read(&mut buffer)?;
                if read == 0 {
                    bail!("postern closed a connection");
                }
                connection.answer.extend_from_slice(&buffer[..read]);
                let Some(answer) = whole(&connection.answer) else {
                    continue;
                };
                if !answer.starts_with(b"HTTP/1.1 202") {
                    bail!("not accepted: {}", String::from_utf8_lossy(answer));
                }
                latencies.push(connection.asked.elapsed());
                connection.answer.clear();
                if sent < self.mails {
                    connection.ask(request.numbered(sent))?;
                    sent += 1;
                }
            }
        }
        let time = start.elapsed();
        let own = process::processor_time(std::process::id())?.saturating_sub(before);
        latencies.sort_unstable();
        Ok(LoadResult {
            mails: self.mails,
            time,
            latencies,
            own,
        })
    }
}

impl Connection {
    fn ask(&mut self, request: &[u8]) -> Result<()> {
        self.asked = Instant::now();
        // A request fits into the socket's buffer, so this does not block.
        self.stream
            .write_all(request)
            .context("cannot send a request to postern")
    }
}

/// The response, if it is complete.
fn whole(text: &[u8]) -> Option<&[u8]> {
    let end = text.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&text[..end]).ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    });
    text.get(..end + length.unwrap_or_default())
}

/// Placeholder of the number.
const NUMBER: &[u8] = b"000000000";

/// Characters of a line of text.
const LINE: usize = 72;

/// Lines of text that no database and no disk compresses by much: as attachments are, in base64.
fn random_lines(lines: usize) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut random = Random::new(1);
    let mut text = String::with_capacity(lines * (LINE + 1));
    for _ in 0..lines {
        let letters = (0..LINE).map(|_| alphabet[random.next() as usize % alphabet.len()]);
        text.extend(letters.map(char::from));
        text.push('\n');
    }
    text
}

struct Request {
    bytes: Vec<u8>,
    /// Offsets of the number.
    at: Vec<usize>,
}

impl Request {
    fn new(address: SocketAddr, token: &str) -> Self {
        let text = random_lines((MAIL_BYTES - HEADER_BYTES) / (LINE + 2));
        let body = json!({
            "from": SENDER,
            "to": "n000000000@example.net",
            "subject": "Number 000000000",
            "text": text,
        });
        let body = body.to_string();
        let length = body.len();
        let bytes = format!(
            "POST /api/messages/send-email HTTP/1.1\r\nHost: {address}\r\n\
             Authorization: Bearer {token}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes();
        let found = bytes.windows(NUMBER.len()).enumerate();
        let at = found
            .filter(|(_, window)| *window == NUMBER)
            .map(|(at, _)| at)
            .collect();
        Self { bytes, at }
    }

    fn numbered(&mut self, number: u64) -> &[u8] {
        let digits = format!("{number:09}");
        for at in &self.at {
            self.bytes[*at..*at + NUMBER.len()].copy_from_slice(digits.as_bytes());
        }
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_has_its_number_and_content_length() {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let mut request = Request::new(address, "postern_x");
        let text = String::from_utf8(request.numbered(1234).to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())));
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["to"], "n000001234@example.net");
        assert_eq!(body["subject"], "Number 000001234");
        let text = body["text"].as_str().unwrap();
        assert!(text.lines().all(|line| line.len() == LINE), "{text}");
        assert!((3_000..MAIL_BYTES).contains(&text.len()));
    }

    #[test]
    fn a_response_is_complete_with_its_body() {
        let answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(whole(answer), Some(&answer[..]));
        assert_eq!(whole(&answer[..answer.len() - 1]), None);
        assert_eq!(whole(&answer[..10]), None);
    }
}
