//! Several relays: their settings and passwords, order, rules and limits, and the routing table.

use domain::account::Role;
use domain::diagnosis::event::Outcome;
use domain::settings::relay::{Change, RelayChange, RelayView};
use domain::settings::{PasswordChange, PasswordState, Verification};
use domain::{Event, Form, Kind, Label, Refusal};
use engine::{Actor, RoutedRelay, RoutingTable, Scope};
use futures::StreamExt;
use futures::future::join_all;
use testkit::{Relay, RelayScript};

use crate::environment::{TestEnv, execute, form};
use crate::outbox::through;

fn named(name: &str) -> RelayChange {
    RelayChange {
        name: Some(name.to_owned()),
        ..RelayChange::default()
    }
}

pub fn switched(enabled: bool) -> RelayChange {
    RelayChange {
        enabled: Some(enabled),
        ..RelayChange::default()
    }
}

fn moved(position: i64) -> RelayChange {
    RelayChange {
        position: Some(position),
        ..RelayChange::default()
    }
}

impl TestEnv {
    pub async fn add(&self, actor: &Actor, name: &str) -> RelayView {
        let added = self.postern.relays().create(actor, named(name)).await;
        added.expect("added")
    }

    pub async fn save_at(
        &self,
        actor: &Actor,
        id: &str,
        form: Form,
        password: PasswordChange,
    ) -> Result<i64, Refusal> {
        let settings = self.postern.settings().of_relay(id)?;
        let saved = settings.save(actor, form, password, None).await?;
        Ok(saved.revision)
    }

    async fn routing(&self) -> RoutingTable {
        self.postern.relays().configured().await.expect("a table")
    }

    /// The names in their order.
    async fn order(&self, actor: &Actor) -> Vec<String> {
        let listed = self.postern.relays().list(actor).await.expect("a list");
        for (position, relay) in (1..).zip(&listed) {
            assert_eq!(relay.position, position);
        }
        let names = listed.into_iter().map(|relay| relay.config.name);
        names.collect()
    }

    async fn count(&self, sql: &'static str) -> i64 {
        let mut connection = self.connection().await;
        let counted = sqlx::query_scalar(sql).fetch_one(&mut connection).await;
        counted.expect("a number")
    }
}

async fn each_relay_has_settings_and_a_password_of_its_own(env: TestEnv) {
    let admin = env.admin().await;
    let before = env.routing().await;
    assert_eq!(before.relays.len(), 1);
    assert_eq!(before.relays[0].id, Scope::Global);
    assert!(before.relays[0].settings.is_none());

    let new = RelayChange {
        from_domain: Change::Set("News.Example.org".to_owned()),
        max_connections: Change::Set(4),
        per_hour: Change::Set(1_000),
        ..named("Newsletter")
    };
    let added = env.postern.relays().create(&admin, new).await;
    let added = added.expect("added");
    assert_eq!((added.position, added.address), (2, None));
    let table = env.routing().await;
    assert!(table.version > before.version, "an added relay is noticed");

    let elsewhere = form().with(Label::Host, "smtp.example.net");
    let sealed = env.sealed("of the newsletter").await;
    let saved = env.save_at(&admin, &added.id, elsewhere.clone(), sealed);
    assert_eq!(saved.await, Ok(1));
    let global = env.postern.settings().view(&admin).await.expect("readable");
    assert_eq!((global.revision, global.password), (0, PasswordState::None));
    let settings = env.postern.settings().of_relay(&added.id).expect("an id");
    let view = settings.view(&admin).await.expect("readable");
    assert_eq!(view.form, elsewhere);
    assert_eq!((view.revision, view.password), (1, PasswordState::Saved));

    let saved = env.routing().await;
    assert!(saved.version > table.version, "saved settings are noticed");
    let [first, news] = &saved.relays[..] else {
        panic!("{saved:?}");
    };
    assert!(first.settings.is_none() && !first.has_password());
    assert_eq!(Scope::of_relay(&added.id), Some(news.id));
    assert_eq!(news.config.from_domain.as_deref(), Some("news.example.org"));
    assert_eq!(news.config.limits.max_connections, Some(4));
    assert_eq!(news.config.limits.per_hour, Some(1_000));
    assert!(news.config.enabled && news.has_password());
    assert_eq!(news.revision, 1);
    let parsed = news.settings.as_ref().expect("settings");
    assert_eq!(parsed.host.to_string(), "smtp.example.net");
    assert!(!format!("{saved:?}").contains("of the newsletter"));

    let sealed = env.sealed("of the first").await;
    let saved = env.save_at(&admin, "global", form(), sealed).await;
    assert_eq!(saved, Ok(1), "the first relay is that of the settings");
    let global = env.postern.settings().view(&admin).await.expect("readable");
    assert_eq!((global.revision, global.form), (1, form()));
    let listed = env.postern.relays().list(&admin).await.expect("a list");
    let addresses: Vec<_> = listed.into_iter().map(|relay| relay.address).collect();
    let expected = ["smtp.example.org:587", "smtp.example.net:587"];
    assert_eq!(addresses, expected.map(|address| Some(address.to_owned())));
}

async fn a_password_opens_for_its_relay_only(env: TestEnv) {
    let admin = env.admin().await;
    let (one, two) = (env.add(&admin, "One").await, env.add(&admin, "Two").await);
    for id in [&one.id, &two.id] {
        let sealed = env.sealed("hunter2").await;
        let saved = env.save_at(&admin, id, form(), sealed).await;
        assert_eq!(saved, Ok(1));
    }
    let table = env.routing().await;
    let opened = table.relays.iter().map(RoutedRelay::has_password);
    assert_eq!(opened.collect::<Vec<_>>(), [false, true, true]);
    env.tamper(
        "UPDATE information SET value = (SELECT MIN(value) FROM information \
         WHERE label = 'smtp_password') WHERE label = 'smtp_password'",
    )
    .await;
    let mut states = Vec::new();
    for id in [&one.id, &two.id] {
        let settings = env.postern.settings().of_relay(id).expect("an id");
        states.push(settings.view(&admin).await.expect("readable").password);
    }
    let moved = states
        .iter()
        .position(|state| *state == PasswordState::ReEnter);
    let moved = moved.expect("one of them has the other's");
    assert_eq!(states[1 - moved], PasswordState::Saved);
    let table = env.routing().await;
    assert!(!table.relays[1 + moved].has_password());
    assert!(table.relays[1 + moved].settings.is_some());
}

async fn a_test_mail_verifies_the_relay_that_took_it(env: TestEnv) {
    let admin = env.admin().await;
    let (first, second) = (
        Relay::start(RelayScript::pipelining()),
        Relay::start(RelayScript::pipelining()),
    );
    env.save(&admin, &first).await;
    let added = env.add(&admin, "Second").await;
    let diagnosis = env.postern.diagnosis().of_relay(&added.id).expect("an id");
    let to = || "a@example.net".to_owned();
    let unsaved = diagnosis.test(&admin, None, PasswordChange::Keep, to());
    let refusal = unsaved.await.err().expect("nothing is saved yet");
    assert_eq!(refusal.kind, Kind::Invalid);

    let saved = env.save_at(&admin, &added.id, through(&second), PasswordChange::Keep);
    assert_eq!(saved.await, Ok(1));
    let events = diagnosis.test(&admin, None, PasswordChange::Keep, to());
    let events: Vec<Event> = events.await.expect("begins").collect().await;
    let Some(Event::Finished(summary)) = events.last() else {
        panic!("{events:?}");
    };
    assert!(
        matches!(
            summary.outcome,
            Outcome::Sent {
                verified: Some(_),
                ..
            }
        ),
        "{summary:?}"
    );
    assert_eq!((first.accepted().len(), second.accepted().len()), (0, 1));
    let listed = env.postern.relays().list(&admin).await.expect("a list");
    assert_eq!(listed[0].verified, Verification::Never);
    assert!(matches!(listed[1].verified, Verification::Verified(_)));
    let trail = env.postern.audit().trail(&admin, 100).await.expect("rows");
    let detail = format!("revision 1 of relay {}", added.id);
    assert!(
        trail
            .iter()
            .any(|row| row.outcome == "verified" && row.detail == detail)
    );

    let elsewhere = through(&second).with(Label::FromName, "News");
    let saved = env.save_at(&admin, &added.id, elsewhere, PasswordChange::Keep);
    assert_eq!(saved.await, Ok(2));
    let relay = env.postern.relays().read(&admin, &added.id).await;
    let verified = relay.expect("there").verified;
    assert!(matches!(verified, Verification::Changed(_)), "{verified:?}");
}

async fn relays_are_moved_and_switched(env: TestEnv) {
    let admin = env.admin().await;
    let relays = env.postern.relays();
    let mut ids = Vec::new();
    for name in ["A", "B", "C"] {
        ids.push(env.add(&admin, name).await.id);
    }
    assert_eq!(env.order(&admin).await, ["Main relay", "A", "B", "C"]);
    for (id, position, order) in [
        (ids[2].as_str(), 1, ["C", "Main relay", "A", "B"]),
        ("global", 4, ["C", "A", "B", "Main relay"]),
        (ids[0].as_str(), 3, ["C", "B", "A", "Main relay"]),
    ] {
        let changed = relays.change(&admin, id, moved(position), None).await;
        assert_eq!(changed.expect("moved").position, position);
        assert_eq!(env.order(&admin).await, order);
    }
    let table = env.routing().await;
    let routed = table.relays.iter().map(|relay| relay.config.name.as_str());
    assert_eq!(routed.collect::<Vec<_>>(), ["C", "B", "A", "Main relay"]);
    for position in [0, 5, -1] {
        let refused = relays.change(&admin, "global", moved(position), None).await;
        let refusal = refused.expect_err("no such position");
        assert_eq!(refusal.fields.keys().collect::<Vec<_>>(), ["position"]);
    }

    let off = relays.change(&admin, "global", switched(false), None).await;
    assert!(!off.expect("switched off").config.enabled);
    let table = env.routing().await;
    let enabled = table.relays.iter().map(|relay| relay.config.enabled);
    assert_eq!(enabled.collect::<Vec<_>>(), [true, true, true, false]);
    let again = relays.change(&admin, "global", switched(false), None).await;
    let again = again.expect("nothing to do");
    let same = env.routing().await.version;
    assert_eq!(
        (same, again.position),
        (table.version, 4),
        "nothing changed"
    );
    assert!(relays.remove(&admin, &ids[1], None).await.is_ok());
    assert_eq!(env.order(&admin).await, ["C", "A", "Main relay"]);
    let last = env.add(&admin, "D").await;
    assert_eq!(last.position, 4);
}

async fn a_change_of_an_older_relay_is_refused(env: TestEnv) {
    let ann = env.sign_in("ann@example.org", Role::Admin).await;
    let bob = env.sign_in("bob@example.org", Role::Admin).await;
    let relays = env.postern.relays();
    let added = env.add(&ann, "Backup").await;
    let seen = Some(added.revision);
    let limited = RelayChange {
        per_minute: Change::Set(10),
        ..RelayChange::default()
    };
    let changed = relays.change(&ann, &added.id, limited, seen).await;
    assert_eq!(changed.expect("the first").revision, 2);
    let version = env.routing().await.version;
    for refusal in [
        relays
            .change(&bob, &added.id, named("Spare"), seen)
            .await
            .map(|_| ()),
        relays.remove(&bob, &added.id, seen).await,
    ] {
        assert_eq!(refusal.expect_err("older").kind, Kind::Conflict);
    }
    let kept = relays.read(&bob, &added.id).await.expect("there");
    assert_eq!(kept.config.name, "Backup");
    assert_eq!(kept.config.limits.per_minute, Some(10));
    assert_eq!(env.routing().await.version, version, "nothing was stored");
    // Its settings are another matter: a save of them is no change of the relay.
    let saved = env.save_at(&ann, &added.id, form(), PasswordChange::Keep);
    assert_eq!(saved.await, Ok(1));
    let changed = relays
        .change(&bob, &added.id, named("Spare"), Some(2))
        .await;
    assert_eq!(changed.expect("the newest").revision, 3);
}

async fn a_removed_relay_leaves_no_password(env: TestEnv) {
    let admin = env.admin().await;
    let relays = env.postern.relays();
    let added = env.add(&admin, "Backup").await;
    for password in ["one", "two"] {
        let sealed = env.sealed(password).await;
        let saved = env.save_at(&admin, &added.id, form(), sealed).await;
        saved.expect("saved");
        let sealed = env.sealed(password).await;
        let saved = env.save_at(&admin, "global", form(), sealed).await;
        saved.expect("saved");
    }
    let version = env.routing().await.version;
    let settings = env.postern.settings().of_relay(&added.id).expect("an id");
    relays
        .remove(&admin, &added.id, None)
        .await
        .expect("removed");
    assert!(env.routing().await.version > version);
    let others = "SELECT COUNT(*) FROM information WHERE scope <> 'global'";
    assert_eq!(env.count(others).await, 0);
    let passwords = "SELECT COUNT(*) FROM revision WHERE password IS NOT NULL";
    let of_others =
        "SELECT COUNT(*) FROM revision WHERE password IS NOT NULL AND scope <> 'global'";
    assert_eq!(env.count(of_others).await, 0);
    assert_eq!(env.count(passwords).await, 2, "those of the first stay");

    // What was begun before it was removed stores nothing, and nothing is sent.
    let sealed = env.sealed("three").await;
    let saved = settings.save(&admin, form(), sealed, None).await;
    assert_eq!(saved.expect_err("gone").kind, Kind::NotFound);
    let viewed = settings.view(&admin).await;
    assert_eq!(viewed.expect_err("gone").kind, Kind::NotFound);
    let diagnosis = env.postern.diagnosis().of_relay(&added.id).expect("an id");
    let to = "a@example.net".to_owned();
    let test = diagnosis.test(&admin, Some(form()), PasswordChange::Keep, to);
    assert_eq!(test.await.err().expect("gone").kind, Kind::NotFound);
    let changed = relays.change(&admin, &added.id, named("X"), None).await;
    assert_eq!(changed.expect_err("gone").kind, Kind::NotFound);
    assert_eq!(env.count(others).await, 0);

    let refusal = relays.remove(&admin, "global", None).await;
    assert_eq!(refusal.expect_err("the first stays").kind, Kind::Invalid);
    assert_eq!(env.order(&admin).await, ["Main relay"]);
}

async fn relays_require_an_administrator_and_are_audited(env: TestEnv) {
    let user = env.sign_in("user@example.org", Role::User).await;
    let admin = env.admin().await;
    let relays = env.postern.relays();
    let added = env.add(&admin, "Backup").await;
    let settings = env.postern.settings().of_relay(&added.id).expect("an id");
    for refused in [
        relays.list(&user).await.map(|_| ()),
        relays.read(&user, &added.id).await.map(|_| ()),
        relays.create(&user, named("Mine")).await.map(|_| ()),
        relays
            .change(&user, &added.id, switched(false), None)
            .await
            .map(|_| ()),
        relays.remove(&user, &added.id, None).await,
        settings.view(&user).await.map(|_| ()),
        settings
            .save(&user, form(), PasswordChange::Keep, None)
            .await
            .map(|_| ()),
    ] {
        assert_eq!(refused.expect_err("not for users").kind, Kind::Forbidden);
    }
    assert_eq!(env.order(&admin).await, ["Main relay", "Backup"]);
    let changed = relays.change(&admin, &added.id, moved(1), None).await;
    changed.expect("moved");
    let changed = relays.change(&admin, &added.id, named("Spare"), None).await;
    changed.expect("named");
    let saved = env.save_at(&admin, &added.id, form(), PasswordChange::Keep);
    saved.await.expect("saved");
    relays
        .remove(&admin, &added.id, None)
        .await
        .expect("removed");

    let trail = env.postern.audit().trail(&admin, 100).await.expect("rows");
    for action in ["create relay", "change relay", "remove relay"] {
        assert!(
            trail.iter().any(|row| row.actor == "user@example.org"
                && row.action == action
                && row.outcome == "refused (403)"),
            "{action}"
        );
    }
    let done: Vec<(&str, &str)> = trail
        .iter()
        .rev()
        .filter(|row| row.actor == "admin@example.org" && row.outcome == "done")
        .filter(|row| row.action.ends_with(" relay") || row.action == "save settings")
        .map(|row| (row.action.as_str(), row.detail.as_str()))
        .collect();
    let id = &added.id;
    let of = |text: &str| format!("{text} ({id})");
    for (at, (action, detail)) in [
        ("create relay", of("“Backup”")),
        ("change relay", of("position from 2 to 1 of “Backup”")),
        (
            "change relay",
            of("name from “Backup” to “Spare” of “Spare”"),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(done[at], (action, detail.as_str()));
    }
    assert_eq!(done[3].0, "save settings");
    assert!(done[3].1.contains("smtp_host") && done[3].1.ends_with(&format!("of relay {id}")));
    assert_eq!(
        done[4],
        ("remove relay", format!("“Spare” ({id})").as_str())
    );
}

async fn there_are_at_most_200_relays(env: TestEnv) {
    let admin = env.admin().await;
    let relays = env.postern.relays();
    let rows: Vec<String> = (1..200)
        .map(|number| {
            format!("('01JD0000000000000000000{number:03}', 'R{number}', {number}, 1, 1)")
        })
        .collect();
    let insert = format!(
        "INSERT INTO relay (id, name, position, enabled, revision) VALUES {}",
        rows.join(", ")
    );
    execute(&mut env.connection().await, &insert).await;
    let refused = relays.create(&admin, named("One more")).await;
    assert_eq!(refused.expect_err("too many").kind, Kind::Invalid);
    let removed = relays.remove(&admin, "01JD0000000000000000000007", None);
    removed.await.expect("removed");
    assert_eq!(env.add(&admin, "One more").await.position, 200);
}

async fn acts_at_the_same_time_wait_for_each_other(env: TestEnv) {
    let admin = env.admin().await;
    let relays = env.postern.relays();
    let before = env.routing().await.version;
    let adding = (0..8).map(|number| relays.create(&admin, named(&format!("Relay {number}"))));
    let added: Vec<RelayView> = join_all(adding)
        .await
        .into_iter()
        .map(|added| added.expect("added"))
        .collect();
    assert_eq!(env.order(&admin).await.len(), 9);
    let acts = added.iter().enumerate().map(|(at, relay)| {
        let (env, admin) = (&env, &admin);
        async move {
            match at % 3 {
                0 => env
                    .save_at(admin, &relay.id, form(), PasswordChange::Keep)
                    .await
                    .map(|_| ()),
                1 => relays
                    .change(admin, &relay.id, moved(1), None)
                    .await
                    .map(|_| ()),
                _ => relays.remove(admin, &relay.id, None).await,
            }
        }
    });
    for done in join_all(acts).await {
        done.expect("done");
    }
    assert_eq!(env.order(&admin).await.len(), 7);
    let table = env.routing().await;
    assert_eq!(table.version, before + 16, "each act is noticed");
    let saved = table.relays.iter().filter(|relay| relay.settings.is_some());
    assert_eq!(saved.count(), 3);
}

async fn a_relay_is_found_by_its_id_and_by_its_name(env: TestEnv) {
    let (admin, relays) = (env.admin().await, env.postern.relays());
    let news = env.add(&admin, "Newsletter").await;
    for (word, id) in [
        (&*news.id, &*news.id),
        ("newsLETTER", &news.id),
        ("Main relay", "global"),
    ] {
        assert_eq!(relays.find(&admin, word).await.expect(word).id, id);
    }
    let refusal = relays.find(&admin, "Alarms").await.expect_err("none");
    assert_eq!(refusal.kind, Kind::NotFound);
    assert!(refusal.fields["relay"].contains("Main relay, Newsletter"));
}

stories! {
    both {
        a_relay_is_found_by_its_id_and_by_its_name;
        each_relay_has_settings_and_a_password_of_its_own;
        a_password_opens_for_its_relay_only;
        a_test_mail_verifies_the_relay_that_took_it;
        relays_are_moved_and_switched;
        a_change_of_an_older_relay_is_refused;
        a_removed_relay_leaves_no_password;
        relays_require_an_administrator_and_are_audited;
        there_are_at_most_200_relays;
        acts_at_the_same_time_wait_for_each_other;
    }
}
