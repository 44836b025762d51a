//! Where reports wait, and that each is written with the result that it is about.

use std::time::Duration;

use domain::outbox::RecipientState;
use domain::settings::PasswordChange;
use engine::{Postern, SubmittedEnvelope};
use testkit::{Relay, RelayScript};

use crate::environment::{TestEnv, execute};
use crate::outbox::{TestWorker, is, states};
use crate::own_relay::own_form;
use crate::reports::{NO_SUCH_USER, from_nobody, reported, to};
use crate::wait::wait_for;

async fn a_sender_that_gets_no_mail_gets_no_report(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    // The sender writes to itself, and is listed for it.
    relay.reply_to("RCPT TO:<admin@", NO_SUCH_USER);
    let works = TestWorker::begin(&env, 4);
    let id = env
        .submit_reported(&admin, to("admin@example.org", None))
        .await;
    let message = env.until(&admin, &id, is(RecipientState::Failed)).await;
    let text = "No report was sent to admin@example.org: the address is on the suppression list.";
    assert_eq!(reported(&message, 0), [text]);
    assert_eq!(env.stored_reports().await, [""; 0]);
    works.end().await;
}

async fn a_delay_is_reported_though_no_relay_is_reached(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("GREETING", "421 4.3.2 shutting down");
    let delayed = to("desk@example.net", Some("FAILURE,DELAY"));
    let mut ids = vec![env.submit_reported(&admin, delayed.clone()).await];
    let silent = env
        .submit_reported(&admin, to("desk@example.net", None))
        .await;
    // The second worker finds the first message reported, and reports the one after it.
    for reports in 1..=2 {
        let works = TestWorker::begin(&env, 4);
        env.pass(Duration::from_hours(4));
        wait_for("a report of the delay", async || {
            let stored = env.stored_reports().await.len();
            (stored >= reports).then_some(()).ok_or(stored)
        })
        .await;
        assert_eq!(env.stored_reports().await.len(), reports);
        for id in &ids {
            let message = env.until(&admin, id, |_| true).await;
            assert!(is(RecipientState::Queued)(&message), "{message:?}");
            assert_eq!(reported(&message, 0).len(), 1);
        }
        works.end().await;
        ids.push(env.submit_reported(&admin, delayed.clone()).await);
    }
    relay.reset();
    env.pass(Duration::from_mins(10));
    let works = TestWorker::begin(&env, 4);
    ids.push(silent);
    ids.extend(env.stored_reports().await);
    env.until_delivered(&admin, &ids).await;
    works.end().await;
    let reports = from_nobody(&relay);
    assert_eq!(reports.len(), 2);
    for report in reports {
        for line in ["Subject: Your mail is delayed", "Action: delayed"] {
            assert!(
                report.data.lines().any(|known| known == line),
                "{}",
                report.data
            );
        }
    }
}

async fn a_delay_is_reported_though_its_recipient_was_locked(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("GREETING", "421 4.3.2 shutting down");
    env.submit_reported(&admin, to("desk@example.net", Some("DELAY")))
        .await;
    env.pass(Duration::from_hours(4));
    let mut other = env.connection().await;
    execute(&mut other, "BEGIN; SELECT * FROM recipient FOR UPDATE").await;
    let changes = env.postern.outbox().changes();
    let before = *changes.borrow();
    let works = TestWorker::begin(&env, 4);
    // The worker looks for delays as it starts, and for mail each second.
    wait_for("two commits", async || {
        let count = *changes.borrow();
        (count >= before + 2).then_some(()).ok_or(count)
    })
    .await;
    assert_eq!(env.stored_reports().await, [""; 0]);
    execute(&mut other, "COMMIT").await;
    wait_for("a report of the delay", async || {
        let stored = env.stored_reports().await.len();
        (stored == 1).then_some(()).ok_or(stored)
    })
    .await;
    works.end().await;
}

async fn a_report_on_mail_of_an_own_relay_leaves_through_it(env: TestEnv) {
    let (admin, user) = (env.admin().await, env.user().await);
    let organisation = Relay::start(RelayScript::pipelining());
    let own = Relay::start(RelayScript::pipelining());
    env.save(&admin, &organisation).await;
    let saved = env.save_own(&user, own_form(&own), PasswordChange::Keep);
    saved.await.expect("saved");
    own.reply_to("RCPT TO:<nobody@", NO_SUCH_USER);
    let works = TestWorker::begin(&env, 4);
    let sent = SubmittedEnvelope {
        sender: Some("ann@example.org".parse().expect("an address")),
        ..to("nobody@example.net", None)
    };
    let id = env.submit_reported(&user, sent).await;
    let report = own.wait_for_mails(1).await.remove(0);
    assert_eq!(report.to, ["ann@example.org"]);
    let from = report.header("From");
    assert_eq!(from, Some("Mail Delivery System <ann@example.com>"));
    let message = env.until(&user, &id, is(RecipientState::Failed)).await;
    assert_eq!(reported(&message, 0).len(), 1, "its owner sees it");
    let reports = env.stored_reports().await;
    env.until_delivered(&user, &reports).await;
    assert!(organisation.accepted().is_empty());
    works.end().await;
}

async fn a_report_leaves_through_the_organisation_where_own_relays_are_off(env: TestEnv) {
    let (admin, user) = (env.admin().await, env.user().await);
    let organisation = Relay::start(RelayScript::pipelining());
    let own = Relay::start(RelayScript::pipelining());
    env.save(&admin, &organisation).await;
    let saved = env.save_own(&user, own_form(&own), PasswordChange::Keep);
    saved.await.expect("saved");
    let sent = SubmittedEnvelope {
        sender: Some("ann@example.org".parse().expect("an address")),
        ..to("nobody@example.net", None)
    };
    let id = env.submit_reported(&user, sent).await;
    env.set_policy(&admin, false, true).await;
    organisation.reply_to("RCPT TO:<nobody@", NO_SUCH_USER);
    let works = TestWorker::begin(&env, 4);
    let report = organisation.wait_for_mails(1).await.remove(0);
    assert_eq!(report.to, ["ann@example.org"]);
    let from = report.header("From");
    assert_eq!(from, Some("Mail Delivery System <alerts@example.org>"));
    env.until(&user, &id, is(RecipientState::Failed)).await;
    assert!(own.accepted().is_empty());
    works.end().await;
}

async fn a_report_is_not_from_an_address_that_was_taken_away(env: TestEnv) {
    let (admin, user) = (env.admin().await, env.user().await);
    let organisation = Relay::start(RelayScript::pipelining());
    let own = Relay::start(RelayScript::pipelining());
    env.save(&admin, &organisation).await;
    let saved = env.save_own(&user, own_form(&own), PasswordChange::Keep);
    saved.await.expect("saved");
    own.reply_to("RCPT TO:<nobody@", NO_SUCH_USER);
    let sent = SubmittedEnvelope {
        sender: Some("ann@example.org".parse().expect("an address")),
        ..to("nobody@example.net", None)
    };
    let id = env.submit_reported(&user, sent).await;
    let senders = env.postern.senders();
    let listed = senders.own(&user).await.expect("lists");
    let mut listed = listed.iter();
    let of_relay = listed.find(|sender| sender.address == "ann@example.com");
    let of_relay = of_relay.expect("the From address of her relay");
    senders.remove(&user, &of_relay.id).await.expect("removed");
    let works = TestWorker::begin(&env, 4);
    let report = organisation.wait_for_mails(1).await.remove(0);
    assert_eq!(report.to, ["ann@example.org"]);
    let from = report.header("From");
    assert_eq!(from, Some("Mail Delivery System <alerts@example.org>"));
    let message = env.until(&user, &id, is(RecipientState::Failed)).await;
    assert_eq!(reported(&message, 0).len(), 1, "its owner sees it");
    assert_eq!(own.count("RCPT TO:<nobody@"), 1);
    assert!(own.accepted().is_empty());
    works.end().await;
}

async fn a_report_is_written_with_the_result_or_not_at_all(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("RCPT TO:<nobody@", NO_SUCH_USER);
    // The disk takes everything but a report.
    let (fill, clear) = match env.config.database {
        Some(_) => (
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF NEW.sender = '' THEN RAISE EXCEPTION 'no room'; END IF; RETURN NEW; END $$; \
             CREATE TRIGGER no_room BEFORE INSERT ON message \
             FOR EACH ROW EXECUTE FUNCTION refuse()",
            "DROP TRIGGER no_room ON message",
        ),
        None => (
            "CREATE TRIGGER no_room BEFORE INSERT ON message WHEN NEW.sender = '' \
             BEGIN SELECT RAISE(ABORT, 'no room'); END",
            "DROP TRIGGER no_room",
        ),
    };
    execute(&mut env.connection().await, fill).await;
    let works = TestWorker::with_grace(&env, 4, Duration::ZERO);
    let id = env
        .submit_reported(&admin, to("nobody@example.net", None))
        .await;
    // From then on the result is being written.
    wait_for("the failure to be counted", async || {
        let failed = env.postern.outbox().meter().read().failed;
        (failed == 1).then_some(()).ok_or(failed)
    })
    .await;
    works.end().await;
    let message = env.until(&admin, &id, |_| true).await;
    assert_eq!(states(&message), [RecipientState::Queued], "{message:?}");
    assert_eq!(env.stored_reports().await, [""; 0]);
    env.postern.close().await;

    // The process that comes after it tries again, and reports the failure.
    execute(&mut env.connection().await, clear).await;
    let postern = Postern::open(env.config.clone()).await.expect("opens");
    let env = TestEnv { postern, ..env };
    let works = TestWorker::begin(&env, 4);
    let message = env.until(&admin, &id, is(RecipientState::Failed)).await;
    assert_eq!(reported(&message, 0).len(), 1);
    let reports = env.stored_reports().await;
    env.until_delivered(&admin, &reports).await;
    works.end().await;
    assert_eq!(relay.count("RCPT TO:<nobody@"), 2);
    assert_eq!(from_nobody(&relay).len(), 1, "once");
}

stories! {
    both {
        a_sender_that_gets_no_mail_gets_no_report;
        a_delay_is_reported_though_no_relay_is_reached;
        a_report_on_mail_of_an_own_relay_leaves_through_it;
        a_report_leaves_through_the_organisation_where_own_relays_are_off;
        a_report_is_not_from_an_address_that_was_taken_away;
        a_report_is_written_with_the_result_or_not_at_all;
    }
    postgres {
        a_delay_is_reported_though_its_recipient_was_locked;
    }
}
