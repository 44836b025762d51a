//! Submission: idempotency keys, batches, refusals and a locked database.

use std::time::Duration;

use domain::outbox::{RecipientState, Search};
use domain::{Kind, Refusal};
use engine::{Actor, Idempotency, Submission, Submissions};

use crate::environment::TestEnv;
use crate::outbox::{is, mail};
use testkit::{Relay, RelayScript};

impl TestEnv {
    pub async fn keyed(
        &self,
        actor: &Actor,
        key: &str,
        body: u8,
        subject: &str,
    ) -> Result<Vec<String>, Refusal> {
        let submissions = Submissions::One(Box::new(mail(&["desk@example.net"], subject)));
        let key = Some(Idempotency {
            key: key.to_owned(),
            body_sha256: [body; 32],
        });
        let accepted = self
            .postern
            .outbox()
            .accept(actor, submissions, key)
            .await?;
        Ok(accepted.ids)
    }

    pub async fn kept(&self, actor: &Actor) -> usize {
        let page = self
            .postern
            .outbox()
            .page(actor, &Search::default(), None)
            .await;
        page.expect("a page").lines.len()
    }
}

async fn a_repeated_idempotency_key_returns_the_first_response(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let first = env.keyed(&admin, "k", 1, "Fire").await.expect("accepted");
    assert_eq!(env.keyed(&admin, "k", 1, "Fire").await, Ok(first.clone()));
    let refusal = env
        .keyed(&admin, "k", 2, "Other")
        .await
        .expect_err("another body");
    assert_eq!((refusal.kind, refusal.fields.len()), (Kind::Invalid, 1));
    assert_eq!(env.kept(&admin).await, 1);
    let user = env
        .sign_in("user@example.org", domain::account::Role::User)
        .await;
    let theirs = env
        .keyed(&user, "k", 2, "Other")
        .await
        .expect("a key is an account's own");
    assert_ne!(theirs, first);
    env.pass(Duration::from_secs(24 * 3600 + 1));
    let later = env.keyed(&admin, "k", 1, "Fire").await.expect("accepted");
    assert_ne!(later, first, "a day later it is a new one");

    // Of concurrent requests one is stored; the others get its response or a conflict.
    let requests = (0..8).map(|_| env.keyed(&admin, "busy", 3, "Fire"));
    let answers = futures::future::join_all(requests).await;
    let mut ids: Vec<_> = answers
        .iter()
        .filter_map(|answer| answer.as_ref().ok())
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
    for refusal in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        assert_eq!(refusal.kind, Kind::Conflict);
    }
    assert_eq!(env.kept(&admin).await, 4);
}

async fn a_batch_is_stored_as_a_whole_or_not_at_all(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let good = || mail(&["desk@example.net"], "Fire");
    let bad = || mail(&["no address"], "Fire\r\nBcc: x@example.net");
    let submissions = Submissions::Many(vec![good(), bad(), good(), bad()]);
    let refusal = env
        .postern
        .outbox()
        .accept(&admin, submissions, None)
        .await
        .expect_err("refused");
    assert_eq!(refusal.kind, Kind::Invalid);
    for field in ["[1].to", "[1].subject", "[3].to", "[3].subject"] {
        assert!(
            refusal.fields.contains_key(field),
            "{field} in {:?}",
            refusal.fields
        );
    }
    assert_eq!(env.kept(&admin).await, 0);
    let submissions = Submissions::Many(vec![good(), good()]);
    let ids = env
        .postern
        .outbox()
        .accept(&admin, submissions, None)
        .await
        .expect("accepted")
        .ids;
    assert!(ids.len() == 2 && ids[0] < ids[1]);
    for submissions in [Vec::new(), (0..501).map(|_| good()).collect()] {
        let refusal = env
            .postern
            .outbox()
            .accept(&admin, Submissions::Many(submissions), None)
            .await;
        assert_eq!(refusal.expect_err("refused").kind, Kind::Invalid);
    }
    assert_eq!(env.kept(&admin).await, 2);
}

async fn without_settings_mail_needs_a_sender_and_is_queued(env: TestEnv) {
    let admin = env.admin().await;
    let submissions = Submissions::One(Box::new(mail(&["desk@example.net"], "Fire")));
    let refusal = env
        .postern
        .outbox()
        .accept(&admin, submissions, None)
        .await
        .expect_err("refused");
    assert!(refusal.fields.contains_key("from"));
    let works = crate::outbox::TestWorker::begin(&env, 4);
    let from = Submission {
        from: Some("ops@example.org".to_owned()),
        ..mail(&["desk@example.net"], "Fire")
    };
    let ids = env
        .postern
        .outbox()
        .accept(&admin, Submissions::One(Box::new(from)), None)
        .await
        .expect("accepted")
        .ids;
    assert!(
        !env.postern
            .outbox()
            .overview(&admin)
            .await
            .expect("an overview")
            .configured
    );
    let relay = Relay::start(RelayScript::pipelining());
    env.save(&admin, &relay).await;
    let taken = relay.wait_for_mails(1).await;
    assert_eq!(taken[0].from, "ops@example.org");
    env.until(&admin, &ids[0], is(RecipientState::Delivered))
        .await;
    works.end().await;
}

async fn a_locked_database_refuses_with_retry_after(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let lock = env.lock_out().await;
    let submissions = Submissions::One(Box::new(mail(&["desk@example.net"], "Fire")));
    let refusal = env
        .postern
        .outbox()
        .accept(&admin, submissions, None)
        .await
        .expect_err("refused");
    assert_eq!(refusal.kind, Kind::Unavailable);
    assert!(refusal.retry_after.is_some());
    drop(lock);
    env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    assert_eq!(env.kept(&admin).await, 1);
}

stories! {
    both {
        a_repeated_idempotency_key_returns_the_first_response;
        a_batch_is_stored_as_a_whole_or_not_at_all;
        without_settings_mail_needs_a_sender_and_is_queued;
        a_locked_database_refuses_with_retry_after;
    }
}
