//! The routes of messages: the relays, and which of them takes the messages of which queue.

use std::collections::HashMap;
use std::sync::Arc;

use domain::Timestamp;
use domain::settings::relay::{RelayLimits, RelayRule, positions};

use super::quota::limits_messages;
use crate::settings::{Relays, RoutingTable};
use crate::smtp::Relay;
use crate::store::relays::pipelining_trials::{self, PipeliningTrial};
use crate::store::relays::usage::{self, Usage};
use crate::store::{Scope, Store, StoreError};

/// A relay as of a revision of its settings. The name that an administrator gave it is no part of this: all
/// that is known of a relay, and its connections, outlast a change of the name.
pub(in crate::delivery) struct Route {
    pub scope: Scope,
    pub revision: i64,
    /// Host and port.
    pub name: String,
    pub relay: Relay,
    /// The domain of From whose mail it takes; `None` for all that no rule sends elsewhere.
    pub from_domain: Option<String>,
    /// Whether it may be used.
    pub enabled: bool,
    pub limits: RelayLimits,
    /// Whether the relay supports pipelined next transactions, as it was tried.
    pub pipelining: Vec<PipeliningTrial>,
}

/// All relays.
pub(in crate::delivery) struct Routes {
    /// Grows with each change of a relay or its settings.
    pub version: i64,
    /// The relays of the organisation in the order in which they take over from each other, and after
    /// them those of accounts.
    pub relays: Vec<Arc<Route>>,
    /// The names that administrators gave the relays of the organisation.
    pub titles: HashMap<Scope, String>,
    /// Whether the relays of the organisation take over from those of accounts.
    pub fallback: bool,
    /// The messages that relays with limits got.
    pub usage: Vec<Usage>,
}

impl Route {
    /// The positions of the relays of the organisation that take the mail of a rule, in their order.
    /// Where the rule is gone, its mail is that of no rule.
    pub fn of_rule<'a>(
        routes: impl Iterator<Item = &'a Self> + Clone + 'a,
        rule: Option<&'a str>,
    ) -> impl Iterator<Item = usize> + 'a {
        let rules = routes.map(|route| RelayRule {
            from_domain: route.from_domain.as_deref(),
            enabled: route.enabled,
        });
        positions(rules, rule)
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

    /// Whether it is of the same relay, at the same host and port.
    pub fn is_same_server(&self, other: &Self) -> bool {
        self.scope == other.scope && self.name == other.name
    }

    /// The settings of a relay that delivery needs are the same. The password of a revision is one, which may
    /// open again when the file of its key is restored.
    fn is_same(&self, other: &Self) -> bool {
        self.scope == other.scope
            && self.relay.password.is_some() == other.relay.password.is_some()
            && self.revision == other.revision
            && self.name == other.name
            && self.from_domain == other.from_domain
            && self.enabled == other.enabled
            && self.limits == other.limits
    }
}

impl Routes {
    /// Reads the saved settings of all relays. Those that are not valid are left out. Of `before`,
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
            relays: of_organisation,
            own,
            fallback,
        } = relays.configured().await?;
        let titles = of_organisation.iter();
        let titles = titles.map(|relay| (relay.id, relay.config.name.clone()));
        let titles = titles.collect();
        let mut connection = store.read().await?;
        let trials = pipelining_trials::all(&mut connection).await?;
        let routes = of_organisation.into_iter().chain(own).filter_map(|relay| {
            let settings = relay.settings?;
            let name = settings.host.with_port(settings.port);
            Some(Route {
                scope: relay.id,
                revision: relay.revision,
                pipelining: trials.get(&name).cloned().unwrap_or_default(),
                name,
                from_domain: relay.config.from_domain,
                enabled: relay.config.enabled,
                limits: relay.config.limits,
                relay: Relay {
                    settings,
                    // Without one that can be opened, the relay's refusal becomes the failure.
                    password: relay.password,
                },
            })
        });
        let routes: Vec<Route> = routes.collect();
        let limited = |route: &Route| limits_messages(&route.limits);
        let usage = match routes.iter().any(limited) {
            true => usage::current(&mut connection, now).await?,
            false => Vec::new(),
        };
        let before: HashMap<Scope, &Arc<Route>> =
            before.iter().map(|route| (route.scope, route)).collect();
        let keep = |route: Route| {
            let same = before
                .get(&route.scope)
                .filter(|known| known.is_same(&route));
            same.map_or_else(|| Arc::new(route), |known| Arc::clone(known))
        };
        Ok(Self {
            version,
            relays: routes.into_iter().map(keep).collect(),
            titles,
            fallback,
            usage,
        })
    }
}
