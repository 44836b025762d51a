//! Listening sockets that the service manager opened, by the protocol of `sd_listen_fds(3)`.
//!
//! The manager keeps them open while postern is restarted: connections wait, and none is refused.

use std::env;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::os::fd::{AsFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::UnixListener as StdUnixListener;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{getsockopt, sockopt};
use tokio::net::{TcpListener, UnixListener};

/// The first descriptor that is passed.
const FIRST: RawFd = 3;

/// The names of sockets, as `FileDescriptorName=` of their units has them.
const NAMES: [&str; 6] = [
    HTTP,
    METRICS,
    SUBMISSION,
    SUBMISSIONS,
    SUBMIT_SOCKET,
    COMMAND_SOCKET,
];

/// The console and the REST API.
pub const HTTP: &str = "http";
/// The port of `--metrics-listen`.
pub const METRICS: &str = "metrics";
/// SMTP submission.
pub const SUBMISSION: &str = "submission";
/// SMTP submission with implicit TLS.
pub const SUBMISSIONS: &str = "submissions";
/// The Unix socket of `postern sendmail`.
pub const SUBMIT_SOCKET: &str = "submit";
/// The Unix socket for commands.
pub const COMMAND_SOCKET: &str = "command";

/// The sockets that were passed and are not taken yet.
#[derive(Debug, Default)]
pub struct InheritedSockets(Vec<InheritedSocket>);

#[derive(Debug)]
struct InheritedSocket {
    name: &'static str,
    descriptor: OwnedFd,
}

/// Why the sockets that were passed cannot be used, in one line.
#[derive(Debug, thiserror::Error)]
pub enum InheritedSocketError {
    #[error("LISTEN_FDS is not a number of sockets: {0}")]
    Number(String),
    #[error(
        "LISTEN_FDNAMES has {names} names for {sockets} sockets; set FileDescriptorName= in each socket unit"
    )]
    Names { names: usize, sockets: usize },
    #[error(
        "the service manager passes a socket named {0:?}; FileDescriptorName= is one of http, metrics, submission, submissions, submit, command"
    )]
    Unknown(String),
    #[error(
        "the service manager passes two sockets named {0}; one unit with one ListenStream= is for each name"
    )]
    Twice(&'static str),
    #[error("the socket {0} that the service manager passes cannot be used: {1}")]
    Unusable(&'static str, String),
}

impl InheritedSockets {
    /// Takes the sockets of `LISTEN_FDS`, where `LISTEN_PID` is this process. To be called once.
    ///
    /// # Errors
    /// Where a name is unknown or is there twice, or a descriptor is not open.
    pub fn from_environment() -> Result<Self, InheritedSocketError> {
        let text = |name| env::var(name).ok();
        let Some(names) = names(
            text("LISTEN_PID").as_deref(),
            text("LISTEN_FDS").as_deref(),
            text("LISTEN_FDNAMES").as_deref(),
            std::process::id(),
        )?
        else {
            return Ok(Self::default());
        };
        let mut sockets = Vec::new();
        for (name, number) in names.into_iter().zip(FIRST..) {
            let descriptor = adopt(number).map_err(|error| unusable(name, error))?;
            sockets.push(InheritedSocket { name, descriptor });
        }
        Ok(Self(sockets))
    }

    /// The TCP listener of this name, or one on `address`; `None` where there is neither.
    ///
    /// # Errors
    /// One line, where the socket of this name cannot be used, or `address` is in use.
    pub async fn listen(
        &mut self,
        name: &str,
        address: Option<SocketAddr>,
    ) -> Result<Option<TcpListener>, String> {
        let inherited = self.tcp(name).map_err(|error| error.to_string())?;
        match (inherited, address) {
            (None, Some(address)) => match TcpListener::bind(address).await {
                Ok(listener) => Ok(Some(listener)),
                Err(error) => Err(format!("cannot listen on {address}: {error}")),
            },
            (inherited, _) => Ok(inherited),
        }
    }

    /// The TCP listener of this name, where one was passed.
    ///
    /// # Errors
    /// Where the socket of this name is not TCP, or does not listen.
    fn tcp(&mut self, name: &str) -> Result<Option<TcpListener>, InheritedSocketError> {
        let Some(InheritedSocket { name, descriptor }) = self.listening(name)? else {
            return Ok(None);
        };
        let failed = |error: std::io::Error| unusable(name, error);
        let listener = StdTcpListener::from(descriptor);
        // Fails where the socket is of another family.
        listener.local_addr().map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        TcpListener::from_std(listener).map(Some).map_err(failed)
    }

    /// The listener on a Unix socket of this name, where one was passed.
    ///
    /// # Errors
    /// Where the socket of this name is of another family, or does not listen.
    pub fn unix(
        &mut self,
        name: &str,
    ) -> Result<Option<InheritedUnixListener>, InheritedSocketError> {
        let Some(InheritedSocket { name, descriptor }) = self.listening(name)? else {
            return Ok(None);
        };
        let failed = |error: std::io::Error| unusable(name, error);
        let listener = StdUnixListener::from(descriptor);
        let address = listener.local_addr().map_err(failed)?;
        let path = address.as_pathname().map(|path| path.display().to_string());
        listener.set_nonblocking(true).map_err(failed)?;
        let listener = UnixListener::from_std(listener).map_err(failed)?;
        Ok(Some(InheritedUnixListener {
            listener,
            path: path.unwrap_or_else(|| "a socket without a path".to_owned()),
        }))
    }

    fn listening(&mut self, name: &str) -> Result<Option<InheritedSocket>, InheritedSocketError> {
        let Some(at) = self.0.iter().position(|socket| socket.name == name) else {
            return Ok(None);
        };
        let socket = self.0.swap_remove(at);
        match getsockopt(&socket.descriptor, sockopt::AcceptConn) {
            Ok(true) => Ok(Some(socket)),
            Ok(false) => Err(unusable(
                socket.name,
                "it does not listen; use ListenStream=",
            )),
            Err(error) => Err(unusable(socket.name, error)),
        }
    }
}

/// A listener on a Unix socket, whose file belongs to the service manager.
#[derive(Debug)]
pub struct InheritedUnixListener {
    pub listener: UnixListener,
    /// The path of the socket, to be shown.
    pub path: String,
}

fn unusable(name: &'static str, error: impl std::fmt::Display) -> InheritedSocketError {
    InheritedSocketError::Unusable(name, error.to_string())
}

/// The names of the sockets, in the order of their descriptors; `None` where none are for the process
/// `own`. A single socket without a name is that of HTTP.
fn names(
    pid: Option<&str>,
    number: Option<&str>,
    names: Option<&str>,
    own: u32,
) -> Result<Option<Vec<&'static str>>, InheritedSocketError> {
    let Some(number) = number.filter(|_| pid.is_some_and(|pid| pid.parse() == Ok(own))) else {
        return Ok(None);
    };
    let sockets: usize = number
        .parse()
        .map_err(|_| InheritedSocketError::Number(number.to_owned()))?;
    let names = match names.filter(|names| !names.is_empty()) {
        None if sockets == 1 => HTTP,
        None => "",
        Some(names) => names,
    };
    let given: Vec<&str> = names.split(':').filter(|name| !name.is_empty()).collect();
    if given.len() != sockets {
        let names = given.len();
        return Err(InheritedSocketError::Names { names, sockets });
    }
    let mut found = Vec::new();
    for name in given {
        let known = NAMES.into_iter().find(|known| *known == name);
        let known = known.ok_or_else(|| InheritedSocketError::Unknown(name.to_owned()))?;
        if found.contains(&known) {
            return Err(InheritedSocketError::Twice(known));
        }
        found.push(known);
    }
    Ok(Some(found))
}

/// Takes over a descriptor that another process passed, and keeps it from programs that this one starts.
fn adopt(number: RawFd) -> nix::Result<OwnedFd> {
    #[allow(
        unsafe_code,
        reason = "a number becomes an owned descriptor in no other way"
    )]
    // SAFETY: the service manager passed it to this process, which takes it once, and no other code knows
    // its number. One that is not open fails below, and is then not closed.
    let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
    match fcntl(descriptor.as_fd(), FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)) {
        Ok(_) => Ok(descriptor),
        Err(error) => {
            std::mem::forget(descriptor);
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::IntoRawFd as _;

    use super::*;

    fn of(name: &'static str, descriptor: impl Into<OwnedFd>) -> InheritedSockets {
        let descriptor = descriptor.into();
        InheritedSockets(vec![InheritedSocket { name, descriptor }])
    }

    #[test]
    fn sockets_are_for_the_process_that_is_named() {
        let one = Some(vec![HTTP]);
        for (pid, number, given, expected) in [
            (Some("7"), Some("1"), None, one.clone()),
            (Some("7"), Some("1"), Some("http"), one.clone()),
            (Some("7"), Some("1"), Some(""), one),
            (
                Some("7"),
                Some("2"),
                Some("submissions:http"),
                Some(vec![SUBMISSIONS, HTTP]),
            ),
            (Some("7"), Some("0"), None, Some(Vec::new())),
            (Some("8"), Some("1"), None, None),
            (None, Some("1"), None, None),
            (Some("7"), None, None, None),
        ] {
            let found = names(pid, number, given, 7).expect("valid");
            assert_eq!(found, expected, "{pid:?} {number:?} {given:?}");
        }
        for (number, given, named) in [
            ("many", None, "LISTEN_FDS"),
            ("2", None, "0 names for 2 sockets"),
            ("2", Some("http"), "1 names for 2 sockets"),
            ("1", Some("postern.socket"), "\"postern.socket\""),
            ("2", Some("http:http"), "two sockets named http"),
        ] {
            let error = names(Some("7"), Some(number), given, 7).expect_err("refused");
            assert!(error.to_string().contains(named), "{error}");
        }
    }

    #[tokio::test]
    async fn a_socket_is_taken_once_and_by_its_name() {
        let listener = StdTcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let number = listener.into_raw_fd();
        let mut sockets = of(HTTP, adopt(number).expect("it is open"));
        assert!(sockets.tcp(SUBMISSION).expect("none").is_none());
        let taken = sockets.tcp(HTTP).expect("usable").expect("a listener");
        assert_eq!(taken.local_addr().expect("an address"), address);
        assert!(sockets.tcp(HTTP).expect("none").is_none());
        let connecting = tokio::net::TcpStream::connect(address);
        let (accepted, connected) = tokio::join!(taken.accept(), connecting);
        assert!(accepted.is_ok() && connected.is_ok());
    }

    #[tokio::test]
    async fn a_socket_of_another_kind_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let unix = StdUnixListener::bind(&path).expect("a socket");
        let other = unix.try_clone().expect("a second descriptor");
        let found = of(SUBMIT_SOCKET, unix).unix(SUBMIT_SOCKET);
        let found = found.expect("usable").expect("a listener");
        assert_eq!(found.path, path.display().to_string());
        let error = of(HTTP, other).tcp(HTTP).expect_err("not TCP");
        assert!(error.to_string().starts_with("the socket http "), "{error}");
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
        let error = of(HTTP, udp).tcp(HTTP).expect_err("it does not listen");
        assert!(error.to_string().contains("does not listen"), "{error}");
    }
}
