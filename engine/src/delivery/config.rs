//! The configuration of a worker, and the services that it uses.

use std::sync::Arc;
use std::time::Duration;

use super::pulse::LastTurn;
use crate::Clock;
use crate::outbox::Outbox;
use crate::settings::Relays;
use crate::smtp::Dialer;
use crate::store::Store;

/// How a worker delivers.
#[derive(Clone, Debug)]
pub struct DeliveryConfig {
    /// The maximum number of connections to a relay.
    pub connections: usize,
    /// The maximum number of messages in doubt, from their final octet until their result is on disk;
    /// at least 1. So many can arrive twice after a crash.
    pub in_doubt: usize,
    /// How long a message stays leased to a worker that no longer renews it.
    pub lease: Duration,
    /// How long messages and the audit log are kept.
    pub retention: Retention,
}

/// How long messages are kept after all their recipients were delivered or cancelled. Messages with
/// recipients in other states are kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Their bytes.
    pub bodies: Duration,
    /// Their rows and events.
    pub rows: Duration,
    /// Entries of the suppression list, whatever is in the outbox.
    pub suppressions: Duration,
    /// Rows of the audit log, whatever is in the outbox; at least 30 days.
    pub audit: Duration,
}

/// What delivery uses.
#[derive(Clone)]
pub(crate) struct DeliveryServices {
    pub store: Store,
    pub clock: Clock,
    pub relays: Relays,
    pub dialer: Dialer,
    /// For the relays of accounts.
    pub account_dialer: Dialer,
    pub outbox: Arc<Outbox>,
    /// The name of this machine.
    pub host: Arc<str>,
    /// When the loop took its last turn.
    pub last_turn: Arc<LastTurn>,
}
