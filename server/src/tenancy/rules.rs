//! The resources that each REST operation acts on, and a request for those of another account.

use serde_json::{Value, json};

use super::server::TenantServer;
use super::tenant::{NO_DOMAIN, Tenant};

/// The resources that an operation acts on. They decide the status of a request for those of another account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceScope {
    /// Public resources: every request gets the same answer.
    Public,
    /// Resources of the caller. No parameter of the operation names one of another account.
    Caller,
    /// As [`ResourceScope::Caller`], with an invalid request: a valid one would send mail, or succeed
    /// only once.
    CallerInvalid,
    /// The resource in the path or query, which belongs to one account: another user gets 404, as for
    /// one that does not exist.
    Owned,
    /// As [`ResourceScope::Owned`], for a resource that administrators cannot see either.
    Private,
    /// Resources of one account that only sessions reach, and tokens of users do not. A session that
    /// names those of another account gets this status.
    OwnedBySession(u16),
    /// Resources of all accounts that only sessions of administrators reach: tokens and users get 403.
    AdministratorSession,
    /// Resources of the organisation, and of all accounts: users get 403.
    Organisation,
}

/// The rule of an operation.
pub struct Rule {
    /// Method and path, as in the document.
    pub operation: &'static str,
    pub resources: ResourceScope,
    /// The scopes of which a token needs one.
    pub scopes: &'static [&'static str],
    /// Builds a request for a resource of another account.
    pub asks: fn(&Pair<'_>) -> Asked,
}

/// An account that owns resources, and another account that requests them.
pub struct Pair<'p> {
    pub server: &'p TenantServer,
    pub owner: &'p Tenant,
    pub caller: &'p Tenant,
}

/// The parameters and the body of a request.
#[derive(Default)]
pub struct Asked {
    pub path: Vec<(&'static str, String)>,
    /// The query with its question mark, or an empty text.
    pub query: String,
    pub body: Option<Value>,
}

impl Asked {
    fn with(name: &'static str, value: &str) -> Self {
        Self::default().and(name, value)
    }

    fn and(mut self, name: &'static str, value: &str) -> Self {
        self.path.push((name, value.to_owned()));
        self
    }

    fn posting(self, body: Value) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }
}

impl Pair<'_> {
    /// Settings of the organisation's relay.
    fn settings(&self) -> Value {
        json!({ "data": {
            "from_address": self.caller.spec.email(),
            "smtp_username": "",
            "smtp_host": self.caller.spec.host.to_string(),
            "smtp_port": self.caller.relay.address.port(),
            "smtp_connection_type": "None",
            "smtp_authentication_type": "None",
        }})
    }
}

/// The operation that tests the own relay.
pub const TEST: &str = "post /api/smtp/test";

/// The operation that submits mail.
pub const SEND: &str = "post /api/messages/send-email";

const READS: &[&str] = &["read", "admin"];
const SENDS: &[&str] = &["send"];
const ADMINISTERS: &[&str] = &["admin"];
const ANY: &[&str] = &["send", "read", "admin"];

const fn rule(
    operation: &'static str,
    resources: ResourceScope,
    scopes: &'static [&'static str],
    asks: fn(&Pair<'_>) -> Asked,
) -> Rule {
    Rule {
        operation,
        resources,
        scopes,
        asks,
    }
}

/// The rule of an operation of administrators.
const fn organisation(operation: &'static str, asks: fn(&Pair<'_>) -> Asked) -> Rule {
    rule(operation, ResourceScope::Organisation, ADMINISTERS, asks)
}

/// The rule of an operation that only sessions of administrators reach.
const fn administrator_session(operation: &'static str, asks: fn(&Pair<'_>) -> Asked) -> Rule {
    rule(
        operation,
        ResourceScope::AdministratorSession,
        ADMINISTERS,
        asks,
    )
}

fn nothing(_: &Pair<'_>) -> Asked {
    Asked::default()
}

/// The settings of the caller's relay, for a save or a test. The saved password is kept.
fn relay_of_caller(pair: &Pair<'_>) -> Asked {
    let (spec, relay) = (&pair.caller.spec, &pair.caller.relay);
    let user = match spec.has_own_relay {
        true => spec.login(),
        false => String::new(),
    };
    let (host, port) = (spec.host.to_string(), relay.address.port());
    let body = json!({ "host": host, "port": port, "user": user });
    Asked::default().posting(body)
}

fn message(pair: &Pair<'_>) -> Asked {
    Asked::with("id", pair.owner.message())
}

fn account(pair: &Pair<'_>) -> Asked {
    Asked::with("id", &pair.owner.id)
}

fn relay(pair: &Pair<'_>) -> Asked {
    Asked::with("id", &pair.server.relay_id)
}

fn webhook(pair: &Pair<'_>) -> Asked {
    Asked::with("id", &pair.server.webhook_id)
}

/// The webhook of an account.
fn message_webhook(pair: &Pair<'_>) -> Asked {
    Asked::with("id", &pair.owner.webhook_id)
}

/// The rule of an operation that changes the webhook of an account.
const fn private(operation: &'static str, asks: fn(&Pair<'_>) -> Asked) -> Rule {
    rule(operation, ResourceScope::Private, ADMINISTERS, asks)
}

fn domain(_: &Pair<'_>) -> Asked {
    Asked::with("domain", NO_DOMAIN)
}

fn dkim_key(pair: &Pair<'_>) -> Asked {
    domain(pair).and("id", &pair.server.dkim_key_id)
}

/// The rule of every operation. The tests follow this order: the own relay is removed last.
pub const RULES: &[Rule] = &[
    rule("get /api/openapi.json", ResourceScope::Public, &[], nothing),
    rule("get /api/keys/browser", ResourceScope::Public, &[], nothing),
    rule("get /api/messages", ResourceScope::Caller, READS, nothing),
    rule(
        "get /api/messages/{id}",
        ResourceScope::Owned,
        READS,
        message,
    ),
    organisation("get /api/messages/{id}/source", message),
    organisation("post /api/messages/{id}/{act}", |pair| {
        message(pair).and("act", "cancel")
    }),
    organisation("post /api/messages/act", |_| {
        Asked::default().posting(json!({ "act": "cancel", "matching": {} }))
    }),
    organisation("delete /api/messages/act", nothing),
    rule("get /api/outbox", ResourceScope::Caller, READS, nothing),
    rule("get /api/figures", ResourceScope::Owned, READS, |pair| {
        Asked {
            query: format!("?subject=account&id={}", pair.owner.id),
            ..Asked::default()
        }
    }),
    rule("get /api/status", ResourceScope::Caller, READS, nothing),
    organisation("post /api/outbox/pause", |_| {
        Asked::default().posting(json!({ "on": true }))
    }),
    rule(
        "get /api/suppressions",
        ResourceScope::Organisation,
        READS,
        nothing,
    ),
    organisation("delete /api/suppressions/{address}", |pair| {
        Asked::with("address", &pair.owner.spec.nobody())
    }),
    organisation("post /api/suppressions/remove", |_| {
        Asked::default().posting(json!({ "matching": {}, "number": 100 }))
    }),
    organisation("get /api/setup/email_smtp", nothing),
    organisation("post /api/setup/email_smtp", |pair| {
        Asked::default().posting(pair.settings())
    }),
    organisation("post /api/setup/email_test/{address}", |pair| {
        Asked::with("address", &pair.caller.spec.desk())
    }),
    organisation("post /api/diagnosis", |_| {
        Asked::default().posting(json!({}))
    }),
    organisation("post /api/probe", |pair| {
        Asked::default().posting(json!({ "host": pair.owner.spec.host.to_string() }))
    }),
    organisation("get /api/relays", nothing),
    organisation("post /api/relays", |pair| {
        Asked::default().posting(json!({ "data": { "name": pair.caller.spec.mark } }))
    }),
    organisation("get /api/relays/{id}", relay),
    organisation("post /api/relays/{id}", |pair| {
        relay(pair).posting(json!({ "data": { "name": pair.caller.spec.mark } }))
    }),
    organisation("delete /api/relays/{id}", relay),
    organisation("get /api/relays/{id}/email_smtp", relay),
    organisation("post /api/relays/{id}/email_smtp", |pair| {
        relay(pair).posting(pair.settings())
    }),
    organisation("post /api/relays/{id}/email_test/{address}", |pair| {
        relay(pair).and("address", &pair.caller.spec.desk())
    }),
    organisation("post /api/relays/{id}/diagnosis", |pair| {
        relay(pair).posting(json!({}))
    }),
    rule(
        "get /api/relays/{id}/health",
        ResourceScope::Organisation,
        READS,
        relay,
    ),
    organisation("post /api/relays/{id}/check", relay),
    organisation("get /api/relays/{id}/revisions", relay),
    organisation("post /api/relays/{id}/revisions/{number}/restore", |pair| {
        relay(pair).and("number", "1").posting(json!({}))
    }),
    organisation("get /api/policy", nothing),
    organisation("put /api/policy", |_| {
        Asked::default().posting(json!({ "own_relays": false }))
    }),
    organisation("get /api/policy/networks", nothing),
    organisation("put /api/policy/networks", |_| {
        Asked::default().posting(json!({ "networks": ["192.0.2.0/24"] }))
    }),
    organisation("get /api/interfaces", nothing),
    organisation("get /api/audit", nothing),
    organisation("get /api/audit/export", nothing),
    organisation("get /api/keys", nothing),
    organisation("post /api/keys", nothing),
    organisation("post /api/keys/browser", nothing),
    organisation("delete /api/keys/{id}", |_| {
        Asked::with("id", "01JD0000000000000000000000")
    }),
    organisation("get /api/webhooks", nothing),
    organisation("post /api/webhooks", |_| {
        Asked::default().posting(json!({ "url": "https://example.org/another" }))
    }),
    organisation("get /api/webhooks/{id}/deliveries", webhook),
    organisation("patch /api/webhooks/{id}", |pair| {
        webhook(pair).posting(json!({ "enabled": false }))
    }),
    organisation("post /api/webhooks/{id}/secret", webhook),
    organisation("post /api/webhooks/{id}/test", webhook),
    organisation("delete /api/webhooks/{id}", webhook),
    rule(
        "get /api/message-webhooks",
        ResourceScope::Caller,
        READS,
        nothing,
    ),
    rule(
        "post /api/message-webhooks",
        ResourceScope::CallerInvalid,
        ADMINISTERS,
        |_| Asked::default().posting(json!({ "url": "http://127.0.0.1/" })),
    ),
    rule(
        "get /api/message-webhooks/{id}/deliveries",
        ResourceScope::Private,
        READS,
        message_webhook,
    ),
    private("patch /api/message-webhooks/{id}", |pair| {
        message_webhook(pair).posting(json!({ "enabled": false }))
    }),
    private("post /api/message-webhooks/{id}/secret", message_webhook),
    private("post /api/message-webhooks/{id}/test", message_webhook),
    private("delete /api/message-webhooks/{id}", message_webhook),
    organisation("get /api/domains", nothing),
    organisation("get /api/domains/{domain}", domain),
    organisation("post /api/domains/{domain}/keys", |pair| {
        domain(pair).posting(json!({ "algorithm": "rsa" }))
    }),
    organisation("post /api/domains/{domain}/keys/{id}/activate", |pair| {
        dkim_key(pair).posting(json!({ "anyway": true }))
    }),
    organisation("delete /api/domains/{domain}/keys/{id}", dkim_key),
    organisation("get /api/accounts", nothing),
    organisation("post /api/accounts", |pair| {
        let email = format!("new-{}", pair.caller.spec.email());
        Asked::default().posting(json!({ "email": email, "role": "admin" }))
    }),
    organisation("get /api/accounts/{id}", account),
    organisation("patch /api/accounts/{id}", |pair| {
        account(pair).posting(json!({ "role": "admin", "disabled": true }))
    }),
    organisation("delete /api/accounts/{id}", account),
    administrator_session("get /api/sessions", nothing),
    administrator_session("delete /api/sessions/{id}", |pair| {
        Asked::with("id", &pair.owner.session_id)
    }),
    administrator_session("delete /api/accounts/{id}/sessions", account),
    organisation("get /api/accounts/{id}/limits", account),
    organisation("put /api/accounts/{id}/limits", |pair| {
        account(pair).posting(json!({ "max_per_day": 1 }))
    }),
    organisation("put /api/tokens/{id}/limits", |pair| {
        Asked::with("id", &pair.owner.token_id).posting(json!({ "max_per_day": 1 }))
    }),
    rule("get /api/limits", ResourceScope::Caller, ANY, nothing),
    organisation("get /api/accounts/{id}/senders", account),
    organisation("post /api/accounts/{id}/senders", |pair| {
        account(pair).posting(json!({ "address": "example.com" }))
    }),
    organisation("delete /api/accounts/{id}/senders/{sender}", |pair| {
        account(pair).and("sender", &pair.owner.sender_id)
    }),
    rule("get /api/senders", ResourceScope::Caller, READS, nothing),
    rule(
        "post /api/senders",
        ResourceScope::CallerInvalid,
        ADMINISTERS,
        |_| Asked::default().posting(json!({ "address": "example.com" })),
    ),
    rule(
        "delete /api/senders/{id}",
        ResourceScope::Owned,
        ADMINISTERS,
        |pair| Asked::with("id", &pair.owner.sender_id),
    ),
    rule(
        "get /api/tokens",
        ResourceScope::OwnedBySession(200),
        ADMINISTERS,
        nothing,
    ),
    rule(
        "post /api/tokens",
        ResourceScope::OwnedBySession(403),
        ADMINISTERS,
        |pair| {
            let body = json!({ "name": "stolen", "account": pair.owner.spec.email() });
            Asked::default().posting(body)
        },
    ),
    rule(
        "delete /api/tokens/{id}",
        ResourceScope::OwnedBySession(404),
        ADMINISTERS,
        |pair| Asked::with("id", &pair.owner.token_id),
    ),
    rule(
        "get /api/smtp/settings",
        ResourceScope::Caller,
        READS,
        nothing,
    ),
    rule(TEST, ResourceScope::Caller, ADMINISTERS, relay_of_caller),
    rule(SEND, ResourceScope::Caller, SENDS, |pair| {
        let spec = &pair.caller.spec;
        let subject = format!("{} sends", spec.mark);
        Asked::default().posting(json!({ "to": spec.desk(), "subject": subject, "text": "Hello" }))
    }),
    rule(
        "post /api/smtp/settings",
        ResourceScope::Caller,
        ADMINISTERS,
        relay_of_caller,
    ),
    rule(
        "delete /api/smtp/settings",
        ResourceScope::Caller,
        ADMINISTERS,
        nothing,
    ),
];
