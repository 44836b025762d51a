//! FirstBytes a session: greeting, EHLO, StartTLS, sign-in; and ending it.

pub(super) mod auth;

use std::time::Duration;

use domain::capability::Capability;
use domain::host::address_literal;
use domain::{
    AuthenticationType, ConnectionType, Failure, Fault, SecretString, SmtpSettings, Stage,
};
use tokio::time::timeout;

use crate::smtp::transaction::delivery::Prepared;
use crate::smtp::wire::capabilities::Capabilities;
use crate::smtp::wire::reply::RawReply;
use crate::smtp::wire::{Deadline, Wire};
use crate::smtp::{Dialer, SessionObserver, names};

/// How long a relay may take to say goodbye. Nothing depends on it.
const QUIT_WITHIN: Duration = Duration::from_secs(2);

/// A relay, and how to sign in to it.
#[derive(Clone, Debug)]
pub struct Relay {
    pub settings: SmtpSettings,
    /// None where there is none, or the settings do without.
    pub password: Option<SecretString>,
}

/// An open connection to a relay, ready for mail.
pub struct Session {
    pub(crate) wire: Wire,
    pub(crate) capabilities: Capabilities,
    pub(crate) command_timeout: Duration,
    pub(crate) condition: Condition,
    /// Whether commands may go out behind a body.
    pub(crate) pipeline_next: bool,
    /// The mail whose first commands did.
    pub(crate) pipelined_next: Option<Prepared>,
    /// A transaction is open: MAIL was taken, and no end of data followed.
    pub(crate) open: bool,
    /// The end of a mail is being written or was, and not answered.
    pub(crate) in_doubt: bool,
}

/// What a session is still good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// The next mail.
    Ready,
    /// A goodbye: a mail was refused, every reply is read.
    Refused,
    /// Nothing: it is unknown what the relay will answer to.
    Broken,
}

impl Session {
    /// Connects, encrypts as the settings say and signs in. `observer` is told of it, and of all
    /// that follows.
    ///
    /// The times are those of the settings: `connect_timeout` for each address, `command_timeout`
    /// for the look-up, the greeting, each handshake and each whole reply.
    ///
    /// # Errors
    /// Where it ended and why. The connection is gone then, as it is when the future is dropped.
    pub async fn open(
        dialer: &Dialer,
        relay: &Relay,
        observer: &SessionObserver,
    ) -> Result<Self, Failure> {
        let settings = &relay.settings;
        let tcp = dialer.connect(settings, observer).await?;
        let mut wire = Wire::new(tcp, observer.clone())
            .map_err(|error| Failure::new(Stage::Tcp, Fault::Reset, error.to_string()))?;
        if settings.connection == ConnectionType::Ssl {
            wire = secure(wire, dialer, settings).await?;
        }
        let ehlo_name = ehlo_name(settings, &wire)?;
        let mut session = Self {
            wire,
            capabilities: Capabilities::default(),
            command_timeout: settings.command_timeout,
            condition: Condition::Ready,
            pipeline_next: true,
            pipelined_next: None,
            open: false,
            in_doubt: false,
        };
        let met = session.meet(&ehlo_name, settings.connection).await;
        if session.or_part(met).await? {
            session.wire = secure(session.wire, dialer, settings)
                .await
                .map_err(after_start_tls)?;
            // What was offered in the clear may have been anybody's offer (RFC 3207 section 4.2).
            session.capabilities = Capabilities::default();
            observer.begin(Stage::Ehlo);
            let met = session.introduce(&ehlo_name).await;
            session.or_part(met).await?;
        }
        if settings.authentication != AuthenticationType::None {
            observer.begin(Stage::Auth);
            let signed_in = session.sign_in(settings, relay.password.as_ref()).await;
            session.or_part(signed_in).await?;
        }
        Ok(session)
    }

    /// As in `TLS 1.3`; none when nothing is encrypted.
    pub fn encryption(&self) -> Option<&str> {
        self.wire.encryption()
    }

    /// Says goodbye (RFC 5321 section 4.1.1.10) where that can still be understood. Takes two
    /// seconds at the most.
    pub async fn quit(mut self) {
        match self.condition {
            // It would be taken for the first line of that mail.
            _ if self.pipelined_next.is_some() => return,
            Condition::Ready => self.wire.observer().begin(Stage::Quit),
            // What came of the session is told already.
            Condition::Refused => {}
            Condition::Broken => return,
        }
        self.goodbye().await;
    }

    /// Where the relay would still understand it, a session that comes to nothing ends with QUIT
    /// too: a client does not just hang up (RFC 5321 section 4.1.1.10).
    async fn or_part<T>(&mut self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        if let Err(failure) = &outcome
            && failure.session_usable()
        {
            self.goodbye().await;
        }
        outcome
    }

    async fn goodbye(&mut self) {
        let goodbye = async {
            if self.command(Stage::Quit, "QUIT").await.is_ok() {
                // The mail is long accepted; how the connection ends changes nothing.
                let _ = self.wire.close().await;
            }
        };
        let _ = timeout(QUIT_WITHIN, goodbye).await;
    }

    /// Greeting, EHLO, and StartTLS where it is to be; whether it is.
    async fn meet(&mut self, ehlo_name: &str, connection: ConnectionType) -> Result<bool, Failure> {
        let observer = self.wire.observer().clone();
        observer.begin(Stage::Greeting);
        self.greeting().await?;
        observer.begin(Stage::Ehlo);
        self.introduce(ehlo_name).await?;
        if !self.needs_start_tls(connection)? {
            return Ok(false);
        }
        observer.begin(Stage::StartTls);
        self.start_tls().await?;
        Ok(true)
    }

    /// One command, one reply.
    pub(crate) async fn command(&mut self, stage: Stage, line: &str) -> Result<RawReply, Failure> {
        self.wire
            .exchange(stage, line, line, self.command_timeout)
            .await
    }

    async fn greeting(&mut self) -> Result<(), Failure> {
        let deadline = Deadline::after(self.command_timeout);
        let reply = self
            .wire
            .reply(deadline)
            .await
            .map_err(|interruption| self.wire.failure(Stage::Greeting, interruption))?;
        expect(Stage::Greeting, &reply, 220)
    }

    /// EHLO, or HELO for a relay that has not heard of it (RFC 5321 section 3.2).
    async fn introduce(&mut self, name: &str) -> Result<(), Failure> {
        let reply = self.command(Stage::Ehlo, &format!("EHLO {name}")).await?;
        if !matches!(reply.code, 500 | 502 | 504) {
            expect(Stage::Ehlo, &reply, 250)?;
            self.capabilities = Capabilities::read(&reply);
            self.wire.observer().offered(|| {
                // The first line is the relay's name; before each stands the code.
                let lines = reply.shown_lines().skip(1);
                lines
                    .filter_map(|line| Capability::parse(line.get(4..)?))
                    .collect()
            });
            return Ok(());
        }
        match self.command(Stage::Ehlo, &format!("HELO {name}")).await {
            Ok(helo) => expect(Stage::Ehlo, &helo, 250),
            // It hung up over EHLO; what it said about that is the better reason.
            Err(failure) if matches!(failure.fault, Fault::Closed | Fault::Reset) => {
                Err(Failure::rejected(Stage::Ehlo, reply.shown()))
            }
            Err(failure) => Err(failure),
        }
    }

    fn needs_start_tls(&self, connection: ConnectionType) -> Result<bool, Failure> {
        match (connection, self.capabilities.starttls) {
            (ConnectionType::Ssl, _) | (ConnectionType::None, false) => Ok(false),
            (_, true) => Ok(true),
            (ConnectionType::Tls, false) => Err(Failure::new(
                Stage::StartTls,
                Fault::StartTlsNotOffered,
                "the relay does not offer StartTLS",
            )),
        }
    }

    /// Up to the relay's 220 (RFC 3207 section 4), and not a byte further.
    async fn start_tls(&mut self) -> Result<(), Failure> {
        let reply = self.command(Stage::StartTls, "STARTTLS").await?;
        expect(Stage::StartTls, &reply, 220)?;
        match self.wire.has_unread().await {
            Ok(false) => Ok(()),
            Ok(true) => Err(injected(Stage::StartTls)),
            // Hung up, which the handshake would have found a moment later.
            Err(interruption) => Err(self.wire.failure(Stage::Tls, interruption)),
        }
    }
}

async fn secure(wire: Wire, dialer: &Dialer, settings: &SmtpSettings) -> Result<Wire, Failure> {
    wire.observer().begin(Stage::Tls);
    let deadline = Deadline::after(settings.command_timeout);
    wire.secure(dialer.tls(), settings, deadline).await
}

/// After StartTLS, text instead of a handshake came the same way as text before it.
fn after_start_tls(failure: Failure) -> Failure {
    match failure.fault {
        Fault::NotTls => injected(Stage::Tls),
        _ => failure,
    }
}

fn injected(stage: Stage) -> Failure {
    Failure::new(
        stage,
        Fault::ResponseInjection,
        "unencrypted bytes came after the relay's answer to STARTTLS",
    )
}

/// Takes one code, and makes a failure of every other.
fn expect(stage: Stage, reply: &RawReply, code: u16) -> Result<(), Failure> {
    match reply.code {
        found if found == code => Ok(()),
        400.. => Err(Failure::rejected(stage, reply.shown())),
        _ => Err(Failure::new(
            stage,
            Fault::Malformed,
            format!("the relay answered {}, not {code}", reply.shown().to_line()),
        )),
    }
}

/// What follows EHLO, in ASCII. Where the name is `localhost`, as with a From address of root's, or
/// has no form in ASCII, it is this end's address (RFC 5321 section 4.1.4).
fn ehlo_name(settings: &SmtpSettings, wire: &Wire) -> Result<String, Failure> {
    let name = names::to_ascii(settings.ehlo()).filter(|name| name != "localhost");
    match name {
        Some(name) => Ok(name),
        None => wire
            .local_addr()
            .map(|local| address_literal(local.ip().to_canonical()))
            .map_err(|error| Failure::new(Stage::Ehlo, Fault::Reset, error.to_string())),
    }
}
