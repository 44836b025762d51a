//! Priority classes and accounts share the connections to a relay.

use domain::account::Role;
use domain::outbox::{Priority, Search};
use engine::{Actor, Submission, Submissions};

use crate::environment::{TestEnv, execute};
use crate::outbox::{TestWorker, mail};
use testkit::{Relay, RelayScript};

impl TestEnv {
    /// Submits so many mails with the same subject in one request. Returns the id of the first.
    async fn submit(
        &self,
        actor: &Actor,
        subject: &str,
        priority: Priority,
        many: usize,
    ) -> String {
        let one = || Submission {
            priority: Some(priority),
            ..mail(&["desk@example.net"], subject)
        };
        let submissions = Submissions::Many((0..many).map(|_| one()).collect());
        let accepted = self.postern.outbox().accept(actor, submissions, None).await;
        let mut ids = accepted.expect("accepted").ids;
        assert_eq!(ids.len(), many);
        ids.remove(0)
    }
}

/// The position of the first mail with a subject at the relay, from 1.
fn position(relay: &Relay, subject: &str) -> usize {
    let subjects = relay.subjects();
    let first = subjects.iter().position(|other| other == subject);
    first.expect("accepted") + 1
}

async fn bulk_mail_delays_no_other(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let other = env.sign_in("other@example.org", Role::User).await;
    let newsletter = "newsletter";
    for _ in 0..2 {
        env.submit(&admin, newsletter, Priority::Bulk, 200).await;
        env.submit(&admin, "report", Priority::Normal, 50).await;
    }
    env.submit(&other, "colleague", Priority::Normal, 1).await;
    env.submit(&admin, "reset", Priority::High, 1).await;
    let works = TestWorker::begin(&env, 1);
    relay.wait_for_mails(502).await;
    // One connection. Of three normal mails in turn one is of the other account's flow.
    let reset = position(&relay, "reset");
    assert!(reset <= 3, "{reset}");
    let colleague = position(&relay, "colleague");
    assert!(colleague <= 8, "{colleague}");
    // Bulk mail is not starved either.
    assert!(position(&relay, newsletter) <= 12);
    works.end().await;
}

async fn mail_of_a_class_without_backlog_overtakes_one_with(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let works = TestWorker::begin(&env, 1);
    env.submit(&admin, "first", Priority::Normal, 1).await;
    relay.wait_for_mails(1).await;
    relay.stall();
    env.submit(&admin, "newsletter", Priority::Bulk, 200).await;
    relay.wait_for("END", 2).await;
    let reset = env.submit(&admin, "reset", Priority::High, 1).await;
    env.until(&admin, &reset, |message| message.recipients[0].leased)
        .await;
    relay.reset();
    relay.wait_for_mails(202).await;
    // Behind the mail that was under way and the one that was pipelined behind it.
    let reset = position(&relay, "reset");
    assert!(reset <= 5, "{reset}");
    works.end().await;
}

async fn new_mail_does_not_overtake_the_backlog_of_other_accounts(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let mut others = Vec::new();
    for name in ["ann", "ben", "cat"] {
        let email = format!("{name}@example.org");
        others.push(env.sign_in(&email, Role::User).await);
    }
    env.submit(&admin, "backlog", Priority::Normal, 100).await;
    for other in &others {
        env.submit(other, "first", Priority::Normal, 1).await;
    }
    // The first claim takes eight mails of the backlog and all of the others. Before the next one the
    // worker cannot read what waits.
    relay.stall();
    let mut claim = env.connection().await;
    execute(&mut claim, "BEGIN; LOCK TABLE recipient IN SHARE MODE").await;
    let works = TestWorker::begin(&env, 1);
    let claims = "wait_event_type = 'Lock' AND query LIKE '%UPDATE recipient SET owner%'";
    env.until_activity(claims, |number| number > 0).await;
    let mut reading = env.connection().await;
    execute(
        &mut reading,
        "BEGIN; LOCK TABLE flow IN ACCESS EXCLUSIVE MODE",
    )
    .await;
    drop(claim);
    relay.wait_for("END", 1).await;
    env.submit(&others[0], "new", Priority::Normal, 5).await;
    drop(reading);
    relay.reset();
    relay.wait_for_mails(108).await;
    works.end().await;
    let subjects = relay.subjects();
    let last = subjects.iter().rposition(|subject| subject == "new");
    let before = &subjects[..last.expect("accepted")];
    let backlog = before.iter().filter(|subject| *subject == "backlog");
    assert!(backlog.count() >= 12, "{before:?}");
}

async fn a_message_shows_its_priority(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    for priority in Priority::ALL {
        let id = env.submit(&admin, "report", *priority, 1).await;
        let outbox = env.postern.outbox();
        let message = outbox.message(&admin, &id).await.expect("reads");
        assert_eq!(message.priority, *priority);
        let page = outbox.page(&admin, &Search::default(), None).await;
        assert_eq!(page.expect("lists").lines[0].priority, *priority);
    }
}

stories! {
    both {
        a_message_shows_its_priority;
        bulk_mail_delays_no_other;
        mail_of_a_class_without_backlog_overtakes_one_with;
    }
    postgres {
        new_mail_does_not_overtake_the_backlog_of_other_accounts;
    }
}
