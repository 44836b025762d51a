//! A relay on this machine that takes every mail and tells who looks on. One thread a connection.

use anyhow::Result;
use std::{
    fs,
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

const EHLO: &[u8] = b"250-sink\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n\
                      250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n";

/// A mail at the moment in which this relay becomes answerable for it.
pub struct Mail<'a> {
    /// A number that each connection has for itself.
    pub connection: u64,
    /// As RCPT named them, without brackets.
    pub recipients: &'a [String],
    /// From the header to the last line, dots still stuffed.
    pub content: &'a [u8],
}

pub struct Sink {
    pub address: SocketAddr,
    state: Arc<State>,
}

struct State {
    ended: AtomicBool,
    open: AtomicUsize,
    accepted: Box<dyn Fn(&Mail<'_>) + Send + Sync>,
}

impl Sink {
    /// Calls `accepted` before the 250 goes out: whoever loses the 250 has still handed over.
    pub fn start(accepted: impl Fn(&Mail<'_>) + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            ended: AtomicBool::new(false),
            open: AtomicUsize::new(0),
            accepted: Box::new(accepted),
        });
        let sink = Self {
            address,
            state: Arc::clone(&state),
        };
        thread::spawn(move || {
            for (connection, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                if state.ended.load(Ordering::Acquire) {
                    break;
                }
                let state = Arc::clone(&state);
                state.open.fetch_add(1, Ordering::AcqRel);
                thread::spawn(move || {
                    // A peer that was killed is what this relay is made for.
                    let session = Session {
                        connection: connection as u64,
                        ..Session::default()
                    };
                    let _ = session.run(stream, &*state.accepted);
                    state.open.fetch_sub(1, Ordering::AcqRel);
                });
            }
        });
        Ok(sink)
    }

    /// Whether all is read that somebody said who is gone: whose end of a connection is closed.
    pub fn has_heard_all(&self) -> bool {
        let established = established(self.address.port());
        established == Some(self.state.open.load(Ordering::Acquire))
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Release);
        // Wakes the listener, which then sees that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

/// How many connections to a port of this machine have both their ends (proc(5), `/proc/net/tcp`).
fn established(port: u16) -> Option<usize> {
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let local = format!("0100007F:{port:04X}");
    let lines = table.lines().filter(|line| {
        let mut words = line.split_whitespace().skip(1);
        // Number 1 is TCP_ESTABLISHED; between the two stands the other end.
        words.next() == Some(&local) && words.nth(1) == Some("01")
    });
    Some(lines.count())
}

#[derive(Default)]
struct Session {
    connection: u64,
    /// Read and not yet understood.
    input: Vec<u8>,
    /// What of `input` is known to hold no end of data.
    searched: usize,
    replies: Vec<u8>,
    recipients: Vec<String>,
    in_data: bool,
}

impl Session {
    fn run(mut self, mut stream: TcpStream, accepted: &dyn Fn(&Mail<'_>)) -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.write_all(b"220 sink ESMTP\r\n")?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = stream.read(&mut buffer)?;
            if read == 0 {
                return Ok(());
            }
            self.input.extend_from_slice(&buffer[..read]);
            let more = self.understand(accepted);
            stream.write_all(&self.replies)?;
            self.replies.clear();
            if !more {
                return Ok(());
            }
        }
    }

    /// Goes through all that is there, as pipelining asks for (RFC 2920); false after QUIT.
    fn understand(&mut self, accepted: &dyn Fn(&Mail<'_>)) -> bool {
        let input = std::mem::take(&mut self.input);
        let mut rest = input.as_slice();
        let mut more = true;
        while more {
            if self.in_data {
                let Some(end) = end_of_data(rest, self.searched) else {
                    // The end may begin in what is there.
                    self.searched = rest.len().saturating_sub(4);
                    break;
                };
                accepted(&Mail {
                    connection: self.connection,
                    recipients: &self.recipients,
                    content: &rest[..end],
                });
                self.replies.extend_from_slice(b"250 2.0.0 taken\r\n");
                rest = &rest[end + 3..];
                self.begin();
            } else {
                let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                    break;
                };
                let line = String::from_utf8_lossy(&rest[..end]);
                more = self.command(line.trim_end());
                rest = &rest[end + 1..];
            }
        }
        self.input = rest.to_vec();
        more
    }

    fn begin(&mut self) {
        self.in_data = false;
        self.searched = 0;
        self.recipients.clear();
    }

    fn command(&mut self, line: &str) -> bool {
        let verb = line.split([' ', ':']).next().unwrap_or_default();
        let reply: &[u8] = match verb.to_ascii_uppercase().as_str() {
            "EHLO" => EHLO,
            "DATA" if self.recipients.is_empty() => b"503 5.5.1 no recipient\r\n",
            "DATA" => {
                self.in_data = true;
                b"354 go on\r\n"
            }
            "RCPT" => {
                let address = line.split(['<', '>']).nth(1).unwrap_or_default();
                self.recipients.push(address.to_owned());
                b"250 2.1.5 ok\r\n"
            }
            "MAIL" | "RSET" => {
                self.begin();
                b"250 2.1.0 ok\r\n"
            }
            "HELO" | "NOOP" => b"250 2.0.0 ok\r\n",
            "QUIT" => b"221 2.0.0 bye\r\n",
            _ => b"502 5.5.2 not known here\r\n",
        };
        self.replies.extend_from_slice(reply);
        !verb.eq_ignore_ascii_case("QUIT")
    }
}

/// Where the line with the lone dot begins (RFC 5321, section 4.1.1.4).
fn end_of_data(text: &[u8], from: usize) -> Option<usize> {
    if text.starts_with(b".\r\n") {
        return Some(0);
    }
    let found = text[from..]
        .windows(5)
        .position(|bytes| bytes == b"\r\n.\r\n");
    found.map(|at| from + at + 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Recipients and content.
    type Taken = (Vec<String>, Vec<u8>);

    /// All that a session takes and answers when its input comes in the given pieces.
    fn told(pieces: &[&[u8]]) -> (Vec<Taken>, String) {
        let mails = Mutex::new(Vec::new());
        let mut session = Session::default();
        for piece in pieces {
            session.input.extend_from_slice(piece);
            session.understand(&|mail| {
                let mail = (mail.recipients.to_vec(), mail.content.to_vec());
                mails.lock().unwrap().push(mail);
            });
        }
        let replies = String::from_utf8(session.replies).unwrap();
        (mails.into_inner().unwrap(), replies)
    }

    const TWO: &[u8] = b"MAIL FROM:<a@b>\r\nRCPT TO:<1@c>\r\nRCPT TO:<2@c>\r\nDATA\r\n\
                         X: 1\r\n\r\n..\r\n.\r\nMAIL FROM:<a@b>\r\nRCPT TO:<3@c>\r\nDATA\r\n.\r\nQUIT\r\n";

    #[test]
    fn grouped_mails_are_told_one_by_one() {
        let (mails, replies) = told(&[TWO]);
        assert_eq!(mails[0].0, ["1@c", "2@c"]);
        assert_eq!(mails[0].1, b"X: 1\r\n\r\n..\r\n");
        assert_eq!(mails[1], (vec!["3@c".to_owned()], Vec::new()));
        assert_eq!(replies.matches("354").count(), 2);
        assert!(replies.ends_with("221 2.0.0 bye\r\n"));
    }

    #[test]
    fn it_does_not_matter_where_the_packets_break() {
        let pieces: Vec<&[u8]> = TWO.chunks(1).collect();
        assert_eq!(told(&pieces), told(&[TWO]));
    }
}
