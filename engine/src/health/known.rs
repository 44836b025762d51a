//! The relays that this process can check, and how the rows of the database differ from them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::settings::RoutingTable;
use crate::smtp::Relay;
use crate::store::Scope;
use crate::store::relays::health::{HealthRow, RelayRevision};

use super::check::CheckedRelay;

/// The relays that are on, have settings and are of no disabled account, as of a version of the routing.
pub(super) struct KnownRelays {
    pub version: i64,
    relays: HashMap<Scope, Arc<CheckedRelay>>,
}

/// What has to change in the database.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Differences {
    /// The relays that are new, or have new settings.
    pub begun: Vec<RelayRevision>,
    /// The relays that are gone or off, or whose accounts are disabled.
    pub ended: Vec<Scope>,
}

impl Differences {
    pub fn is_empty(&self) -> bool {
        self.begun.is_empty() && self.ended.is_empty()
    }
}

impl KnownRelays {
    pub fn of(table: RoutingTable) -> Self {
        let all = table.relays.into_iter().chain(table.own);
        let checked = all.filter(|relay| relay.is_checked).filter_map(|relay| {
            let checked = CheckedRelay {
                scope: relay.id,
                name: relay.config.name,
                revision: relay.revision,
                is_limited: relay.config.limits.max_connections.is_some(),
                relay: Relay {
                    settings: relay.settings?,
                    password: relay.password,
                },
            };
            Some((relay.id, Arc::new(checked)))
        });
        Self {
            version: table.version,
            relays: checked.collect(),
        }
    }

    /// The relay of a row; `None` where it has other settings by now, or had them then.
    pub fn of_row(&self, row: &HealthRow) -> Option<&Arc<CheckedRelay>> {
        let known = self.relays.get(&row.scope);
        known.filter(|relay| relay.revision == row.revision)
    }

    /// How the rows differ, in the order of scopes.
    pub fn differences(&self, rows: &[HealthRow]) -> Differences {
        let revisions: HashMap<Scope, i64> =
            rows.iter().map(|row| (row.scope, row.revision)).collect();
        let relays = self.relays.values();
        let other = relays.filter(|relay| revisions.get(&relay.scope) != Some(&relay.revision));
        let mut begun: Vec<RelayRevision> = other
            .map(|relay| RelayRevision {
                scope: relay.scope,
                revision: relay.revision,
            })
            .collect();
        let gone = rows.iter().map(|row| row.scope);
        let mut ended: Vec<Scope> = gone
            .filter(|scope| !self.relays.contains_key(scope))
            .collect();
        begun.sort_unstable_by_key(|relay| relay.scope);
        ended.sort_unstable();
        Differences { begun, ended }
    }
}
