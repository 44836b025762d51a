//! The facts that Home is derived from, limited to those that the viewer may see.

use crate::Timestamp;
use crate::health::HealthState;
use crate::outbox::Pause;

/// The facts that the status and the next step of Home are derived from.
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
    /// The time since which delivery is not paused and a process has always delivered, if known.
    pub running_since: Option<Timestamp>,
    /// The number of stored secrets that cannot be opened because their keys are lost; 0 for viewers
    /// that are not administrators.
    pub lost_values: i64,
    /// The number of keys that the process that answers the request has only in memory because their
    /// files are missing; 0 for viewers that are not administrators.
    pub keys_without_file: usize,
    /// When the key that seals stored secrets was made, if it is due for rotation.
    pub old_key: Option<Timestamp>,
    /// The relays that are on and set up, in their order: for an administrator the organisation's, for
    /// another account those that its own mail leaves through.
    pub relays: Vec<HomeRelay>,
    /// A relay whose settings neither a test mail nor a delivery has proven.
    pub untested: Option<RelayName>,
    /// The relay whose trusted CA certificates expire first, if they expire soon.
    pub authority: Option<ExpiringAuthority>,
    /// The API token of the viewer that expires first, if it expires soon.
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
    /// Whether the relay is the own relay of the viewer's account.
    pub own: bool,
    /// Whether the relay takes mail from every domain.
    pub for_all: bool,
    /// The health of the relay.
    pub state: HealthState,
    /// When the state began.
    pub since: Option<Timestamp>,
    /// The cause of the failure, as a sentence.
    pub cause: Option<String>,
}

/// The expiry of the CA certificates that are trusted for a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiringAuthority {
    /// The relay.
    pub relay: RelayName,
    /// The end of the certificate that expires last.
    pub at: Timestamp,
}

/// An API token that expires soon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiringToken {
    /// The name that the account gave the token.
    pub name: String,
    /// When the token expires.
    pub at: Timestamp,
}
