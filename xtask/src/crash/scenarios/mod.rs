//! What the runs do under load: the nodes, what happens to them, and how many it hits.

mod events;
pub mod relays;
pub mod rolling;
mod rotation;
mod sharing;

use crate::{
    crash::cluster::{Cluster, Layout},
    rig::{environment::Database, random::Random},
};
use anyhow::Result;

/// A run: something happens to a number of nodes again and again.
pub struct Scenario {
    pub what: &'static str,
    pub layout: Layout,
    /// The nodes that one event hits: so many times the mails in doubt can arrive twice.
    pub victims: usize,
    /// The mails that are acknowledged before each event and after the last one, at least.
    pub mails: u64,
    /// Whether some mails name a webhook, whose events are verified.
    pub has_webhook: bool,
    pub event: fn(&mut Cluster, &mut Random) -> Result<()>,
}

/// Postern killed on a database.
pub fn killed(engine: Database, has_webhook: bool) -> Scenario {
    let (what, layout) = match engine {
        Database::Sqlite => ("killed, SQLite", ONE_NODE),
        Database::Postgres => ("killed, PostgreSQL, two nodes", TWO_NODES),
    };
    Scenario {
        what,
        layout,
        victims: 1,
        mails: 0,
        has_webhook,
        event: events::kill_node,
    }
}

const ONE_NODE: Layout = Layout {
    engine: Database::Sqlite,
    nodes: 1,
    is_balanced: false,
    is_linked: false,
    checks_health: false,
};

const TWO_NODES: Layout = Layout {
    engine: Database::Postgres,
    nodes: 2,
    is_balanced: false,
    is_linked: false,
    checks_health: false,
};

const TWO_LINKED_NODES: Layout = Layout {
    is_linked: true,
    ..TWO_NODES
};

pub const THREE_NODES: Layout = Layout {
    nodes: 3,
    is_balanced: true,
    ..TWO_NODES
};

/// Outages last for seconds in which little is acknowledged: an event that follows the one before at once would
/// hit few mails.
const BETWEEN_OUTAGES: u64 = 1_000;

/// What happens to nodes on PostgreSQL beside their own end.
pub const ON_POSTGRES: [Scenario; 6] = [
    Scenario {
        what: "PostgreSQL killed, two nodes",
        layout: TWO_NODES,
        victims: 2,
        mails: BETWEEN_OUTAGES,
        has_webhook: false,
        event: events::kill_database,
    },
    Scenario {
        what: "network to PostgreSQL cut for longer than the lease, one of two nodes",
        layout: TWO_LINKED_NODES,
        victims: 1,
        mails: BETWEEN_OUTAGES,
        has_webhook: false,
        event: events::cut_network,
    },
    Scenario {
        what: "the same, and its connections lost",
        layout: TWO_LINKED_NODES,
        victims: 1,
        mails: BETWEEN_OUTAGES,
        has_webhook: false,
        event: events::lose_connections,
    },
    Scenario {
        what: "stopped for longer than the lease (SIGSTOP), one of two nodes",
        layout: TWO_NODES,
        victims: 1,
        mails: BETWEEN_OUTAGES,
        has_webhook: false,
        event: events::suspend_node,
    },
    Scenario {
        what: "killed, one of three nodes behind a proxy",
        layout: THREE_NODES,
        victims: 1,
        mails: BETWEEN_OUTAGES,
        has_webhook: false,
        event: events::kill_node,
    },
    Scenario {
        what: "PostgreSQL stopped and started, three nodes behind a proxy",
        layout: THREE_NODES,
        victims: 3,
        mails: BETWEEN_OUTAGES,
        has_webhook: false,
        event: events::stop_database,
    },
];
