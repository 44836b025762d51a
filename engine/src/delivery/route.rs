//! The routes of messages: the relays, and which of them takes the messages of which queue.

use std::sync::Arc;

use domain::Timestamp;
use domain::relay::{RelayLimits, RelayRule, positions};

use super::relay_quota::limits_messages;
use crate::settings::{Relays, RoutingTable};
use crate::smtp::Relay;
use crate::store::flows::rule_of_queue;
use crate::store::pipelining_trials::{self, PipeliningTrial};
use crate::store::relay_usage::{self, Usage};
use crate::store::{Scope, Store, StoreError};

/// A relay as of a revision of its settings.
pub(super) struct Route {
    pub scope: Scope,
    pub revision: i64,
    /// Host and port.
    pub name: String,
    /// The name that an administrator gave it.
    pub title: String,
    pub relay: Relay,
    /// The domain of From whose mail it takes; `None` for all that no rule sends elsewhere.
    pub from_domain: Option<String>,
    /// Whether it may be used.
    pub enabled: bool,
    pub limits: RelayLimits,
    /// Whether the relay bears pipelined next transactions, as it was tried.
    pub pipelining: Vec<PipeliningTrial>,
}

/// All relays, in the order in which they take over from each other.
pub(super) struct Routes {
    /// Grows with each change of a relay or its settings.
    pub version: i64,
    pub relays: Vec<Arc<Route>>,
    /// The messages that relays with limits got.
    pub usage: Vec<Usage>,
}

impl Route {
    /// The positions of the relays that take the messages of a queue, in their order. Where the rule
    /// of a queue is gone, its messages are those of no rule.
    pub fn of_queue<'a>(
        routes: impl Iterator<Item = &'a Self> + Clone + 'a,
        queue: &'a str,
    ) -> impl Iterator<Item = usize> + 'a {
        let rules = routes.map(|route| RelayRule {
            from_domain: route.from_domain.as_deref(),
            enabled: route.enabled,
        });
        positions(rules, rule_of_queue(queue))
    }

    /// A route without a rule to a relay of this name.
    #[cfg(test)]
    pub fn of_name(name: &str) -> Self {
        use domain::{Form, Label};

        let form = Form::default()
            .with(Label::FromAddress, "alerts@example.com")
            .with(Label::Host, name)
            .with(Label::Port, "25");
        Self {
            scope: Scope::Global,
            revision: 1,
            name: name.to_owned(),
            title: name.to_owned(),
            from_domain: None,
            enabled: true,
            limits: RelayLimits::default(),
            pipelining: Vec::new(),
            relay: Relay {
                settings: form.parse().expect("valid"),
                password: None,
            },
        }
    }

    /// The settings of a relay that delivery needs are the same.
    fn is_same(&self, other: &Self) -> bool {
        self.scope == other.scope
            && self.revision == other.revision
            && self.name == other.name
            && self.title == other.title
            && self.from_domain == other.from_domain
            && self.enabled == other.enabled
            && self.limits == other.limits
    }
}

impl Routes {
    /// Reads the saved settings of the relays. Those that are not valid are left out. Of `before`,
    /// routes that are the same are kept.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn read(
        relays: &Relays,
        store: &Store,
        before: &[Arc<Route>],
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let RoutingTable {
            version,
            relays: routed,
        } = relays.configured().await?;
        let mut connection = store.read().await?;
        let mut routes = Vec::new();
        for relay in routed {
            let Some(settings) = relay.settings else {
                continue;
            };
            let name = settings.host.with_port(settings.port);
            routes.push(Route {
                scope: relay.id,
                revision: relay.revision,
                pipelining: pipelining_trials::of_relay(&mut connection, &name).await?,
                name,
                title: relay.config.name,
                from_domain: relay.config.from_domain,
                enabled: relay.config.enabled,
                limits: relay.config.limits,
                relay: Relay {
                    settings,
                    // Without one that can be opened, the relay's refusal becomes the failure.
                    password: relay.password,
                },
            });
        }
        let limited = |route: &Route| limits_messages(&route.limits);
        let usage = match routes.iter().any(limited) {
            true => relay_usage::current(&mut connection, now).await?,
            false => Vec::new(),
        };
        let keep = |route: Route| {
            let same = before.iter().find(|known| known.is_same(&route));
            same.cloned().unwrap_or_else(|| Arc::new(route))
        };
        Ok(Self {
            version,
            relays: routes.into_iter().map(keep).collect(),
            usage,
        })
    }
}
