//! The open interfaces of a process: administrators see where they are and the last use of each.

use std::time::Duration;

use domain::Kind;
use domain::account::Role;
use domain::interface::{InterfaceEncryption, InterfaceKind, LastUse};

use crate::environment::TestEnv;

async fn open_interfaces_are_listed_with_their_last_use(env: TestEnv) {
    let admin = env.admin().await;
    let user = env.sign_in("user@example.org", Role::User).await;
    let interfaces = env.postern.interfaces();
    assert!(interfaces.list(&admin).await.expect("a list").is_empty());
    let refused = interfaces.list(&user).await.expect_err("refused");
    assert_eq!(refused.kind, Kind::Forbidden);

    let submission = interfaces.open(
        InterfaceKind::Submission,
        "0.0.0.0:2525".to_owned(),
        InterfaceEncryption::None,
        false,
    );
    let http = interfaces.open(
        InterfaceKind::Http,
        "127.0.0.1:3000".to_owned(),
        InterfaceEncryption::None,
        true,
    );
    submission.used_by("mara@example.org");
    env.pass(Duration::from_secs(60));
    let before = env.clock.now();
    submission.clone().used_by("tove@example.org");
    let listed = interfaces.list(&admin).await.expect("a list");
    let kinds: Vec<InterfaceKind> = listed.iter().map(|view| view.kind).collect();
    assert_eq!(kinds, [InterfaceKind::Http, InterfaceKind::Submission]);
    assert!(listed[0].is_loopback && listed[0].last_use.is_none());
    assert_eq!(listed[1].address, "0.0.0.0:2525");
    let LastUse { at, by } = listed[1].last_use.clone().expect("a use");
    assert_eq!(by, "tove@example.org");
    assert!(at >= before, "the newest use: {at}");

    drop(http);
    let listed = interfaces.list(&admin).await.expect("a list");
    assert_eq!(listed.len(), 1, "a closed interface is not listed");
    drop(submission);
    assert!(interfaces.list(&admin).await.expect("a list").is_empty());
}

stories! {
    both {
        open_interfaces_are_listed_with_their_last_use;
    }
}
