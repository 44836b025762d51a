//! A collector of spans on loopback, by OTLP over HTTP with Protocol Buffers.

use super::otlp::{self, ExportedSpan};
use anyhow::{Context, Result, bail};
use parking_lot::Mutex;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

/// Limit for each read of a request.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// A collector that listens until the process ends. Each connection has one request.
pub struct Collector {
    pub address: SocketAddr,
    received: Arc<Mutex<Received>>,
}

/// What a collector has received so far.
#[derive(Default)]
struct Received {
    spans: Vec<ExportedSpan>,
    /// Why requests are no exports of spans.
    faults: Vec<String>,
}

impl Collector {
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let received: Arc<Mutex<Received>> = Arc::default();
        let collector = Self {
            address: listener.local_addr()?,
            received: Arc::clone(&received),
        };
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut stream = BufReader::new(stream);
                let taken = take(&mut stream);
                {
                    let mut received = received.lock();
                    match taken {
                        Ok(spans) => received.spans.extend(spans),
                        Err(error) => received.faults.push(format!("{error:#}")),
                    }
                }
                // The exporter learns of errors by itself. What it is answered has been recorded.
                let _ = stream.get_mut().write_all(OK);
            }
        });
        Ok(collector)
    }

    /// The spans so far, in the order in which they arrived.
    pub fn spans(&self) -> Vec<ExportedSpan> {
        self.received.lock().spans.clone()
    }

    /// Why requests so far are no exports of spans.
    pub fn faults(&self) -> Vec<String> {
        self.received.lock().faults.clone()
    }
}

/// Reads a request, and the spans in it.
fn take(stream: &mut BufReader<TcpStream>) -> Result<Vec<ExportedSpan>> {
    stream.get_ref().set_read_timeout(Some(READ_TIMEOUT))?;
    let request = read_line(stream)?;
    let mut length: usize = 0;
    let mut media_type = String::new();
    loop {
        let line = read_line(stream)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse()?,
            "content-type" => value.trim().clone_into(&mut media_type),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    if request != "POST /v1/traces HTTP/1.1" || media_type != "application/x-protobuf" {
        bail!("{request} with {media_type}");
    }
    otlp::spans(&body).context("a body that is not of Protocol Buffers")
}

/// A line without its end.
fn read_line(stream: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        bail!("a request that is cut");
    }
    Ok(line.trim_end().to_owned())
}
