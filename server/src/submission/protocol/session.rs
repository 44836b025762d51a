//! The states of a session: what each command does, without a socket and without the engine.

use std::sync::Arc;

use domain::EmailAddress;
use domain::mail::dsn::RecipientDsn;
use engine::{Actor, EnvelopeRecipient, MAIL_MAX, SubmittedEnvelope};

use super::authentication::{self, AuthExchange, AuthStep, SmtpCredentials};
use super::command::{self, CommandFault, MailCommand, RcptCommand, SmtpCommand};
use super::data::DISCARD_MAX;
use super::limits::SessionLimits;
use super::replies::{self, SmtpReply};
use super::session_replies::{
    AUTH_AFTER_TLS, CHUNKS, EHLO_FIRST, HAS_TLS, HELP, IN_MAIL, MAIL_FIRST, NEEDS_SMTPUTF8,
    NO_CERTIFICATE, NO_LOCAL_ACCOUNT, NO_RECIPIENT, NO_TLS, RCPT_FIRST, SIGN_IN_FIRST, SIGNED_IN,
    START_TLS_FIRST, VRFY, too_many_recipients,
};

/// What a session is opened with.
#[derive(Clone, Debug)]
pub struct SessionStart {
    /// The name of this machine.
    pub host: Arc<str>,
    pub limits: SessionLimits,
    /// Whether passwords and mail without them are taken outside TLS: the client is on this machine.
    pub is_local: bool,
    /// Whether STARTTLS is offered.
    pub offers_tls: bool,
    /// Whether TLS is active from the first octet.
    pub is_secure: bool,
    /// The submitter of mail without AUTH.
    pub local: Option<Arc<Actor>>,
}

/// What follows from a line.
#[derive(Debug)]
pub enum SessionStep {
    Reply(SmtpReply),
    /// Check the credentials, and call [`Session::authenticated`].
    Authenticate(SmtpCredentials),
    /// Reply 354, and read the data of the mail.
    Data,
    /// Read a chunk of the mail.
    Chunk {
        octets: u64,
        is_last: bool,
    },
    /// Read and drop a chunk, and then send the reply.
    Discard {
        octets: u64,
        reply: SmtpReply,
    },
    /// Reply 220, and begin TLS, where nothing else was sent behind the command.
    StartTls,
    /// Reply with the queue, where the client is a user of this machine.
    Queue,
    /// Send a last reply.
    Close(SmtpReply),
    /// Close the connection without a reply.
    HangUp,
}

/// A mail whose data is complete.
#[derive(Debug)]
pub struct FinishedMail {
    pub actor: Arc<Actor>,
    pub envelope: SubmittedEnvelope,
    /// The name of the client in EHLO or HELO.
    pub helo: Option<String>,
    /// The protocol in the trace field (RFC 3848, RFC 6531 section 4.3).
    pub protocol: &'static str,
}

/// How the client introduced itself.
#[derive(Debug)]
struct Greeting {
    /// `None` where the name has characters that no host name has.
    helo: Option<String>,
    is_extended: bool,
}

/// A mail that has begun.
#[derive(Debug)]
struct Transaction {
    envelope: SubmittedEnvelope,
    actor: Arc<Actor>,
    is_smtputf8: bool,
    /// The octets of its chunks, once there is one.
    chunks: Option<u64>,
}

/// A session.
#[derive(Debug)]
pub struct Session {
    start: SessionStart,
    greeting: Option<Greeting>,
    /// The actor of a token.
    signed_in: Option<Arc<Actor>>,
    /// Whether it was forgotten.
    lost_token: bool,
    exchange: Option<AuthExchange>,
    transaction: Option<Transaction>,
    errors: u32,
    commands: u32,
}

impl Session {
    pub fn new(start: SessionStart) -> Self {
        Self {
            start,
            greeting: None,
            signed_in: None,
            lost_token: false,
            exchange: None,
            transaction: None,
            errors: 0,
            commands: 0,
        }
    }

    /// The first reply.
    pub fn banner(&self) -> SmtpReply {
        SmtpReply::made(220, "", &format!("{} ESMTP Postern", self.start.host))
    }

    /// Whether a mail has begun.
    pub fn is_in_mail(&self) -> bool {
        self.transaction.is_some()
    }

    /// Whether a mail has begun whose first chunk was announced.
    pub fn has_chunks(&self) -> bool {
        let mail = self.transaction.as_ref();
        mail.is_some_and(|mail| mail.chunks.is_some())
    }

    /// The name of the submitter of the mail that has begun.
    pub fn submitter(&self) -> &str {
        self.transaction
            .as_ref()
            .map_or("", |mail| mail.actor.name())
    }

    /// Handles a line, without its CRLF.
    pub fn line(&mut self, line: &[u8]) -> SessionStep {
        let step = match self.exchange.take() {
            Some(exchange) => self.response(exchange, line),
            None => match command::parse(line) {
                Ok(command) => self.command(command),
                Err(CommandFault::Http) => SessionStep::HangUp,
                Err(CommandFault::Closing(reply)) => SessionStep::Close(reply),
                Err(CommandFault::Refused(reply)) => {
                    self.commands += 1;
                    SessionStep::Reply(reply)
                }
            },
        };
        match step {
            SessionStep::Reply(reply) => self.replied(reply),
            step if self.commands > self.start.limits.commands_without_mail => match step {
                SessionStep::Close(_) | SessionStep::HangUp => step,
                _ => SessionStep::Close(replies::TOO_MANY_COMMANDS),
            },
            step => step,
        }
    }

    /// Counts a reply, and ends the session where it is one too many.
    pub fn replied(&mut self, reply: SmtpReply) -> SessionStep {
        self.count(&reply);
        if self.errors >= self.start.limits.errors {
            return SessionStep::Close(replies::TOO_MANY_ERRORS);
        }
        if self.commands > self.start.limits.commands_without_mail {
            return SessionStep::Close(replies::TOO_MANY_COMMANDS);
        }
        SessionStep::Reply(reply)
    }

    /// Counts the reply to a mail or a command.
    pub fn count(&mut self, reply: &SmtpReply) {
        self.errors += u32::from(reply.is_error());
    }

    /// Whether there were too many errors.
    pub fn has_too_many_errors(&self) -> bool {
        self.errors >= self.start.limits.errors
    }

    /// A mail was accepted: errors before it are forgotten.
    pub fn accepted(&mut self) {
        self.errors = 0;
    }

    /// The credentials were checked: the actor, or the reply that refuses them.
    pub fn authenticated(&mut self, checked: Result<Actor, SmtpReply>) -> SessionStep {
        match checked {
            Ok(actor) => {
                self.signed_in = Some(Arc::new(actor));
                SessionStep::Reply(SmtpReply::new(235, "2.7.0", "Signed in"))
            }
            Err(reply) => self.replied(reply),
        }
    }

    /// The actor may submit no more mail: the account is disabled, or the token is revoked or has expired.
    /// Returns the reply to its mail.
    pub fn forget_actor(&mut self) -> SmtpReply {
        self.start.local = None;
        self.transaction = None;
        self.lost_token = self.signed_in.take().is_some();
        match self.lost_token {
            true => replies::NOT_CURRENT,
            false => NO_LOCAL_ACCOUNT,
        }
    }

    /// The actor as it is now: its limits may have been changed.
    pub fn renew_actor(&mut self, actor: Actor) -> Arc<Actor> {
        let actor = Arc::new(actor);
        if let Some(known) = self.signed_in.as_mut().or(self.start.local.as_mut()) {
            *known = actor.clone();
        }
        actor
    }

    /// TLS is active: the client begins anew (RFC 3207 section 4.2).
    pub fn secured(&mut self) {
        self.start.is_secure = true;
        self.greeting = None;
        self.signed_in = None;
        self.transaction = None;
    }

    /// Ends the mail whose data is complete.
    pub fn finish(&mut self) -> Option<FinishedMail> {
        let transaction = self.transaction.take()?;
        self.commands = 0;
        let protocol = self.protocol(&transaction);
        Some(FinishedMail {
            actor: transaction.actor,
            envelope: transaction.envelope,
            helo: self.greeting.as_ref().and_then(|by| by.helo.clone()),
            protocol,
        })
    }

    /// Drops the mail that has begun.
    pub fn reset(&mut self) {
        self.transaction = None;
    }

    fn response(&mut self, exchange: AuthExchange, line: &[u8]) -> SessionStep {
        let response = std::str::from_utf8(line).unwrap_or("\0");
        let step = exchange.respond(response);
        self.auth_step(step)
    }

    fn auth_step(&mut self, step: AuthStep) -> SessionStep {
        match step {
            AuthStep::Challenge(exchange, challenge) => {
                self.exchange = Some(exchange);
                SessionStep::Reply(challenge)
            }
            AuthStep::Credentials(credentials) => SessionStep::Authenticate(credentials),
            AuthStep::Refused(reply) => SessionStep::Reply(reply),
        }
    }

    fn command(&mut self, command: SmtpCommand<'_>) -> SessionStep {
        let is_of_mail = match command {
            SmtpCommand::Rcpt(_) | SmtpCommand::Data | SmtpCommand::Quit => true,
            SmtpCommand::Bdat { octets, is_last } => octets > 0 || is_last,
            _ => false,
        };
        self.commands += u32::from(!is_of_mail);
        match command {
            SmtpCommand::Mail(mail) => {
                let (Ok(reply) | Err(reply)) = self.mail(mail);
                SessionStep::Reply(reply)
            }
            SmtpCommand::Rcpt(rcpt) => {
                let (Ok(reply) | Err(reply)) = self.rcpt(rcpt);
                SessionStep::Reply(reply)
            }
            SmtpCommand::Data => self.data(),
            SmtpCommand::Bdat { octets, is_last } => self.bdat(octets, is_last),
            SmtpCommand::Ehlo(name) => self.greet(name, true),
            SmtpCommand::Helo(name) => self.greet(name, false),
            SmtpCommand::Auth { mechanism, initial } => self.auth(mechanism, initial),
            SmtpCommand::StartTls => self.start_tls(),
            SmtpCommand::Rset => {
                self.transaction = None;
                SessionStep::Reply(replies::OK)
            }
            SmtpCommand::Noop => SessionStep::Reply(replies::OK),
            SmtpCommand::Quit => SessionStep::Close(replies::BYE),
            SmtpCommand::Help => SessionStep::Reply(HELP),
            SmtpCommand::Vrfy => SessionStep::Reply(VRFY),
            SmtpCommand::Queue => SessionStep::Queue,
        }
    }

    fn greet(&mut self, name: &str, is_extended: bool) -> SessionStep {
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        let is_named = name.len() <= 255 && name.chars().all(is_host);
        self.greeting = Some(Greeting {
            helo: is_named.then(|| name.to_owned()),
            is_extended,
        });
        self.transaction = None;
        let mut text = self.start.host.to_string();
        if is_extended {
            text.push_str("\nPIPELINING\n8BITMIME\nSMTPUTF8\nENHANCEDSTATUSCODES\nCHUNKING\nDSN");
            text.push_str(&format!("\nSIZE {MAIL_MAX}"));
            if self.start.offers_tls && !self.start.is_secure {
                text.push_str("\nSTARTTLS");
            }
            if self.takes_passwords() {
                text.push_str("\nAUTH PLAIN LOGIN");
            }
        }
        SessionStep::Reply(SmtpReply {
            code: 250,
            status: "",
            text: text.into(),
        })
    }

    fn takes_passwords(&self) -> bool {
        self.start.is_secure || self.start.is_local
    }

    fn start_tls(&mut self) -> SessionStep {
        if self.start.is_secure {
            return SessionStep::Reply(HAS_TLS);
        }
        if !self.start.offers_tls {
            return SessionStep::Reply(NO_TLS);
        }
        if self.transaction.is_some() {
            return SessionStep::Reply(IN_MAIL);
        }
        SessionStep::StartTls
    }

    fn auth(&mut self, mechanism: &str, initial: Option<&str>) -> SessionStep {
        if !self.takes_passwords() {
            return SessionStep::Reply(AUTH_AFTER_TLS);
        }
        if self.greeting.is_none() {
            return SessionStep::Reply(EHLO_FIRST);
        }
        if self.transaction.is_some() {
            return SessionStep::Reply(IN_MAIL);
        }
        if self.signed_in.is_some() {
            return SessionStep::Reply(SIGNED_IN);
        }
        self.auth_step(authentication::begin(mechanism, initial))
    }

    /// The submitter of the next mail.
    fn actor(&self) -> Result<Arc<Actor>, SmtpReply> {
        let known = self.signed_in.as_ref().or(self.start.local.as_ref());
        match known {
            Some(actor) => Ok(actor.clone()),
            None if self.start.is_local && !self.lost_token => Err(NO_LOCAL_ACCOUNT),
            None if self.takes_passwords() => Err(SIGN_IN_FIRST),
            None if self.start.offers_tls => Err(START_TLS_FIRST),
            None => Err(NO_CERTIFICATE),
        }
    }

    fn mail(&mut self, mail: MailCommand<'_>) -> Result<SmtpReply, SmtpReply> {
        if self.greeting.is_none() {
            return Err(EHLO_FIRST);
        }
        if self.transaction.is_some() {
            return Err(IN_MAIL);
        }
        let actor = self.actor()?;
        if mail.size.is_some_and(|size| size > MAIL_MAX as u64) {
            return Err(replies::TOO_LARGE);
        }
        if !mail.is_smtputf8 && !mail.address.is_ascii() {
            return Err(NEEDS_SMTPUTF8);
        }
        let sender = match mail.address {
            "" => None,
            address => Some(
                self.address(address)
                    .map_err(|text| SmtpReply::made(553, "5.1.7", text))?,
            ),
        };
        self.transaction = Some(Transaction {
            envelope: SubmittedEnvelope {
                sender,
                recipients: Vec::new(),
                ret: mail.ret,
                envid: mail.envid.map(str::to_owned),
            },
            actor,
            is_smtputf8: mail.is_smtputf8,
            chunks: None,
        });
        Ok(replies::SENDER_OK)
    }

    fn rcpt(&mut self, rcpt: RcptCommand<'_>) -> Result<SmtpReply, SmtpReply> {
        let Some(transaction) = &self.transaction else {
            return Err(MAIL_FIRST);
        };
        if transaction.chunks.is_some() {
            return Err(CHUNKS);
        }
        if transaction.envelope.recipients.len() >= self.start.limits.recipients {
            return Err(too_many_recipients(self.start.limits.recipients));
        }
        if rcpt.address.is_empty() {
            return Err(NO_RECIPIENT);
        }
        if !transaction.is_smtputf8 && !rcpt.address.is_ascii() {
            return Err(NEEDS_SMTPUTF8);
        }
        let address = self.address(rcpt.address);
        let address = address.map_err(|text| SmtpReply::made(553, "5.1.3", text))?;
        let recipient = EnvelopeRecipient {
            address,
            dsn: RecipientDsn {
                notify: rcpt.notify,
                orcpt: rcpt.orcpt.map(str::to_owned),
            },
        };
        if let Some(transaction) = &mut self.transaction {
            transaction.envelope.recipients.push(recipient);
        }
        Ok(replies::RECIPIENT_OK)
    }

    /// Parses an address. One without a domain is of this machine (RFC 6409 section 5.2), as is `<postmaster>`
    /// (RFC 5321 section 4.5.1).
    fn address(&self, text: &str) -> Result<EmailAddress, &'static str> {
        if text.trim() != text {
            return Err("An address has no spaces around it.");
        }
        match text.contains('@') {
            true => text.parse(),
            false => format!("{text}@{}", self.start.host).parse(),
        }
    }

    fn data(&mut self) -> SessionStep {
        match &self.transaction {
            None => SessionStep::Reply(MAIL_FIRST),
            Some(mail) if mail.chunks.is_some() => SessionStep::Reply(CHUNKS),
            Some(mail) if mail.envelope.recipients.is_empty() => SessionStep::Reply(RCPT_FIRST),
            Some(_) => SessionStep::Data,
        }
    }

    /// The octets of a chunk follow the command, whatever is wrong with it.
    fn bdat(&mut self, octets: u64, is_last: bool) -> SessionStep {
        let reply = match &mut self.transaction {
            None => MAIL_FIRST,
            Some(mail) if mail.envelope.recipients.is_empty() => RCPT_FIRST,
            Some(mail) => {
                let all = mail.chunks.unwrap_or(0).saturating_add(octets);
                mail.chunks = Some(all);
                if all <= MAIL_MAX as u64 {
                    return SessionStep::Chunk { octets, is_last };
                }
                replies::TOO_LARGE
            }
        };
        // What follows of this mail is refused as well (RFC 3030 section 2).
        self.transaction = None;
        match octets > DISCARD_MAX {
            true => SessionStep::Close(reply),
            false => SessionStep::Discard { octets, reply },
        }
    }

    fn protocol(&self, transaction: &Transaction) -> &'static str {
        let is_extended = self.greeting.as_ref().is_some_and(|by| by.is_extended);
        let (is_secure, is_signed_in) = (self.start.is_secure, self.signed_in.is_some());
        match (transaction.is_smtputf8, is_secure) {
            _ if !is_extended => "SMTP",
            (false, false) if is_signed_in => "ESMTPA",
            (false, false) => "ESMTP",
            (false, true) if is_signed_in => "ESMTPSA",
            (false, true) => "ESMTPS",
            (true, false) if is_signed_in => "UTF8SMTPA",
            (true, false) => "UTF8SMTP",
            (true, true) if is_signed_in => "UTF8SMTPSA",
            (true, true) => "UTF8SMTPS",
        }
    }
}
