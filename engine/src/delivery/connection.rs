//! A connection to the relay: how long it may serve, and how it rests between runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::outbox::Outbox;
use crate::smtp::Session;

/// The mails and the age a connection ends with, so that a relay behind a balancer is not bound to
/// one of its machines.
const MOST_MAILS: usize = 1000;
const OLDEST: Duration = Duration::from_secs(300);

/// How long a connection waits for the next mail.
const IDLE: Duration = Duration::from_secs(5);

/// A connection to the relay.
pub struct Connection {
    pub session: Session,
    _counted: Counted,
    begun: Instant,
    rests_since: Instant,
    mails: usize,
    /// Commands of the next mail stand behind the body of this one.
    announced: bool,
}

impl Connection {
    pub fn new(session: Session, outbox: Arc<Outbox>) -> Self {
        outbox.meter.connected();
        Self {
            session,
            _counted: Counted(outbox),
            begun: Instant::now(),
            rests_since: Instant::now(),
            mails: 0,
            announced: false,
        }
    }

    /// Whether the mail it has is its first.
    pub fn is_new(&self) -> bool {
        self.mails <= 1
    }

    /// Notes whether the next mail is announced; answers whether this one was.
    pub fn announce(&mut self, next: bool) -> bool {
        std::mem::replace(&mut self.announced, next)
    }

    /// Counts a mail.
    pub fn used(&mut self) {
        self.mails += 1;
    }

    /// It waits for the next run from now on.
    pub fn rest(&mut self) {
        self.rests_since = Instant::now();
    }

    /// Whether it waited long enough.
    pub fn rested_long(&self) -> bool {
        self.rests_since.elapsed() >= IDLE
    }

    /// Whether it may have a mail behind the one it has.
    pub fn may_go_on(&self) -> bool {
        self.mails + 1 < MOST_MAILS && self.begun.elapsed() < OLDEST
    }
}

/// An open connection on the meter.
struct Counted(Arc<Outbox>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.meter.disconnected();
    }
}

/// Says goodbye beside what else goes on.
pub fn part(connections: Vec<Connection>) {
    for connection in connections {
        tokio::spawn(async move { connection.session.quit().await });
    }
}
