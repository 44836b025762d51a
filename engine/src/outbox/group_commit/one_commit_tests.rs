//! Tests of the group commit as a whole: mails that arrive together go into one commit.

use std::sync::Arc;

use domain::outbox::Priority;
use futures::future::join_all;
use tokio::sync::{Notify, watch};

use super::GroupCommit;
use super::request::{NewMessage, WriteRequest};
use crate::Clock;
use crate::domains::LastDkimSigners;
use crate::store::Store;
use crate::store::messages::MessageRow;
use crate::store::messages::flows::QueueClass;
use crate::vault::{KeyNode, Vault};

/// The mails of each client. `join_all` polls at most 30 futures in the order of their list.
const MAILS: usize = 4;
const CLIENTS: usize = 6;

/// A mail of an account, whose client waits as long as `caller` lives.
fn accept(account: &str, id: &str, caller: &Arc<()>) -> WriteRequest {
    let message = NewMessage {
        message: MessageRow {
            id: id.to_owned(),
            account: account.to_owned(),
            token: None,
            sender: "app@example.org".to_owned(),
            subject: "Fire".to_owned(),
            message_id: format!("<{id}@example.org>"),
            size: 17,
            dsn: None,
            webhook: None,
        },
        bytes: b"Subject: Fire\r\n\r\n".to_vec(),
        recipients: vec!["desk@example.net".to_owned()],
        class: QueueClass {
            queue: "global".into(),
            priority: Priority::Normal,
        },
        flow: 1,
        open_id: None,
    };
    WriteRequest::Accept {
        messages: Arc::new([message]),
        key: None,
        counted: Vec::new(),
        version: None,
        lease: None,
        caller: Arc::downgrade(caller),
    }
}

/// On the one thread of the test all requests are queued before the task that commits runs.
#[tokio::test]
async fn mails_of_one_client_and_of_many_go_into_one_commit() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path(), None).await.expect("opens");
    let clock = Clock::default();
    let node = KeyNode::new("gate", folder.path().join("keys"));
    let vault = Vault::open(node, &store, clock.now(), false).await;
    let signers = LastDkimSigners::new(Arc::new(vault.expect("a vault")));
    let commits = watch::Sender::new(0);
    let group_commit = GroupCommit::start(
        store.clone(),
        clock,
        Arc::new(signers),
        false,
        commits.clone(),
        Arc::new(Notify::new()),
    );
    let caller = Arc::new(());
    let mut requests = Vec::new();
    for client in 0..CLIENTS {
        for mail in 0..MAILS {
            let id = format!("01JD{client}{mail}");
            requests.push(accept(&format!("account {client}"), &id, &caller));
        }
    }
    let writing = requests
        .into_iter()
        .map(|request| group_commit.write(request));
    for result in join_all(writing).await {
        assert!(result.expect("writes").is_accepted());
    }
    assert_eq!(*commits.borrow(), 1);
    let mut connection = store.read().await.expect("a connection");
    let query = "SELECT COUNT(*) FROM message";
    let stored: Result<i64, _> = sqlx::query_scalar(query).fetch_one(&mut *connection).await;
    assert_eq!(
        usize::try_from(stored.expect("a number")),
        Ok(CLIENTS * MAILS)
    );

    let one = group_commit.write(accept("account 0", "01JDX", &caller));
    assert!(one.await.expect("writes").is_accepted());
    assert_eq!(*commits.borrow(), 2);
}
