//! Requests to the group commit, and what it returns once they are on disk.

use std::collections::HashSet;
use std::sync::{Arc, Weak};

use domain::Timestamp;
use domain::outbox::Suppression;
use tokio::time::Instant;

use super::figures::ShardRows;
use crate::outbox::accept::limits::{LimitHolder, LimitRefusal};
use crate::outbox::processes::HEARTBEAT_TIMEOUT;
use crate::store::audit::Entry;
use crate::store::database::direct::DirectTransaction;
use crate::store::delivery::events;
use crate::store::delivery::pause::{self, Control};
use crate::store::messages::MessageRow;
use crate::store::messages::flows::QueueClass;
use crate::store::messages::idempotency::{IdempotencyKey, StoredAnswer};
use crate::store::messages::opens::TrackedMessage;
use crate::store::recipients::{
    Claim, ClaimedRecipient, LeaseChange, RecipientKey, SettledRecipient,
};
use crate::store::{Connection, DatabaseTime, StoreError};

/// What a report counts for among the octets of a commit: about as much of the message is read, within the
/// transaction.
pub(super) const REPORT_OCTETS: usize = 64 * 1024;

/// A message to insert.
#[derive(Debug)]
pub struct NewMessage {
    pub message: MessageRow,
    pub bytes: Vec<u8>,
    pub recipients: Vec<String>,
    /// Where it waits.
    pub class: QueueClass,
    /// The id of the flow of its account in that class.
    pub flow: i64,
    /// The id of its image, where its opens are tracked.
    pub open_id: Option<String>,
}

impl NewMessage {
    /// The message to track, where its opens are tracked.
    pub(super) fn tracked(&self) -> Option<TrackedMessage<'_>> {
        self.open_id.as_deref().map(|open_id| TrackedMessage {
            open_id,
            message_id: &self.message.id,
        })
    }
}

/// A worker, and when the leases that it is given end.
#[derive(Clone, Debug)]
pub struct Lease {
    pub owner: Arc<str>,
    pub end: Timestamp,
}

/// A request to write.
#[derive(Debug)]
pub enum WriteRequest {
    /// Inserts messages, all or none, and none beyond a limit.
    Accept {
        messages: Arc<[NewMessage]>,
        key: Option<IdempotencyKey>,
        /// The account and the token against whose quotas the messages count.
        counted: Vec<LimitHolder>,
        /// The version of the routing as of which the account that submits is there. Nothing is inserted
        /// where it is another one by now.
        version: Option<i64>,
        /// Leases the recipients in the same commit, unless delivery is paused.
        lease: Option<Lease>,
        /// Lives as long as the caller waits. Without it the request is skipped: the messages were
        /// not accepted, and the caller submits them again.
        caller: Weak<()>,
    },
    /// Writes the results of attempts under the leases of `owner`.
    Settle {
        owner: Arc<str>,
        settled: Vec<SettledRecipient>,
        events: Vec<events::NewEvent>,
        suppressions: Vec<Suppression>,
        /// How many addresses the relay may list within a day.
        suppression_limit: i64,
    },
    /// Leases up to `limit` recipients of a flow that are due; none while delivery is paused.
    Claim {
        lease: Lease,
        /// The id of the flow.
        flow: i64,
        limit: i64,
        /// Whether to take over leases of other workers that have ended.
        expired_leases: bool,
        /// The clock by which those leases must have ended too; `None` where all workers run on this machine.
        database_time: Option<DatabaseTime>,
    },
    /// Renews leases of their owner until their new end.
    Renew {
        lease: Lease,
        keys: Vec<RecipientKey>,
    },
    /// Reports the delays of the messages with these ids, each once for a recipient.
    ReportDelays(Vec<String>),
    /// Inserts rows of the audit log.
    Audit(Vec<Entry>),
    /// Releases leases of `owner`: the recipients are due at `due`, without an attempt.
    Release {
        owner: Arc<str>,
        due: Timestamp,
        keys: Vec<RecipientKey>,
    },
}

impl WriteRequest {
    /// Whether a caller waits for it, or it has to be written anyway.
    pub(super) fn is_wanted(&self) -> bool {
        match self {
            Self::Accept { caller, .. } => caller.strong_count() > 0,
            _ => true,
        }
    }

    /// Whether it accepts messages as of another version of the routing.
    fn is_outdated(&self, control: ControlState) -> bool {
        match self {
            Self::Accept { version, .. } => version.is_some_and(|known| known != control.version),
            _ => false,
        }
    }

    /// Whether it changes the outbox.
    pub(super) fn is_change(&self) -> bool {
        !matches!(self, Self::Audit(_))
    }

    /// Whether it may have something to report to the sender of a message.
    pub(super) fn has_reports(&self) -> bool {
        match self {
            Self::Settle { settled, .. } => settled.iter().any(|row| row.report.is_some()),
            Self::ReportDelays(_) => true,
            _ => false,
        }
    }

    /// The claim that it asks for.
    pub(super) fn as_claim(&self, now: Timestamp) -> Option<Claim<'_>> {
        match self {
            Self::Claim {
                lease,
                flow,
                limit,
                expired_leases,
                database_time,
            } => Some(Claim {
                owner: &lease.owner,
                flow: *flow,
                now,
                lease_end: lease.end,
                limit: *limit,
                expired_leases: *expired_leases,
                database_time: *database_time,
            }),
            _ => None,
        }
    }

    /// The change of leases that it asks for.
    pub(super) fn as_lease_change(&self) -> Option<LeaseChange<'_>> {
        match self {
            Self::Renew { lease, keys } => Some(LeaseChange {
                owner: &lease.owner,
                keys,
                due: lease.end,
                renew: true,
            }),
            Self::Release { owner, due, keys } => Some(LeaseChange {
                owner,
                keys,
                due: *due,
                renew: false,
            }),
            _ => None,
        }
    }

    /// The octets of messages in it, and of those that it may read for reports.
    pub(super) fn octets(&self) -> usize {
        match self {
            Self::Accept { messages, .. } => {
                messages.iter().map(|message| message.bytes.len()).sum()
            }
            Self::Settle { settled, .. } => {
                let reported = settled.iter().filter(|row| row.report.is_some());
                let messages = reported.map(|row| row.key.message_id.as_str());
                REPORT_OCTETS * messages.collect::<HashSet<&str>>().len()
            }
            Self::ReportDelays(ids) => REPORT_OCTETS * ids.len(),
            _ => 0,
        }
    }
}

/// What delivery has to check before each message, as of a transaction.
#[derive(Clone, Copy, Debug)]
pub struct ControlState {
    /// It was read at this time or later.
    pub read_at: Instant,
    /// The version of the relays and their settings.
    pub version: i64,
    /// Whether delivery is paused.
    pub paused: bool,
}

impl ControlState {
    /// Reads it, as of `now`. With `hold_mail` delivery is paused whatever the database says.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn read(
        connection: &mut Connection,
        hold_mail: bool,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let read_at = Instant::now();
        let control = pause::control(connection, now - HEARTBEAT_TIMEOUT).await?;
        Ok(Self::of(control, hold_mail, read_at))
    }

    /// As [`ControlState::read`], in a direct transaction.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn read_directly(
        work: &DirectTransaction<'_>,
        hold_mail: bool,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let read_at = Instant::now();
        let control = pause::control_directly(work, now - HEARTBEAT_TIMEOUT)?;
        Ok(Self::of(control, hold_mail, read_at))
    }

    fn of(control: Control, hold_mail: bool, read_at: Instant) -> Self {
        Self {
            read_at,
            version: control.version,
            paused: hold_mail || control.paused,
        }
    }
}

/// The result of a request, once it is on disk.
#[derive(Debug)]
pub struct WriteResult {
    pub control: ControlState,
    /// The recipients that were leased.
    pub claimed: Vec<ClaimedRecipient>,
    /// The recipients whose leases were still held and are renewed.
    pub renewed: Vec<RecipientKey>,
    /// The earlier answer to the same idempotency key; then nothing was inserted.
    pub earlier: Option<StoredAnswer>,
    /// The limit that does not allow the messages now; then nothing was inserted.
    pub refused: Option<LimitRefusal>,
    /// The routing has another version than the request; then nothing was inserted.
    pub is_outdated: bool,
    /// How many reports the commit inserted: in the result of the first request that may have some.
    pub reports: usize,
}

/// The results of a commit's requests, and what it counted.
pub(super) struct CommittedResults {
    pub results: Vec<WriteResult>,
    pub counted: ShardRows,
    /// How many events of webhooks were queued.
    pub events: usize,
}

impl WriteResult {
    /// That of a request before it is written.
    pub(super) fn new(control: ControlState, request: &WriteRequest) -> Self {
        Self {
            control,
            claimed: Vec::new(),
            renewed: Vec::new(),
            earlier: None,
            refused: None,
            is_outdated: request.is_outdated(control),
            reports: 0,
        }
    }

    /// Whether messages that were to be accepted are inserted.
    pub(super) fn is_accepted(&self) -> bool {
        self.earlier.is_none() && self.refused.is_none() && !self.is_outdated
    }
}
