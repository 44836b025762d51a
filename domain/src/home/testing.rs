//! Facts for the tests of Home.

use super::{HomeFacts, HomeRelay, RelayName};
use crate::Timestamp;
use crate::health::HealthState;

/// A relay for mail from every domain.
pub fn relay(name: &str, state: HealthState, since: i64) -> HomeRelay {
    HomeRelay {
        relay: RelayName {
            id: name.to_lowercase(),
            name: name.to_owned(),
        },
        own: false,
        for_all: true,
        state,
        since: Some(Timestamp(since)),
        cause: Some("Nothing listens on the port.".to_owned()),
    }
}

/// The facts of an administrator while delivery runs.
pub fn facts(relays: Vec<HomeRelay>) -> HomeFacts {
    HomeFacts {
        admin: true,
        configured: true,
        delivers: true,
        relays,
        ..HomeFacts::default()
    }
}
