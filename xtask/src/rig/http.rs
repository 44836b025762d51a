//! A small HTTP/1.1 client over one keep-alive connection.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::{
    io::{self, BufRead, BufReader, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

/// Limit for one response: longer than a busy machine takes, shorter than a hang.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(120);

pub struct Client {
    stream: BufReader<TcpStream>,
    host: SocketAddr,
    /// `Name: value` lines sent with every request.
    headers: String,
}

pub struct HttpResponse {
    pub status: u16,
    /// `Name: value` lines as received.
    pub headers: Vec<String>,
    pub body: Vec<u8>,
}

impl HttpResponse {
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("{} without JSON: {}", self.status, self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The value of the first header field with this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).next()
    }

    /// The values of the header fields with this name, in any case.
    pub fn headers<'r>(&'r self, name: &str) -> impl Iterator<Item = &'r str> {
        self.headers.iter().filter_map(move |line| {
            let (known, value) = line.split_once(':')?;
            (known.eq_ignore_ascii_case(name)).then(|| value.trim())
        })
    }
}

impl Client {
    pub fn connect(host: SocketAddr, headers: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(RESPONSE_TIMEOUT))?;
        Ok(Self {
            stream: BufReader::new(stream),
            host,
            headers: headers.to_owned(),
        })
    }

    /// Authenticates with an API token.
    pub fn with_token(host: SocketAddr, token: &str) -> io::Result<Self> {
        Self::connect(host, &format!("Authorization: Bearer {token}\r\n"))
    }

    pub fn get(&mut self, path: &str) -> io::Result<HttpResponse> {
        self.ask("GET", path, "", b"")
    }

    pub fn post(&mut self, path: &str, headers: &str, body: &Value) -> io::Result<HttpResponse> {
        let headers = format!("Content-Type: application/json\r\n{headers}");
        self.ask("POST", path, &headers, body.to_string().as_bytes())
    }

    /// Sends a request and reads the response. After an error the outcome of the request is unknown.
    pub fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> io::Result<HttpResponse> {
        self.send(method, path, headers, body)?;
        self.read()
    }

    /// Reads a streaming response for `time`, as an open page does. Returns the bytes read.
    pub fn watch(
        &mut self,
        path: &str,
        headers: &str,
        body: &[u8],
        time: Duration,
    ) -> Result<usize> {
        self.send("POST", path, headers, body)?;
        let head = self.head()?;
        if head.status != 200 {
            bail!("{path}: {}", head.status);
        }
        let end = Instant::now() + time;
        let mut bytes = 0;
        while Instant::now() < end {
            let read = match self.stream.fill_buf() {
                Ok(filled) => filled.len(),
                // No snapshot within the read timeout.
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error.into()),
            };
            if read == 0 {
                bail!("{path}: ended");
            }
            self.stream.consume(read);
            bytes += read;
        }
        Ok(bytes)
    }

    fn send(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> io::Result<()> {
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{}{headers}Content-Length: {}\r\n\r\n",
            self.host,
            self.headers,
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.stream.get_mut().write_all(&request)
    }

    /// Reads status and headers.
    fn head(&mut self) -> io::Result<HttpResponse> {
        let first = self.line()?;
        let status = first
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| io::Error::new(ErrorKind::InvalidData, first))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            headers.push(line);
        }
        Ok(HttpResponse {
            status,
            headers,
            body: Vec::new(),
        })
    }

    fn read(&mut self) -> io::Result<HttpResponse> {
        let mut answer = self.head()?;
        if answer.header("transfer-encoding") == Some("chunked") {
            while self.chunk(&mut answer.body)? {}
        } else if let Some(length) = answer.header("content-length") {
            let length = length.parse().map_err(io::Error::other)?;
            answer.body.resize(length, 0);
            self.stream.read_exact(&mut answer.body)?;
        }
        Ok(answer)
    }

    /// Reads one chunk; `false` after the last.
    fn chunk(&mut self, body: &mut Vec<u8>) -> io::Result<bool> {
        let length = self.line()?;
        let length = usize::from_str_radix(&length, 16).map_err(io::Error::other)?;
        let start = body.len();
        body.resize(start + length, 0);
        self.stream.read_exact(&mut body[start..])?;
        self.line()?;
        Ok(length > 0)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

/// Returns the response if it has this status, else an error.
pub fn expect(answer: HttpResponse, status: u16, what: &str) -> Result<HttpResponse> {
    if answer.status != status {
        bail!("{what}: {} {}", answer.status, answer.text());
    }
    Ok(answer)
}
