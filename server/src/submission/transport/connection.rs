//! A connection: reads what the client sends, and sends replies in the order of its commands.
//!
//! A mail is written to disk while the next ones of a client that pipelines are read, so that several mails of
//! one client go into one commit. The replies of pipelined commands are sent together.

use std::io;
use std::mem;
use std::sync::Arc;

use engine::{Actor, MAIL_MAX, OpenInterface};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Duration, Instant, timeout};

use super::deadline::Deadline;
use super::outgoing::Outgoing;
use super::stream::{SubmissionStream, shut_down};
use super::times::SessionTimes;
use crate::rest::request::body_budget::BodyPermit;
use crate::submission::client::SubmissionPeer;
use crate::submission::protocol::authentication::{self, SmtpCredentials};
use crate::submission::protocol::bdat::ChunkReader;
use crate::submission::protocol::data::DataReader;
use crate::submission::protocol::line::{Input, LineFault};
use crate::submission::protocol::replies::{self, SmtpReply};
use crate::submission::protocol::session::{Session, SessionStart, SessionStep};
use crate::submission::queue;
use crate::submission::service::SubmissionService;

/// How many mails of a session are written to disk at once.
const AHEAD: usize = 16;

/// How long, and how many octets, a client may still send after the last reply. One that sends when its
/// connection is reset may lose the reply.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_MAX: u64 = 1024 * 1024;

/// A connection to a client.
pub struct SubmissionConnection {
    service: Arc<SubmissionService>,
    interface: OpenInterface,
    client: SubmissionPeer,
    stream: SubmissionStream,
    input: Input,
    outgoing: Outgoing,
    session: Session,
    phase: Phase,
    /// The chunks of a mail so far.
    chunks: Vec<u8>,
    /// The memory of the mail that is read.
    permit: Option<BodyPermit>,
    deadline: Deadline,
    times: SessionTimes,
    stopped: watch::Receiver<bool>,
}

/// What the next octets are.
enum Phase {
    Commands,
    Data(DataReader),
    Chunk(ChunkReader),
}

/// How a connection ends, or goes on in TLS.
enum ConnectionEnd {
    Last(SmtpReply),
    /// The client sends nothing more.
    Gone,
    HungUp,
    StartTls,
}

impl SubmissionConnection {
    /// A new connection of a client. `local` is the submitter of mail without AUTH.
    pub fn new(
        service: Arc<SubmissionService>,
        interface: OpenInterface,
        client: SubmissionPeer,
        stream: SubmissionStream,
        local: Option<Actor>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        let now = Instant::now();
        let session = Session::new(SessionStart {
            host: service.host.clone(),
            limits: service.limits,
            is_local: client.is_local(),
            offers_tls: service.tls.is_some() && matches!(stream, SubmissionStream::Tcp(_)),
            is_secure: matches!(stream, SubmissionStream::Tls(_)),
            local: local.map(Arc::new),
        });
        Self {
            deadline: Deadline::new(now + service.limits.idle),
            service,
            interface,
            client,
            stream,
            input: Input::new(),
            outgoing: Outgoing::default(),
            session,
            phase: Phase::Commands,
            chunks: Vec::new(),
            permit: None,
            times: SessionTimes::new(now),
            stopped,
        }
    }

    /// Serves the client until the connection ends. The client learns of errors by itself.
    pub async fn run(mut self) {
        self.outgoing.push(&self.session.banner());
        loop {
            match self.serve().await {
                Ok(ConnectionEnd::StartTls) => match self.secure().await {
                    Some(secured) => self = secured,
                    None => return,
                },
                Ok(ConnectionEnd::Last(reply)) => return self.close(reply).await,
                Ok(ConnectionEnd::Gone) => return self.settle_all().await,
                Ok(ConnectionEnd::HungUp) | Err(_) => return,
            }
        }
    }

    async fn serve(&mut self) -> io::Result<ConnectionEnd> {
        loop {
            if let Some(end) = self.handle().await {
                return Ok(end);
            }
            if let Some(end) = self.wait().await? {
                return Ok(end);
            }
        }
    }

    /// Handles what arrived, until more of it is needed, or as many mails are being accepted as may be.
    async fn handle(&mut self) -> Option<ConnectionEnd> {
        while self.outgoing.mails() < AHEAD {
            let end = match &mut self.phase {
                Phase::Commands => {
                    if !self.session.has_chunks() {
                        self.times.data = Instant::now();
                    }
                    let step = match self.input.line() {
                        Ok(Some(line)) => self.session.line(line),
                        Ok(None) => return None,
                        Err(LineFault::TooLong) => SessionStep::Close(replies::LINE_TOO_LONG),
                        Err(LineFault::BareLineEnd) => SessionStep::Close(replies::BARE_LINE_END),
                    };
                    self.step(step).await
                }
                Phase::Data(reader) => {
                    if self.input.is_empty() {
                        return None;
                    }
                    let progress = reader.push(self.input.unread());
                    self.input.consume(progress.octets);
                    let held = hold(&mut self.permit, &self.session, self.client, reader.size());
                    held.unwrap_or_else(|reply| reader.refuse(reply));
                    match (progress.is_end, reader.is_hopeless()) {
                        (true, _) => self.end_of_data().await,
                        (false, true) => self.end_of_refused_data(),
                        (false, false) => None,
                    }
                }
                Phase::Chunk(chunk) if !chunk.is_complete() => {
                    if self.input.is_empty() {
                        return None;
                    }
                    let octets = chunk.push(self.input.unread(), &mut self.chunks);
                    self.input.consume(octets);
                    let stored = self.chunks.len();
                    let held = hold(&mut self.permit, &self.session, self.client, stored);
                    if let Err(reply) = held {
                        chunk.refuse(reply);
                        self.session.reset();
                        self.chunks = Vec::new();
                    }
                    None
                }
                Phase::Chunk(_) => self.end_of_chunk().await,
            };
            if end.is_some() {
                return end;
            }
        }
        None
    }

    async fn step(&mut self, step: SessionStep) -> Option<ConnectionEnd> {
        if !self.session.is_in_mail() {
            // What was read of a mail that was dropped.
            self.chunks = Vec::new();
            self.permit = None;
        }
        match step {
            SessionStep::Data => {
                self.outgoing.push(&replies::SEND_DATA);
                self.phase = Phase::Data(DataReader::new(MAIL_MAX));
            }
            SessionStep::Chunk { octets, is_last } => {
                self.phase = Phase::Chunk(ChunkReader::new(octets, is_last));
            }
            SessionStep::Discard { octets, reply } => {
                self.times.data = Instant::now();
                self.phase = Phase::Chunk(ChunkReader::refused(octets, reply));
            }
            SessionStep::Authenticate(credentials) => {
                let checked = self.authenticate(credentials).await;
                let step = self.session.authenticated(checked);
                return self.replied(step);
            }
            SessionStep::Queue => {
                let reply = queue::reply(self.service.clone(), self.client).await;
                let step = self.session.replied(reply);
                return self.replied(step);
            }
            SessionStep::StartTls if self.input.is_empty() => {
                return Some(ConnectionEnd::StartTls);
            }
            // An attacker between client and Postern could have added it.
            SessionStep::StartTls => {
                return Some(ConnectionEnd::Last(replies::BEHIND_START_TLS));
            }
            step @ (SessionStep::Reply(_) | SessionStep::Close(_) | SessionStep::HangUp) => {
                return self.replied(step);
            }
        }
        None
    }

    /// Sends the reply of a step that needs nothing else.
    fn replied(&mut self, step: SessionStep) -> Option<ConnectionEnd> {
        match step {
            SessionStep::Close(reply) => Some(ConnectionEnd::Last(reply)),
            SessionStep::Reply(reply) => {
                self.outgoing.push(&reply);
                None
            }
            _ => Some(ConnectionEnd::HungUp),
        }
    }

    async fn authenticate(&mut self, credentials: SmtpCredentials) -> Result<Actor, SmtpReply> {
        let accounts = self.service.postern.accounts();
        let origin = self.client.origin();
        match authentication::verify(accounts, &credentials, origin).await {
            Ok(Some(actor)) => {
                self.times.checked = Instant::now();
                Ok(actor)
            }
            Ok(None) => {
                tracing::info!(client = %self.client, "AUTH refused: the address or the token is wrong");
                Err(authentication::WRONG)
            }
            Err(refusal) => Err(replies::refused(&refusal)),
        }
    }

    async fn end_of_data(&mut self) -> Option<ConnectionEnd> {
        match mem::replace(&mut self.phase, Phase::Commands) {
            Phase::Data(reader) => self.end_of_mail(reader.finish()).await,
            Phase::Commands | Phase::Chunk(_) => None,
        }
    }

    /// A mail is refused, and its end is not waited for.
    fn end_of_refused_data(&mut self) -> Option<ConnectionEnd> {
        match mem::replace(&mut self.phase, Phase::Commands) {
            Phase::Data(reader) => reader.finish().err().map(ConnectionEnd::Last),
            Phase::Commands | Phase::Chunk(_) => None,
        }
    }

    async fn end_of_chunk(&mut self) -> Option<ConnectionEnd> {
        let Phase::Chunk(chunk) = mem::replace(&mut self.phase, Phase::Commands) else {
            return None;
        };
        let octets = chunk.received();
        match chunk.finish() {
            Ok(true) => {
                let mail = mem::take(&mut self.chunks);
                self.end_of_mail(Ok(mail)).await
            }
            Ok(false) => {
                self.times.mail = Instant::now();
                let text = format!("{octets} octets received");
                self.outgoing.push(&SmtpReply::made(250, "2.0.0", &text));
                None
            }
            Err(reply) => {
                let step = self.session.replied(reply);
                self.replied(step)
            }
        }
    }

    /// The data of a mail is complete. From here on it is accepted, while the client goes on.
    async fn end_of_mail(&mut self, data: Result<Vec<u8>, SmtpReply>) -> Option<ConnectionEnd> {
        let permit = self.permit.take();
        let mut mail = self.session.finish()?;
        self.times.mail = Instant::now();
        let current = match data {
            Ok(bytes) => {
                let actor = self.current_actor(mail.actor.clone()).await;
                actor.map(|actor| (actor, bytes))
            }
            Err(reply) => Err(reply),
        };
        let bytes = match current {
            Ok((actor, bytes)) => {
                mail.actor = actor;
                bytes
            }
            Err(reply) => {
                let step = self.session.replied(reply);
                return self.replied(step);
            }
        };
        let (service, interface) = (self.service.clone(), self.interface.clone());
        let client = self.client;
        self.outgoing.push_mail(Box::pin(async move {
            let actor = mail.actor.clone();
            let reply = service.accept(client, mail, bytes).await;
            if reply.code == 250 {
                interface.used_by(actor.name());
            }
            drop(permit);
            reply
        }));
        None
    }

    /// The actor of a long session as it is now, looked up now and then.
    ///
    /// # Errors
    /// The reply where it may not submit mail any more, or the database fails.
    async fn current_actor(&mut self, actor: Arc<Actor>) -> Result<Arc<Actor>, SmtpReply> {
        if self.times.checked.elapsed() < self.service.limits.recheck {
            return Ok(actor);
        }
        match self.service.postern.accounts().renewed(&actor).await {
            Ok(Some(renewed)) => {
                self.times.checked = Instant::now();
                Ok(self.session.renew_actor(renewed))
            }
            Ok(None) => Err(self.session.forget_actor()),
            Err(refusal) => Err(replies::refused(&refusal)),
        }
    }

    /// Sends what can be sent, and waits until there is something to handle.
    async fn wait(&mut self) -> io::Result<Option<ConnectionEnd>> {
        loop {
            self.send().await?;
            let may_read = self.outgoing.mails() < AHEAD;
            let may_stop = !self.session.is_in_mail() && matches!(self.phase, Phase::Commands);
            let (limits, data) = (self.service.limits, self.octets());
            let is_waiting = self.outgoing.mails() > 0;
            // Both also where the client never stops sending.
            if may_stop && *self.stopped.borrow() {
                return Ok(Some(ConnectionEnd::Last(replies::STOPPING)));
            }
            if !is_waiting && self.times.latest_end(&limits, data) <= Instant::now() {
                return Ok(Some(ConnectionEnd::Last(replies::NO_MAIL)));
            }
            let (end, last) = self.times.end(&limits, data);
            tokio::select! {
                biased;
                reply = self.outgoing.next_mail(), if is_waiting => {
                    self.times.replied(Instant::now());
                    let end = self.settled(reply);
                    if end.is_some() || !may_read {
                        return Ok(end);
                    }
                }
                read = self.input.fill(&mut self.stream), if may_read => {
                    if read? == 0 {
                        return Ok(Some(ConnectionEnd::Gone));
                    }
                    self.times.heard = Instant::now();
                    return Ok(None);
                }
                () = self.deadline.passed(end), if !is_waiting => {
                    return Ok(Some(ConnectionEnd::Last(last)));
                }
                () = stopping(&mut self.stopped), if may_stop => {
                    return Ok(Some(ConnectionEnd::Last(replies::STOPPING)));
                }
            }
        }
    }

    /// How many octets arrived of the mail that is read, where one is.
    fn octets(&self) -> Option<u64> {
        let chunks = self.chunks.len() as u64;
        match &self.phase {
            Phase::Commands => self.session.has_chunks().then_some(chunks),
            Phase::Data(reader) => Some(reader.received()),
            Phase::Chunk(chunk) => Some(chunk.received().max(chunks)),
        }
    }

    /// Counts the replies of mails: the first one, and those that are known by now.
    fn settled(&mut self, first: Option<SmtpReply>) -> Option<ConnectionEnd> {
        let mut known = first;
        while let Some(reply) = known {
            match reply.code {
                250 => self.session.accepted(),
                _ => self.session.count(&reply),
            }
            known = self.outgoing.known_mail();
        }
        let too_many = self.session.has_too_many_errors();
        too_many.then_some(ConnectionEnd::Last(replies::TOO_MANY_ERRORS))
    }

    async fn send(&mut self) -> io::Result<()> {
        if self.outgoing.ready().is_empty() {
            return Ok(());
        }
        let (stream, ready) = (&mut self.stream, self.outgoing.ready());
        let sending = async {
            stream.write_all(ready).await?;
            stream.flush().await
        };
        timeout(self.service.limits.write, sending).await??;
        self.outgoing.sent();
        Ok(())
    }

    /// Waits for the mails that are being accepted, and sends their replies.
    async fn settle_all(mut self) {
        while self.outgoing.next_mail().await.is_some() {}
        if self.send().await.is_ok() {
            let _ = shut_down(&mut self.stream, self.service.limits.write).await;
        }
    }

    /// Waits for the mails that are being accepted, sends a last reply and closes the connection.
    async fn close(mut self, last: SmtpReply) {
        while self.outgoing.next_mail().await.is_some() {}
        self.outgoing.push(&last);
        let limit = self.service.limits.write;
        if self.send().await.is_err() || shut_down(&mut self.stream, limit).await.is_err() {
            return;
        }
        let mut rest = self.stream.take(LINGER_MAX);
        let mut sink = tokio::io::sink();
        let _ = timeout(LINGER, tokio::io::copy(&mut rest, &mut sink)).await;
    }

    /// Replies to STARTTLS, and waits for the handshake. Nothing that came before it is kept.
    async fn secure(mut self) -> Option<Self> {
        while self.outgoing.next_mail().await.is_some() {}
        self.outgoing.push(&replies::START_TLS);
        self.send().await.ok()?;
        let acceptor = self.service.tls.clone()?;
        let handshake = self.stream.secure(&acceptor);
        let secured = tokio::select! {
            secured = timeout(self.service.limits.write, handshake) => secured.ok()?,
            () = stopping(&mut self.stopped) => return None,
        };
        let stream = secured
            .inspect_err(|error| tracing::debug!(client = %self.client, %error, "TLS failed"))
            .ok()?;
        let mut secured = Self { stream, ..self };
        secured.session.secured();
        secured.times.heard = Instant::now();
        Some(secured)
    }
}

/// Takes memory for a mail of which so much is stored.
///
/// # Errors
/// The reply where there is none.
fn hold(
    permit: &mut Option<BodyPermit>,
    session: &Session,
    client: SubmissionPeer,
    octets: usize,
) -> Result<(), SmtpReply> {
    if octets == 0 {
        *permit = None;
        return Ok(());
    }
    let share = || client.share_of(session.submitter());
    let held = permit.get_or_insert_with(|| BodyPermit::new(&share()));
    let grown = held.grow_to(octets);
    grown.map_err(|refusal| {
        *permit = None;
        replies::refused(&refusal)
    })
}

/// Waits until the process stops.
pub async fn stopping(stopped: &mut watch::Receiver<bool>) {
    drop(stopped.wait_for(|stopped| *stopped).await);
}
