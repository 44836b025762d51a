//! The facts that Home is made of, as the viewer may see them.

use crate::Timestamp;
use crate::health::HealthState;
use crate::outbox::Pause;

/// The facts of a Home.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HomeFacts {
    /// Whether the viewer is an administrator.
    pub admin: bool,
    /// The pause of delivery, if it is paused.
    pub pause: Option<Pause>,
    /// Whether a relay is set up.
    pub configured: bool,
    /// Whether a process delivers.
    pub delivers: bool,
    /// Since when delivery is not paused and there was always a process that delivers, where that is known.
    pub running_since: Option<Timestamp>,
    /// How many stored secrets do not open, as their keys are lost; 0 for others than administrators.
    pub lost_values: i64,
    /// How many keys the process that answers has in memory only, as their files are gone; 0 for others than
    /// administrators.
    pub keys_without_file: usize,
    /// When the key of stored secrets was made, where it is to be rotated.
    pub old_key: Option<Timestamp>,
    /// The relays that are on and set up, in their order: for an administrator the organisation's, for
    /// another account those that its own mail leaves through.
    pub relays: Vec<HomeRelay>,
    /// A relay whose settings neither a test mail nor a delivery has proven.
    pub untested: Option<RelayName>,
    /// The relay whose trusted CA certificates end first, where that is soon.
    pub authority: Option<ExpiringAuthority>,
    /// The API token of the viewer that expires first, where that is soon.
    pub expiring: Option<ExpiringToken>,
}

/// The id and the name of a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayName {
    /// The id, as in [`RelayView`](crate::settings::relay::RelayView).
    pub id: String,
    /// The name.
    pub name: String,
}

/// A relay as Home shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomeRelay {
    /// Id and name.
    pub relay: RelayName,
    /// Whether it is the own relay of the viewer's account.
    pub own: bool,
    /// Whether it is for mail from every domain.
    pub for_all: bool,
    /// Its health.
    pub state: HealthState,
    /// When the state began.
    pub since: Option<Timestamp>,
    /// The cause of the failure, as a sentence.
    pub cause: Option<String>,
}

/// The end of the CA certificates that are trusted for a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiringAuthority {
    /// The relay.
    pub relay: RelayName,
    /// When the last of them ends.
    pub at: Timestamp,
}

/// An API token that expires soon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiringToken {
    /// The name that its account gave it.
    pub name: String,
    /// When it expires.
    pub at: Timestamp,
}
