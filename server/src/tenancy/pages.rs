//! Tenancy on pages, by forms and by server functions, for every pair of accounts.

use std::collections::BTreeSet;

use app::account::second_factor::SECOND_FACTOR;
use app::account::{ACCOUNT, CONFIRM_IDENTITY, TOKENS};
use app::accounts::{ACCOUNTS, DELETE_ACCOUNT, SESSIONS, account_path};
use app::audit::{AUDIT, EXPORT_AUDIT};
use app::domains::{DOMAINS, REMOVE_DKIM_KEY, domain_path};
use app::entrance::{INVITATION, LOGIN, RESET, SECOND_STEP, SETUP};
use app::figures::{FIGURES, figures_path};
use app::history::{MY_RELAY_HISTORY, RELAY_HISTORY, RESTORE_MY_RELAY, RESTORE_RELAY};
use app::home::HOME;
use app::interfaces::INTERFACES;
use app::keys::KEYS;
use app::limits::LIMITS;
use app::my_relay::{MY_RELAY, REMOVE_MY_RELAY};
use app::outbox::{CONFIRM, OUTBOX, message_path, source_path};
use app::policy::POLICY;
use app::relays::{RELAYS, REMOVE_RELAY, relay_path};
use app::senders::{CONFIRM_SENDER, SENDERS};
use app::suppressions::SUPPRESSIONS;
use app::webhooks::{
    CHANGE_OWN_WEBHOOK, CHANGE_WEBHOOK, OWN_WEBHOOKS, REMOVE_OWN_WEBHOOK, REMOVE_WEBHOOK, WEBHOOKS,
};
use app::{App, BROWSER_KEY, SETTINGS, WATCH, with_query};
use domain::Form;
use domain::account::Role;
use domain::figures::FigureSubject;
use domain::settings::PasswordChange;
use domain::settings::relay::OWN;
use futures::StreamExt;
use leptos::server_fn::axum::server_fn_paths;
use leptos_axum::generate_route_list;
use serde_json::{Value, json};

use super::forms::FORMS;
use super::rules::Pair;
use super::server::{Credential, TenantRequest, TenantServer};
use super::tenant::{NO_DOMAIN, Tenant};

/// The resources that a page shows. They decide the status for another user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    /// No resource of an account: a page without a session.
    Nothing,
    /// Resources of the caller.
    Caller,
    /// A resource that the caller has or does not have.
    CallerPart,
    /// The message in its path, or the account in its query: 404.
    Message,
    /// The resource in the query, which administrators cannot see either: 404.
    Private,
    /// Resources of the organisation, or of all accounts: 403.
    Organisation,
}

struct PageRule {
    /// The route, as the router of the pages has it; a parameter is `{id}`.
    route: String,
    shows: Shows,
    /// A URL of a resource of another account.
    url: fn(&Pair<'_>) -> String,
}

fn page(route: impl Into<String>, shows: Shows, url: fn(&Pair<'_>) -> String) -> PageRule {
    PageRule {
        route: route.into(),
        shows,
        url,
    }
}

/// The rule of every page.
fn pages() -> Vec<PageRule> {
    use Shows::{Caller, CallerPart, Message, Nothing, Organisation, Private};
    vec![
        page(LOGIN, Nothing, |_| LOGIN.to_owned()),
        page(SECOND_STEP, Nothing, |_| SECOND_STEP.to_owned()),
        page(SETUP, Nothing, |_| with_query(SETUP, [("token", "guess")])),
        page(INVITATION, Nothing, |_| {
            with_query(INVITATION, [("token", "guess")])
        }),
        page(RESET, Nothing, |_| with_query(RESET, [("token", "guess")])),
        page(HOME, Caller, |_| HOME.to_owned()),
        page(SETTINGS, Organisation, |_| SETTINGS.to_owned()),
        page(RELAYS, Organisation, |_| RELAYS.to_owned()),
        page(REMOVE_RELAY, Organisation, |pair| {
            with_query(REMOVE_RELAY, [("id", &pair.server.relay_id)])
        }),
        page(relay_path("{id}"), Organisation, |pair| {
            relay_path(&pair.server.relay_id)
        }),
        page(RELAY_HISTORY, Organisation, |pair| {
            with_query(RELAY_HISTORY, [("id", &pair.server.relay_id)])
        }),
        page(RESTORE_RELAY, Organisation, |_| {
            with_query(RESTORE_RELAY, [("id", "global"), ("number", "1")])
        }),
        page(MY_RELAY, Caller, |_| MY_RELAY.to_owned()),
        page(MY_RELAY_HISTORY, Caller, |_| MY_RELAY_HISTORY.to_owned()),
        page(RESTORE_MY_RELAY, CallerPart, |_| {
            with_query(RESTORE_MY_RELAY, [("number", "1")])
        }),
        page(REMOVE_MY_RELAY, Caller, |_| REMOVE_MY_RELAY.to_owned()),
        page(POLICY, Organisation, |_| POLICY.to_owned()),
        page(OUTBOX, Caller, |_| OUTBOX.to_owned()),
        page(message_path("{id}"), Message, |pair| {
            message_path(pair.owner.message())
        }),
        page(CONFIRM, Organisation, |pair| {
            with_query(
                CONFIRM,
                [("act", "cancel"), ("message", pair.owner.message())],
            )
        }),
        page(SUPPRESSIONS, Organisation, |_| SUPPRESSIONS.to_owned()),
        page(ACCOUNTS, Organisation, |_| ACCOUNTS.to_owned()),
        page(SESSIONS, Organisation, |_| SESSIONS.to_owned()),
        page(format!("{ACCOUNTS}/{{id}}"), Organisation, |pair| {
            account_path(&pair.owner.id)
        }),
        page(DELETE_ACCOUNT, Organisation, |pair| {
            with_query(DELETE_ACCOUNT, [("id", &pair.owner.id)])
        }),
        page(LIMITS, Organisation, |pair| {
            with_query(LIMITS, [("account", &pair.owner.id)])
        }),
        page(LIMITS, Organisation, |pair| {
            // The token of a disabled account is revoked, and has no page.
            with_query(
                LIMITS,
                match pair.owner.spec.is_disabled {
                    true => [("account", &pair.owner.id)],
                    false => [("token", &pair.owner.token_id)],
                },
            )
        }),
        page(AUDIT, Organisation, |_| AUDIT.to_owned()),
        page(EXPORT_AUDIT, Organisation, |_| EXPORT_AUDIT.to_owned()),
        page(INTERFACES, Organisation, |_| INTERFACES.to_owned()),
        page(KEYS, Organisation, |_| KEYS.to_owned()),
        page(WEBHOOKS, Organisation, |_| WEBHOOKS.to_owned()),
        page(CHANGE_WEBHOOK, Organisation, |pair| {
            with_query(CHANGE_WEBHOOK, [("id", &pair.server.webhook_id)])
        }),
        page(REMOVE_WEBHOOK, Organisation, |pair| {
            with_query(REMOVE_WEBHOOK, [("id", &pair.server.webhook_id)])
        }),
        page(DOMAINS, Organisation, |_| DOMAINS.to_owned()),
        page(format!("{DOMAINS}/{{domain}}"), Organisation, |_| {
            domain_path(NO_DOMAIN)
        }),
        page(REMOVE_DKIM_KEY, Organisation, |pair| {
            let id = pair.server.dkim_key_id.as_str();
            with_query(REMOVE_DKIM_KEY, [("domain", NO_DOMAIN), ("id", id)])
        }),
        page(FIGURES, Caller, |_| FIGURES.to_owned()),
        page(FIGURES, Message, |pair| {
            figures_path(&FigureSubject::Account(pair.owner.id.clone()))
        }),
        page(SENDERS, Caller, |_| SENDERS.to_owned()),
        page(CONFIRM_SENDER, Nothing, |_| {
            with_query(CONFIRM_SENDER, [("token", "guess")])
        }),
        page(ACCOUNT, Caller, |_| ACCOUNT.to_owned()),
        page(TOKENS, Caller, |_| TOKENS.to_owned()),
        page(OWN_WEBHOOKS, Caller, |_| OWN_WEBHOOKS.to_owned()),
        page(CHANGE_OWN_WEBHOOK, Private, |pair| {
            with_query(CHANGE_OWN_WEBHOOK, [("id", &pair.owner.webhook_id)])
        }),
        page(REMOVE_OWN_WEBHOOK, Private, |pair| {
            with_query(REMOVE_OWN_WEBHOOK, [("id", &pair.owner.webhook_id)])
        }),
        page(SECOND_FACTOR, Caller, |_| SECOND_FACTOR.to_owned()),
        page(CONFIRM_IDENTITY, Caller, |_| CONFIRM_IDENTITY.to_owned()),
    ]
}

/// The path of a server function with arguments, and the status for a user.
struct FunctionRule {
    path: &'static str,
    status: u16,
    arguments: fn(&Pair<'_>) -> Value,
}

const LOAD: &str = "/fn/load_settings";
const SAVE: &str = "/fn/save_settings";
const ADD_CERTIFICATES: &str = "/fn/add_certificates";

const fn function(
    path: &'static str,
    status: u16,
    arguments: fn(&Pair<'_>) -> Value,
) -> FunctionRule {
    FunctionRule {
        path,
        status,
        arguments,
    }
}

/// The settings of a relay of the organisation, saved with the password that they have.
fn save(relay: Option<&str>) -> Value {
    json!({
        "form": Form::default(), "password": PasswordChange::Keep, "from_revision": 0,
        "relay": relay,
    })
}

/// A run with the saved password of a relay.
fn run(kind: &str, relay: Option<&str>) -> Value {
    json!({ "watched": { "run": {
        "form": Form::default(), "password": PasswordChange::Keep,
        "recipient": "desk@example.net", "kind": kind, "relay": relay,
    }}})
}

const FUNCTIONS: &[FunctionRule] = &[
    function(BROWSER_KEY, 200, |_| json!({})),
    function(LOAD, 403, |_| json!({ "relay": null })),
    function(LOAD, 403, |pair| json!({ "relay": pair.server.relay_id })),
    function(LOAD, 200, |_| json!({ "relay": OWN })),
    function(SAVE, 403, |_| save(None)),
    function(SAVE, 403, |pair| save(Some(&pair.server.relay_id))),
    function(
        ADD_CERTIFICATES,
        422,
        |_| json!({ "listed": "", "added": "none", "authorities": false }),
    ),
    function(
        WATCH,
        404,
        |pair| json!({ "watched": { "outbox": { "url": message_path(pair.owner.message()) } } }),
    ),
    function(WATCH, 403, |_| run("test", None)),
    function(WATCH, 403, |pair| {
        run("diagnosis", Some(&pair.server.relay_id))
    }),
    function(WATCH, 403, |_| run("probe", None)),
];

/// Fails with the place of the rules where those listed and those with a rule differ.
fn expect_same(what: &str, listed: &BTreeSet<String>, ruled: &BTreeSet<String>) {
    let without: Vec<_> = listed.difference(ruled).collect();
    assert!(
        without.is_empty(),
        "{what} without a rule: {without:?}. Add to server/src/tenancy/pages.rs what each shows"
    );
    let unknown: Vec<_> = ruled.difference(listed).collect();
    assert!(
        unknown.is_empty(),
        "rules of {what} that do not exist: {unknown:?}. Remove them from \
         server/src/tenancy/pages.rs"
    );
}

#[tokio::test]
async fn every_page_and_every_server_function_has_a_rule() {
    let routes = generate_route_list(App);
    let routes = routes.iter().map(|listed| listed.path().to_owned());
    let ruled = pages().into_iter().map(|rule| rule.route).collect();
    expect_same("pages", &routes.collect(), &ruled);
    let functions = server_fn_paths().map(|(path, _)| path.to_owned());
    let ruled = FUNCTIONS.iter().map(|rule| rule.path.to_owned()).collect();
    expect_same("server functions", &functions.collect(), &ruled);
}

impl Pair<'_> {
    /// Sends the caller's request, and checks its status and that it shows nothing of the other account.
    async fn expect(&self, request: TenantRequest<'_>, expected: &[u16]) {
        let what = format!("{} {}", request.method, request.url);
        let session = Credential::Session(&self.caller.cookie);
        let answer = self.server.send(session, request).await;
        assert!(
            expected.contains(&answer.status),
            "{what} as {} for what belongs to {}: {}",
            self.caller.spec.mark,
            self.owner.spec.mark,
            answer.text
        );
        answer.expect_nothing_of(&self.owner.spec, &self.caller.spec, &what);
    }

    async fn pages(&self, rules: &[PageRule]) {
        for rule in rules {
            let expected: &[u16] = match rule.shows {
                // Whether a link is valid is not the matter here.
                Shows::Nothing => &[200, 303, 403, 404, 410],
                _ if self.caller.spec.is_disabled => &[303],
                Shows::Private => &[404],
                Shows::CallerPart => &[200, 404],
                _ if self.caller.spec.role == Role::Admin => &[200],
                Shows::Caller => &[200],
                Shows::Message => &[404],
                Shows::Organisation => &[403],
            };
            let request = TenantRequest::get(&(rule.url)(self));
            self.expect(request, expected).await;
        }
    }

    /// The forms and the functions, which administrators may use, and nobody without a session.
    async fn acts(&self) {
        let is_disabled = self.caller.spec.is_disabled;
        for rule in FORMS {
            let fields = (rule.fields)(self);
            let request = TenantRequest::post_form(rule.action, &fields);
            let expected: &[u16] = match is_disabled {
                // The page of the form leads to the login.
                true => &[303, 401],
                false => &[rule.status],
            };
            self.expect(request, expected).await;
        }
        let source = TenantRequest::get(&source_path(self.owner.message()));
        let expected = if is_disabled { 401 } else { 403 };
        self.expect(source, &[expected]).await;
        for rule in FUNCTIONS {
            let request = TenantRequest::post_json(rule.path, &(rule.arguments)(self));
            let expected = match rule.path {
                BROWSER_KEY => 200,
                _ if is_disabled => 401,
                _ => rule.status,
            };
            self.expect(request, &[expected]).await;
        }
    }
}

#[tokio::test]
async fn no_session_reaches_what_belongs_to_another_account() {
    let server = TenantServer::open().await;
    let rules = pages();
    for owner in &server.tenants {
        let others = server.tenants.iter().filter(|caller| caller.id != owner.id);
        for caller in others {
            let before = server.account_snapshot(owner).await;
            let pair = Pair {
                server: &server,
                owner,
                caller,
            };
            pair.pages(&rules).await;
            if caller.spec.role != Role::Admin {
                pair.acts().await;
            }
            let after = server.account_snapshot(owner).await;
            for (before, after) in before.iter().zip(&after) {
                let (owner, caller) = (owner.spec.mark, caller.spec.mark);
                assert_eq!(before, after, "{caller} changed what is {owner}'s");
            }
        }
    }
    for caller in server
        .tenants
        .iter()
        .filter(|caller| !caller.spec.is_disabled)
    {
        the_live_list_has_the_mail_of_the_caller(&server, caller).await;
    }
}

/// Checks the first snapshot of the list of messages.
async fn the_live_list_has_the_mail_of_the_caller(server: &TenantServer, caller: &Tenant) {
    let list = json!({ "watched": { "outbox": { "url": OUTBOX } } });
    let request = TenantRequest::post_json(WATCH, &list);
    let session = Credential::Session(&caller.cookie);
    let answer = server.answer(session, request).await;
    let mut frames = answer.into_body().into_data_stream();
    let first = frames.next().await.expect("a snapshot").expect("octets");
    let text = String::from_utf8_lossy(&decode(&first)).into_owned();
    for owner in &server.tenants {
        let is_shown = owner.id == caller.id || caller.spec.role == Role::Admin;
        let subject = format!("{} queued", owner.spec.mark);
        assert_eq!(text.contains(&subject), is_shown, "{subject}: {text}");
    }
}

/// Decodes the frame of a snapshot (Consistent Overhead Byte Stuffing).
fn decode(frame: &[u8]) -> Vec<u8> {
    let (mut decoded, mut rest) = (Vec::new(), frame);
    while let Some((code, after)) = rest.split_first().filter(|(code, _)| **code > 0) {
        let length = (usize::from(*code) - 1).min(after.len());
        decoded.extend_from_slice(&after[..length]);
        if *code < u8::MAX {
            decoded.push(0);
        }
        rest = &after[length..];
    }
    decoded
}
