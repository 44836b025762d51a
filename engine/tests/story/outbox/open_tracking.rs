//! Open tracking: refused where it cannot be, counted with its times, deleted with the message.

use std::time::Duration;

use domain::Kind;
use domain::account::Role;
use domain::account::policy::PolicyChange;
use domain::outbox::{MessageOpens, RecipientState};
use engine::{Actor, Idempotency, Postern, Submission, Submissions};
use testkit::{Relay, RelayScript};

use crate::environment::TestEnv;
use crate::outbox::{TestWorker, is, mail};
use crate::wait::wait_for;

/// A mail with HTML that asks for tracking.
fn tracked(subject: &str) -> Submission {
    Submission {
        html: Some("<html><body><p>Hello</p></body></html>".to_owned()),
        track_opens: true,
        ..mail(&["desk@example.net"], subject)
    }
}

/// The id in the URL of the image of a message.
async fn image_of(env: &TestEnv, id: &str) -> Option<String> {
    let outbox = env.postern.outbox();
    let bytes = outbox.message_bytes(&Actor::local(0), id).await;
    let text = String::from_utf8(bytes.expect("the source")).expect("text");
    let (_, rest) = text.split_once("http://gate.example/open/")?;
    let (image, rest) = rest.split_once(".gif\"")?;
    assert!(rest.contains("</body>"), "it is in the body: {text}");
    Some(image.to_owned())
}

impl TestEnv {
    async fn opens(&self, actor: &Actor, id: &str) -> Option<MessageOpens> {
        let message = self.postern.outbox().message(actor, id).await;
        message.expect("there").opens
    }

    /// Waits until so many loads are written.
    async fn until_opened(&self, actor: &Actor, id: &str, number: i64) -> MessageOpens {
        wait_for("opens", async || {
            let opens = self.opens(actor, id).await;
            opens.filter(|opens| opens.opens == number).ok_or(opens)
        })
        .await
    }

    async fn send_tracked(&self, actor: &Actor, subject: &str) -> String {
        let one = Submissions::One(Box::new(tracked(subject)));
        let accepted = self.postern.outbox().accept(actor, one, None).await;
        let mut accepted = accepted.expect("accepted");
        let notice = accepted.open_tracking.expect("a notice");
        assert!(notice.contains("http://gate.example/open/"), "{notice}");
        accepted.ids.remove(0)
    }
}

async fn loads_of_a_tracked_message_are_counted_with_their_times(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let user = env.sign_in("user@example.org", Role::User).await;
    let other = env.sign_in("other@example.org", Role::User).await;
    let works = TestWorker::begin(&env, 1);
    let id = env.send_tracked(&user, "Tracked").await;
    env.until(&user, &id, is(RecipientState::Delivered)).await;
    let image = image_of(&env, &id).await.expect("an image");
    let sent = &relay.accepted()[0].data;
    assert!(sent.contains(&image), "the relay got it: {sent}");
    assert_eq!(
        env.opens(&user, &id).await,
        Some(MessageOpens::default()),
        "not opened yet"
    );

    let first = env.clock.now();
    env.postern.outbox().opened(&image);
    env.postern.outbox().opened("AAAAAAAAAAAAAAAAAAAAAA");
    let first = first..=env.clock.now();
    let opens = env.until_opened(&user, &id, 1).await;
    assert_eq!(opens.first, opens.last);
    assert!(first.contains(&opens.first.expect("a time")), "{opens:?}");
    env.pass(Duration::from_hours(1));
    let last = env.clock.now();
    env.postern.outbox().opened(&image);
    env.postern.outbox().opened(&image);
    let last = last..=env.clock.now();
    let opens = env.until_opened(&admin, &id, 3).await;
    assert!(first.contains(&opens.first.expect("a time")), "{opens:?}");
    assert!(last.contains(&opens.last.expect("a time")), "{opens:?}");

    let refused = env.postern.outbox().message(&other, &id).await;
    assert_eq!(refused.expect_err("not theirs").kind, Kind::NotFound);
    let plain = env.submit_mail(&user, &["desk@example.net"], "Plain").await;
    assert_eq!(env.opens(&user, &plain).await, None);
    works.end().await;
}

async fn loads_that_are_counted_at_the_end_of_a_process_are_written(env: TestEnv) {
    let admin = env.admin().await;
    env.save(&admin, &Relay::start(RelayScript::pipelining()))
        .await;
    let id = env.send_tracked(&admin, "Tracked").await;
    let image = image_of(&env, &id).await.expect("an image");
    let other = Postern::open(env.config.clone()).await.expect("opens");
    other.outbox().opened(&image);
    other.close().await;
    let opens = env.opens(&admin, &id).await.expect("tracked");
    assert_eq!(opens.opens, 1);
}

async fn invented_ids_do_not_hide_the_load_of_a_message(env: TestEnv) {
    let admin = env.admin().await;
    env.save(&admin, &Relay::start(RelayScript::pipelining()))
        .await;
    let id = env.send_tracked(&admin, "Tracked").await;
    let image = image_of(&env, &id).await.expect("an image");
    for number in 0..20_000 {
        env.postern.outbox().opened(&format!("{number:021}A"));
    }
    env.postern.outbox().opened(&image);
    env.until_opened(&admin, &id, 1).await;
}

async fn a_message_that_cannot_be_tracked_is_refused(env: TestEnv) {
    let admin = env.admin().await;
    env.save(&admin, &Relay::start(RelayScript::pipelining()))
        .await;
    let outbox = env.postern.outbox();
    let refused = async |submission: Submission| {
        let one = Submissions::One(Box::new(submission));
        let refusal = outbox.accept(&admin, one, None).await.expect_err("refused");
        assert_eq!(refusal.kind, Kind::Invalid);
        refusal.fields["track_opens"].clone()
    };
    let plain = Submission {
        html: None,
        ..tracked("Plain")
    };
    assert!(refused(plain).await.contains("needs the field html"));
    let raw = Submission {
        raw: Some(b"From: alerts@example.org\r\nTo: desk@example.net\r\n\r\nHello\r\n".to_vec()),
        track_opens: true,
        ..Submission::default()
    };
    assert!(refused(raw).await.contains("A raw message"));

    let policy = |on| PolicyChange {
        open_tracking: Some(on),
        ..PolicyChange::default()
    };
    let saved = env.postern.policy().save(&admin, policy(false)).await;
    assert!(!saved.expect("saved").open_tracking);
    assert!(refused(tracked("Off")).await.contains("policy"));
    let trail = env.postern.audit().trail(&admin, 10).await.expect("rows");
    assert!(trail.iter().any(|row| row.detail == "open tracking off"));
    env.submit_mail(&admin, &["desk@example.net"], "Plain")
        .await;
    let saved = env.postern.policy().save(&admin, policy(true)).await;
    saved.expect("saved");
    env.send_tracked(&admin, "On again").await;
}

async fn a_repeated_request_is_told_of_tracking_as_the_first(env: TestEnv) {
    let admin = env.admin().await;
    env.save(&admin, &Relay::start(RelayScript::pipelining()))
        .await;
    let accept = async || {
        let one = Submissions::One(Box::new(tracked("Tracked")));
        let key = Idempotency {
            key: "key".to_owned(),
            body_sha256: [7; 32],
        };
        let accepted = env.postern.outbox().accept(&admin, one, Some(key)).await;
        accepted.expect("accepted")
    };
    let first = accept().await;
    assert!(first.open_tracking.is_some());
    assert_eq!(accept().await, first);
    // It could not be submitted any more.
    let off = PolicyChange {
        open_tracking: Some(false),
        ..PolicyChange::default()
    };
    let saved = env.postern.policy().save(&admin, off).await;
    saved.expect("saved");
    assert_eq!(accept().await, first);
}

async fn opens_are_deleted_with_their_message(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let works = TestWorker::begin(&env, 1);
    let id = env.send_tracked(&admin, "Tracked").await;
    env.until(&admin, &id, is(RecipientState::Delivered)).await;
    works.end().await;
    // A worker deletes old messages when it starts.
    env.pass(Duration::from_hours(100 * 24));
    let works = TestWorker::begin(&env, 1);
    env.until_found(&admin, &id, |found| found.is_none()).await;
    works.end().await;
    let mut connection = env.connection().await;
    let query = sqlx::query_scalar("SELECT COUNT(*) FROM message_open");
    let rows: i64 = query.fetch_one(&mut connection).await.expect("a number");
    assert_eq!(rows, 0);
}

stories! {
    both {
        loads_of_a_tracked_message_are_counted_with_their_times;
        loads_that_are_counted_at_the_end_of_a_process_are_written;
        invented_ids_do_not_hide_the_load_of_a_message;
        a_message_that_cannot_be_tracked_is_refused;
        a_repeated_request_is_told_of_tracking_as_the_first;
        opens_are_deleted_with_their_message;
    }
}
