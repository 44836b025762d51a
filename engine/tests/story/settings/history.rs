//! The history of settings: revisions with what each changed, rollback, and what is kept.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::account::Role;
use domain::settings::revision::{ChangedValues, RevisionPassword, RevisionView};
use domain::settings::{PasswordChange, PasswordState};
use domain::{Event, Form, Kind, Label, Refusal};
use engine::{Actor, Settings};
use futures::StreamExt;
use testkit::Relay;

use crate::environment::{TestEnv, form};
use crate::outbox::through;
use crate::own_relay::{TO, own_form, relay};

const MINUTE: Duration = Duration::from_secs(60);

/// Settings that sign in at a relay.
fn signing_in(relay: &Relay) -> Form {
    through(relay)
        .with(Label::Username, "alerts")
        .with(Label::AuthenticationType, "Plain")
        .with(Label::PlaintextAuth, "1")
}

/// Saves settings with a password, and returns the number of the revision.
async fn save(env: &TestEnv, of: &Settings, actor: &Actor, form: Form, password: &str) -> i64 {
    let sealed = env.sealed(password).await;
    let saved = of.save(actor, form, sealed, None).await;
    saved.expect("saved").revision
}

/// Brings a revision back with its password, and returns the number of the new one.
async fn restore(of: &Settings, actor: &Actor, number: i64) -> Result<i64, Refusal> {
    let restored = of.restore(actor, number, PasswordChange::Keep, None).await;
    restored.map(|view| view.revision)
}

async fn listed(of: &Settings, actor: &Actor) -> Vec<RevisionView> {
    of.revisions(actor).await.expect("a list")
}

/// What a revision changed, as texts; of a password the label alone.
fn changes(revision: &RevisionView) -> Vec<String> {
    let changes = revision.changes.as_ref().expect("known").iter();
    let text = changes.map(|change| match &change.values {
        Some(ChangedValues { before, after }) => {
            format!("{}: {before} > {after}", change.label.as_str())
        }
        None => change.label.as_str().to_owned(),
    });
    text.collect()
}

/// Sends a test mail with what is saved.
async fn test(env: &TestEnv, actor: &Actor) {
    let diagnosis = env.postern.diagnosis();
    let events = diagnosis.test(actor, None, PasswordChange::Keep, TO.to_owned());
    let events: Vec<Event> = events.await.expect("begins").collect().await;
    assert!(
        matches!(events.last(), Some(Event::Finished(_))),
        "{events:?}"
    );
}

/// The password of the last sign-in at a relay.
fn password_at(relay: &Relay) -> Option<String> {
    let lines = relay.record().lines;
    let mut sign_ins = lines.iter().rev();
    let response = sign_ins.find_map(|line| line.strip_prefix("AUTH PLAIN "))?;
    let decoded = BASE64_STANDARD.decode(response).expect("base64");
    let text = String::from_utf8(decoded).expect("text");
    text.rsplit('\0').next().map(str::to_owned)
}

/// The fields of a refusal.
fn refused<T: std::fmt::Debug>(result: Result<T, Refusal>) -> (Kind, Vec<String>) {
    let refusal = result.expect_err("refused");
    (refusal.kind, refusal.fields.into_keys().collect())
}

async fn every_save_is_a_revision_with_its_person_place_and_changes(env: TestEnv) {
    let mut admin = env.admin().await;
    admin.origin.address = "192.0.2.7".parse().ok();
    let bob = env.sign_in("bob@example.org", Role::Admin).await;
    let settings = env.postern.settings();
    assert!(listed(settings, &admin).await.is_empty());
    save(&env, settings, &admin, form(), "hunter2").await;
    env.pass(MINUTE);
    let next = form()
        .with(Label::Port, "465")
        .with(Label::ConnectionType, "SSL")
        .with(Label::FromName, "Alarms");
    let before = env.clock.now();
    save(&env, settings, &bob, next.clone(), "hunter3").await;
    let after = env.clock.now();
    let same = settings.save(&bob, next, PasswordChange::Keep, None).await;
    assert_eq!(same.expect("nothing to do").revision, 2);

    let revisions = listed(settings, &admin).await;
    let [second, first] = &revisions[..] else {
        panic!("{revisions:?}");
    };
    assert_eq!((second.number, first.number), (2, 1));
    assert_eq!(first.saved.by, "admin@example.org");
    assert_eq!(first.origin, "192.0.2.7");
    assert_eq!(second.saved.by, "bob@example.org");
    assert_eq!(second.origin, "this machine");
    assert!((before..=after).contains(&second.saved.at), "{second:?}");
    assert_eq!(
        changes(second),
        [
            "smtp_port: 587 > 465",
            "smtp_connection_type: TLS > SSL",
            "smtp_from_name:  > Alarms",
            "smtp_password",
        ]
    );
    let first_changes = changes(first);
    for change in ["smtp_host:  > smtp.example.org", "smtp_password"] {
        assert!(first_changes.iter().any(|one| one == change), "{change}");
    }
    assert_eq!(second.password, RevisionPassword::Kept);
    assert_eq!((second.restored, second.is_removal), (None, false));
    assert!(!format!("{revisions:?}").contains("hunter"));
}

async fn a_revision_that_a_test_mail_verified_says_so(env: TestEnv) {
    let admin = env.admin().await;
    let one = relay();
    env.save(&admin, &one).await;
    test(&env, &admin).await;
    let settings = env.postern.settings();
    let renamed = through(&one).with(Label::FromName, "Alarms");
    let saved = settings.save(&admin, renamed, PasswordChange::Keep, None);
    saved.await.expect("saved");
    let revisions = listed(settings, &admin).await;
    let verified = revisions.iter().map(|revision| {
        let stamp = revision.verified.as_ref();
        stamp.map(|stamp| stamp.by.as_str())
    });
    let verified: Vec<_> = verified.collect();
    assert_eq!(verified, [None, Some("admin@example.org")]);
}

async fn a_revision_comes_back_with_its_password(env: TestEnv) {
    let admin = env.admin().await;
    let (one, two) = (relay(), relay());
    let settings = env.postern.settings();
    save(&env, settings, &admin, signing_in(&one), "of one").await;
    save(&env, settings, &admin, signing_in(&two), "of two").await;

    let shown = settings.revision(&admin, 1).await.expect("is kept");
    assert_eq!((shown.revision.number, shown.newest), (1, 2));
    let labels: Vec<&str> = shown.changes.iter().map(|one| one.label.as_str()).collect();
    assert_eq!(labels, ["smtp_port", "smtp_password"]);
    let restored = settings.restore(&admin, 1, PasswordChange::Keep, Some(2));
    let restored = restored.await.expect("restored");
    assert_eq!((restored.revision, restored.form), (3, signing_in(&one)));
    assert_eq!(restored.password, PasswordState::Saved);
    test(&env, &admin).await;
    assert_eq!(password_at(&one).as_deref(), Some("of one"));
    assert_eq!(password_at(&two), None, "it was not asked for anything");

    let revisions = listed(settings, &admin).await;
    assert_eq!((revisions[0].number, revisions[0].restored), (3, Some(1)));
    let port = |relay: &Relay| relay.address.port();
    let moved = format!("smtp_port: {} > {}", port(&two), port(&one));
    assert_eq!(changes(&revisions[0]), [moved, "smtp_password".to_owned()]);
    assert!(revisions[1].verified.is_none() && revisions[0].verified.is_some());

    assert_eq!(restore(settings, &admin, 2).await, Ok(4), "and forth");
    test(&env, &admin).await;
    assert_eq!(password_at(&two).as_deref(), Some("of two"));
    assert_eq!(restore(settings, &admin, 2).await, Ok(4), "nothing differs");
    let trail = env.postern.audit().trail(&admin, 100).await.expect("rows");
    let rows = trail.iter().filter(|row| row.action == "restore revision");
    let rows: Vec<_> = rows
        .map(|row| [&*row.actor, &*row.outcome, &*row.detail])
        .collect();
    let row = |detail| ["admin@example.org", "done", detail];
    assert_eq!(
        rows,
        [
            row("2 as 4: smtp_port, smtp_password"),
            row("1 as 3: smtp_port, smtp_password"),
        ]
    );
}

async fn a_rollback_beside_newer_settings_is_refused(env: TestEnv) {
    let admin = env.admin().await;
    let settings = env.postern.settings();
    for name in ["One", "Two", "Three"] {
        let named = form().with(Label::FromName, name);
        let saved = settings.save(&admin, named, PasswordChange::Keep, None);
        saved.await.expect("saved");
    }
    let stale = settings.restore(&admin, 1, PasswordChange::Keep, Some(2));
    let refusal = stale.await.expect_err("three is newer");
    assert_eq!(refusal.kind, Kind::Conflict);
    assert!(refusal.text().contains("admin@example.org"), "{refusal}");
    for number in [0, 4, -1] {
        let missing = (Kind::NotFound, vec!["number".to_owned()]);
        let restored = restore(settings, &admin, number).await;
        assert_eq!(refused(restored), missing, "{number}");
        let shown = settings.revision(&admin, number).await;
        assert_eq!(refused(shown), missing, "{number}");
    }
    let view = settings.view(&admin).await.expect("readable");
    assert_eq!(view.revision, 3, "nothing was stored");
}

async fn the_last_three_passwords_come_back_and_older_ones_do_not(env: TestEnv) {
    let admin = env.admin().await;
    let one = relay();
    let settings = env.postern.settings();
    for password in ["one", "two", "three", "four", "five"] {
        save(&env, settings, &admin, signing_in(&one), password).await;
    }
    let kept = listed(settings, &admin).await.into_iter();
    let kept: Vec<_> = kept.map(|revision| revision.password).collect();
    assert_eq!(kept[..4], [RevisionPassword::Kept; 4]);
    assert_eq!(kept[4..], [RevisionPassword::Forgotten]);
    for (number, password) in [(2, "two"), (3, "three"), (4, "four")] {
        restore(settings, &admin, number).await.expect("restored");
        test(&env, &admin).await;
        assert_eq!(password_at(&one).as_deref(), Some(password));
    }
    let password = || (Kind::Invalid, vec!["smtp_password".to_owned()]);
    assert_eq!(refused(restore(settings, &admin, 1).await), password());
    let view = settings.view(&admin).await.expect("readable");
    assert_eq!(view.revision, 8, "nothing was stored");

    let typed = env.sealed("typed").await;
    let restored = settings.restore(&admin, 1, typed, None).await;
    assert_eq!(restored.expect("restored").password, PasswordState::Saved);
    test(&env, &admin).await;
    assert_eq!(password_at(&one).as_deref(), Some("typed"));
    let without = settings.restore(&admin, 1, PasswordChange::Clear, None);
    let without = without.await.expect("restored");
    assert_eq!(
        (without.revision, without.password),
        (10, PasswordState::None)
    );
}

async fn a_rollback_takes_no_password_to_another_relay(env: TestEnv) {
    let admin = env.admin().await;
    let (one, two) = (relay(), relay());
    let settings = env.postern.settings();
    save(&env, settings, &admin, signing_in(&one), "of one").await;
    for password in ["a", "b", "c", "d"] {
        save(&env, settings, &admin, signing_in(&two), password).await;
    }
    let empty = env.sealed("").await;
    for change in [PasswordChange::Keep, empty] {
        let harvest = settings.restore(&admin, 1, change, None).await;
        let fields = vec!["smtp_password".to_owned()];
        assert_eq!(refused(harvest), (Kind::Invalid, fields), "it is forgotten");
    }
    // As if the password of the second relay belonged to the settings of the first.
    env.tamper("UPDATE revision SET password_from = 5 WHERE number = 1")
        .await;
    let refusal = restore(settings, &admin, 1).await.expect_err("refused");
    let text = &refusal.fields["smtp_password"];
    assert!(text.contains("was given for alerts at"), "{text}");
    let view = settings.view(&admin).await.expect("readable");
    assert_eq!((view.revision, view.form), (5, signing_in(&two)));
    assert!(!one.record().heard("AUTH"));
}

async fn a_removed_own_relay_comes_back_without_its_password(env: TestEnv) {
    let (admin, ann) = (env.admin().await, env.user().await);
    let own = relay();
    let settings = env.postern.settings().of_account(&ann).expect("an account");
    let signs_in = own_form(&own)
        .with(Label::Username, "ann")
        .with(Label::AuthenticationType, "Plain")
        .with(Label::PlaintextAuth, "1");
    save(&env, &settings, &ann, signs_in.clone(), "of ann").await;
    assert_eq!(settings.remove(&ann).await, Ok(true));
    let revisions = listed(&settings, &ann).await;
    let [removal, saved] = &revisions[..] else {
        panic!("{revisions:?}");
    };
    assert!(removal.is_removal && !saved.is_removal);
    assert!(changes(removal).contains(&"smtp_host: 127.0.0.1 > ".to_owned()));
    assert_eq!(saved.password, RevisionPassword::Forgotten);
    let shown = settings.revision(&ann, 2).await.expect("is kept");
    assert!(shown.changes.is_empty(), "it is removed");

    let request = || (Kind::Invalid, vec!["request".to_owned()]);
    assert_eq!(refused(restore(&settings, &ann, 2).await), request());
    let password = || (Kind::Invalid, vec!["smtp_password".to_owned()]);
    assert_eq!(refused(restore(&settings, &ann, 1).await), password());
    env.set_policy(&admin, false, true).await;
    let forbidden = settings.restore(&ann, 1, PasswordChange::Clear, None);
    assert_eq!(forbidden.await.expect_err("policy").kind, Kind::Forbidden);
    env.set_policy(&admin, true, true).await;
    let restored = settings.restore(&ann, 1, PasswordChange::Clear, None);
    let restored = restored.await.expect("restored");
    assert_eq!((restored.revision, restored.form), (3, signs_in.clone()));
    assert_eq!(restored.password, PasswordState::None);

    // A From address that the account no longer has does not come back.
    let other = env.allow("ann@example.org", "other@example.com").await;
    let from_other = signs_in.with(Label::FromAddress, "other@example.com");
    save(&env, &settings, &ann, from_other, "of ann").await;
    save(&env, &settings, &ann, own_form(&own), "").await;
    let removed = env.postern.senders().remove(&ann, &other.id).await;
    removed.expect("removed");
    let from = (Kind::Invalid, vec!["from_address".to_owned()]);
    assert_eq!(refused(restore(&settings, &ann, 4).await), from);
}

async fn nobody_reaches_the_history_of_another_account(env: TestEnv) {
    let (admin, ann) = (env.admin().await, env.user().await);
    let eve = env.sign_in("eve@example.org", Role::User).await;
    let own = relay();
    let of_ann = env.postern.settings().of_account(&ann).expect("an account");
    save(&env, &of_ann, &ann, own_form(&own), "").await;
    let named = own_form(&own).with(Label::FromName, "Ann");
    save(&env, &of_ann, &ann, named, "").await;
    save(&env, env.postern.settings(), &admin, form(), "hunter2").await;

    let of_organisation = env.postern.settings().clone();
    let local = Actor::local(0);
    for (settings, actor) in [
        (&of_ann, &eve),
        (&of_ann, &admin),
        (&of_ann, &local),
        (&of_organisation, &ann),
    ] {
        let who = actor.name();
        let read = settings.revisions(actor).await;
        assert_eq!(refused(read).0, Kind::Forbidden, "{who}");
        let shown = settings.revision(actor, 1).await;
        assert_eq!(refused(shown).0, Kind::Forbidden, "{who}");
        let restored = restore(settings, actor, 1).await;
        assert_eq!(refused(restored).0, Kind::Forbidden, "{who}");
    }
    let of_eve = env.postern.settings().of_account(&eve).expect("an account");
    assert!(listed(&of_eve, &eve).await.is_empty());
    let restored = restore(&of_eve, &eve, 1).await;
    assert_eq!(refused(restored).0, Kind::NotFound, "she has none");
    let kept = listed(&of_ann, &ann).await;
    assert_eq!(kept.len(), 2, "nothing was restored");
    let trail = env.postern.audit().trail(&admin, 100).await.expect("rows");
    assert!(trail.iter().any(|row| {
        row.actor == "eve@example.org"
            && row.action == "restore revision"
            && row.outcome == "refused (403)"
    }));
}

async fn a_hundred_revisions_are_kept_and_go_with_their_relay(env: TestEnv) {
    let admin = env.admin().await;
    let added = env.add(&admin, "Backup").await;
    let settings = env.postern.settings().of_relay(&added.id).expect("an id");
    save(&env, &settings, &admin, form(), "hunter2").await;
    env.tamper(
        "INSERT INTO revision (scope, number, saved_at, saved_by, form, password_from, verified_at, \
         verified_by) \
         SELECT scope, 2, saved_at, saved_by, form, password_from, saved_at, saved_by \
         FROM revision",
    )
    .await;
    for number in 3..=110 {
        let named = form().with(Label::FromName, &format!("Alarms {number}"));
        let saved = settings.save(&admin, named, PasswordChange::Keep, None);
        assert_eq!(saved.await.expect("saved").revision, number);
    }
    let numbers = async || {
        let revisions = listed(&settings, &admin).await.into_iter();
        let numbers = revisions.map(|revision| revision.number);
        numbers.collect::<Vec<i64>>()
    };
    let hundred: Vec<i64> = (11..=110).rev().collect();
    assert_eq!(numbers().await[..100], hundred);
    assert_eq!(numbers().await[100..], [2, 1], "verified, with a password");
    let revisions = listed(&settings, &admin).await;
    assert!(revisions[98].changes.is_some());
    assert!(revisions[99].changes.is_none(), "the tenth is gone");
    assert_eq!(restore(&settings, &admin, 1).await, Ok(111));
    assert_eq!(
        refused(restore(&settings, &admin, 11).await).0,
        Kind::NotFound
    );

    let removed = env.postern.relays().remove(&admin, &added.id, None).await;
    removed.expect("removed");
    let gone = settings.revisions(&admin).await;
    assert_eq!(refused(gone).0, Kind::NotFound);
    assert_eq!(
        refused(restore(&settings, &admin, 1).await).0,
        Kind::NotFound
    );
    let mut connection = env.connection().await;
    let left = sqlx::query_scalar("SELECT COUNT(*) FROM revision").fetch_one(&mut connection);
    let left: i64 = left.await.expect("counts");
    assert_eq!(left, 0);
}

async fn a_password_whose_key_is_lost_is_entered_again(env: TestEnv) {
    let admin = env.admin().await;
    let settings = env.postern.settings();
    save(&env, settings, &admin, form(), "one").await;
    save(&env, settings, &admin, form(), "two").await;
    env.tamper("UPDATE revision SET password = 'a..b.c.d' WHERE number = 1")
        .await;
    let revisions = listed(settings, &admin).await;
    assert_eq!(revisions[1].password, RevisionPassword::ReEnter);
    let refusal = restore(settings, &admin, 1).await.expect_err("lost");
    assert!(refusal.fields["smtp_password"].contains("Enter it again"));
}

stories! {
    both {
        every_save_is_a_revision_with_its_person_place_and_changes;
        a_revision_that_a_test_mail_verified_says_so;
        a_revision_comes_back_with_its_password;
        a_rollback_beside_newer_settings_is_refused;
        the_last_three_passwords_come_back_and_older_ones_do_not;
        a_rollback_takes_no_password_to_another_relay;
        a_removed_own_relay_comes_back_without_its_password;
        nobody_reaches_the_history_of_another_account;
        a_hundred_revisions_are_kept_and_go_with_their_relay;
        a_password_whose_key_is_lost_is_entered_again;
    }
}
