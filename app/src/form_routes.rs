//! The forms of the console that need no cookie of their own, by the paths they are posted to.

use crate::form::FormRoute;
use crate::{domains, history, keys, limits, my_relay, outbox, policy, relays, suppressions};

/// The routes of the forms. The server crate mounts them.
pub fn form_routes() -> Vec<FormRoute> {
    let features = [
        domains::forms(),
        history::forms(),
        keys::forms(),
        limits::forms(),
        my_relay::forms(),
        outbox::forms(),
        policy::forms(),
        relays::forms(),
        suppressions::forms(),
    ];
    features.into_iter().flatten().collect()
}
