//! The forms of the console that need no cookie of their own, by the paths they are posted to.

use crate::account::second_factor;
use crate::form::FormRoute;
use crate::{
    account, accounts, domains, entrance, history, keys, limits, my_relay, outbox, policy, relays,
    senders, suppressions, webhooks,
};

/// The routes of the forms. The server crate mounts them.
pub fn form_routes() -> Vec<FormRoute> {
    let features = [
        account::forms(),
        second_factor::forms(),
        accounts::forms(),
        domains::forms(),
        entrance::forms(),
        history::forms(),
        keys::forms(),
        limits::forms(),
        my_relay::forms(),
        outbox::forms(),
        policy::forms(),
        relays::forms(),
        senders::forms(),
        suppressions::forms(),
        webhooks::forms(),
    ];
    features.into_iter().flatten().collect()
}
