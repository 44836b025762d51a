//! Databases of earlier versions: migrations carry their rows over.

use std::time::Duration;

use domain::audit::AuditSearch;
use domain::crypto::keys::SealingKeyState;
use domain::outbox::{EventKind, PriorityLimits, RecipientState, SuppressionSearch};
use domain::settings::{PasswordChange, Verification};
use domain::{Kind, Label, Timestamp};
use engine::{Actor, Config, Origin, Postern, Scope, TokenScope};
use futures::future::join_all;
use serde_json::Value;

use crate::environment::{TestEnv, connect, execute};
use crate::outbox::through;
use crate::own_relay::relay;
use crate::template::migrations;
use crate::webhooks::{claim, organisation_webhooks};

/// The last migration in which a failed message was `parked`.
const PARKED: i64 = 2;

/// The last migration in which a token had no limits of its own.
const UNLIMITED: i64 = 6;

const ID: &str = "01JD0000000000000000000000";

/// A message that failed at 1,000 ms, in the columns of migration 2.
const ROWS: &str = "
INSERT INTO message (id, account_id, sender, subject, message_id, size)
VALUES ('01JD0000000000000000000000', '', 'alerts@example.org', 'Fire', '<1@example.org>', 3);
INSERT INTO recipient (message_id, position, address, state, due_at, owner, attempts, trying_since,
                       settled_at, relay, said, took)
VALUES ('01JD0000000000000000000000', 0, 'gone@example.org', 'parked', NULL, NULL, 1, 900, 1000,
        'smtp.example.org:25', '550 5.1.1 no such user', 12);
INSERT INTO timeline (message_id, position, at, what, by_whom, said, took, may_have_arrived)
VALUES ('01JD0000000000000000000000', 0, 1000, 'parked', 'smtp.example.org:25',
        '550 5.1.1 no such user', 12, 0);
INSERT INTO undeliverable (address, said, listed_at, message_id)
VALUES ('gone@example.org', '550 5.1.1 no such user', 4102444800000, '01JD0000000000000000000000');
INSERT INTO hold (scope, since, by_whom) VALUES ('global', 500, 'admin@example.org');
";

/// The last migration in which the code of a reply alone suppressed an address.
const BY_CODE: i64 = 11;

/// Suppressions whose replies speak of the address, of relaying, and of the sender, in the columns of
/// migration 11.
const SUPPRESSIONS: &str = "
INSERT INTO message (id, account_id, sender, subject, message_id, size)
VALUES ('01JD0000000000000000000000', '', 'alerts@example.org', 'Fire', '<1@example.org>', 3);
INSERT INTO suppression (address, reply, listed_at, message_id, relay, expires_at)
VALUES
    ('gone@example.org', '550 5.1.1 no such user', 4102444800000, '01JD0000000000000000000000',
     'smtp.example.org:25', 4112444800000),
    ('a@example.net', '550 5.1.2 Relay not allowed.', 4102444800000, '01JD0000000000000000000000',
     'smtp.example.org:25', 4112444800000),
    ('b@example.net', '550 5.1.1 <Alerts@example.org>: no such user', 4102444800000,
     '01JD0000000000000000000000', 'smtp.example.org:25', 4112444800000);
";

/// A token whose secret is `postern_old`, in the columns of migration 6.
const TOKEN: &str = "
INSERT INTO account (id, email, role, password_hash, created_at)
VALUES ('01JD0000000000000000000001', 'ann@example.org', 'user', '', 0);
INSERT INTO token (id, account_id, name, secret, scopes, created_at)
VALUES ('01JD0000000000000000000002', '01JD0000000000000000000001', 'app',
        'kjF0IzGYq9lbSLzwDlVh66FyKsQ3HwWm_Or3iMmP30E', 'send', 0);
";

/// The last migration with one relay.
const ONE_RELAY: i64 = 14;

/// Settings that were saved twice and verified once, in the columns of migration 14.
const SETTINGS: &str = "
INSERT INTO information (scope, label, value)
VALUES ('global', 'from_address', 'alerts@example.org'), ('global', 'smtp_username', ''),
       ('global', 'smtp_host', 'smtp.example.org'), ('global', 'smtp_port', '587'),
       ('global', 'smtp_connection_type', 'TLS'), ('global', 'smtp_authentication_type', 'None');
INSERT INTO revision (scope, number, saved_at, saved_by, form, verified_at, verified_by)
VALUES ('global', 1, 500, 'admin@example.org', '[]', 600, 'admin@example.org'),
       ('global', 2, 700, 'admin@example.org', '[]', NULL, NULL);
";

/// The last migration in which every account sent from any address.
const ANY_SENDER: i64 = 25;

/// Tokens of an administrator and of a user, in the columns of migration 25.
const TOKENS: &str = "
INSERT INTO account (id, email, role, password_hash, created_at)
VALUES ('01JD0000000000000000000001', 'admin@example.org', 'admin', '', 0),
       ('01JD0000000000000000000002', 'user@example.org', 'user', '', 0);
INSERT INTO token (id, account_id, name, secret, scopes, created_at)
VALUES ('01JD0000000000000000000003', '01JD0000000000000000000001', 'a', 'a', 'send', 0),
       ('01JD0000000000000000000004', '01JD0000000000000000000002', 'b', 'b', 'send', 0);
";

/// The last migration in which no message asked for reports.
const WITHOUT_REPORTS: i64 = 33;

/// A message in the columns of migration 33.
const MESSAGE: &str = "
INSERT INTO message (id, account_id, token_id, sender, subject, message_id, size)
VALUES ('01JD0000000000000000000000', '', NULL, 'alerts@example.org', 'Fire', '<1@example.org>', 3);";

/// A migration in which a relay that was switched off was forgotten as down.
const FORGOTTEN_WHEN_OFF: i64 = 33;

/// A relay that is down since 60,000 ms, which was announced, in the columns of migration 33.
const DOWN: &str = "
INSERT INTO relay_health
    (relay_id, revision, state, since, failing_since, recent, run_since, reported, due_at)
VALUES ('global', 7, 'down', 60000, 60000, '-', 60000, 'down', 0);
";

/// The last migration in which all webhooks were the organisation's.
const OF_ORGANISATION: i64 = 36;

/// A webhook with a delivery, in the columns of migration 36.
const WEBHOOK: &str = "
INSERT INTO webhook (id, url, secret, enabled, created_at, created_by, last_number)
VALUES ('01JD0000000000000000000000', 'https://hooks.example.org/', '', 1, 1000, 'admin@example.org', 1);
INSERT INTO webhook_delivery (webhook_id, number, event_id, event, body, state, created_at, due_at, attempts,
                              attempted_at, status, answer)
VALUES ('01JD0000000000000000000000', 1, 'msg_1', 'relay.down', '{}', 'delivered', 2000, 2000, 1, 3000, 204, '');
";

/// The last migration in which revisions outlived their relay.
const LASTING_REVISIONS: i64 = 37;

/// Revisions of the first relay, and of a relay and an account that are gone, in the columns of migration
/// 37.
const REVISIONS: &str = r#"
INSERT INTO revision (scope, number, saved_at, saved_by, form)
VALUES ('global', 1, 500, 'admin@example.org', '[["smtp_host","smtp.example.org"]]'),
       ('relay:01JD0000000000000000000000', 1, 500, 'admin@example.org', '[]'),
       ('account:01JD0000000000000000000001', 1, 500, 'ann@example.org', '[]');
"#;

/// The last migration in which rows of the audit log had no place in a chain.
const WITHOUT_CHAINS: i64 = 38;

/// Two rows of the audit log, in the columns of migration 38.
const AUDIT: &str = "
INSERT INTO audit (id, at, actor, origin, action, outcome, detail)
VALUES ('01JD0000000000000000000000', 1000, 'admin@example.org', '192.0.2.7', 'login', 'done', ''),
       ('01JD0000000000000000000001', 2000, 'admin@example.org', '192.0.2.7', 'logout', 'done', '');
";

/// The last migration in which a key sealed from its creation on.
const WITHOUT_ROTATION: i64 = 39;

/// A sealing key in the columns of migration 39. Its file is lost.
const SEALING_KEY: &str = "
INSERT INTO sealing_key (kid, created_at, fingerprint) VALUES ('01JD0000000000000000000000', 1000, NULL);
";

/// Opens a database with these rows in the tables of an earlier version.
async fn opened(env: &TestEnv, version: i64, rows: &str) -> Postern {
    let config = at_version(env, version, rows).await;
    Postern::open(config).await.expect("Postern opens")
}

/// The configuration of a database with these rows in the tables of an earlier version.
async fn at_version(env: &TestEnv, version: i64, rows: &str) -> Config {
    let config = env.empty().await;
    let kind = match config.database {
        Some(_) => "postgres",
        None => "sqlite",
    };
    let migrator = migrations(kind).await;
    let mut connection = connect(&config).await;
    let migrated = migrator.run_to(version, &mut connection).await;
    migrated.expect("the tables of an earlier version");
    execute(&mut connection, rows).await;
    config
}

async fn a_token_without_limits_keeps_what_it_could_do(env: TestEnv) {
    let postern = opened(&env, UNLIMITED, TOKEN).await;
    let actor = postern
        .accounts()
        .token_actor("postern_old", Origin::default());
    let actor = actor.await.expect("asks").expect("a valid token");
    postern.outbox().overview(&actor).await.expect("reads");
    let listed = postern.accounts().tokens(&Actor::local(0)).await;
    let token = listed.expect("lists").remove(0);
    assert_eq!(token.scopes, [TokenScope::Send, TokenScope::Read]);
    assert!(token.expires_at.is_none() && token.senders.is_empty());
    assert_eq!(token.priorities, PriorityLimits::default());
}

async fn tokens_of_administrators_keep_sending_from_any_address(env: TestEnv) {
    let postern = opened(&env, ANY_SENDER, TOKENS).await;
    let listed = postern.accounts().tokens(&Actor::local(0)).await;
    let listed = listed.expect("lists");
    let any: Vec<bool> = listed.iter().map(|token| token.any_sender).collect();
    assert_eq!(any, [true, false]);
}

async fn parked_mail_is_failed_mail_afterwards(env: TestEnv) {
    let postern = opened(&env, PARKED, ROWS).await;
    let admin = Actor::local(0);
    let message = postern
        .outbox()
        .message(&admin, ID)
        .await
        .expect("is there");
    let recipient = &message.recipients[0];
    assert_eq!(recipient.state, RecipientState::Failed);
    let events = &recipient.timeline;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, EventKind::Failed);
    assert_eq!(events[0].by, "smtp.example.org:25");
    assert_eq!(events[0].reply, "550 5.1.1 no such user");
    let gone = SuppressionSearch {
        address: "gone".to_owned(),
        ..SuppressionSearch::default()
    };
    let listed = postern.outbox().suppressions(&admin, &gone).await;
    let listed = &listed.expect("the list")[0];
    assert_eq!(listed.reply, "550 5.1.1 no such user");
    assert_eq!(
        listed.expires,
        listed.listed + Duration::from_secs(180 * 86_400)
    );
    let overview = postern.outbox().overview(&admin).await.expect("overview");
    let pause = overview.pause.expect("delivery is paused");
    assert_eq!(pause.by, "admin@example.org");
}

async fn suppressions_by_words_of_something_else_are_taken_off(env: TestEnv) {
    let postern = opened(&env, BY_CODE, SUPPRESSIONS).await;
    let all = SuppressionSearch::default();
    let listed = postern.outbox().suppressions(&Actor::local(0), &all).await;
    let listed = listed.expect("the list");
    let addresses: Vec<&str> = listed.iter().map(|row| row.address.as_str()).collect();
    assert_eq!(addresses, ["gone@example.org"]);
}

async fn saved_settings_become_those_of_the_first_relay(env: TestEnv) {
    let postern = opened(&env, ONE_RELAY, SETTINGS).await;
    let admin = Actor::local(0);
    let saved = postern.settings().view(&admin).await.expect("readable");
    assert_eq!((saved.revision, saved.form.get(Label::Port)), (2, "587"));
    let table = postern.relays().configured().await.expect("a table");
    let [first] = &table.relays[..] else {
        panic!("{table:?}");
    };
    assert_eq!((first.id, first.revision), (Scope::Global, 2));
    assert!(first.config.enabled && first.config.from_domain.is_none());
    assert!(first.settings.is_some());
    let listed = postern.relays().list(&admin).await.expect("a list");
    assert_eq!(listed[0].address.as_deref(), Some("smtp.example.org:587"));
    assert_eq!(listed[0].config.name, "Main relay");
    assert!(matches!(listed[0].verified, Verification::Changed(_)));
}

async fn an_outage_that_was_announced_ends_with_an_announcement(env: TestEnv) {
    let postern = opened(&env, FORGOTTEN_WHEN_OFF, DOWN).await;
    let (admin, relay) = (Actor::local(0), relay());
    let url = "https://hooks.example.org/postern";
    let webhook = organisation_webhooks(&postern).create(&admin, url).await;
    webhook.expect("a webhook");
    let settings = postern.settings();
    let saved = settings.save(&admin, through(&relay), PasswordChange::Keep, None);
    saved.await.expect("saved");
    assert_eq!(postern.health().check_due().await, Ok(1));
    let claimed = claim(&postern).await;
    let body: Value = serde_json::from_str(claimed[0].body()).expect("JSON");
    assert_eq!(body["type"], "relay.recovered");
    assert_eq!(body["data"]["failing_since"], "1970-01-01T00:01:00Z");
}

async fn webhooks_of_the_organisation_keep_their_deliveries(env: TestEnv) {
    let postern = opened(&env, OF_ORGANISATION, WEBHOOK).await;
    let (admin, service) = (Actor::local(0), organisation_webhooks(&postern));
    let listed = service.list(&admin).await.expect("a list");
    let [webhook] = &listed[..] else {
        panic!("{listed:?}");
    };
    assert_eq!((&*webhook.id, webhook.enabled), (ID, true));
    let tested = service.test(&admin, ID).await;
    tested.expect("queued behind the one before");
    let deliveries = service.deliveries(&admin, ID).await;
    let events = deliveries.expect("a list").into_iter();
    let events: Vec<String> = events.map(|delivery| delivery.event).collect();
    assert_eq!(events, ["webhook.test", "relay.down"]);
    let again = service.create(&admin, &webhook.url).await;
    assert_eq!(again.expect_err("taken").kind, Kind::Conflict);
}

async fn revisions_go_with_their_relay_and_the_others_stay(env: TestEnv) {
    let config = at_version(&env, LASTING_REVISIONS, REVISIONS).await;
    let postern = Postern::open(config.clone()).await.expect("Postern opens");
    let revisions = postern.settings().revisions(&Actor::local(0)).await;
    let revisions = revisions.expect("a list");
    let [revision] = &revisions[..] else {
        panic!("{revisions:?}");
    };
    let by = revision.saved.by.as_str();
    assert_eq!((revision.number, by), (1, "admin@example.org"));
    let origin = revision.origin.as_str();
    assert_eq!((origin, revision.restored), ("", None), "not recorded");
    let mut connection = connect(&config).await;
    let all = sqlx::query_scalar("SELECT COUNT(*) FROM revision").fetch_one(&mut connection);
    let all: i64 = all.await.expect("counts");
    assert_eq!(all, 1, "the others were of relays that are gone");
}

async fn rows_of_the_audit_log_stay_readable_and_outside_the_chains(env: TestEnv) {
    let postern = opened(&env, WITHOUT_CHAINS, AUDIT).await;
    let (audit, admin) = (postern.audit(), Actor::local(0));
    postern
        .outbox()
        .pause_delivery(&admin, true)
        .await
        .expect("paused");
    let verified = audit.verify(&admin).await.expect("verifies");
    assert!(verified.is_intact(), "{verified:?}");
    assert_eq!((verified.unchained, verified.chains[0].intact), (2, 1));
    let by_admin = AuditSearch {
        actor: "admin@".to_owned(),
        ..AuditSearch::default()
    };
    let page = audit.list(&admin, &by_admin, None, 50).await;
    let rows = page.expect("lists").rows;
    let actions: Vec<&str> = rows.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(actions, ["logout", "login"]);
    assert!(rows.iter().all(|row| row.place.is_none()));
}

async fn bodies_of_earlier_versions_are_kept(env: TestEnv) {
    let octets = match env.config.database {
        Some(_) => r"'\x466972650d0a'",
        None => "x'466972650d0a'",
    };
    let body = format!("{ROWS} INSERT INTO message_body (id, bytes) VALUES ('{ID}', {octets});");
    let postern = opened(&env, PARKED, &body).await;
    let source = postern.outbox().message_bytes(&Actor::local(0), ID).await;
    assert_eq!(source.as_deref(), Ok(&b"Fire\r\n"[..]));
}

async fn messages_of_earlier_versions_stay_readable(env: TestEnv) {
    let postern = opened(&env, WITHOUT_REPORTS, MESSAGE).await;
    let message = postern.outbox().message(&Actor::local(0), ID).await;
    let message = message.expect("is there");
    assert_eq!(message.from, "alerts@example.org");
    assert_eq!((&*message.subject, message.size), ("Fire", 3));
}

/// Each opens connections of its own, as a process does.
async fn processes_that_open_a_new_database_together_all_open_it(env: TestEnv) {
    let config = env.empty().await;
    let opening = (0..12).map(|_| tokio::spawn(Postern::open(config.clone())));
    for opened in join_all(opening).await {
        let postern = opened.expect("no panic").expect("Postern opens");
        let overview = postern.outbox().overview(&Actor::local(0)).await;
        overview.expect("the tables are there");
    }
}

async fn a_key_of_an_earlier_version_waits_for_no_node(env: TestEnv) {
    let postern = opened(&env, WITHOUT_ROTATION, SEALING_KEY).await;
    let keys = postern.sealing_keys().list(&Actor::local(0)).await;
    let keys = keys.expect("keys").sealing;
    let states: Vec<_> = keys.iter().map(|key| key.state).collect();
    assert_eq!(states, [SealingKeyState::Active, SealingKeyState::Lost]);
    assert_eq!(keys[1].created_at, Timestamp(1000));
}

stories! {
    both {
        a_key_of_an_earlier_version_waits_for_no_node;
        saved_settings_become_those_of_the_first_relay;
        suppressions_by_words_of_something_else_are_taken_off;
        parked_mail_is_failed_mail_afterwards;
        bodies_of_earlier_versions_are_kept;
        messages_of_earlier_versions_stay_readable;
        an_outage_that_was_announced_ends_with_an_announcement;
        webhooks_of_the_organisation_keep_their_deliveries;
        revisions_go_with_their_relay_and_the_others_stay;
        rows_of_the_audit_log_stay_readable_and_outside_the_chains;
        a_token_without_limits_keeps_what_it_could_do;
        tokens_of_administrators_keep_sending_from_any_address;
        processes_that_open_a_new_database_together_all_open_it;
    }
}
