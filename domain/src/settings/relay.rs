//! Relays of the organisation: name, order, From-domain rule, limits, and changes of them.

use crate::settings::Verification;

/// The limits of a relay; absent ones do not apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelayLimits {
    /// Connections at a time.
    pub max_connections: Option<u32>,
    /// Messages a minute.
    pub per_minute: Option<u32>,
    /// Messages an hour.
    pub per_hour: Option<u32>,
    /// Messages a day.
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
    /// Whether mail is sent through it.
    pub enabled: bool,
    /// Its limits.
    pub limits: RelayLimits,
}

/// What decides which mail a relay is for.
#[derive(Clone, Copy, Debug)]
pub struct RelayRule<'a> {
    /// The domain of the From addresses that it is for; `None` means all.
    pub from_domain: Option<&'a str>,
    /// Whether mail is sent through it.
    pub enabled: bool,
}

/// The positions of the relays that take the mail of a From domain, in their order: those with a rule
/// for it, or where none has, those without a rule. `None` is mail of no rule.
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
    /// `global` for the first relay, a ULID for others.
    pub id: String,
    /// The position in the order of relays, from 1 on.
    pub position: i64,
    /// The number of the last change, without changes of its SMTP settings.
    pub revision: i64,
    /// The relay without its SMTP settings.
    pub config: RelayConfig,
    /// Host and port; `None` before the first save of valid SMTP settings.
    pub address: Option<String>,
    /// Whether a test mail has verified its SMTP settings.
    pub verified: Verification,
}

impl RelayView {
    /// Whether it is the first relay, which cannot be removed.
    pub fn is_main(&self) -> bool {
        self.id == MAIN
    }
}

/// The id of the first relay.
pub const MAIN: &str = "global";

/// What stands for the account's own relay in the place of an id.
pub const OWN: &str = "own";

/// The id of a relay, where `None` is the first.
pub fn id_or_main(id: Option<&str>) -> &str {
    id.unwrap_or(MAIN)
}

/// The change of a value that may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It becomes absent.
    Clear,
    /// It becomes this value.
    Set(T),
}

/// A change of a relay, not validated. What is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelayChange {
    /// The name.
    pub name: Option<String>,
    /// The From domain.
    pub from_domain: Change<String>,
    /// Whether mail is sent through it.
    pub enabled: Option<bool>,
    /// The position in the order of relays, from 1 on.
    pub position: Option<i64>,
    /// Connections at a time.
    pub max_connections: Change<i64>,
    /// Messages a minute.
    pub per_minute: Change<i64>,
    /// Messages an hour.
    pub per_hour: Change<i64>,
    /// Messages a day.
    pub per_day: Change<i64>,
}
