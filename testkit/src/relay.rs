//! A relay on loopback: its listener, its rules while it runs, and what tests wait for.

#[cfg(feature = "tls")]
use crate::pki::ServerTls;
use crate::{
    record::{AcceptedMail, Record, Transaction},
    script::{Action, RelayScript},
    session,
    state::{BusyConnection, Callback, Shared, State},
};
use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};
use tokio::time::timeout;

/// Limit for everything a test waits for.
const WAIT_LIMIT: Duration = Duration::from_secs(60);

/// The receive buffer of a narrow relay, in octets.
const NARROW: usize = 64 * 1024;

/// A running relay. It stops listening on drop.
pub struct Relay {
    pub address: SocketAddr,
    /// Whether its script makes clients wait for their own time-out.
    pub keeps_clients_waiting: bool,
    shared: Arc<Shared>,
}

impl Relay {
    /// Starts a relay that records everything.
    ///
    /// # Panics
    /// If no port is available.
    pub fn start(script: RelayScript) -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST, script)
    }

    /// As [`Relay::start`], at another address of this machine, such as one of 127.0.0.0/8.
    ///
    /// # Panics
    /// If no port is available there.
    pub fn start_at(address: Ipv4Addr, script: RelayScript) -> Self {
        Self::listen(address, script, None).expect("a port of this machine")
    }

    /// Starts a relay that records nothing and passes each mail to `accept` before it replies, so
    /// that a client that misses the reply has still delivered the mail.
    ///
    /// # Errors
    /// If no port is available.
    pub fn with_callback(
        script: RelayScript,
        accept: impl Fn(&Transaction<'_>) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::listen(Ipv4Addr::LOCALHOST, script, Some(Box::new(accept)))
    }

    /// As [`Relay::with_callback`], at all addresses of this machine: each of 127.0.0.0/8 is a relay
    /// of its own, which [`Transaction::relay`] names. It serves clients of this machine only.
    ///
    /// # Errors
    /// If no port is available.
    pub fn at_all_addresses(
        script: RelayScript,
        accept: impl Fn(&Transaction<'_>) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::listen(Ipv4Addr::UNSPECIFIED, script, Some(Box::new(accept)))
    }

    fn listen(
        address: Ipv4Addr,
        script: RelayScript,
        callback: Option<Box<Callback>>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((address, 0))?;
        if script.narrow {
            // Connections that it accepts have that of the listener.
            socket2::SockRef::from(&listener).set_recv_buffer_size(NARROW)?;
        }
        let shared = Arc::new(Shared::new(callback));
        let relay = Self {
            address: listener.local_addr()?,
            keeps_clients_waiting: script.keeps_clients_waiting(),
            shared: Arc::clone(&shared),
        };
        thread::spawn(move || {
            for tcp in listener.incoming().map_while(Result::ok) {
                if shared.stopped.load(Ordering::Acquire) {
                    break;
                }
                if tcp.peer_addr().is_ok_and(|peer| peer.ip().is_loopback()) {
                    serve(&shared, tcp, script.clone());
                }
            }
        });
        Ok(relay)
    }

    /// A copy of everything received so far.
    pub fn record(&self) -> Record {
        self.shared.state.lock().record.clone()
    }

    /// The mails accepted so far.
    pub fn accepted(&self) -> Vec<AcceptedMail> {
        self.shared.state.lock().record.accepted.clone()
    }

    /// The subjects of the mails accepted so far.
    pub fn subjects(&self) -> Vec<String> {
        let accepted = self.accepted();
        let subjects = accepted.iter().filter_map(|mail| mail.header("Subject"));
        subjects.map(str::to_owned).collect()
    }

    /// Replies with `reply` to every line that begins with `event` from now on. The newest rule
    /// counts. `GREETING` is the greeting, `END Subject: …` the end of a mail. An empty reply closes
    /// the connection.
    pub fn reply_to(&self, event: &str, reply: &str) {
        let rule = (event.to_owned(), reply.to_owned());
        self.shared.state.lock().rules.insert(0, rule);
    }

    /// Greets with 421 while this many connections are open.
    pub fn limit_connections(&self, connections: usize) {
        self.shared.state.lock().max_connections = Some(connections);
    }

    /// Closes every so-many-th connection without a greeting, until [`Relay::reset`].
    pub fn close_every(&self, connections: usize) {
        self.shared.state.lock().closes_every = Some(connections);
    }

    /// Uses this certificate from the next connection on.
    #[cfg(feature = "tls")]
    pub fn change_certificate(&self, tls: ServerTls) {
        self.shared.state.lock().tls = Some(tls);
    }

    /// Refuses more recipients of one mail with 452.
    pub fn limit_recipients(&self, recipients: usize) {
        self.shared.state.lock().max_recipients = Some(recipients);
    }

    /// Discards input that is pipelined behind the end of a mail, as broken servers do.
    pub fn discard_pipelined(&self) {
        self.shared.state.lock().discards_pipelined = true;
    }

    /// Takes a mail with input that is pipelined behind it, and closes the connection without a
    /// reply, as Dovecot's submission service 2.3 does.
    pub fn end_on_pipelined(&self) {
        self.shared.state.lock().ends_on_pipelined = true;
    }

    /// At the next end of a mail that begins with `event`: takes the mail and those that have arrived
    /// behind it, and closes the connection without a reply to them.
    pub fn lose_replies_at(&self, event: &str) {
        self.shared.state.lock().lost_replies = Some(event.to_owned());
    }

    /// Resets the connection at the beginning of the body of each mail to a recipient that begins so.
    pub fn reset_within(&self, recipient: &str) {
        self.shared.state.lock().reset_within = Some(recipient.to_owned());
    }

    /// Withholds the reply to every end of a mail until [`Relay::reset`].
    pub fn stall(&self) {
        self.shared.state.lock().stalled = true;
    }

    /// Removes all rules of [`Relay::reply_to`], and ends [`Relay::stall`] and [`Relay::close_every`].
    pub fn reset(&self) {
        {
            let mut state = self.shared.state.lock();
            state.rules.clear();
            state.closes_every = None;
            state.stalled = false;
        }
        self.shared.notify();
    }

    /// Number of lines so far that begin with `event`, as for [`Relay::reply_to`].
    pub fn count(&self, event: &str) -> usize {
        self.shared.state.lock().count(event)
    }

    /// Waits for this many lines that begin with `event`.
    ///
    /// # Panics
    /// If they do not arrive within a minute.
    pub async fn wait_for(&self, event: &str, times: usize) {
        let what = format!("{times} times {event:?}");
        self.wait(&what, |state| state.count(event) >= times).await;
    }

    /// Waits until this many mails are accepted, and returns them.
    ///
    /// # Panics
    /// If they do not arrive within a minute.
    pub async fn wait_for_mails(&self, mails: usize) -> Vec<AcceptedMail> {
        let what = format!("{mails} mails");
        self.wait(&what, |state| state.record.accepted.len() >= mails)
            .await;
        self.accepted()
    }

    /// Waits until a session has ended and everything it sent is recorded.
    ///
    /// # Panics
    /// If none ends within a minute.
    pub async fn wait_for_disconnect(&self) {
        self.wait("the end of a session", |state| state.ended_sessions > 0)
            .await;
    }

    async fn wait(&self, what: &str, reached: impl Fn(&State) -> bool) {
        let mut changes = self.shared.changes.subscribe();
        let wait = async {
            while !reached(&self.shared.state.lock()) {
                changes.changed().await.expect("the relay sends changes");
            }
        };
        if timeout(WAIT_LIMIT, wait).await.is_err() {
            let state = self.shared.state.lock();
            let subjects = state
                .record
                .accepted
                .iter()
                .filter_map(|mail| mail.header("Subject"));
            let subjects: Vec<&str> = subjects.collect();
            panic!(
                "no {what}; received {:#?}, accepted {subjects:?}",
                state.events
            );
        }
    }

    /// Number of connections at this moment. One that has sent QUIT is not counted any more.
    pub fn open_connections(&self) -> usize {
        self.shared.busy.load(Ordering::Acquire)
    }

    /// The largest number of connections at once so far, counted as [`Relay::open_connections`] does.
    pub fn most_connections(&self) -> usize {
        self.shared.most_busy.load(Ordering::Acquire)
    }

    /// Whether the relay has read everything that clients sent that are gone: all connections whose
    /// other end is closed are closed here, too.
    pub fn has_read_everything(&self) -> bool {
        let established = established(self.address.port());
        established == Some(self.shared.open.load(Ordering::Acquire))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        // Wakes the listener, which then stops.
        let _ = TcpStream::connect(self.address);
    }
}

/// Serves a connection in a thread of its own.
#[cfg_attr(
    not(feature = "tls"),
    allow(unused_mut, reason = "only certificates change the script")
)]
fn serve(shared: &Arc<Shared>, tcp: TcpStream, mut script: RelayScript) {
    let shared = Arc::clone(shared);
    let open = shared.open.fetch_add(1, Ordering::AcqRel) + 1;
    let refusal = {
        let mut state = shared.state.lock();
        state.record.connections += 1;
        #[cfg(feature = "tls")]
        if let Some(tls) = &state.tls {
            script.tls = Some(tls.clone());
        }
        let number = state.record.connections;
        let closes = state.closes_every;
        if closes.is_some_and(|every| number.is_multiple_of(every)) {
            Some(Action::Close)
        } else if state.max_connections.is_some_and(|most| open > most) {
            Some(Action::ReplyAndClose(b"421 4.7.0 too many\r\n".to_vec()))
        } else {
            None
        }
    };
    let busy = BusyConnection::begin(&shared);
    thread::spawn(move || {
        // Clients may end a session in any way: what matters is recorded.
        let _ = session::run(tcp, script, refusal, &shared, busy);
        shared.open.fetch_sub(1, Ordering::AcqRel);
        shared.state.lock().ended_sessions += 1;
        shared.notify();
    });
}

/// Number of established connections to a port of this machine (proc(5), `/proc/net/tcp`).
fn established(port: u16) -> Option<usize> {
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let local = format!("0100007F:{port:04X}");
    let lines = table.lines().filter(|line| {
        let mut words = line.split_whitespace().skip(1);
        // The state follows the remote address; 1 is TCP_ESTABLISHED.
        words.next() == Some(&local) && words.nth(1) == Some("01")
    });
    Some(lines.count())
}
