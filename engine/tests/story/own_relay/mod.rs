//! The own relay of an account: used for its mail, taken over from, forbidden and removed.

mod fairness;
mod limits;

use std::time::Duration;

use domain::account::Role;
use domain::account::policy::PolicyChange;
use domain::outbox::{MessageView, QueueKind, RecipientState, RelayState, SuppressionSearch};
use domain::settings::relay::{Change, RelayChange};
use domain::settings::{PasswordChange, PasswordState, Verification};
use domain::{Form, Kind, Label, Refusal};
use engine::{Accepted, Actor, Postern, Submission, Submissions};
use testkit::{Relay, RelayScript};

use crate::environment::TestEnv;
use crate::outbox::{TestWorker, is, mail, through};
use crate::wait::wait_for;

const DOWN: &str = "421 4.3.2 shutting down\r\n";
pub const TO: &str = "desk@example.net";

pub fn relay() -> Relay {
    Relay::start(RelayScript::pipelining())
}

pub fn own_form(relay: &Relay) -> Form {
    through(relay).with(Label::FromAddress, "ann@example.com")
}

impl TestEnv {
    /// Ann, who may send from the From address of her relay.
    pub async fn user(&self) -> Actor {
        let user = self.sign_in("ann@example.org", Role::User).await;
        self.allow("ann@example.org", "ann@example.com").await;
        user
    }

    pub async fn save_own(
        &self,
        actor: &Actor,
        form: Form,
        password: PasswordChange,
    ) -> Result<i64, Refusal> {
        let own = self.postern.settings().of_account(actor)?;
        Ok(own.save(actor, form, password, None).await?.revision)
    }

    pub async fn send(&self, actor: &Actor, one: Submission) -> Accepted {
        let one = Submissions::One(Box::new(one));
        let accepted = self.postern.outbox().accept(actor, one, None).await;
        accepted.expect("accepted")
    }

    async fn delivered(&self, actor: &Actor, id: &str) -> MessageView {
        self.until(actor, id, is(RecipientState::Delivered)).await
    }

    pub async fn set_policy(&self, admin: &Actor, own_relays: bool, fallback: bool) {
        let change = PolicyChange {
            own_relays: Some(own_relays),
            fallback: Some(fallback),
            ..PolicyChange::default()
        };
        let saved = self.postern.policy().save(admin, change).await;
        saved.expect("saved");
    }
}

/// The relay of a delivered message, and why it took it, as the actor sees it.
fn reason(message: &MessageView) -> Option<String> {
    let event = message.recipients[0].timeline.last().expect("delivered");
    let choice = event.choice.as_ref()?;
    Some(format!("{}: {choice}", choice.relay))
}

async fn mail_of_an_account_leaves_through_its_own_relay(env: TestEnv) {
    let (admin, user) = (env.admin().await, env.user().await);
    let (organisation, own) = (relay(), relay());
    env.save(&admin, &organisation).await;
    let works = TestWorker::begin(&env, 4);

    let before = env.send(&user, mail(&[TO], "Before")).await;
    assert_eq!(before.queue, QueueKind::Organisation);
    let message = env.delivered(&user, &before.ids[0]).await;
    let of_organisation = "The organisation's relay: no own relay";
    assert_eq!(reason(&message).as_deref(), Some(of_organisation));
    let state = env.postern.settings().account_relay(&user).await;
    let state = state.expect("readable");
    assert!(!state.uses_own() && state.allowed);
    let from = state.own.form.get(Label::FromAddress);
    assert_eq!(from, "ann@example.org", "the form begins with the address");
    let shown = state.organisation.expect("one is set up");
    assert_eq!(shown.port, organisation.address.port());
    assert_eq!(
        (shown.user, shown.saved),
        (None, None),
        "for administrators"
    );

    let saved = env.save_own(&user, own_form(&own), PasswordChange::Keep);
    assert_eq!(saved.await, Ok(1));
    let after = env.send(&user, mail(&[TO], "After")).await;
    assert_eq!(after.queue, QueueKind::OwnRelay);
    let message = env.delivered(&user, &after.ids[0]).await;
    assert_eq!(reason(&message).as_deref(), Some("Own relay: own relay"));
    let taken = own.wait_for_mails(1).await;
    assert_eq!(taken[0].from, "ann@example.com", "the From of its relay");
    let of_admin = env.send(&admin, mail(&[TO], "Admin")).await;
    assert_eq!(of_admin.queue, QueueKind::Organisation);
    env.delivered(&admin, &of_admin.ids[0]).await;
    assert_eq!(
        (organisation.accepted().len(), own.accepted().len()),
        (2, 1)
    );
    works.end().await;
}

async fn the_organisations_relay_takes_over_where_the_policy_allows_it(env: TestEnv) {
    let (admin, user) = (env.admin().await, env.user().await);
    let (organisation, of_rule, own) = (relay(), relay(), relay());
    env.save(&admin, &organisation).await;
    let ruled = env.add(&admin, "Ruled").await.id;
    let rule = RelayChange {
        from_domain: Change::Set("rule.example".to_owned()),
        ..RelayChange::default()
    };
    let changed = env.postern.relays().change(&admin, &ruled, rule, None);
    changed.await.expect("a rule");
    let saved = env.save_at(&admin, &ruled, through(&of_rule), PasswordChange::Keep);
    saved.await.expect("saved");
    let saved = env.save_own(&user, own_form(&own), PasswordChange::Keep);
    saved.await.expect("saved");
    own.reply_to("GREETING", DOWN);
    let works = TestWorker::begin(&env, 4);

    let sent = env.send(&user, mail(&[TO], "Failover")).await;
    assert_eq!(sent.queue, QueueKind::OwnRelay);
    let message = env.delivered(&user, &sent.ids[0]).await;
    assert_eq!(
        message.recipients[0].attempts, 1,
        "none is counted for its own"
    );
    let why = reason(&message).expect("its own relay was skipped");
    let expected = "The organisation's relay: failover: Own relay backs off since 2";
    assert!(why.starts_with(expected), "{why}");
    let by_admin = env.postern.outbox().message(&admin, &sent.ids[0]).await;
    let why = reason(&by_admin.expect("visible")).expect("a choice");
    assert!(why.starts_with("Main relay: failover: Own relay"), "{why}");

    env.allow("ann@example.org", "rule.example").await;
    let ruled = Submission {
        from: Some("ann@rule.example".to_owned()),
        ..mail(&[TO], "Ruled")
    };
    let sent = env.send(&user, ruled).await;
    env.delivered(&user, &sent.ids[0]).await;
    assert_eq!(
        (organisation.accepted().len(), of_rule.accepted().len()),
        (1, 1)
    );

    let status = wait_for("the own relay to be reported", async || {
        let status = env.postern.outbox().relay_status(&user).await;
        let status = status.expect("readable");
        match status.own.is_some() {
            true => Ok(status),
            false => Err(status),
        }
    })
    .await;
    let backoff = status.own.expect("it backs off");
    assert_eq!(backoff.relay, own.address.to_string());
    assert_eq!((status.organisation, status.paused), (None, false));
    let overview = env.postern.outbox().overview(&admin).await.expect("there");
    let shown = overview.workers.iter().flat_map(|worker| &worker.backoffs);
    assert_eq!(shown.count(), 0, "it is the account's");
    let of_admin = env.postern.outbox().relay_status(&admin).await;
    assert_eq!(of_admin.expect("readable").own, None);

    env.set_policy(&admin, true, false).await;
    let waits = env.send(&user, mail(&[TO], "Waits")).await;
    let is_waiting = |message: &MessageView| {
        let own = message.waits_for.first();
        own.is_some_and(|relay| relay.own && relay.backoff.state != RelayState::HalfOpen)
    };
    let message = env.until(&user, &waits.ids[0], is_waiting).await;
    assert_eq!(message.waits_for.len(), 1);
    assert_eq!(message.waits_for[0].name, "Own relay");
    assert_eq!(organisation.accepted().len(), 1, "it does not take over");
    own.reset();
    env.pass(Duration::from_secs(3600));
    env.delivered(&user, &waits.ids[0]).await;
    assert_eq!(own.accepted().len(), 1);
    works.end().await;
}

async fn an_own_relay_is_forbidden_and_removed(env: TestEnv) {
    let (admin, user) = (env.admin().await, env.user().await);
    let (organisation, own) = (relay(), relay());
    env.save(&admin, &organisation).await;
    let signs_in = own_form(&own)
        .with(Label::Username, "ann")
        .with(Label::AuthenticationType, "Plain")
        .with(Label::PlaintextAuth, "1");
    let sealed = env.sealed("of ann").await;
    assert_eq!(env.save_own(&user, signs_in.clone(), sealed).await, Ok(1));
    let works = TestWorker::begin(&env, 4);

    env.set_policy(&admin, false, true).await;
    let refused = env.save_own(&user, own_form(&own), PasswordChange::Keep);
    let refusal = refused.await.expect_err("forbidden");
    assert_eq!(refusal.kind, Kind::Forbidden);
    assert!(refusal.to_string().contains("does not allow"), "{refusal}");
    let diagnosis = env
        .postern
        .diagnosis()
        .of_account(&user)
        .expect("an account");
    let tested = diagnosis.test(&user, None, PasswordChange::Keep, TO.to_owned());
    let refusal = tested.await.err().expect("forbidden");
    assert_eq!(refusal.kind, Kind::Forbidden);
    let sent = env.send(&user, mail(&[TO], "Forbidden")).await;
    assert_eq!(sent.queue, QueueKind::Organisation);
    let message = env.delivered(&user, &sent.ids[0]).await;
    let why = reason(&message).expect("a relay took it");
    assert_eq!(why, "The organisation's relay: no own relay");
    let state = env.postern.settings().account_relay(&user).await;
    let state = state.expect("readable");
    assert!(!state.allowed && !state.uses_own() && state.own.revision == 1);

    env.set_policy(&admin, true, true).await;
    let sent = env.send(&user, mail(&[TO], "Allowed")).await;
    env.delivered(&user, &sent.ids[0]).await;
    assert_eq!(
        (organisation.accepted().len(), own.accepted().len()),
        (1, 1)
    );

    let settings = env
        .postern
        .settings()
        .of_account(&user)
        .expect("an account");
    let view = settings.view(&user).await.expect("readable");
    assert_eq!(view.password, PasswordState::Saved);
    let removed = settings.remove(&user).await;
    assert_eq!(removed, Ok(true));
    assert_eq!(settings.remove(&user).await, Ok(false), "it is gone");
    let sent = env.send(&user, mail(&[TO], "Removed")).await;
    assert_eq!(sent.queue, QueueKind::Organisation);
    env.delivered(&user, &sent.ids[0]).await;
    assert_eq!(
        (organisation.accepted().len(), own.accepted().len()),
        (2, 1)
    );
    let view = settings.view(&user).await.expect("readable");
    assert_eq!((view.password, view.saved), (PasswordState::None, None));
    assert_eq!(view.verified, Verification::Never);
    assert!(view.earlier.is_empty(), "the passwords are deleted");
    let keep = PasswordChange::Keep;
    let stale = settings.save(&user, signs_in, keep, Some(1)).await;
    assert_eq!(stale.expect_err("removed meanwhile").kind, Kind::Conflict);

    let trail = env.postern.audit().trail(&admin, 100).await.expect("rows");
    let removals = trail.iter().filter(|row| row.action == "remove relay");
    let removals: Vec<_> = removals
        .map(|row| (row.actor.as_str(), row.detail.as_str()))
        .collect();
    assert_eq!(removals, [("ann@example.org", "own relay")]);
    let saves = trail.iter().filter(|row| row.action == "save settings");
    let mut details = saves.map(|row| row.detail.as_str());
    assert!(details.any(|detail| detail.ends_with("of the own relay")));
    works.end().await;
}

async fn an_own_relay_suppresses_no_address_of_others(env: TestEnv) {
    let (admin, user) = (env.admin().await, env.user().await);
    let (organisation, own) = (relay(), relay());
    env.save(&admin, &organisation).await;
    let saved = env.save_own(&user, own_form(&own), PasswordChange::Keep);
    saved.await.expect("saved");
    own.reply_to(
        "RCPT",
        "550 5.1.1 <desk@example.net>: no such user here\r\n",
    );
    let works = TestWorker::begin(&env, 4);
    let sent = env.send(&user, mail(&[TO], "Refused")).await;
    env.until(&user, &sent.ids[0], is(RecipientState::Failed))
        .await;
    let outbox = env.postern.outbox();
    let all = SuppressionSearch::default();
    let listed = outbox.suppressions(&admin, &all).await;
    assert_eq!(listed.expect("a list").len(), 0);
    let sent = env.send(&admin, mail(&[TO], "Others")).await;
    env.delivered(&admin, &sent.ids[0]).await;
    works.end().await;
}

async fn a_thousand_own_relays_are_read_together_and_stay_idle(env: TestEnv) {
    let (admin, organisation) = (env.admin().await, relay());
    env.tamper(
        "INSERT INTO information (scope, label, value) \
         WITH RECURSIVE account (number) AS (SELECT 10000 UNION ALL \
         SELECT number + 1 FROM account WHERE number < 10999) \
         SELECT 'account:01JD00000000000000000' || number, field.column1, field.column2 \
         FROM account, (VALUES ('from_address', 'a@example.org'), ('smtp_host', '127.0.0.1'), \
         ('smtp_port', '1')) AS field",
    )
    .await;
    env.save(&admin, &organisation).await;
    let table = env.postern.relays().configured().await.expect("a table");
    assert_eq!((table.relays.len(), table.own.len()), (1, 1000));
    assert!(table.own.iter().all(|own| own.settings.is_some()));
    let works = TestWorker::begin(&env, 4);
    let sent = env.send(&admin, mail(&[TO], "Beside them")).await;
    env.delivered(&admin, &sent.ids[0]).await;
    let overview = env.postern.outbox().overview(&admin).await.expect("there");
    let worker = overview.workers.first().expect("one");
    assert_eq!(worker.relays, 1, "those of the organisation");
    assert!(worker.connections <= 4, "{worker:?}");
    works.end().await;
}

async fn other_processes_follow_a_change_of_an_own_relay(env: TestEnv) {
    let (admin, user) = (env.admin().await, env.user().await);
    let (organisation, own) = (relay(), relay());
    env.save(&admin, &organisation).await;
    let other = Postern::open(env.config.clone()).await.expect("opens");
    let one = || Submissions::One(Box::new(mail(&[TO], "Elsewhere")));
    let before = other.outbox().accept(&user, one(), None).await;
    assert_eq!(before.expect("accepted").queue, QueueKind::Organisation);
    let saved = env.save_own(&user, own_form(&own), PasswordChange::Keep);
    saved.await.expect("saved");
    wait_for("the other process", async || {
        let accepted = other.outbox().accept(&user, one(), None).await;
        match accepted.expect("accepted").queue {
            QueueKind::OwnRelay => Ok(()),
            queue @ QueueKind::Organisation => Err(queue),
        }
    })
    .await;
    other.close().await;
}

stories! {
    both {
        mail_of_an_account_leaves_through_its_own_relay;
        the_organisations_relay_takes_over_where_the_policy_allows_it;
        an_own_relay_is_forbidden_and_removed;
        an_own_relay_suppresses_no_address_of_others;
        a_thousand_own_relays_are_read_together_and_stay_idle;
        other_processes_follow_a_change_of_an_own_relay;
    }
}
