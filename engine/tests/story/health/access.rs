//! Who sees the health of relays and has them checked, and relays that are not checked.

use std::net::Ipv4Addr;
use std::time::Duration;

use domain::account::Role;
use domain::health::HealthState;
use domain::settings::PasswordChange;
use domain::timestamp::DAY;
use domain::{Kind, Label, Refusal, Stage};
use engine::{AccountChange, Actor};
use testkit::{Relay, RelayScript};

use crate::environment::TestEnv;
use crate::health::{CLOSED, MINUTE, checks};
use crate::outbox::through;
use crate::own_relay::{own_form, relay};
use crate::settings::relays::switched;

async fn a_relay_that_is_off_or_removed_is_not_checked(env: TestEnv) {
    let (admin, first, second) = (env.admin().await, relay(), relay());
    env.save(&admin, &first).await;
    let id = env.add(&admin, "Second").await.id;
    assert_eq!(env.check().await, 1, "the second has no settings");
    let saved = env.save_at(&admin, &id, through(&second), PasswordChange::Keep);
    saved.await.expect("saved");
    assert_eq!(env.check().await, 1);
    let relays = env.postern.relays();
    let off = relays.change(&admin, "global", switched(false), None);
    off.await.expect("off");
    relays.remove(&admin, &id, None).await.expect("removed");
    assert!(
        env.postern
            .health()
            .list(&admin)
            .await
            .expect("a list")
            .is_empty()
    );
    env.pass(DAY);
    assert_eq!(env.check().await, 0);
    let refused = env.postern.health().check_now(&admin, "global").await;
    assert_eq!(refused.expect_err("off").kind, Kind::Invalid);
    let refused = env.postern.health().check_now(&admin, &id).await;
    assert_eq!(refused.expect_err("gone").kind, Kind::NotFound);

    let on = relays.change(&admin, "global", switched(true), None);
    on.await.expect("on");
    assert_eq!(env.health(&admin).await.state, HealthState::Unknown);
    assert_eq!(env.check().await, 1, "at once");
    assert_eq!((checks(&first), checks(&second)), (2, 1));
}

async fn the_own_relay_of_a_disabled_account_is_not_checked(env: TestEnv) {
    let (user, own) = (env.user().await, relay());
    let saved = env.save_own(&user, own_form(&own), PasswordChange::Keep);
    saved.await.expect("saved");
    assert_eq!(env.check().await, 1);
    let (accounts, local) = (env.postern.accounts(), Actor::local(0));
    let found = accounts.read_by_email(&local, "ann@example.org").await;
    let id = found.expect("an account").id;
    let set_disabled = async |disabled: bool| {
        let change = AccountChange {
            disabled: Some(disabled),
            ..AccountChange::default()
        };
        let changed = accounts.change(&local, &id, change).await;
        changed.expect("changed");
    };
    set_disabled(true).await;
    env.pass(DAY);
    assert_eq!(env.check().await, 0);
    let mut connection = env.connection().await;
    let query = sqlx::query_scalar("SELECT COUNT(*) FROM relay_health");
    let due: i64 = query.fetch_one(&mut connection).await.expect("a number");
    assert_eq!(due, 0, "none is due later");

    set_disabled(false).await;
    assert_eq!(env.check().await, 1, "at once");
    assert_eq!(checks(&own), 2);
}

async fn the_own_relay_of_an_account_is_checked_at_a_public_address(env: TestEnv) {
    let (admin, user) = (env.admin().await, env.user().await);
    // Postern allows 127.0.0.1 here, and no other address of this machine.
    let inward = Relay::start_at(Ipv4Addr::new(127, 0, 0, 2), RelayScript::pipelining());
    let form = own_form(&inward).with(Label::Host, "127.0.0.2");
    let saved = env.save_own(&user, form, PasswordChange::Keep);
    saved.await.expect("saved");
    for _ in 0..2 {
        assert_eq!(env.check().await, 1);
        env.pass(MINUTE);
    }
    let health = env.postern.health().own(&user).await.expect("readable");
    let health = health.expect("it is checked");
    assert_eq!(health.state, HealthState::Down);
    assert_eq!(health.failure.expect("a failure").stage, Stage::Tcp);
    assert_eq!(inward.record().connections, 0);

    // Those of the organisation may be in its network.
    let form = through(&inward).with(Label::Host, "127.0.0.2");
    let saved = env.save_at(&admin, "global", form, PasswordChange::Keep);
    saved.await.expect("saved");
    assert_eq!(env.check().await, 1);
    assert_eq!(env.health(&admin).await.state, HealthState::Healthy);
    assert_eq!((inward.record().connections, checks(&inward)), (1, 1));
}

async fn a_person_has_a_relay_checked_now(env: TestEnv) {
    let (admin, relay) = (env.admin().await, relay());
    env.save(&admin, &relay).await;
    assert_eq!(env.check().await, 1);
    env.pass(MINUTE);
    assert_eq!(env.check().await, 0);
    let health = env.postern.health();
    health.check_now(&admin, "global").await.expect("requested");
    assert_eq!(env.check().await, 1);
    let trail = env.postern.audit().trail(&admin, 500).await.expect("a log");
    let requested = trail.iter().find(|entry| entry.action == "check relay");
    let requested = requested.expect("a row");
    assert_eq!(
        (&*requested.actor, &*requested.detail),
        ("admin@example.org", "global")
    );
    for _ in 1..12 {
        health.check_now(&admin, "global").await.expect("requested");
    }
    let refused = health.check_now(&admin, "global").await;
    assert_eq!(refused.expect_err("too many").kind, Kind::TooMany);
}

async fn an_account_sees_its_own_relay_and_only_the_state_of_the_organisations(env: TestEnv) {
    let (admin, user) = (env.admin().await, env.user().await);
    let other = env.sign_in("eve@example.org", Role::User).await;
    let (organisation, own) = (relay(), relay());
    env.save(&admin, &organisation).await;
    let saved = env.save_own(&user, own_form(&own), PasswordChange::Keep);
    saved.await.expect("saved");
    organisation.reply_to("GREETING", CLOSED);
    assert_eq!(env.check().await, 2);
    env.pass(Duration::from_secs(25));
    assert_eq!(env.check().await, 1, "the confirmation");

    let health = env.postern.health();
    let names = async |actor: &Actor| {
        let listed = health.list(actor).await.expect("a list");
        let shown = listed.into_iter().map(|view| {
            let failure = view.failure.map(|failure| failure.stage);
            (view.name, view.state, failure)
        });
        shown.collect::<Vec<_>>()
    };
    let own_view = ("Own relay".to_owned(), HealthState::Healthy, None);
    let first = (
        "The organisation's relay".to_owned(),
        HealthState::Down,
        None,
    );
    assert_eq!(names(&user).await, [own_view, first.clone()]);
    assert_eq!(names(&other).await, [first]);
    let of_admin = (
        "Main relay".to_owned(),
        HealthState::Down,
        Some(Stage::Greeting),
    );
    assert_eq!(names(&admin).await, [of_admin]);
    assert_eq!(health.own(&other).await, Ok(None));
    let view = health.own(&user).await.expect("readable").expect("a relay");
    let expected = [HealthState::Unknown, HealthState::Healthy];
    for id in ["own", view.relay_id.as_str()] {
        assert_eq!(env.history(&user, id).await, expected);
        health.check_now(&user, id).await.expect("requested");
    }
    assert_eq!(env.check().await, 1);
    let kind = |result: Result<(), Refusal>| result.expect_err("refused").kind;
    for (actor, id, expected) in [
        (&user, "global", Kind::Forbidden),
        (&other, view.relay_id.as_str(), Kind::Forbidden),
        (&other, "own", Kind::Invalid),
        (&admin, view.relay_id.as_str(), Kind::NotFound),
    ] {
        assert_eq!(kind(health.check_now(actor, id).await), expected, "{id}");
        let since = env.clock.now() - DAY;
        let read = health.history(actor, id, since).await;
        match expected {
            Kind::Invalid => assert_eq!(read, Ok(Vec::new())),
            _ => assert_eq!(read.expect_err("refused").kind, expected, "{id}"),
        }
    }
    env.set_policy(&admin, false, true).await;
    assert_eq!(health.own(&user).await, Ok(None), "not allowed any more");
    env.pass(DAY);
    assert_eq!(env.check().await, 1, "the organisation's");
}

async fn an_account_sees_whether_a_relay_of_the_organisation_takes_its_mail(env: TestEnv) {
    use HealthState::{Down, Healthy};
    let (admin, user) = (env.admin().await, env.user().await);
    let (first, second) = (relay(), relay());
    env.save(&admin, &first).await;
    let id = env.add(&admin, "Second").await.id;
    let saved = env.save_at(&admin, &id, through(&second), PasswordChange::Keep);
    saved.await.expect("saved");
    assert_eq!(env.check().await, 2);
    let goes_down = async |relay: &Relay| {
        relay.reply_to("GREETING", CLOSED);
        env.pass(DAY);
        assert_eq!(env.check().await, 2);
        env.pass(Duration::from_secs(25));
        assert_eq!(env.check().await, 1, "the confirmation");
        let listed = env.postern.health().list(&admin).await;
        let listed = listed.expect("a list").into_iter();
        listed.map(|view| view.state).collect::<Vec<_>>()
    };
    assert_eq!(goes_down(&first).await, [Down, Healthy]);
    let seen = env.health(&user).await;
    assert_eq!(seen.state, Healthy, "mail leaves through the second");
    assert_eq!(seen.name, "The organisation's relay");

    assert_eq!(goes_down(&second).await, [Down, Down]);
    let listed = env.postern.health().list(&admin).await.expect("a list");
    let seen = env.health(&user).await;
    assert_eq!((seen.state, seen.failure), (Down, None));
    assert!(listed[1].since > listed[0].since);
    assert_eq!(seen.since, listed[1].since, "since then none leaves");
}

stories! {
    both {
        a_relay_that_is_off_or_removed_is_not_checked;
        the_own_relay_of_a_disabled_account_is_not_checked;
        the_own_relay_of_an_account_is_checked_at_a_public_address;
        a_person_has_a_relay_checked_now;
        an_account_sees_its_own_relay_and_only_the_state_of_the_organisations;
        an_account_sees_whether_a_relay_of_the_organisation_takes_its_mail;
    }
}
