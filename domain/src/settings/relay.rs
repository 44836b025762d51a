//! Relays of the organisation: name, order, From-domain rule, limits, and changes of them.

use crate::settings::Verification;

/// The limits of a relay; absent ones do not apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelayLimits {
    /// The maximum number of connections at a time.
    pub max_connections: Option<u32>,
    /// The maximum number of messages a minute.
    pub per_minute: Option<u32>,
    /// The maximum number of messages an hour.
    pub per_hour: Option<u32>,
    /// The maximum number of messages a day.
    pub per_day: Option<u32>,
}

/// A relay without its SMTP settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayConfig {
    /// The name, unique among the relays.
    pub name: String,
    /// The domain, as A-labels in lower case, of the From addresses that the relay is for; `None`
    /// means all.
    pub from_domain: Option<String>,
    /// Whether mail is sent through the relay.
    pub enabled: bool,
    /// Its limits.
    pub limits: RelayLimits,
}

/// The rule that decides which mail a relay takes.
#[derive(Clone, Copy, Debug)]
pub struct RelayRule<'a> {
    /// The domain of the From addresses whose mail the relay takes; `None` means all.
    pub from_domain: Option<&'a str>,
    /// Whether mail is sent through the relay.
    pub enabled: bool,
}

/// The positions of the relays that take the mail of a From domain, in their order: those with a rule
/// for it, or if there are none, those without a rule. For `None`, only relays without a rule are
/// considered.
pub fn positions<'a>(
    relays: impl Iterator<Item = RelayRule<'a>> + Clone + 'a,
    domain: Option<&'a str>,
) -> impl Iterator<Item = usize> + 'a {
    let has_rule = |domain: &&str| {
        relays
            .clone()
            .any(|relay| relay.from_domain == Some(*domain))
    };
    let rule = domain.filter(has_rule);
    let takes = move |(index, relay): (usize, RelayRule<'a>)| {
        (relay.enabled && relay.from_domain == rule).then_some(index)
    };
    relays.enumerate().filter_map(takes)
}

/// A relay as administrators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayView {
    /// The id: `global` for the first relay, a ULID for others.
    pub id: String,
    /// The position in the order of relays, from 1 on.
    pub position: i64,
    /// The number of the last change; changes of the SMTP settings are not counted.
    pub revision: i64,
    /// The relay without its SMTP settings.
    pub config: RelayConfig,
    /// Host and port; `None` before the first save of valid SMTP settings.
    pub address: Option<String>,
    /// Whether a test mail has verified its SMTP settings.
    pub verified: Verification,
}

impl RelayView {
    /// Whether the relay is the first one, which cannot be removed.
    pub fn is_main(&self) -> bool {
        self.id == MAIN
    }
}

/// The id of the first relay.
pub const MAIN: &str = "global";

/// The text that names the account's own relay in place of an id.
pub const OWN: &str = "own";

/// The id of a relay; `None` is the first relay.
pub fn id_or_main(id: Option<&str>) -> &str {
    id.unwrap_or(MAIN)
}

/// The change of a value that may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// The value does not change.
    #[default]
    Keep,
    /// The value becomes absent.
    Clear,
    /// The value is replaced by this one.
    Set(T),
}

/// A change of a relay that is not validated. Absent fields keep their value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelayChange {
    /// The name.
    pub name: Option<String>,
    /// The From domain.
    pub from_domain: Change<String>,
    /// Whether mail is sent through the relay.
    pub enabled: Option<bool>,
    /// The position in the order of relays, from 1 on.
    pub position: Option<i64>,
    /// The maximum number of connections at a time.
    pub max_connections: Change<i64>,
    /// The maximum number of messages a minute.
    pub per_minute: Change<i64>,
    /// The maximum number of messages an hour.
    pub per_hour: Change<i64>,
    /// The maximum number of messages a day.
    pub per_day: Change<i64>,
}
