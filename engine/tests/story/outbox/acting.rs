//! Acts of administrators on all that match, beside later mail and on many recipients.

use domain::Kind;
use domain::outbox::{
    ActionCount, BulkActionState, Cursor, EventKind, MessageAction, RecipientState, Search,
    Selection,
};
use engine::Actor;
use tokio::task::yield_now;

use crate::environment::TestEnv;
use crate::outbox::TestWorker;
use crate::wait::wait_for;
use testkit::{Relay, RelayScript};

/// The recipients of a message: the most that one has.
const RECIPIENTS: usize = 100;

fn everything() -> Selection {
    Selection::Matching(Search::default())
}

async fn count(env: &TestEnv, admin: &Actor, act: MessageAction) -> ActionCount {
    let all = everything();
    let counted = env.postern.outbox().count_act(admin, act, &all);
    counted.await.expect("counted")
}

/// The states of a message's recipients.
async fn states(env: &TestEnv, admin: &Actor, id: &str) -> Vec<RecipientState> {
    let message = env.postern.outbox().message(admin, id).await;
    let recipients = message.expect("there").recipients.into_iter();
    recipients.map(|recipient| recipient.state).collect()
}

async fn later_mail_neither_disturbs_an_action_nor_is_changed(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let outbox = env.postern.outbox();
    let mut ids = Vec::new();
    for subject in ["First", "Second", "Third"] {
        ids.push(
            env.submit_mail(&admin, &["desk@example.net"], subject)
                .await,
        );
    }
    let counted = count(&env, &admin, MessageAction::Cancel).await;
    assert_eq!((counted.number, counted.up_to.as_ref()), (3, ids.last()));
    let later = env
        .submit_mail(&admin, &["desk@example.net"], "Later")
        .await;
    let first = Selection::Message(ids[0].clone());
    let cancelled = outbox.act(&admin, MessageAction::Cancel, &first, None);
    assert_eq!(cancelled.await, Ok(1));
    let all = everything();
    let cancelled = outbox.act(&admin, MessageAction::Cancel, &all, Some(&counted));
    assert_eq!(cancelled.await, Ok(2), "one was cancelled meanwhile");
    for id in &ids {
        assert_eq!(states(&env, &admin, id).await, [RecipientState::Cancelled]);
    }
    assert_eq!(states(&env, &admin, &later).await, [RecipientState::Queued]);
}

async fn an_action_on_many_recipients_is_seen_and_stopped(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let addresses: Vec<String> = (0..RECIPIENTS)
        .map(|n| format!("desk{n}@example.net"))
        .collect();
    let to: Vec<&str> = addresses.iter().map(String::as_str).collect();
    for number in 0..100 {
        env.submit_mail(&admin, &to, &format!("Mail {number}"))
            .await;
    }
    let outbox = env.postern.outbox().clone();
    let counted = count(&env, &admin, MessageAction::Hold).await;
    assert_eq!(counted.number, 10_000);
    let refusal = outbox.stop_act(&admin).await.expect_err("none is running");
    assert_eq!(refusal.kind, Kind::NotFound);

    let act = {
        let (outbox, admin, counted) = (outbox.clone(), admin.clone(), counted.clone());
        async move {
            let all = everything();
            outbox
                .act(&admin, MessageAction::Hold, &all, Some(&counted))
                .await
        }
    };
    let act = tokio::spawn(act);
    while outbox.stop_act(&admin).await.is_err() {
        assert!(!act.is_finished(), "it is stopped before its end");
        yield_now().await;
    }
    let done = act.await.expect("no panic").expect("stopped");
    assert!(done < 10_000, "{done}");
    let shown = outbox.overview(&admin).await.expect("an overview").act;
    let shown = shown.expect("shown");
    assert_eq!(
        (shown.state, shown.done, shown.number),
        (BulkActionState::Stopped, done, 10_000)
    );

    let rest = count(&env, &admin, MessageAction::Hold).await;
    assert_eq!(rest.number, 10_000 - done, "every chunk is whole");
    let all = everything();
    let held = outbox.act(&admin, MessageAction::Hold, &all, Some(&rest));
    assert_eq!(held.await, Ok(rest.number));
    assert_eq!(count(&env, &admin, MessageAction::Hold).await.number, 0);
    assert_eq!(
        count(&env, &admin, MessageAction::Release).await.number,
        10_000
    );
    let trail = env
        .postern
        .audit()
        .trail(&admin, 1000)
        .await
        .expect("a trail");
    let details: Vec<&str> = trail
        .iter()
        .filter(|row| row.action == "hold mail")
        .map(|row| row.detail.as_str())
        .collect();
    let rest = rest.number;
    assert_eq!(details[0], format!("{rest} of all messages"));
    assert_eq!(details[1], format!("begun: {rest} of all messages"));
    assert_eq!(
        details.get(2).copied(),
        Some(&*format!("stopped after {done} of all messages"))
    );

    let user = env
        .sign_in("user@example.org", domain::account::Role::User)
        .await;
    assert_eq!(outbox.overview(&user).await.expect("an overview").act, None);
    let refusal = outbox.stop_act(&user).await;
    let refusal = refusal.expect_err("for administrators");
    assert_eq!(refusal.kind, Kind::Forbidden);
}

async fn an_action_ends_with_a_row_when_the_process_stops(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let addresses: Vec<String> = (0..RECIPIENTS)
        .map(|n| format!("desk{n}@example.net"))
        .collect();
    let to: Vec<&str> = addresses.iter().map(String::as_str).collect();
    for number in 0..100 {
        env.submit_mail(&admin, &to, &format!("Mail {number}"))
            .await;
    }
    let outbox = env.postern.outbox().clone();
    let counted = count(&env, &admin, MessageAction::Hold).await;
    let act = {
        let (outbox, admin) = (outbox.clone(), admin.clone());
        async move {
            let all = everything();
            outbox
                .act(&admin, MessageAction::Hold, &all, Some(&counted))
                .await
        }
    };
    let act = tokio::spawn(act);
    wait_for("the action to begin", async || {
        let overview = outbox.overview(&admin).await.expect("an overview");
        overview.act.is_some().then_some(()).ok_or(overview.counts)
    })
    .await;
    env.postern.close().await;
    let done = act.await.expect("no panic").expect("stopped");
    let mut connection = env.connection().await;
    let query =
        sqlx::query_as("SELECT detail FROM audit WHERE action = 'hold mail' ORDER BY id DESC");
    let rows: Vec<(String,)> = query.fetch_all(&mut connection).await.expect("rows");
    let ends = [
        format!("stopped after {done} of all messages"),
        format!("{done} of all messages"),
    ];
    assert!(ends.contains(&rows[0].0), "{rows:?}");
}

async fn a_delivered_message_is_sent_again(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let to = ["desk@example.net", "night@example.net"];
    let id = env.submit_mail(&admin, &to, "Fire").await;
    let works = TestWorker::begin(&env, 1);
    env.until_delivered(&admin, [&id]).await;
    let outbox = env.postern.outbox();
    let one = Selection::One(Cursor {
        id: id.clone(),
        position: 1,
    });
    let resent = outbox.act(&admin, MessageAction::Resend, &one, None).await;
    assert_eq!(resent, Ok(1));
    relay.wait_for_mails(2).await;
    let message = env.until_delivered(&admin, [&id]).await.remove(0);
    let kinds = |position: usize| {
        let events = message.recipients[position].timeline.iter();
        events.map(|event| event.kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds(0), [EventKind::Delivered]);
    let again = [
        EventKind::Delivered,
        EventKind::Resent,
        EventKind::Delivered,
    ];
    assert_eq!(kinds(1), again);
    assert_eq!(message.recipients[1].timeline[1].by, "admin@example.org");
    let [first, second] = &relay.accepted()[..] else {
        panic!("two mails");
    };
    assert_eq!(second.to, ["night@example.net"]);
    assert_eq!(first.data, second.data, "the same bytes");

    let all = Selection::Matching(Search::default());
    let refused = outbox.act(&admin, MessageAction::Resend, &all, None).await;
    assert_eq!(refused.expect_err("one by one").kind, Kind::Invalid);
    env.tamper("DELETE FROM message_body").await;
    let gone = outbox.act(&admin, MessageAction::Resend, &one, None).await;
    let refusal = gone.expect_err("nothing to send");
    assert_eq!(refusal.kind, Kind::Conflict);
    assert!(refusal.fields["act"].contains("no longer stored"));
    works.end().await;
}

stories! {
    both {
        a_delivered_message_is_sent_again;
        an_action_ends_with_a_row_when_the_process_stops;
        later_mail_neither_disturbs_an_action_nor_is_changed;
        an_action_on_many_recipients_is_seen_and_stopped;
    }
}
