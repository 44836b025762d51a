//! The status of each form of the console for a user who names resources of another account.

use app::account::{END_SESSION, REVOKE_TOKEN};
use app::accounts::{
    ACCOUNTS, ADD_SENDER_OF, CHANGE_ACCOUNT, DELETE_ACCOUNT, END_SESSION_OF, INVITE_AGAIN,
    REMOVE_SENDER_OF, REVOKE_TOKEN_OF, SESSIONS,
};
use app::domains::{ACTIVATE_DKIM_KEY, MAKE_DKIM_KEY, REMOVE_DKIM_KEY};
use app::history::RESTORE_RELAY;
use app::keys::{RETIRE_KEY, ROTATE_BROWSER_KEY, ROTATE_KEYS};
use app::limits::LIMITS;
use app::outbox::{ACT, PAUSE, STOP_ACT};
use app::policy::{POLICY, POLICY_NETWORKS};
use app::relays::{CHANGE_RELAY, CHECK_RELAY, RELAYS, REMOVE_RELAY};
use app::senders::{REMOVE_SENDER, SEND_AGAIN};
use app::suppressions::REMOVE;
use app::webhooks::{
    CHANGE_OWN_WEBHOOK, CHANGE_WEBHOOK, OWN_WEBHOOK_SECRET, REMOVE_OWN_WEBHOOK, REMOVE_WEBHOOK,
    TEST_OWN_WEBHOOK, TEST_WEBHOOK, WEBHOOK_SECRET, WEBHOOKS,
};

use super::rules::Pair;
use super::tenant::NO_DOMAIN;

/// A form that names resources of another account or of the organisation, and its status for a user.
pub struct FormRule {
    pub action: &'static str,
    pub status: u16,
    pub fields: fn(&Pair<'_>) -> Vec<(&'static str, String)>,
}

const fn form(
    action: &'static str,
    status: u16,
    fields: fn(&Pair<'_>) -> Vec<(&'static str, String)>,
) -> FormRule {
    FormRule {
        action,
        status,
        fields,
    }
}

/// The rule of each form.
pub const FORMS: &[FormRule] = &[
    form(END_SESSION, 404, |pair| {
        vec![("id", pair.owner.session_id.clone())]
    }),
    form(REVOKE_TOKEN, 404, |pair| {
        vec![("id", pair.owner.token_id.clone())]
    }),
    form(SESSIONS, 403, |pair| {
        vec![("id", pair.owner.session_id.clone())]
    }),
    form(SESSIONS, 403, |pair| {
        vec![("account", pair.owner.id.clone())]
    }),
    form(END_SESSION_OF, 403, |pair| {
        let (account, id) = (pair.owner.id.clone(), pair.owner.session_id.clone());
        vec![("account", account), ("id", id)]
    }),
    // As REVOKE_TOKEN: a user revokes own tokens by it.
    form(REVOKE_TOKEN_OF, 404, |pair| {
        let (account, id) = (pair.owner.id.clone(), pair.owner.token_id.clone());
        vec![("account", account), ("id", id)]
    }),
    form(ACCOUNTS, 403, |pair| {
        let email = format!("new-{}", pair.caller.spec.email());
        let with = ("with", "invitation".to_owned());
        vec![("email", email), ("role", "admin".to_owned()), with]
    }),
    form(CHANGE_ACCOUNT, 403, |pair| {
        vec![("id", pair.owner.id.clone()), ("disabled", "1".to_owned())]
    }),
    form(INVITE_AGAIN, 403, |pair| {
        vec![("id", pair.owner.id.clone())]
    }),
    form(DELETE_ACCOUNT, 403, |pair| {
        vec![("id", pair.owner.id.clone())]
    }),
    form(LIMITS, 403, |pair| {
        let limit = ("max_per_day", "1".to_owned());
        vec![("account", pair.owner.id.clone()), limit]
    }),
    form(LIMITS, 403, |pair| {
        let limit = ("max_per_day", "1".to_owned());
        vec![("token", pair.owner.token_id.clone()), limit]
    }),
    form(REMOVE_SENDER, 404, |pair| {
        vec![("id", pair.owner.sender_id.clone())]
    }),
    form(SEND_AGAIN, 404, |pair| {
        vec![("id", pair.owner.sender_id.clone())]
    }),
    form(ADD_SENDER_OF, 403, |pair| {
        let address = ("address", "example.com".to_owned());
        vec![("account", pair.owner.id.clone()), address]
    }),
    form(REMOVE_SENDER_OF, 403, |pair| {
        let id = ("id", pair.owner.sender_id.clone());
        vec![("account", pair.owner.id.clone()), id]
    }),
    form(ACT, 403, |pair| {
        let id = pair.owner.message().to_owned();
        vec![("act", "cancel".to_owned()), ("message", id)]
    }),
    form(STOP_ACT, 403, |_| Vec::new()),
    form(PAUSE, 403, |_| vec![("pause", "1".to_owned())]),
    form(REMOVE, 403, |pair| {
        vec![("remove", pair.owner.spec.nobody())]
    }),
    form(POLICY, 403, |_| Vec::new()),
    form(ROTATE_KEYS, 403, |_| Vec::new()),
    form(ROTATE_BROWSER_KEY, 403, |_| Vec::new()),
    form(RETIRE_KEY, 403, |_| {
        vec![("id", "01JD0000000000000000000000".to_owned())]
    }),
    form(POLICY_NETWORKS, 403, |_| {
        vec![("networks", "192.0.2.0/24".to_owned())]
    }),
    form(RELAYS, 403, |_| vec![("name", "Another".to_owned())]),
    form(CHANGE_RELAY, 403, |pair| {
        let id = pair.server.relay_id.clone();
        vec![("id", id), ("name", "Another".to_owned())]
    }),
    form(CHECK_RELAY, 403, |pair| {
        vec![("id", pair.server.relay_id.clone())]
    }),
    form(RESTORE_RELAY, 403, |_| {
        let number = ("number", "1".to_owned());
        vec![("id", "global".to_owned()), number]
    }),
    form(REMOVE_RELAY, 403, |pair| {
        vec![("id", pair.server.relay_id.clone())]
    }),
    form(WEBHOOKS, 403, |_| {
        vec![("url", "https://example.org/another".to_owned())]
    }),
    form(CHANGE_WEBHOOK, 403, |pair| {
        let id = pair.server.webhook_id.clone();
        vec![("id", id), ("enabled", "0".to_owned())]
    }),
    form(CHANGE_WEBHOOK, 403, |pair| {
        let id = pair.server.webhook_id.clone();
        vec![("id", id), ("url", "https://example.org/mine".to_owned())]
    }),
    form(WEBHOOK_SECRET, 403, |pair| {
        vec![("id", pair.server.webhook_id.clone())]
    }),
    form(TEST_WEBHOOK, 403, |pair| {
        vec![("id", pair.server.webhook_id.clone())]
    }),
    form(REMOVE_WEBHOOK, 403, |pair| {
        vec![("id", pair.server.webhook_id.clone())]
    }),
    form(CHANGE_OWN_WEBHOOK, 404, |pair| {
        let id = pair.owner.webhook_id.clone();
        vec![("id", id), ("enabled", "0".to_owned())]
    }),
    form(OWN_WEBHOOK_SECRET, 404, |pair| {
        vec![("id", pair.owner.webhook_id.clone())]
    }),
    form(TEST_OWN_WEBHOOK, 404, |pair| {
        vec![("id", pair.owner.webhook_id.clone())]
    }),
    form(REMOVE_OWN_WEBHOOK, 404, |pair| {
        vec![("id", pair.owner.webhook_id.clone())]
    }),
    form(MAKE_DKIM_KEY, 403, |_| {
        let algorithm = ("algorithm", "rsa".to_owned());
        vec![("domain", NO_DOMAIN.to_owned()), algorithm]
    }),
    form(ACTIVATE_DKIM_KEY, 403, |pair| {
        let id = ("id", pair.server.dkim_key_id.clone());
        vec![("domain", NO_DOMAIN.to_owned()), id]
    }),
    form(REMOVE_DKIM_KEY, 403, |pair| {
        let id = ("id", pair.server.dkim_key_id.clone());
        vec![("domain", NO_DOMAIN.to_owned()), id]
    }),
];
