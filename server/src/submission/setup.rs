//! Opens the submission listeners that the command line asks for.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::EmailAddress;
use domain::interface::{InterfaceEncryption, InterfaceKind};
use engine::{Postern, Repair};
use futures::future::join_all;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::listener::SubmissionListener;
use super::protocol::limits::SessionLimits;
use super::service::{LocalSubmitters, SubmissionService};
use super::slots::ConnectionSlots;
use crate::cli::SubmissionArgs;
use crate::process::open_files;
use crate::sockets::inherited::{
    InheritedSockets, InheritedUnixListener, SUBMISSION, SUBMISSIONS, SUBMIT_SOCKET,
};
use crate::sockets::unix_listener::{self, SocketFile};
use crate::tls::{self, CertificateUse};

/// The permissions of the Unix socket: every user of this machine may submit mail.
const SOCKET_MODE: u32 = 0o666;

/// The largest number of connections of all submission listeners.
const CONNECTIONS_MAX: usize = 5000;

/// Sockets that listen, and are not served yet.
pub struct BoundSubmission {
    listeners: Vec<BoundListener>,
    tls: Option<TlsAcceptor>,
    submitters: LocalSubmitters,
    repair: Repair,
    limits: SessionLimits,
    slots: ConnectionSlots,
}

/// A socket and how the console lists it.
struct BoundListener {
    listener: SubmissionListener,
    /// That of a Unix socket.
    file: Option<SocketFile>,
    kind: InterfaceKind,
    address: String,
    encryption: InterfaceEncryption,
    is_loopback: bool,
}

impl BoundListener {
    fn plain(listener: TcpListener, has_tls: bool) -> Result<Self, String> {
        let address = address_of(&listener)?;
        if !has_tls && !address.ip().is_loopback() {
            tracing::warn!(
                %address,
                "programs of other machines cannot submit mail here: they sign in inside TLS, which needs \
                 --submission-cert and --submission-key"
            );
        }
        Ok(Self {
            listener: SubmissionListener::Plain(listener),
            file: None,
            kind: InterfaceKind::Submission,
            address: address.to_string(),
            encryption: match has_tls {
                true => InterfaceEncryption::StartTls,
                false => InterfaceEncryption::None,
            },
            is_loopback: address.ip().is_loopback(),
        })
    }

    fn implicit(listener: TcpListener, tls: Option<&TlsAcceptor>) -> Result<Self, String> {
        let tls = tls.ok_or("--submissions needs --submission-cert and --submission-key")?;
        let address = address_of(&listener)?;
        Ok(Self {
            listener: SubmissionListener::Implicit(listener, tls.clone()),
            file: None,
            kind: InterfaceKind::Submissions,
            address: address.to_string(),
            encryption: InterfaceEncryption::Implicit,
            is_loopback: address.ip().is_loopback(),
        })
    }

    fn unix(path: &Path) -> Result<Self, String> {
        let listener = unix_listener::bind(path, SOCKET_MODE);
        Ok(Self {
            listener: SubmissionListener::Unix(listener.map_err(|fault| fault.to_string())?),
            file: Some(SocketFile::of(path)),
            kind: InterfaceKind::SubmitSocket,
            address: path.display().to_string(),
            encryption: InterfaceEncryption::None,
            is_loopback: true,
        })
    }

    /// The file of an inherited socket belongs to the service manager.
    fn inherited_unix(inherited: InheritedUnixListener) -> Self {
        Self {
            listener: SubmissionListener::Unix(inherited.listener),
            file: None,
            kind: InterfaceKind::SubmitSocket,
            address: inherited.path,
            encryption: InterfaceEncryption::None,
            is_loopback: true,
        }
    }
}

impl BoundSubmission {
    /// Listens as the arguments say, or on the sockets that the service manager opened. A client has at
    /// most `per_client` connections.
    ///
    /// # Errors
    /// One line, where an argument is not valid or an address is in use.
    pub async fn bind(
        args: &SubmissionArgs,
        per_client: usize,
        sockets: &mut InheritedSockets,
    ) -> Result<Self, String> {
        let acceptor = |files| tls::acceptor(files, CertificateUse::Submission);
        let tls = args.files()?.map(acceptor).transpose()?;
        let submitters = LocalSubmitters {
            account: given_address("--local-account", args.local_account.as_deref())?,
            users: users(&args.submit_users)?,
        };
        let mut listeners = Vec::new();
        if let Some(listener) = sockets.listen(SUBMISSION, args.submission).await? {
            listeners.push(BoundListener::plain(listener, tls.is_some())?);
        }
        if let Some(listener) = sockets.listen(SUBMISSIONS, args.submissions).await? {
            listeners.push(BoundListener::implicit(listener, tls.as_ref())?);
        }
        let inherited = sockets.unix(SUBMIT_SOCKET);
        let named = |path: &&PathBuf| !path.as_os_str().is_empty();
        match (
            inherited.map_err(|error| error.to_string())?,
            args.submit_socket.as_ref().filter(named),
        ) {
            (Some(inherited), _) => listeners.push(BoundListener::inherited_unix(inherited)),
            (None, Some(path)) => listeners.push(BoundListener::unix(path)?),
            (None, None) => {}
        }
        let connections = (open_files::half() / 2).min(CONNECTIONS_MAX);
        Ok(Self {
            listeners,
            tls,
            submitters,
            repair: match args.submission_normalize {
                true => Repair::LineEnds,
                false => Repair::None,
            },
            limits: SessionLimits::default(),
            slots: ConnectionSlots::new(connections, per_client),
        })
    }

    /// Other limits, for tests.
    #[cfg(test)]
    pub(super) fn with_limits(self, limits: SessionLimits, connections: usize) -> Self {
        Self {
            limits,
            slots: ConnectionSlots::new(connections, connections),
            ..self
        }
    }

    /// The addresses of the TCP listeners, for tests.
    #[cfg(test)]
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        let listeners = self.listeners.iter();
        listeners
            .filter_map(|bound| bound.address.parse().ok())
            .collect()
    }

    /// Serves clients until `stopped` is true, and waits until their sessions have ended: mails that have begun
    /// are taken to their end. `host` is the name of this machine.
    pub async fn serve(self, postern: Postern, host: &str, stopped: watch::Receiver<bool>) {
        let host = match host {
            "" => "localhost",
            name => name,
        };
        let service = Arc::new(SubmissionService {
            postern,
            host: host.into(),
            tls: self.tls,
            submitters: self.submitters,
            limits: self.limits,
            repair: self.repair,
        });
        let serving = self.listeners.into_iter().map(|bound| {
            let interface = service.postern.interfaces().open(
                bound.kind,
                bound.address.clone(),
                bound.encryption,
                bound.is_loopback,
            );
            tracing::info!(address = bound.address, "accepting mail over SMTP");
            let (slots, stopped) = (self.slots.clone(), stopped.clone());
            bound
                .listener
                .serve(service.clone(), interface, slots, bound.file, stopped)
        });
        join_all(serving).await;
    }
}

fn address_of(listener: &TcpListener) -> Result<SocketAddr, String> {
    let address = listener.local_addr();
    address.map_err(|error| format!("a socket for SMTP has no address: {error}"))
}

/// The address of an account; `None` where none is given.
fn given_address(flag: &str, text: Option<&str>) -> Result<Option<String>, String> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    match text.parse::<EmailAddress>() {
        Ok(address) => Ok(Some(address.as_str().to_owned())),
        Err(fault) => Err(format!("{flag}: {fault}")),
    }
}

/// Parses `uid=email,…`.
fn users(text: &str) -> Result<BTreeMap<u32, String>, String> {
    let mut users = BTreeMap::new();
    for user in text
        .split(',')
        .map(str::trim)
        .filter(|user| !user.is_empty())
    {
        let fault = || format!("--submit-users: {user} is not uid=email, as in 33=web@example.org");
        let (uid, email) = user.split_once('=').ok_or_else(fault)?;
        let uid: u32 = uid.trim().parse().map_err(|_| fault())?;
        let email = given_address("--submit-users", Some(email))?.ok_or_else(fault)?;
        if users.insert(uid, email).is_some() {
            return Err(format!("--submit-users names the user id {uid} twice"));
        }
    }
    Ok(users)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_given_as_uid_and_email() {
        let found = users(" 33=web@example.org, 0=root@example.org,").expect("valid");
        let expected = [(0, "root@example.org"), (33, "web@example.org")];
        let expected = expected.map(|(uid, email)| (uid, email.to_owned()));
        assert_eq!(found, BTreeMap::from(expected));
        assert_eq!(users(""), Ok(BTreeMap::new()));
        for text in [
            "33",
            "web=web@example.org",
            "33=web",
            "33=",
            "-1=web@example.org",
            "33=a@example.org,33=b@example.org",
        ] {
            assert!(users(text).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn arguments_that_miss_something_are_refused() {
        let address = Some(([127, 0, 0, 1], 0).into());
        let none = SubmissionArgs::default();
        for (args, named) in [
            (
                SubmissionArgs {
                    submissions: address,
                    ..none.clone()
                },
                "--submissions needs --submission-cert",
            ),
            (
                SubmissionArgs {
                    submission: address,
                    submission_cert: Some("cert.pem".into()),
                    ..none.clone()
                },
                "belong together",
            ),
            (
                SubmissionArgs {
                    local_account: Some("nobody".to_owned()),
                    ..none.clone()
                },
                "--local-account",
            ),
        ] {
            let mut sockets = InheritedSockets::default();
            let fault = BoundSubmission::bind(&args, 9, &mut sockets).await.err();
            let fault = fault.expect("refused");
            assert!(fault.contains(named), "{fault}");
        }
        let mut inherited = InheritedSockets::default();
        let bound = BoundSubmission::bind(&none, 9, &mut inherited);
        let bound = bound.await.expect("nothing to open");
        assert!(bound.listeners.is_empty());
    }
}
