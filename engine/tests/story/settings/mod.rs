//! Saving, undoing, earlier passwords, two administrators.

mod certificates;
mod history;
pub mod relays;
mod smtp_environment;
mod transfer;

use domain::account::Role;
use domain::settings::{PasswordChange, PasswordState, Verification};
use domain::{Form, Kind, Label};

use crate::environment::{TestEnv, form};

async fn saved_settings_are_read_back_without_the_password(env: TestEnv) {
    let admin = env.admin().await;
    let before = env.postern.settings().view(&admin).await.expect("readable");
    assert_eq!((before.revision, before.password), (0, PasswordState::None));
    assert_eq!(before.form, Form::default());
    assert_eq!(before.verified, Verification::Never);

    let sealed = env.sealed("hunter2 is not it").await;
    let saved = env
        .postern
        .settings()
        .save(&admin, form(), sealed, Some(0))
        .await
        .expect("saved");
    assert_eq!((saved.revision, saved.password), (1, PasswordState::Saved));
    assert_eq!(saved.form, form());
    assert_eq!(saved.saved.expect("a stamp").by, "admin@example.org");
    let read = env.postern.settings().view(&admin).await.expect("readable");
    assert_eq!(read.form, form());
    assert!(
        !serde_json::to_string(&read)
            .expect("serialises")
            .contains("hunter2")
    );
}

async fn a_refused_save_stores_nothing_and_names_every_fault(env: TestEnv) {
    let admin = env.admin().await;
    let bad = form()
        .with(Label::Port, "0")
        .with(Label::FromAddress, "nobody");
    let plain = PasswordChange::Sealed("hunter2".into());
    let refusal = env
        .postern
        .settings()
        .save(&admin, bad, plain, None)
        .await
        .expect_err("refused");
    assert_eq!(refusal.kind, Kind::Invalid);
    let fields: Vec<&str> = refusal.fields.keys().map(String::as_str).collect();
    assert_eq!(fields, ["from_address", "smtp_password", "smtp_port"]);
    assert!(refusal.fields["smtp_password"].contains("/api/keys/browser"));
    assert_eq!(
        env.postern
            .settings()
            .view(&admin)
            .await
            .expect("readable")
            .revision,
        0
    );
}

async fn a_save_without_changes_creates_no_revision(env: TestEnv) {
    let admin = env.admin().await;
    for _ in 0..2 {
        let view = env
            .postern
            .settings()
            .save(&admin, form(), PasswordChange::Keep, None)
            .await;
        assert_eq!(view.expect("saved").revision, 1);
    }
}

async fn a_saved_password_stays_with_the_relay_it_was_given_for(env: TestEnv) {
    let admin = env.admin().await;
    let sealed = env.sealed("first").await;
    env.postern
        .settings()
        .save(&admin, form(), sealed, None)
        .await
        .expect("saved");
    for (label, value) in [
        (Label::Host, "evil.example"),
        (Label::Port, "2525"),
        (Label::ConnectionType, "None"),
        (Label::Username, "somebody"),
        (Label::CertificateCheck, "Off"),
        (Label::PlaintextAuth, "1"),
    ] {
        let moved = form().with(label, value);
        for change in [PasswordChange::Keep, env.sealed("").await] {
            let refusal = env
                .postern
                .settings()
                .save(&admin, moved.clone(), change.clone(), None)
                .await;
            let refusal = refusal.expect_err("typed again, or not at all");
            assert_eq!(
                refusal.fields.keys().collect::<Vec<_>>(),
                ["smtp_password"],
                "{label:?}"
            );
            let test = env.postern.diagnosis().test(
                &admin,
                Some(moved.clone()),
                change,
                "a@example.net".into(),
            );
            let refusal = test.await.err().expect("a test neither");
            assert!(
                matches!(refusal.kind, Kind::Invalid | Kind::TooMany),
                "{label:?}: {refusal}"
            );
        }
        env.pass(std::time::Duration::from_secs(61));
    }
    let moved = form().with(Label::Host, "other.example");
    let cleared = env
        .postern
        .settings()
        .save(&admin, moved, PasswordChange::Clear, None)
        .await;
    assert_eq!(cleared.expect("saved").password, PasswordState::None);
}

async fn authentication_none_keeps_no_password(env: TestEnv) {
    let admin = env.admin().await;
    let save = |form: Form, password| env.postern.settings().save(&admin, form, password, None);
    let none = form().with(Label::AuthenticationType, "None");
    let moved = none.clone().with(Label::Host, "other.example");
    let trusting_all = none.clone().with(Label::CertificateCheck, "Off");
    for without in [none, moved, trusting_all] {
        let sealed = env.sealed("hunter2").await;
        let saved = save(form(), sealed).await.expect("saved");
        assert_eq!(saved.password, PasswordState::Saved);
        let saved = save(without.clone(), PasswordChange::Keep).await;
        assert_eq!(saved.expect("forgotten").password, PasswordState::None);
        // Nothing is left that a sign-in at this relay could send.
        let signing_in = without.with(Label::AuthenticationType, "Plain");
        let saved = save(signing_in, PasswordChange::Keep).await;
        assert_eq!(saved.expect("saved").password, PasswordState::None);
    }
    let none = form().with(Label::AuthenticationType, "None");
    let typed = env.sealed("hunter2").await;
    let saved = save(none.clone(), typed.clone()).await.expect("saved");
    assert_eq!(saved.password, PasswordState::None);
    let elsewhere = form().with(Label::Host, "other.example");
    let refusal = save(elsewhere, typed)
        .await
        .expect_err("bound to its first use");
    assert!(refusal.fields.contains_key("smtp_password"), "{refusal}");
    let earlier = saved.earlier[0].revision;
    let saved = save(none, PasswordChange::Earlier(earlier)).await;
    assert_eq!(saved.expect("saved").password, PasswordState::None);
    let saved = save(form(), PasswordChange::Earlier(earlier)).await;
    assert_eq!(saved.expect("restored").password, PasswordState::Saved);
}

async fn a_password_without_readable_relay_is_not_sent(env: TestEnv) {
    let admin = env.admin().await;
    let sealed = env.sealed("hunter2").await;
    let save = |form: Form, password| env.postern.settings().save(&admin, form, password, None);
    save(form(), sealed.clone()).await.expect("saved");
    env.tamper("UPDATE information SET value = 'many' WHERE label = 'smtp_port'")
        .await;
    let elsewhere = form().with(Label::Host, "smtp.example.net");
    let refusal = save(elsewhere.clone(), PasswordChange::Keep)
        .await
        .expect_err("refused");
    assert!(refusal.fields.contains_key("smtp_password"));
    let anew = env.sealed("hunter2").await;
    save(elsewhere, anew).await.expect("typed again");
}

async fn the_last_three_passwords_can_be_restored_for_their_relay(env: TestEnv) {
    let admin = env.admin().await;
    for password in ["one", "two", "three", "four", "five"] {
        let sealed = env.sealed(password).await;
        env.postern
            .settings()
            .save(&admin, form(), sealed, None)
            .await
            .expect("saved");
    }
    let view = env.postern.settings().view(&admin).await.expect("readable");
    let offered: Vec<i64> = view
        .earlier
        .iter()
        .map(|earlier| earlier.revision)
        .collect();
    assert_eq!(offered, [4, 3, 2]);
    assert_eq!(view.earlier[0].relay, "alerts at smtp.example.org:587");

    let forgotten = env
        .postern
        .settings()
        .save(&admin, form(), PasswordChange::Earlier(1), None)
        .await;
    assert!(
        forgotten
            .expect_err("no longer kept")
            .fields
            .contains_key("smtp_password")
    );
    let moved = form().with(Label::Host, "evil.example");
    let harvest = env
        .postern
        .settings()
        .save(&admin, moved, PasswordChange::Earlier(3), None)
        .await;
    assert!(
        harvest
            .expect_err("another relay")
            .fields
            .contains_key("smtp_password")
    );

    let back = env
        .postern
        .settings()
        .save(&admin, form(), PasswordChange::Earlier(3), None)
        .await;
    let back = back.expect("saved");
    let offered: Vec<i64> = back
        .earlier
        .iter()
        .map(|earlier| earlier.revision)
        .collect();
    assert_eq!((back.revision, offered), (6, vec![5, 4, 2]));
}

async fn a_conflicting_save_is_refused_with_the_differences(env: TestEnv) {
    let ann = env.sign_in("ann@example.org", Role::Admin).await;
    let bob = env.sign_in("bob@example.org", Role::Admin).await;
    env.postern
        .settings()
        .save(&ann, form(), PasswordChange::Keep, Some(0))
        .await
        .expect("first");
    let theirs = form().with(Label::Port, "2525");
    env.postern
        .settings()
        .save(&ann, theirs, PasswordChange::Keep, Some(1))
        .await
        .expect("second");

    let mine = form().with(Label::FromName, "Alarms");
    let refusal = env
        .postern
        .settings()
        .save(&bob, mine.clone(), PasswordChange::Keep, Some(1))
        .await;
    let refusal = refusal.expect_err("older than what is saved");
    assert_eq!(refusal.kind, Kind::Conflict);
    assert!(refusal.text().contains("ann@example.org"));
    assert_eq!(
        refusal.fields["smtp_port"],
        "Saved now: “2525”. Yours: “587”."
    );
    assert!(refusal.fields.contains_key("smtp_from_name"));
    assert_eq!(
        env.postern
            .settings()
            .view(&bob)
            .await
            .expect("readable")
            .revision,
        2
    );
    let mine = env
        .postern
        .settings()
        .save(&bob, mine, PasswordChange::Keep, Some(2))
        .await;
    assert_eq!(mine.expect("knowingly").revision, 3);
}

async fn settings_require_an_administrator_and_refusals_are_audited(env: TestEnv) {
    let user = env.sign_in("user@example.org", Role::User).await;
    let admin = env.admin().await;
    let read = env
        .postern
        .settings()
        .view(&user)
        .await
        .expect_err("not for users");
    assert_eq!(read.kind, Kind::Forbidden);
    let save = env
        .postern
        .settings()
        .save(&user, form(), PasswordChange::Keep, None)
        .await;
    assert_eq!(save.expect_err("not for users").kind, Kind::Forbidden);
    let test = env
        .postern
        .diagnosis()
        .test(&user, None, PasswordChange::Keep, "a@example.net".into())
        .await;
    assert_eq!(test.err().expect("not for users").kind, Kind::Forbidden);

    let secret = env.sealed("hunter2").await;
    env.postern
        .settings()
        .save(&admin, form(), secret, None)
        .await
        .expect("saved");
    let trail = env
        .postern
        .audit()
        .trail(&admin, 100)
        .await
        .expect("readable");
    for action in ["read settings", "save settings", "send test"] {
        assert!(
            trail.iter().any(|row| row.actor == "user@example.org"
                && row.action == action
                && row.outcome == "refused (403)"),
            "{action}"
        );
    }
    let save = trail
        .iter()
        .find(|row| row.actor == "admin@example.org" && row.action == "save settings");
    let save = save.expect("the save is on record");
    assert!(save.detail.contains("smtp_host") && save.detail.contains("smtp_password"));
    assert!(
        trail
            .iter()
            .all(|row| !format!("{row:?}").contains("hunter2"))
    );
}

stories! {
    both {
        saved_settings_are_read_back_without_the_password;
        a_refused_save_stores_nothing_and_names_every_fault;
        a_save_without_changes_creates_no_revision;
        a_saved_password_stays_with_the_relay_it_was_given_for;
        authentication_none_keeps_no_password;
        a_password_without_readable_relay_is_not_sent;
        the_last_three_passwords_can_be_restored_for_their_relay;
        a_conflicting_save_is_refused_with_the_differences;
        settings_require_an_administrator_and_refusals_are_audited;
    }
}
