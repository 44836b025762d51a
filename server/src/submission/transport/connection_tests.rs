//! Tests of a connection whose client has sent something before it is served.

use std::sync::Arc;

use domain::interface::{InterfaceEncryption, InterfaceKind};
use engine::{Actor, Config, Postern, Repair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::watch;

use super::connection::SubmissionConnection;
use super::stream::SubmissionStream;
use crate::submission::client::SubmissionPeer;
use crate::submission::protocol::limits::SessionLimits;
use crate::submission::service::{LocalSubmitters, SubmissionService};
use crate::submission::test_client::within;

/// The replies to what a client sent, where the process stops.
async fn replies_at_the_stop(sent: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config {
        data: folder.path().to_owned(),
        ..Config::default()
    };
    let postern = Postern::open(config).await.expect("opens");
    let interface = postern.interfaces().open(
        InterfaceKind::SubmitSocket,
        "a socket".to_owned(),
        InterfaceEncryption::None,
        true,
    );
    let service = Arc::new(SubmissionService {
        postern: postern.clone(),
        host: "gate.test".into(),
        tls: None,
        submitters: LocalSubmitters::default(),
        limits: SessionLimits::default(),
        repair: Repair::None,
    });
    let (mut client, server) = UnixStream::pair().expect("two streams");
    client.write_all(sent.as_bytes()).await.expect("sent");
    client.shutdown().await.expect("half closed");
    within(server.readable()).await.expect("arrived");
    let (_stop, stopped) = watch::channel(true);
    let connection = SubmissionConnection::new(
        service,
        interface,
        SubmissionPeer::Unix(1),
        SubmissionStream::Unix(server),
        Some(Actor::local_sender(Some(1))),
        stopped,
    );
    within(connection.run()).await;
    let mut replies = String::new();
    let read = within(client.read_to_string(&mut replies)).await;
    read.expect("replies and their end");
    postern.close().await;
    replies
}

#[tokio::test]
async fn a_client_that_never_stops_sending_is_told_of_the_stop() {
    let replies = replies_at_the_stop("NOOP\r\nNOOP\r\n").await;
    assert!(
        replies.starts_with("220 gate.test ESMTP Postern\r\n421 4.3.2 "),
        "{replies}"
    );
}
