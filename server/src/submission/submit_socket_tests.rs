//! The submission listener on its Unix socket, and the last use of its interfaces.

use domain::SendingLimits;
use domain::interface::InterfaceKind;
use engine::Actor;
use nix::unistd::getuid;
use tokio::net::UnixStream;

use super::test_client::{ANN, SmtpTestClient, TestSubmission, on_tcp};
use crate::cli::SubmissionArgs;

#[tokio::test]
async fn users_of_the_unix_socket_have_accounts() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("submit.sock");
    let uid = getuid().as_raw();
    for (users, expected) in [(format!("{uid}={ANN}"), ANN), (String::new(), "local")] {
        let args = SubmissionArgs {
            submit_socket: Some(path.clone()),
            submit_users: users,
            ..SubmissionArgs::default()
        };
        let gate = TestSubmission::open(args).await;
        let _ = gate.account(ANN).await;
        let stream = UnixStream::connect(&path).await.expect("connects");
        let mut client = SmtpTestClient::new(stream);
        client.expect_reply("nothing", "220 gate.test").await;
        client.expect("EHLO app.test", "250").await;
        let (by, mail) = gate.mail(&client.send_mail(ANN).await).await;
        assert_eq!(by, expected);
        assert!(mail.contains(&format!("uid {uid} on gate.test")), "{mail}");
        drop(client);
        gate.stopped().await;
    }
}

#[tokio::test]
async fn the_unix_socket_is_removed_at_a_clean_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("submit.sock");
    let args = SubmissionArgs {
        submit_socket: Some(path.clone()),
        ..SubmissionArgs::default()
    };
    let gate = TestSubmission::open(args).await;
    assert!(path.exists());
    gate.stopped().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn an_interface_shows_who_used_it_last() {
    let gate = TestSubmission::open(on_tcp()).await;
    let mut client = gate.client().await;
    client.expect("EHLO app.test", "250").await;
    let _ = client.send_mail(ANN).await;
    let listed = gate.postern.interfaces().list(&Actor::local(0)).await;
    let listed = listed.expect("a list");
    let [interface] = &listed[..] else {
        panic!("one interface");
    };
    assert_eq!(interface.address, gate.addresses[0].to_string());
    assert!(interface.is_loopback);
    let last = interface.last_use.as_ref().expect("a use");
    assert_eq!(last.by, "local");
}

#[tokio::test]
async fn an_interface_is_not_used_by_mail_that_is_to_come_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("submit.sock");
    let args = SubmissionArgs {
        local_account: Some(ANN.to_owned()),
        submit_socket: Some(path.clone()),
        ..on_tcp()
    };
    let gate = TestSubmission::open(args).await;
    let _ = gate.account(ANN).await;
    let operator = Actor::local(0);
    let found = gate.postern.accounts().read_by_email(&operator, ANN).await;
    let limits = SendingLimits {
        max_per_day: Some(1),
        ..SendingLimits::default()
    };
    let id = found.expect("an account").id;
    let changed = gate.postern.limits();
    let changed = changed.set_of_account(&operator, &id, limits).await;
    changed.expect("changed");

    let stream = UnixStream::connect(&path).await.expect("connects");
    let mut first = SmtpTestClient::new(stream);
    first.expect_reply("nothing", "220 gate.test").await;
    first.expect("EHLO app.test", "250").await;
    let reply = first.send_mail(ANN).await;
    assert!(reply.starts_with("250 2.0.0 "), "{reply}");
    let mut second = gate.client().await;
    second.expect("EHLO app.test", "250").await;
    let reply = second.send_mail(ANN).await;
    assert!(reply.starts_with("451 4.7.1 "), "{reply}");

    let listed = gate.postern.interfaces().list(&operator).await;
    let uses = listed.expect("a list").into_iter();
    let uses = uses.map(|interface| (interface.kind, interface.last_use.is_some()));
    let uses: Vec<_> = uses.collect();
    assert!(
        uses.contains(&(InterfaceKind::Submission, false)),
        "{uses:?}"
    );
    assert!(
        uses.contains(&(InterfaceKind::SubmitSocket, true)),
        "{uses:?}"
    );
}
