//! The suppression list: its limit for a day, expiry, and removal of all that match.

use std::time::Duration;

use domain::Kind;
use domain::outbox::{RecipientState, Suppression, SuppressionSearch};
use domain::timestamp::DAY;
use engine::Actor;

use crate::environment::TestEnv;
use crate::outbox::{TestWorker, is};
use testkit::{Relay, RelayScript};

async fn listed(env: &TestEnv, admin: &Actor, search: &SuppressionSearch) -> Vec<Suppression> {
    let listed = env.postern.outbox().suppressions(admin, search).await;
    listed.expect("the list")
}

/// Sends a mail to each address, in one message, and waits until all have failed.
async fn fail(env: &TestEnv, admin: &Actor, addresses: &[String]) {
    let to: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let id = env.submit_mail(admin, &to, "Fire").await;
    let failed = |message: &domain::outbox::MessageView| {
        let mut recipients = message.recipients.iter();
        recipients.all(|recipient| recipient.state == RecipientState::Failed)
    };
    env.until(admin, &id, failed).await;
}

fn gone(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|n| format!("gone{n:02}@example.net")).collect()
}

async fn a_relay_that_reports_every_address_as_unknown_lists_20_in_a_day(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("RCPT TO:<gone", "550 5.1.2 no such domain");
    let works = TestWorker::begin(&env, 4);
    let (all, outbox) = (SuppressionSearch::default(), env.postern.outbox());
    fail(&env, &admin, &gone(0..19)).await;
    assert_eq!(listed(&env, &admin, &all).await.len(), 19);
    let overview = outbox.overview(&admin).await.expect("an overview");
    assert_eq!(overview.suppression_limit, None);
    fail(&env, &admin, &gone(19..45)).await;
    assert_eq!(listed(&env, &admin, &all).await.len(), 20);
    let overview = outbox.overview(&admin).await.expect("an overview");
    let limit = overview.suppression_limit.expect("it is reached");
    assert_eq!((limit.listed, limit.limit), (20, 20));

    // 5 % of 460 recipients are 23.
    let desks: Vec<String> = (0..415).map(|n| format!("desk{n}@example.net")).collect();
    for part in desks.chunks(83) {
        let to: Vec<&str> = part.iter().map(String::as_str).collect();
        let id = env.submit_mail(&admin, &to, "Fire").await;
        env.until(&admin, &id, |message| {
            let mut recipients = message.recipients.iter();
            recipients.all(|recipient| recipient.state == RecipientState::Delivered)
        })
        .await;
    }
    env.pass(Duration::from_secs(61));
    fail(&env, &admin, &gone(45..60)).await;
    assert_eq!(listed(&env, &admin, &all).await.len(), 23);

    env.pass(DAY);
    let overview = outbox.overview(&admin).await.expect("an overview");
    assert_eq!(overview.suppression_limit, None);
    fail(&env, &admin, &gone(60..61)).await;
    assert_eq!(listed(&env, &admin, &all).await.len(), 24);
    works.end().await;
}

async fn a_reply_about_relaying_or_the_sender_suppresses_no_address(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("RCPT TO:<a@", "550 5.1.2 Relay not allowed.");
    relay.reply_to(
        "RCPT TO:<b@",
        "550 5.1.1 <alerts@example.org>: Sender address rejected",
    );
    relay.reply_to(
        "RCPT TO:<c@",
        "550 5.1.1 <alerts@example.org>: user unknown",
    );
    relay.reply_to("RCPT TO:<d@", "550 5.1.1 Boite du destinataire pleine");
    let works = TestWorker::begin(&env, 4);
    let to = ["a", "b", "c", "d"].map(|local| format!("{local}@example.net"));
    fail(&env, &admin, &to).await;
    let all = SuppressionSearch::default();
    assert_eq!(listed(&env, &admin, &all).await, []);
    works.end().await;
}

async fn an_address_is_tried_again_when_its_suppression_has_expired(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("RCPT TO:<gone", "550 5.1.1 no such user");
    let works = TestWorker::begin(&env, 4);
    let all = SuppressionSearch::default();
    fail(&env, &admin, &gone(0..1)).await;
    let first = listed(&env, &admin, &all).await.remove(0);
    assert_eq!(first.expires, first.listed + 180 * DAY);
    fail(&env, &admin, &gone(0..1)).await;
    assert_eq!(relay.count("RCPT TO:<gone"), 1, "it is suppressed");
    env.pass(180 * DAY);
    assert!(listed(&env, &admin, &all).await.is_empty());
    fail(&env, &admin, &gone(0..1)).await;
    assert_eq!(relay.count("RCPT TO:<gone"), 2);
    let again = listed(&env, &admin, &all).await.remove(0);
    assert!(again.listed > first.listed && again.id != first.id);
    env.pass(181 * DAY);
    relay.reset();
    let id = env
        .submit_mail(&admin, &["gone00@example.net"], "Fire")
        .await;
    env.until(&admin, &id, is(RecipientState::Delivered)).await;
    works.end().await;
}

async fn all_that_match_are_removed_up_to_the_confirmed_number(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("RCPT TO:<gone", "550 5.1.2 No such DOMAIN");
    relay.reply_to("RCPT TO:<left", "550 5.1.1 no such user");
    let works = TestWorker::begin(&env, 4);
    fail(&env, &admin, &gone(0..5)).await;
    fail(&env, &admin, &["left@example.net".to_owned()]).await;
    let outbox = env.postern.outbox();
    let domain = SuppressionSearch {
        reply: "5.1.2 no such domain".to_owned(),
        ..SuppressionSearch::default()
    };
    assert_eq!(outbox.count_suppressions(&admin, &domain).await, Ok(5));
    let refusal = outbox.remove_suppressions(&admin, &domain, 4).await;
    assert_eq!(refusal.expect_err("more match").kind, Kind::Conflict);
    assert_eq!(outbox.count_suppressions(&admin, &domain).await, Ok(5));
    assert_eq!(outbox.remove_suppressions(&admin, &domain, 5).await, Ok(5));
    let all = SuppressionSearch::default();
    let left = listed(&env, &admin, &all).await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].address, "left@example.net");
    assert!(left[0].relay.starts_with("127.0.0.1:"));
    let later = SuppressionSearch {
        since: Some(left[0].listed + Duration::from_millis(1)),
        ..all.clone()
    };
    assert_eq!(outbox.count_suppressions(&admin, &later).await, Ok(0));
    for (address, found) in [("LEFT@", 1), ("eft@", 0), ("%", 0)] {
        let search = SuppressionSearch {
            address: address.to_owned(),
            ..all.clone()
        };
        let number = outbox.count_suppressions(&admin, &search).await;
        assert_eq!(number, Ok(found), "{address}");
    }
    let trail = env
        .postern
        .audit()
        .trail(&admin, 10)
        .await
        .expect("a trail");
    assert!(trail.iter().any(|row| {
        row.action == "remove suppression" && row.detail == "5 of all that match: reply"
    }));
    works.end().await;
}

stories! {
    both {
        a_reply_about_relaying_or_the_sender_suppresses_no_address;
        a_relay_that_reports_every_address_as_unknown_lists_20_in_a_day;
        an_address_is_tried_again_when_its_suppression_has_expired;
        all_that_match_are_removed_up_to_the_confirmed_number;
    }
}
