//! Acts of administrators on messages, searches, paging and retention.

use std::time::Duration;

use domain::Kind;
use domain::account::Role;
use domain::outbox::{
    ActionCount, EventKind, MessageAction, RecipientState, Search, Selection, SuppressionSearch,
};
use futures::poll;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::environment::TestEnv;
use crate::outbox::{TestWorker, is};
use testkit::{Relay, RelayScript};

fn matching(pairs: &[(&str, &str)]) -> Selection {
    Selection::Matching(Search::read(pairs.iter().copied()).expect("understood"))
}

async fn mail_accepted_while_paused_is_held_until_released(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let works = TestWorker::begin(&env, 4);
    env.postern
        .outbox()
        .pause_delivery(&admin, true)
        .await
        .expect("held");
    let id = env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    let message = env.message(&admin, &id).await;
    assert_eq!(message.recipients[0].state, RecipientState::Held);
    env.postern
        .outbox()
        .pause_delivery(&admin, false)
        .await
        .expect("ended");
    let other = env
        .submit_mail(&admin, &["desk@example.net"], "Later")
        .await;
    env.until(&admin, &other, is(RecipientState::Delivered))
        .await;
    assert_eq!(relay.accepted().len(), 1, "what was held stays so");

    let (outbox, all) = (env.postern.outbox(), matching(&[("state", "held")]));
    let counted = outbox.count_act(&admin, MessageAction::Release, &all);
    let counted = counted.await.expect("counted");
    assert_eq!(counted.number, 1);
    let released = outbox.act(&admin, MessageAction::Release, &all, Some(&counted));
    assert_eq!(released.await, Ok(1));
    let message = env.until(&admin, &id, is(RecipientState::Delivered)).await;
    let timeline = &message.recipients[0].timeline;
    assert_eq!(
        (timeline[0].kind, timeline[0].by.as_str()),
        (EventKind::Released, "admin@example.org")
    );
    works.end().await;
}

async fn an_action_changes_only_its_states_and_the_confirmed_number(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("RCPT TO:<gone", "550 no");
    let works = TestWorker::begin(&env, 4);
    let mut ids = Vec::new();
    for name in ["gone1", "gone2", "gone3", "desk"] {
        ids.push(
            env.submit_mail(&admin, &[&format!("{name}@example.net")], "100% _fire")
                .await,
        );
    }
    for (index, id) in ids.iter().enumerate() {
        let expected = if index == 3 {
            RecipientState::Delivered
        } else {
            RecipientState::Failed
        };
        env.until(&admin, id, is(expected)).await;
    }
    let failed = matching(&[
        ("address", "GONE"),
        ("subject", "0% _F"),
        ("state", "failed"),
    ]);
    let (postern, outbox) = (&env.postern, env.postern.outbox());
    let count = async |act, selection: &Selection| {
        let counted = outbox.count_act(&admin, act, selection).await;
        counted.expect("counted")
    };
    let counted = count(MessageAction::Retry, &failed).await;
    assert_eq!(
        counted,
        ActionCount {
            number: 3,
            up_to: Some(ids[2].clone()),
        }
    );
    let fewer = ActionCount {
        number: 2,
        ..counted
    };
    let refusal = outbox.act(&admin, MessageAction::Retry, &failed, Some(&fewer));
    let refusal = refusal.await.expect_err("more than confirmed");
    assert_eq!(refusal.kind, Kind::Conflict);
    let refusal = outbox.act(&admin, MessageAction::Retry, &failed, None);
    let refusal = refusal.await.expect_err("not confirmed");
    assert_eq!(refusal.kind, Kind::Invalid);
    for (act, number) in [
        (MessageAction::Retry, 3),
        (MessageAction::Release, 0),
        (MessageAction::Hold, 0),
        (MessageAction::Cancel, 3),
    ] {
        let counted = count(act, &matching(&[])).await;
        assert_eq!(counted.number, number, "{act:?}");
    }

    let one = Selection::Message(ids[0].clone());
    assert_eq!(
        postern
            .outbox()
            .act(&admin, MessageAction::Cancel, &one, None)
            .await,
        Ok(1)
    );
    relay.reset();
    env.pass(Duration::from_secs(10 * 86_400));
    assert_eq!(
        postern
            .outbox()
            .act(&admin, MessageAction::Retry, &failed, Some(&fewer))
            .await,
        Ok(2)
    );
    env.until_delivered(&admin, &ids[1..]).await;
    let cancelled = postern
        .outbox()
        .message(&admin, &ids[0])
        .await
        .expect("there");
    assert_eq!(cancelled.recipients[0].state, RecipientState::Cancelled);
    let trail = postern.audit().trail(&admin, 10).await.expect("a trail");
    assert!(
        trail
            .iter()
            .any(|row| row.action == "retry mail" && row.detail.starts_with("2 of all"))
    );
    works.end().await;
}

async fn users_see_only_their_own_mail(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let user = env.sign_in("user@example.org", Role::User).await;
    let theirs = env.submit_mail(&user, &["desk@example.net"], "Mine").await;
    let others = env
        .submit_mail(&admin, &["desk@example.net"], "Not theirs")
        .await;
    let postern = &env.postern;
    assert!(postern.outbox().message(&user, &theirs).await.is_ok());
    let refusal = postern
        .outbox()
        .message(&user, &others)
        .await
        .expect_err("not theirs");
    assert_eq!(refusal.kind, Kind::NotFound);
    let page = postern
        .outbox()
        .page(&user, &Search::default(), None)
        .await
        .expect("a page");
    assert_eq!(
        page.lines.iter().map(|line| &line.id).collect::<Vec<_>>(),
        [&theirs]
    );
    let overview = postern.outbox().overview(&user).await.expect("an overview");
    assert_eq!(overview.counts[0].number, 1);
    assert_eq!(
        postern
            .outbox()
            .overview(&admin)
            .await
            .expect("an overview")
            .counts[0]
            .number,
        2
    );
    for kind in [
        postern
            .outbox()
            .parsed_message(&user, &theirs)
            .await
            .map(drop),
        postern
            .outbox()
            .act(&user, MessageAction::Cancel, &matching(&[]), None)
            .await
            .map(drop),
        postern
            .outbox()
            .count_act(&user, MessageAction::Cancel, &matching(&[]))
            .await
            .map(drop),
        postern.outbox().pause_delivery(&user, true).await,
        postern
            .outbox()
            .suppressions(&user, &SuppressionSearch::default())
            .await
            .map(drop),
        postern
            .outbox()
            .remove_suppressions(&user, &SuppressionSearch::default(), 1)
            .await
            .map(drop),
        postern
            .outbox()
            .remove_suppression(&user, "a@b.example")
            .await,
        postern.outbox().metrics(Some(&user), false).await.map(drop),
    ] {
        assert_eq!(kind.expect_err("for administrators").kind, Kind::Forbidden);
    }
    let message = postern
        .outbox()
        .parsed_message(&admin, &theirs)
        .await
        .expect("readable");
    assert_eq!(message.text.as_deref().map(str::trim), Some("Hello."));
    let bytes = postern.outbox().message_bytes(&admin, &others).await;
    assert!(bytes.is_ok(), "the administrator's own");
    let trail = postern.audit().trail(&admin, 20).await.expect("a trail");
    let read: Vec<_> = trail
        .iter()
        .filter(|row| row.action == "read mail" && row.outcome == "done")
        .map(|row| (row.actor.as_str(), row.detail.as_str()))
        .collect();
    assert_eq!(read, [("admin@example.org", theirs.as_str())]);

    let one = Selection::Message(theirs.clone());
    let held = postern
        .outbox()
        .act(&admin, MessageAction::Hold, &one, None)
        .await;
    assert_eq!(held, Ok(1));
    for (actor, by) in [(&user, "an administrator"), (&admin, "admin@example.org")] {
        let message = postern.outbox().message(actor, &theirs).await;
        let timeline = &message.expect("there").recipients[0].timeline;
        assert_eq!(
            (timeline[0].kind, timeline[0].by.as_str()),
            (EventKind::Held, by)
        );
    }
}

async fn the_list_is_paged_without_a_gap(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let addresses: Vec<String> = (0..3).map(|n| format!("desk{n}@example.net")).collect();
    let to: Vec<&str> = addresses.iter().map(String::as_str).collect();
    for number in 0..40 {
        env.submit_mail(&admin, &to, &format!("Mail {number}"))
            .await;
    }
    let mut seen = Vec::new();
    let mut behind = None;
    loop {
        let page = env
            .postern
            .outbox()
            .page(&admin, &Search::default(), behind.as_ref())
            .await;
        let page = page.expect("a page");
        seen.extend(page.lines.into_iter().map(|line| (line.id, line.position)));
        behind = page.next;
        if behind.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 120);
    assert!(seen.is_sorted_by(|a, b| a > b), "newest first, each once");
}

async fn a_search_folds_the_case_of_all_letters(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let first = env.submit_mail(&admin, &["Störung@example.net"], "STÖRUNG im Werk");
    let first = first.await;
    env.submit_mail(&admin, &["Desk@example.net"], "Fire").await;
    for (name, text, expected) in [
        ("subject", "störung IM", 1),
        ("subject", "storung", 0),
        ("subject", "FIRE", 1),
        ("address", "STÖRUNG@", 1),
        ("address", "storung@", 0),
        ("address", "dESK@", 1),
    ] {
        let search = Search::read([(name, text)]).expect("understood");
        let page = env.postern.outbox().page(&admin, &search, None).await;
        let found = page.expect("a page").lines;
        assert_eq!(found.len(), expected, "{name} {text}");
        assert!(text.is_ascii() || found[0].id == first);
    }
    // A row from before the folded columns is found as SQL folds it.
    env.tamper("UPDATE message SET subject_folded = NULL").await;
    let search = Search::read([("subject", "im WERK")]).expect("understood");
    let page = env.postern.outbox().page(&admin, &search, None).await;
    assert_eq!(page.expect("a page").lines.len(), 1);
}

async fn finished_mail_is_removed_after_retention_and_queued_never(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("RCPT TO:<gone", "550 no");
    let works = TestWorker::begin(&env, 4);
    let sent = env.submit_mail(&admin, &["desk@example.net"], "Sent").await;
    let failed = env
        .submit_mail(&admin, &["desk@example.net", "gone@example.net"], "Half")
        .await;
    env.until(&admin, &sent, is(RecipientState::Delivered))
        .await;
    env.until(&admin, &failed, |message| {
        message.recipients[1].state == RecipientState::Failed
    })
    .await;
    works.end().await;

    env.pass(Duration::from_secs(7 * 86_400 + 60));
    let works = TestWorker::begin(&env, 4);
    env.until_found(&admin, &sent, |message| {
        message.is_some_and(|message| !message.kept)
    })
    .await;
    let kept = env.message(&admin, &failed).await;
    assert!(kept.kept, "somebody has yet to look at it");
    works.end().await;

    env.pass(Duration::from_secs(90 * 86_400));
    let works = TestWorker::begin(&env, 4);
    env.until_found(&admin, &sent, |message| message.is_none())
        .await;
    assert!(env.message(&admin, &failed).await.kept);
    works.end().await;
}

async fn a_cancelled_action_leaves_no_transaction_open(env: TestEnv) {
    let admin = env.admin().await;
    let (mut steps, mut done) = (0, false);
    while !done {
        let mut act = Box::pin(env.postern.outbox().pause_delivery(&admin, steps % 2 == 0));
        for _ in 0..steps {
            done = poll!(&mut act).is_ready();
            if done {
                break;
            }
            yield_now().await;
        }
        drop(act);
        let none = env.until_no_transaction_is_idle();
        let left = timeout(Duration::from_secs(10), none).await;
        if left.is_err() {
            let open = sqlx::query_scalar(
                "SELECT query FROM pg_stat_activity \
                 WHERE datname = current_database() AND state LIKE 'idle in transaction%'",
            );
            let open = open.fetch_all(&mut env.connection().await).await;
            let open: Vec<String> = open.expect("an answer");
            panic!("given up after {steps} steps; the last statements: {open:?}");
        }
        steps += 1;
    }
}

stories! {
    both {
        mail_accepted_while_paused_is_held_until_released;
        an_action_changes_only_its_states_and_the_confirmed_number;
        users_see_only_their_own_mail;
        the_list_is_paged_without_a_gap;
        a_search_folds_the_case_of_all_letters;
        finished_mail_is_removed_after_retention_and_queued_never;
    }
    postgres {
        a_cancelled_action_leaves_no_transaction_open;
    }
}
