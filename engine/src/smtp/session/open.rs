//! Opening a session: connection, greeting, EHLO, StartTLS, sign-in.

use domain::mail::host::address_literal;
use domain::smtp::capability::Capability;
use domain::{AuthenticationType, ConnectionType, Failure, Fault, SmtpSettings, Stage};

use super::auth::Authentication;
use super::in_flight::InFlight;
use super::timeouts::TransactionTimeouts;
use super::{Condition, Relay, Session};
use crate::smtp::dial::Dialer;
use crate::smtp::names;
use crate::smtp::observer::SessionObserver;
use crate::smtp::wire::{Capabilities, Deadline, RawReply, Wire, greeting};

impl Session {
    /// Connects, encrypts as the settings say and signs in. `observer` receives the events of this
    /// and of all that follows.
    ///
    /// The times are those of the settings: `connect_timeout` for each address, `command_timeout`
    /// for the look-up, the greeting, each TLS handshake and each whole reply.
    ///
    /// # Errors
    /// The stage at which the session failed, and why. The connection is closed then, as it is when
    /// the future is dropped.
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
            timeouts: TransactionTimeouts::of_settings(settings.command_timeout),
            condition: Condition::Ready,
            greeting: String::new(),
            pipelined_next: None,
            transaction_open: false,
            in_doubt: false,
            in_flight: InFlight::default(),
        };
        let greeted = session.greet(&ehlo_name, settings.connection).await;
        if session.or_quit(greeted).await? {
            session.wire = secure(session.wire, dialer, settings)
                .await
                .map_err(after_start_tls)?;
            // Capabilities from before TLS are not trusted (RFC 3207 section 4.2).
            session.capabilities = Capabilities::default();
            observer.begin(Stage::Ehlo);
            let introduced = session.introduce(&ehlo_name).await;
            session.or_quit(introduced).await?;
        }
        if settings.authentication != AuthenticationType::None {
            observer.begin(Stage::Auth);
            let mut authentication = Authentication {
                wire: &mut session.wire,
                offered: &session.capabilities.auth,
                command_timeout: session.command_timeout,
            };
            let password = relay.password.as_ref();
            let signed_in = authentication.sign_in(settings, password).await;
            session.or_quit(signed_in).await?;
        }
        Ok(session)
    }

    /// Sends QUIT after a failure, if the relay can still parse it: a client does not close the
    /// connection without QUIT (RFC 5321 section 4.1.1.10).
    async fn or_quit<T>(&mut self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        if let Err(failure) = &outcome
            && failure.session_usable()
        {
            self.send_quit().await;
        }
        outcome
    }

    /// Reads the greeting, and sends EHLO and, if it is to be used, STARTTLS. Returns whether STARTTLS
    /// was sent.
    async fn greet(
        &mut self,
        ehlo_name: &str,
        connection: ConnectionType,
    ) -> Result<bool, Failure> {
        let observer = self.wire.observer().clone();
        observer.begin(Stage::Greeting);
        self.read_greeting().await?;
        observer.begin(Stage::Ehlo);
        self.introduce(ehlo_name).await?;
        if !self.needs_start_tls(connection)? {
            return Ok(false);
        }
        observer.begin(Stage::StartTls);
        self.start_tls().await?;
        Ok(true)
    }

    async fn read_greeting(&mut self) -> Result<(), Failure> {
        let deadline = Deadline::after(self.command_timeout);
        let reply = self
            .wire
            .reply(deadline)
            .await
            .map_err(|error| self.wire.failure(Stage::Greeting, error))?;
        expect_code(Stage::Greeting, &reply, 220)?;
        self.greeting = greeting::software(&reply.shown().text);
        Ok(())
    }

    /// Sends EHLO, or HELO to a relay that does not know EHLO (RFC 5321 section 3.2).
    async fn introduce(&mut self, name: &str) -> Result<(), Failure> {
        let reply = self.command(Stage::Ehlo, &format!("EHLO {name}")).await?;
        if !matches!(reply.code, 500 | 502 | 504) {
            expect_code(Stage::Ehlo, &reply, 250)?;
            self.capabilities = Capabilities::parse(&reply);
            self.wire.observer().offered(|| {
                // The first line is the relay's name; the code and a hyphen precede each.
                let lines = reply.shown_lines().skip(1);
                lines
                    .filter_map(|line| Capability::parse(line.get(4..)?))
                    .collect()
            });
            return Ok(());
        }
        match self.command(Stage::Ehlo, &format!("HELO {name}")).await {
            Ok(helo) => expect_code(Stage::Ehlo, &helo, 250),
            // The relay closed the connection after EHLO; its reply to EHLO describes the failure
            // better.
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

    /// Sends STARTTLS and reads up to the relay's 220 (RFC 3207 section 4), and no byte further.
    async fn start_tls(&mut self) -> Result<(), Failure> {
        let reply = self.command(Stage::StartTls, "STARTTLS").await?;
        expect_code(Stage::StartTls, &reply, 220)?;
        match self.wire.has_unread().await {
            Ok(false) => Ok(()),
            Ok(true) => Err(injected(Stage::StartTls)),
            // The relay closed the connection, which the handshake would find next.
            Err(error) => Err(self.wire.failure(Stage::Tls, error)),
        }
    }
}

async fn secure(wire: Wire, dialer: &Dialer, settings: &SmtpSettings) -> Result<Wire, Failure> {
    wire.observer().begin(Stage::Tls);
    let deadline = Deadline::after(settings.command_timeout);
    wire.secure(dialer.tls(), settings, deadline).await
}

/// Plain text in place of a handshake after STARTTLS is a response injection, like text before it.
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

/// Accepts a reply with one code, and turns every other reply into a failure.
fn expect_code(stage: Stage, reply: &RawReply, code: u16) -> Result<(), Failure> {
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

/// The argument of EHLO, in ASCII. Where the name is `localhost`, as with a From address of root, or
/// has no form in ASCII, it is the local address (RFC 5321 section 4.1.4).
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
