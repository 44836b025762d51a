//! Tests of the reports that a commit writes: where each waits, and its signature.

use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use domain::mail::dkim::{DkimAlgorithm, DkimKeyState, DkimKeyView};
use domain::outbox::{Priority, RecipientState, ReportCause, ReportedResult};
use domain::webhook::WebhookEvent;
use domain::{Form, Label, Timestamp};

use super::figures::FigureShard;
use super::request::{Lease, NewMessage, WriteRequest};
use super::{direct, transaction};
use crate::domains::LastDkimSigners;
use crate::mail::{DKIM_SCOPE, NewDkimKey};
use crate::store::keys::dkim::{self, DkimKeyRow};
use crate::store::messages::MessageRow;
use crate::store::messages::flows::QueueClass;
use crate::store::recipients::{RecipientEvent, RecipientKey, SettledRecipient};
use crate::store::relays::routing;
use crate::store::{Store, commit};
use crate::vault::{KeyNode, Vault};

const NOW: Timestamp = Timestamp(1_795_151_610_000);
const ID: &str = "01JD0000000000000000000000";
const OWNER: &str = "worker";

/// A message that asks for reports.
fn message(id: &str) -> NewMessage {
    NewMessage {
        message: MessageRow {
            id: id.to_owned(),
            account: "account".to_owned(),
            token: None,
            sender: "app@example.org".to_owned(),
            subject: "Fire".to_owned(),
            message_id: format!("<{id}@example.org>"),
            size: 17,
            dsn: Some("{}".to_owned()),
            webhook: None,
        },
        bytes: b"Subject: Fire\r\n\r\n".to_vec(),
        recipients: vec!["nobody@example.net".to_owned()],
        class: QueueClass {
            queue: "global".into(),
            priority: Priority::High,
        },
        flow: 1,
        open_id: None,
    }
}

/// Messages, leased.
fn accept(messages: impl Into<Arc<[NewMessage]>>) -> WriteRequest {
    WriteRequest::Accept {
        messages: messages.into(),
        key: None,
        version: None,
        counted: Vec::new(),
        lease: Some(Lease {
            owner: OWNER.into(),
            end: NOW + Duration::from_secs(60),
        }),
        caller: Weak::new(),
    }
}

/// The refusal of the recipient of each message, under a lease of `owner`.
fn refuse(owner: &str, ids: &[&str]) -> WriteRequest {
    let reply = "550 5.1.1 no such user";
    let refused = |id: &&str| SettledRecipient {
        key: RecipientKey {
            message_id: (*id).to_owned(),
            position: 0,
        },
        state: RecipientState::Failed,
        due: None,
        attempts: 1,
        settled: Some(NOW),
        relay: "smtp.example.org:25".to_owned(),
        choice: None,
        reply: reply.to_owned(),
        took: Duration::ZERO,
        submitter: None,
        scope: None,
        report: Some(Arc::new(ReportedResult {
            cause: ReportCause::Refused,
            address: "nobody@example.net".to_owned(),
            diagnostic: reply.to_owned(),
            at: NOW,
        })),
        event: None,
    };
    WriteRequest::Settle {
        owner: owner.into(),
        settled: ids.iter().map(refused).collect(),
        events: Vec::new(),
        suppressions: Vec::new(),
        suppression_limit: 0,
    }
}

/// A database in a folder, and the vault of its secrets.
struct TestStore {
    store: Store,
    vault: Arc<Vault>,
    signers: LastDkimSigners,
}

impl TestStore {
    async fn open(folder: &Path) -> Self {
        let store = Store::open(folder, None).await.expect("opens");
        let vault = Vault::open(
            KeyNode::new("gate", folder.join("keys")),
            &store,
            NOW,
            false,
        )
        .await;
        let vault = Arc::new(vault.expect("a vault"));
        Self {
            signers: LastDkimSigners::new(vault.clone()),
            store,
            vault,
        }
    }

    /// Saves the first relay, whose From address is of example.com.
    async fn save_relay(&self) {
        let form = Form::default()
            .with(Label::FromAddress, "alerts@Example.COM")
            .with(Label::Host, "smtp.example.org")
            .with(Label::Port, "25");
        let values = form.iter().map(|(label, value)| {
            let label = label.as_str();
            format!("INSERT INTO information (scope, label, value) VALUES ('global', '{label}', '{value}')")
        });
        execute(&self.store, &values.collect::<Vec<_>>()).await;
    }

    /// Commits a request, and returns how many reports the commit inserted.
    async fn write(&self, hold_mail: bool, request: WriteRequest) -> usize {
        let (requests, shard) = ([Arc::new(request)], FigureShard::new());
        let (store, signers) = (&self.store, &self.signers);
        let written = transaction::write(store, signers, hold_mail, &requests, &shard, NOW).await;
        written.expect("writes").results[0].reports
    }

    /// Makes a key for example.com that signs.
    async fn add_key(&self) {
        let key = NewDkimKey::generate(DkimAlgorithm::Ed25519).expect("a key");
        let row = DkimKeyRow {
            private_key: self.vault.seal(DKIM_SCOPE, "key", key.private.as_bytes()),
            view: DkimKeyView {
                id: "key".to_owned(),
                domain: "example.com".to_owned(),
                selector: "postern".to_owned(),
                algorithm: DkimAlgorithm::Ed25519,
                public_key: key.public,
                state: DkimKeyState::Active,
                is_usable: true,
                created_at: NOW,
                created_by: "admin@example.org".to_owned(),
                activated_at: Some(NOW),
                removal_at: None,
            },
        };
        let mut work = self.store.begin().await.expect("begins");
        routing::raise(&mut work).await.expect("raised");
        dkim::write(&mut work, &row).await.expect("written");
        commit(work).await.expect("commits");
    }

    /// The reports that are stored, each with its size.
    async fn reports(&self) -> Vec<(String, i64)> {
        let query = "SELECT bytes, size FROM message JOIN message_body \
                     ON message_body.id = message.id WHERE sender = ''";
        let mut connection = self.store.read().await.expect("a connection");
        let rows: Result<Vec<(Vec<u8>, i64)>, _> =
            sqlx::query_as(query).fetch_all(&mut *connection).await;
        let rows = rows.expect("rows").into_iter();
        rows.map(|(bytes, size)| (String::from_utf8(bytes).expect("text"), size))
            .collect()
    }
}

async fn execute(store: &Store, statements: &[String]) {
    let mut work = store.begin().await.expect("begins");
    for statement in statements {
        let query = sqlx::query(sqlx::AssertSqlSafe(statement.as_str()));
        query.execute(&mut *work).await.expect("executes");
    }
    commit(work).await.expect("commits");
}

/// The queue, the priority and the state of each report to the sender.
async fn waiting(store: &Store) -> Vec<String> {
    let query = "SELECT queue || ' ' || priority || ' ' || state FROM message \
                 JOIN recipient ON recipient.message_id = message.id \
                 JOIN flow ON flow.id = recipient.flow \
                 WHERE sender = '' AND address = 'app@example.org' AND flow.account_id = 'account'";
    let mut connection = store.read().await.expect("a connection");
    let rows = sqlx::query_scalar(query).fetch_all(&mut *connection).await;
    rows.expect("rows")
}

#[tokio::test]
async fn a_report_waits_in_the_queue_of_its_from_address() {
    let rule = "INSERT INTO relay (id, name, position, from_domain, enabled, revision) \
                VALUES ('01JD0000000000000000000001', 'Rule', 1, 'example.com', 1, 1)";
    for (statement, hold_mail, owner, expected) in [
        (None, false, OWNER, &["global normal queued"][..]),
        (
            Some(rule),
            false,
            OWNER,
            &["domain:example.com normal queued"],
        ),
        // Delivery is paused.
        (None, true, OWNER, &["global normal held"]),
        // The lease is another worker's, which writes its own result.
        (None, false, "other", &[]),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let test = TestStore::open(folder.path()).await;
        test.save_relay().await;
        let statements: Vec<String> = statement.map(str::to_owned).into_iter().collect();
        execute(&test.store, &statements).await;
        assert_eq!(test.write(false, accept([message(ID)])).await, 0);
        let reports = test.write(hold_mail, refuse(owner, &[ID])).await;
        assert_eq!(reports, expected.len());
        assert_eq!(waiting(&test.store).await, expected);
    }
}

#[tokio::test]
async fn a_report_is_signed_with_the_keys_of_its_from_domain() {
    let folder = tempfile::tempdir().expect("a folder");
    let test = TestStore::open(folder.path()).await;
    test.save_relay().await;
    test.write(false, accept([message(ID)])).await;
    let mut connection = test.store.read().await.expect("a connection");
    let version = routing::version(&mut connection).await.expect("a version");
    let known = test.signers.read(&mut connection, version).await;
    assert!(known.expect("no keys").is_empty());
    drop(connection);

    // A key that is activated later signs too.
    test.add_key().await;
    assert_eq!(test.write(false, refuse(OWNER, &[ID])).await, 1);
    let mut reports = test.reports().await;
    let (report, size) = reports.remove(0);
    let signature = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n\
                     \td=example.com; s=postern; ";
    assert!(report.starts_with(signature), "{report}");
    assert_eq!(usize::try_from(size).ok(), Some(report.len()));
}

#[tokio::test]
async fn a_commit_returns_only_so_much_of_the_messages() {
    let folder = tempfile::tempdir().expect("a folder");
    let test = TestStore::open(folder.path()).await;
    test.save_relay().await;
    let ids = ["01JD0000000000000000000001", "01JD0000000000000000000002"];
    let large = ids.map(|id| {
        let mut large = message(id);
        large.message.size = 20 * 1024 * 1024;
        large.message.dsn = Some(r#"{"ret":"FULL"}"#.to_owned());
        large
    });
    test.write(false, accept(large)).await;
    assert_eq!(test.write(false, refuse(OWNER, &ids)).await, 2);
    let reports = test.reports().await;
    let with = |text: &str| {
        let of_kind = reports.iter().filter(|(report, _)| report.contains(text));
        of_kind.count()
    };
    assert_eq!(with("Content-Type: message/rfc822\r\n"), 1);
    assert_eq!(with("Content-Type: text/rfc822-headers\r\n"), 1);
}

#[tokio::test]
async fn an_event_is_queued_with_the_result_or_not_at_all() {
    let webhook = |id: &str, enabled: i64| {
        format!(
            "INSERT INTO webhook (id, url, secret, enabled, created_at, created_by) \
             VALUES ('{id}', 'https://example.org/{id}', '', {enabled}, 0, '')"
        )
    };
    let ids = ["01JD0000000000000000000001", "01JD0000000000000000000002"];
    for (owner, named, expected) in [
        (OWNER, "on", &[1_i64, 2][..]),
        (OWNER, "off", &[]),
        (OWNER, "removed", &[]),
        // The lease is another worker's, which writes its own result.
        ("other", "on", &[]),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let test = TestStore::open(folder.path()).await;
        execute(&test.store, &[webhook("on", 1), webhook("off", 0)]).await;
        test.write(false, accept(ids.map(message))).await;
        let mut request = refuse(owner, &ids);
        if let WriteRequest::Settle { settled, .. } = &mut request {
            for row in settled {
                row.report = None;
                row.event = Some(Arc::new(RecipientEvent {
                    webhook: named.into(),
                    event: WebhookEvent::MessageFailed,
                    address: "nobody@example.net".to_owned(),
                }));
            }
        }
        assert!(!direct::can_write(&request), "it queues no events");
        test.write(false, request).await;
        let query = "SELECT number, body FROM webhook_delivery \
                     WHERE event = 'message.failed' AND state = 'queued' ORDER BY number";
        let mut connection = test.store.read().await.expect("a connection");
        let rows: Result<Vec<(i64, String)>, _> =
            sqlx::query_as(query).fetch_all(&mut *connection).await;
        let rows = rows.expect("rows");
        let numbers: Vec<i64> = rows.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, expected, "{owner} {named}");
        for ((_, body), id) in rows.iter().zip(ids) {
            assert!(body.contains(&format!("<{id}@example.org>")), "{body}");
            assert!(body.contains("550 5.1.1 no such user"), "{body}");
        }
    }
}
