//! Tests of where a report waits that a commit writes.

use std::sync::{Arc, Weak};
use std::time::Duration;

use domain::outbox::{Priority, RecipientState, ReportCause, ReportedResult};
use domain::{Form, Label, Timestamp};

use super::figures::FigureShard;
use super::request::{Lease, NewMessage, WriteRequest};
use super::transaction;
use crate::store::flows::QueueClass;
use crate::store::messages::MessageRow;
use crate::store::recipients::{RecipientKey, SettledRecipient};
use crate::store::{Store, commit};

const NOW: Timestamp = Timestamp(1_795_151_610_000);
const ID: &str = "01JD0000000000000000000000";
const OWNER: &str = "worker";

/// A message that asks for reports, leased.
fn accept() -> WriteRequest {
    let message = NewMessage {
        message: MessageRow {
            id: ID.to_owned(),
            account: "account".to_owned(),
            token: None,
            sender: "app@example.org".to_owned(),
            subject: "Fire".to_owned(),
            message_id: format!("<{ID}@example.org>"),
            size: 17,
            dsn: Some("{}".to_owned()),
        },
        bytes: b"Subject: Fire\r\n\r\n".to_vec(),
        recipients: vec!["nobody@example.net".to_owned()],
        class: QueueClass {
            queue: "global".into(),
            priority: Priority::High,
        },
        flow: 1,
        open_id: None,
    };
    WriteRequest::Accept {
        messages: Arc::new([message]),
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

/// The refusal of its recipient, under a lease of `owner`.
fn refuse(owner: &str) -> WriteRequest {
    let reply = "550 5.1.1 no such user";
    let refused = SettledRecipient {
        key: RecipientKey {
            message_id: ID.to_owned(),
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
    };
    WriteRequest::Settle {
        owner: owner.into(),
        settled: vec![refused],
        events: Vec::new(),
        suppressions: Vec::new(),
        suppression_limit: 0,
    }
}

/// Commits a request, and returns how many reports the commit inserted.
async fn write(store: &Store, hold_mail: bool, request: WriteRequest) -> usize {
    let (requests, shard) = ([Arc::new(request)], FigureShard::new());
    let written = transaction::write(store, hold_mail, &requests, &shard, NOW).await;
    written.expect("writes").results[0].reports
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
        let store = Store::open(folder.path(), None).await.expect("opens");
        let form = Form::default()
            .with(Label::FromAddress, "alerts@Example.COM")
            .with(Label::Host, "smtp.example.org")
            .with(Label::Port, "25");
        let values = form.iter().map(|(label, value)| {
            let label = label.as_str();
            format!("INSERT INTO information (scope, label, value) VALUES ('global', '{label}', '{value}')")
        });
        let statements: Vec<String> = values.chain(statement.map(str::to_owned)).collect();
        execute(&store, &statements).await;
        assert_eq!(write(&store, false, accept()).await, 0);
        let reports = write(&store, hold_mail, refuse(owner)).await;
        assert_eq!(reports, expected.len());
        assert_eq!(waiting(&store).await, expected);
    }
}
