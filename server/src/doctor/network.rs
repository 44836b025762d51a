//! Checks of addresses and sockets to listen on, and of the name of the relay.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use domain::Host;
use engine::RelayFindings;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::timeout;

use super::finding::Finding;
use crate::sockets::unix_listener::{self, SocketPathState};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(5);

/// The most octets of an answer that are read.
const ANSWER_MAX: u64 = 1024;

/// The longest path of a Unix socket, `sun_path` of unix(7) without the NUL at its end.
const PATH_MAX: usize = 107;

/// What is spoken at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenProtocol {
    Http,
    Smtp,
    /// Either, in TLS: which program it is is not asked.
    Tls,
}

/// An address that `postern serve` listens on.
#[derive(Clone, Copy, Debug)]
pub struct Listening {
    pub check: &'static str,
    pub address: SocketAddr,
    pub spoken: ListenProtocol,
    /// The argument that names another address.
    pub argument: &'static str,
}

/// Whether postern listens at an address, or could.
pub async fn listening(listening: Listening) -> Finding {
    let Listening {
        check,
        address,
        spoken,
        argument,
    } = listening;
    let another = format!("choose another address with {argument}");
    if let Err(error) = UdpSocket::bind((address.ip(), 0)) {
        let text = format!("this machine cannot listen at {address}: {error}");
        return Finding::fault(check, text, another);
    }
    match timeout(ANSWER, ask(reachable(address), spoken)).await {
        Ok(Ok(true)) if spoken == ListenProtocol::Tls => {
            let text = format!("a program listens at {address}; in TLS it is not asked which");
            Finding::ok(check, text)
        }
        Ok(Ok(true)) => Finding::ok(check, format!("postern answers at {address}")),
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => match bind(address) {
            Ok(()) => {
                let text = format!("{address} is free; postern does not run there now");
                Finding::ok(check, text)
            }
            Err(error) => {
                let text = format!("nothing listens at {address}, and postern cannot: {error}");
                Finding::fault(check, text, another)
            }
        },
        Ok(Ok(false) | Err(_)) => {
            let text = format!("another program than postern listens at {address}");
            Finding::fault(check, text, format!("end that program, or {another}"))
        }
        Err(_) => {
            let text = format!("what listens at {address} does not answer within 5 s");
            Finding::fault(
                check,
                text,
                "start postern serve again, and look at its log",
            )
        }
    }
}

/// Binds a socket to an address, as before listening there, and closes it. No client notices it.
///
/// # Errors
/// Where another program has the port, or this user may not have it, as below 1024.
fn bind(address: SocketAddr) -> io::Result<()> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)
}

/// The loopback address for one that stands for all.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Whether postern listens there.
async fn ask(address: SocketAddr, spoken: ListenProtocol) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    match spoken {
        ListenProtocol::Tls => Ok(true),
        ListenProtocol::Http => {
            stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").await?;
            let mut answer = Vec::new();
            stream.take(ANSWER_MAX).read_to_end(&mut answer).await?;
            let answer = String::from_utf8_lossy(&answer);
            Ok(answer.starts_with("HTTP/1.") && answer.ends_with(r#"{"status":"ok"}"#))
        }
        ListenProtocol::Smtp => {
            let mut greeting = Vec::new();
            while greeting.len() < ANSWER_MAX as usize && !greeting.ends_with(b"\n") {
                greeting.push(stream.read_u8().await?);
            }
            let greeting = String::from_utf8_lossy(&greeting);
            Ok(greeting.starts_with("220 ") && greeting.contains(" ESMTP Postern"))
        }
    }
}

/// Whether a Unix socket can be bound, or is.
pub fn socket(check: &'static str, path: &Path, argument: &str) -> Finding {
    let shown = path.display();
    let another = format!("name another path with {argument}");
    if path.as_os_str().len() > PATH_MAX {
        let text = format!("{shown} has more than {PATH_MAX} octets");
        return Finding::fault(check, text, another);
    }
    match unix_listener::path_state(path) {
        Ok(SocketPathState::Free) if path.parent().is_none_or(Path::is_dir) => {
            Finding::ok(check, format!("{shown} is made when postern serve starts"))
        }
        Ok(SocketPathState::Free) => {
            let text = format!("the folder of {shown} does not exist");
            Finding::fault(check, text, format!("make it, or {another}"))
        }
        Ok(SocketPathState::Stale) => {
            let text =
                format!("{shown} is left of a process that ended; the next start replaces it");
            Finding::ok(check, text)
        }
        Ok(SocketPathState::InUse) => Finding::ok(check, format!("a process listens at {shown}")),
        Ok(SocketPathState::OtherFile) => {
            let text = format!("{shown} is not a socket, and is not replaced");
            Finding::fault(check, text, format!("remove it, or {another}"))
        }
        Err(error) => Finding::fault(check, format!("{shown}: {error}"), another),
    }
}

/// Whether the name of the relay has addresses.
pub async fn resolver(relays: Option<&RelayFindings>) -> Finding {
    const CHECK: &str = "DNS";
    let name = match relays.and_then(|relays| relays.host.as_ref()) {
        Some(Host::Name(name)) => name,
        Some(Host::Address(address)) => {
            let text = format!("not needed for the relay, which is given as {address}");
            return Finding::ok(CHECK, text);
        }
        None => return Finding::ok(CHECK, "not asked: no relay has settings"),
    };
    let asked = timeout(ANSWER, lookup_host((name.as_str(), 25))).await;
    let text = match asked {
        Ok(Ok(found)) => {
            let found = found.count();
            return Finding::ok(CHECK, format!("the relay {name} has {found} addresses"));
        }
        Ok(Err(error)) => format!("the relay {name} has no address: {error}"),
        Err(_) => format!("no answer about the relay {name} within 5 s"),
    };
    let repair = "correct the host of the relay, or the name servers in /etc/resolv.conf";
    Finding::fault(CHECK, text, repair)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::net::UnixListener;

    use tokio::net::TcpListener;

    use super::super::finding::FindingState;
    use super::*;

    fn at(address: SocketAddr, spoken: ListenProtocol) -> Listening {
        Listening {
            check: "HTTP",
            address,
            spoken,
            argument: "--listen",
        }
    }

    /// What is found where a program greets with these octets once it was asked.
    async fn found(spoken: ListenProtocol, answer: &'static [u8]) -> Finding {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a client");
            if spoken == ListenProtocol::Http {
                let mut asked = [0; 25];
                stream.read_exact(&mut asked).await.expect("a request");
            }
            stream.write_all(answer).await.expect("sent");
        });
        listening(at(address, spoken)).await
    }

    #[tokio::test]
    async fn postern_is_told_from_other_programs() {
        let healthy = b"HTTP/1.0 200 OK\r\n\r\n{\"status\":\"ok\"}";
        for (spoken, answer, expected) in [
            (ListenProtocol::Http, &healthy[..], FindingState::Ok),
            (
                ListenProtocol::Http,
                b"HTTP/1.0 404 Not Found\r\n\r\n",
                FindingState::Fault,
            ),
            (
                ListenProtocol::Smtp,
                b"220 gate ESMTP Postern\r\n",
                FindingState::Ok,
            ),
            (
                ListenProtocol::Smtp,
                b"220 gate ESMTP Postfix\r\n",
                FindingState::Fault,
            ),
            (ListenProtocol::Smtp, b"", FindingState::Fault),
            (ListenProtocol::Tls, b"", FindingState::Ok),
        ] {
            let finding = found(spoken, answer).await;
            assert_eq!(finding.state, expected, "{finding:?}");
        }
        // A program has the port, and does not listen yet. No other test uses this address.
        let held = TcpSocket::new_v4().expect("a socket");
        let any = ([127, 61, 9, 1], 0).into();
        held.bind(any).expect("a port");
        let address = held.local_addr().expect("an address");
        let finding = listening(at(address, ListenProtocol::Http)).await;
        assert_eq!(finding.state, FindingState::Fault, "{finding:?}");
        drop(held);
        let finding = listening(at(address, ListenProtocol::Http)).await;
        assert_eq!(finding.state, FindingState::Ok, "{finding:?}");
        // Of the range for documentation: no machine has it.
        let foreign = listening(at(([192, 0, 2, 1], 3000).into(), ListenProtocol::Http)).await;
        assert_eq!(foreign.state, FindingState::Fault, "{foreign:?}");
    }

    #[test]
    fn a_socket_is_bound_or_can_be() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let _bound = UnixListener::bind(path("bound")).expect("a socket");
        drop(UnixListener::bind(path("stale")).expect("a socket"));
        fs::write(path("file"), "").expect("written");
        let long = "x".repeat(120);
        for (name, expected, named) in [
            ("bound", FindingState::Ok, "a process listens"),
            ("stale", FindingState::Ok, "replaces it"),
            ("absent", FindingState::Ok, "is made when"),
            ("file", FindingState::Fault, "not a socket"),
            ("missing/socket", FindingState::Fault, "the folder of"),
            (long.as_str(), FindingState::Fault, "107 octets"),
        ] {
            let finding = socket("socket", &path(name), "--socket");
            assert_eq!(finding.state, expected, "{finding:?}");
            assert!(finding.text.contains(named), "{finding:?}");
        }
    }

    #[tokio::test]
    async fn the_name_of_the_relay_is_resolved() {
        let of = |host: &str| RelayFindings {
            number: 1,
            host: Some(host.parse().expect("a host")),
        };
        for (host, expected) in [
            ("127.0.0.1", FindingState::Ok),
            ("localhost", FindingState::Ok),
            ("relay.invalid", FindingState::Fault),
        ] {
            let finding = resolver(Some(&of(host))).await;
            assert_eq!(finding.state, expected, "{finding:?}");
        }
        assert_eq!(resolver(None).await.state, FindingState::Ok);
    }
}
