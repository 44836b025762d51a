//! An HTTPS receiver on loopback: passes each request to a callback, and answers it with 204.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use crate::{pki::ServerTls, transport::Transport};

/// Limit for each read and write: clients that are killed close their connections.
const TIMEOUT: Duration = Duration::from_secs(60);

const NO_CONTENT: &[u8] = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct ReceivedRequest {
    /// Header fields as `Name: value`.
    pub headers: Vec<String>,
    pub body: Vec<u8>,
}

impl ReceivedRequest {
    /// The value of the first header field with this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A receiver that listens until the process ends. Each connection has one request.
pub struct Receiver {
    pub address: SocketAddr,
}

impl Receiver {
    /// Starts a receiver. `take` gets each whole request before it is answered, so that a client that
    /// misses the answer has still delivered it.
    ///
    /// # Errors
    /// If no port is available.
    pub fn start(
        tls: ServerTls,
        take: impl Fn(&ReceivedRequest) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let take = Arc::new(take);
        thread::spawn(move || {
            for tcp in listener.incoming().map_while(Result::ok) {
                let (tls, take) = (Arc::clone(&tls), Arc::clone(&take));
                // The client learns of errors by itself.
                thread::spawn(move || serve(tcp, tls, &*take));
            }
        });
        Ok(Self { address })
    }
}

fn serve(tcp: TcpStream, tls: ServerTls, take: &impl Fn(&ReceivedRequest)) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    tcp.set_read_timeout(Some(TIMEOUT))?;
    tcp.set_write_timeout(Some(TIMEOUT))?;
    let mut stream = BufReader::new(Transport::Tcp(tcp).accept_tls(tls)?);
    take(&read(&mut stream)?);
    let transport = stream.get_mut();
    transport.write_all(NO_CONTENT)?;
    transport.flush()?;
    transport.shut_down()
}

/// Reads a request whose body has a Content-Length.
fn read(stream: &mut impl BufRead) -> io::Result<ReceivedRequest> {
    // The request line.
    line(stream)?;
    let mut request = ReceivedRequest {
        headers: Vec::new(),
        body: Vec::new(),
    };
    loop {
        let line = line(stream)?;
        if line.is_empty() {
            break;
        }
        request.headers.push(line);
    }
    let length = request.header("content-length").unwrap_or("0");
    let length: usize = length.parse().map_err(io::Error::other)?;
    request.body.resize(length, 0);
    stream.read_exact(&mut request.body)?;
    Ok(request)
}

fn line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_its_headers_and_body() {
        let octets =
            b"POST /events HTTP/1.1\r\nwebhook-id: msg_1\r\nContent-Length: 4\r\n\r\n{\r\n}next";
        let mut input = &octets[..];
        let request = read(&mut input).expect("a request");
        assert_eq!(request.header("Webhook-Id"), Some("msg_1"));
        assert_eq!((&*request.body, input), (&b"{\r\n}"[..], &b"next"[..]));
        for part in [
            &b""[..],
            b"POST / HTTP/1.1\r\n",
            &octets[..octets.len() - 6],
        ] {
            let mut input = part;
            assert!(read(&mut input).is_err(), "{part:?}");
        }
    }
}
