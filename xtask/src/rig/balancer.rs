//! An HTTP proxy before several nodes: a request that a node has not answered goes to the next.

use anyhow::Result;
use parking_lot::Mutex;
use std::{
    io::{self, BufRead, BufReader, ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// Limit for one response: longer than a busy machine takes, shorter than a hang.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(120);

/// A proxy on loopback that assigns each request to the nodes in turn, on a connection of its own, as nginx
/// does by default. Where a node refuses the connection, or closes it before the first octet of a response,
/// the next one gets the request: a node that stops has not read it.
pub struct HttpBalancer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    nodes: Vec<SocketAddr>,
    next: AtomicUsize,
    /// Requests that each node answered.
    answered: Vec<AtomicU64>,
    retries: AtomicU64,
    /// Requests that no node answered, and those that one answered with 5xx or in part.
    faults: Mutex<Vec<String>>,
}

impl HttpBalancer {
    pub fn start(nodes: &[SocketAddr]) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let shared = Arc::new(Shared {
            nodes: nodes.to_vec(),
            next: AtomicUsize::new(0),
            answered: nodes.iter().map(|_| AtomicU64::new(0)).collect(),
            retries: AtomicU64::new(0),
            faults: Mutex::default(),
        });
        let balancer = Self {
            address: listener.local_addr()?,
            shared: Arc::clone(&shared),
        };
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&shared);
                // The client learns of errors by itself.
                thread::spawn(move || shared.serve(client));
            }
        });
        Ok(balancer)
    }

    /// The number of requests that each node answered, in their order.
    pub fn answered(&self) -> Vec<u64> {
        let answered = self.shared.answered.iter();
        answered
            .map(|number| number.load(Ordering::Relaxed))
            .collect()
    }

    /// The number of times that a request was given to another node.
    pub fn retries(&self) -> u64 {
        self.shared.retries.load(Ordering::Relaxed)
    }

    /// Requests that no node answered, and those that one answered with 5xx or in part.
    pub fn faults(&self) -> Vec<String> {
        self.shared.faults.lock().clone()
    }
}

impl Shared {
    /// Passes the requests of a client on until it closes the connection.
    fn serve(&self, client: TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let mut client = BufReader::new(client);
        while let Some(request) = read_request(&mut client)? {
            let Some(response) = self.answer(&request) else {
                return Ok(());
            };
            client.get_mut().write_all(&response)?;
        }
        Ok(())
    }

    /// The response of the first node that gives one.
    fn answer(&self, request: &[u8]) -> Option<Vec<u8>> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        for turn in 0..self.nodes.len() {
            let node = (first + turn) % self.nodes.len();
            if turn > 0 {
                self.retries.fetch_add(1, Ordering::Relaxed);
            }
            let mut response = Vec::new();
            let outcome = exchange(self.nodes[node], request, &mut response);
            if response.is_empty() {
                continue;
            }
            self.answered[node].fetch_add(1, Ordering::Relaxed);
            if let Err(error) = outcome {
                let fault = format!("{}: cut in a response: {error}", name(request));
                self.faults.lock().push(fault);
            } else if response.starts_with(b"HTTP/1.1 5") {
                let status = String::from_utf8_lossy(response.get(..12).unwrap_or_default());
                self.faults
                    .lock()
                    .push(format!("{}: {status}", name(request)));
            }
            return Some(response);
        }
        let fault = format!("{}: no node answered", name(request));
        self.faults.lock().push(fault);
        None
    }
}

/// Sends a request on a connection of its own and reads the whole response.
fn exchange(node: SocketAddr, request: &[u8], response: &mut Vec<u8>) -> io::Result<()> {
    let mut stream = TcpStream::connect(node)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(RESPONSE_TIMEOUT))?;
    stream.write_all(request)?;
    stream.read_to_end(response).map(drop)
}

/// Reads a request, and asks for the end of the connection behind its response; `None` where there is none.
fn read_request(client: &mut BufReader<TcpStream>) -> io::Result<Option<Vec<u8>>> {
    let mut request = Vec::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if client.read_line(&mut line)? == 0 {
            return match request.is_empty() {
                true => Ok(None),
                false => Err(ErrorKind::UnexpectedEof.into()),
            };
        }
        if line == "\r\n" {
            break;
        }
        let field = line.split_once(':');
        if let Some((_, value)) =
            field.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        request.extend_from_slice(line.as_bytes());
    }
    request.extend_from_slice(b"Connection: close\r\n\r\n");
    let start = request.len();
    request.resize(start + length, 0);
    client.read_exact(&mut request[start..])?;
    Ok(Some(request))
}

/// Method and path of a request.
fn name(request: &[u8]) -> String {
    let line = request.split(|octet| *octet == b'\r').next();
    let line = String::from_utf8_lossy(line.unwrap_or_default()).into_owned();
    line.trim_end_matches(" HTTP/1.1").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rig::http::Client;

    /// A node that answers each connection with this, and reads the request first.
    fn node(response: &'static str) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut stream = BufReader::new(stream);
                let request = read_request(&mut stream).unwrap();
                assert!(request.is_some());
                stream.get_mut().write_all(response.as_bytes()).unwrap();
            }
        });
        address
    }

    #[test]
    fn requests_go_to_the_next_node_where_one_does_not_answer() {
        let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let first = node("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
        let nodes = [first, gone.local_addr().unwrap(), node("")];
        drop(gone);
        let balancer = HttpBalancer::start(&nodes).unwrap();
        let mut client = Client::connect(balancer.address, "").unwrap();
        for _ in 0..3 {
            let answer = client.ask("POST", "/a", "", b"body").unwrap();
            assert_eq!((answer.status, answer.text()), (200, "1".to_owned()));
        }
        assert_eq!(balancer.answered(), [3, 0, 0]);
        assert_eq!(balancer.retries(), 3);
        assert!(balancer.faults().is_empty());
    }

    #[test]
    fn what_is_not_answered_is_a_fault() {
        let unavailable = node("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
        let balancer = HttpBalancer::start(&[unavailable]).unwrap();
        let mut client = Client::connect(balancer.address, "").unwrap();
        assert_eq!(client.get("/a").unwrap().status, 503);
        let silent = HttpBalancer::start(&[node("")]).unwrap();
        let mut client = Client::connect(silent.address, "").unwrap();
        assert!(client.get("/b").is_err());
        assert_eq!(balancer.faults(), ["GET /a: HTTP/1.1 503"]);
        assert_eq!(silent.faults(), ["GET /b: no node answered"]);
    }
}
