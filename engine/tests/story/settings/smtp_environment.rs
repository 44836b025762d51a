//! Variables of the environment as settings of the first relay, and their password.

use domain::account::Role;
use domain::outbox::RecipientState;
use domain::settings::form::Edit;
use domain::settings::revision::RevisionPassword;
use domain::settings::smtp_environment::{FoundVariable, read};
use domain::settings::{PasswordChange, PasswordState, SettingsView, Verification};
use domain::{Form, Kind, Label};
use engine::{Actor, Config, Postern, RoutedRelay};

use crate::environment::{TestEnv, form};

const WITH_PASSWORD: &[(&str, &str)] = &[
    ("SMTP_HOST", "relay.example"),
    ("SMTP_PORT", "587"),
    ("SMTP_SECURE", "true"),
    ("SMTP_USER", "of-environment"),
    ("SMTP_PASS", "of the environment"),
];

impl TestEnv {
    /// A process with these variables, on the same database.
    async fn started_with(&self, variables: &[(&str, &str)]) -> Postern {
        let variables = variables.iter();
        let variables = variables.map(|(name, value)| FoundVariable::new(name, value));
        let config = Config {
            environment: Some(read(variables, false).expect("valid variables")),
            browser_key: None,
            ..self.config.clone()
        };
        Postern::open(config).await.expect("Postern opens")
    }

    async fn settings_of(&self, postern: &Postern) -> SettingsView {
        let view = postern.settings().view(&Actor::local(0)).await;
        view.expect("readable")
    }
}

/// The first relay as delivery uses it.
async fn first(postern: &Postern) -> RoutedRelay {
    let table = postern.relays().configured().await.expect("a table");
    table.relays.into_iter().next().expect("the first relay")
}

fn host(relay: &RoutedRelay) -> Option<String> {
    let settings = relay.settings.as_ref();
    settings.map(|settings| settings.host.to_string())
}

async fn variables_prevail_over_saved_settings_and_leave_them(env: TestEnv) {
    let admin = env.admin().await;
    let sealed = env.sealed("saved").await;
    let saved = env.postern.settings().save(&admin, form(), sealed, None);
    saved.await.expect("saved");

    let postern = env.started_with(&[("SMTP_HOST", "other.example")]).await;
    let view = env.settings_of(&postern).await;
    assert_eq!(view.form.get(Label::Host), "other.example");
    assert_eq!(view.form.get(Label::FromAddress), "alerts@example.org");
    assert_eq!(view.lock(Label::Host), Some("SMTP_HOST"));
    assert_eq!(view.lock(Label::FromAddress), None);
    let stamp = view.saved.clone().expect("was saved");
    assert_eq!((view.revision, stamp.by.as_str()), (2, "environment"));
    // The saved password was given for another host.
    assert_eq!(view.password, PasswordState::OtherRelay);
    let relay = first(&postern).await;
    assert_eq!(host(&relay).as_deref(), Some("other.example"));
    assert!(!relay.has_password());

    let postern = env.started_with(&[]).await;
    let view = env.settings_of(&postern).await;
    assert_eq!((&view.form, view.locks.len()), (&form(), 0));
    assert_eq!((view.revision, view.password), (3, PasswordState::Saved));
    let relay = first(&postern).await;
    assert_eq!(host(&relay).as_deref(), Some("smtp.example.org"));
    assert!(relay.has_password());
}

async fn the_saved_password_goes_with_variables_that_name_its_relay(env: TestEnv) {
    let admin = env.admin().await;
    let sealed = env.sealed("saved").await;
    let saved = env.postern.settings().save(&admin, form(), sealed, None);
    saved.await.expect("saved");
    let same = [
        ("SMTP_HOST", "smtp.example.org"),
        ("SMTP_PORT", "587"),
        ("SMTP_TLS", "true"),
    ];
    for (variable, has_password) in [
        (("SMTP_AUTH", "LOGIN"), true),
        (("MAIL_FROM", "ops@example.org"), true),
        (("SMTP_USER", "somebody"), false),
        (("SMTP_PORT", "2525"), false),
        (("SMTP_HOST", "evil.example"), false),
        (("SMTP_TLS", "false"), false),
    ] {
        let others = same.iter().filter(|(name, _)| *name != variable.0);
        let variables: Vec<(&str, &str)> = others.copied().chain([variable]).collect();
        let postern = env.started_with(&variables).await;
        let found = first(&postern).await.has_password();
        assert_eq!(found, has_password, "{variable:?}");
        let admin = Actor::local(0);
        let kept = postern.settings().save(
            &admin,
            Edit([(Label::ReplyTo, Some("desk@example.org".to_owned()))].into()),
            PasswordChange::Keep,
            None,
        );
        match kept.await {
            Ok(view) => assert!(has_password && view.password == PasswordState::Saved),
            Err(refusal) => {
                assert!(!has_password, "{variable:?}: {refusal}");
                assert_eq!(refusal.fields.keys().collect::<Vec<_>>(), ["smtp_password"]);
                assert!(refusal.text().contains("alerts at smtp.example.org:587"));
            }
        }
    }
}

async fn a_locked_field_is_not_saved_otherwise(env: TestEnv) {
    let _ = env.started_with(WITH_PASSWORD).await;
    let admin = env.admin().await;
    let settings = env.postern.settings();
    let view = settings.view(&admin).await.expect("readable");
    let valid = view.form.clone().with(Label::FromAddress, "a@example.org");
    for (label, value, variable) in [
        (Label::Host, "evil.example", "SMTP_HOST"),
        (Label::Port, "25", "SMTP_PORT"),
        (Label::ConnectionType, "None", "SMTP_SECURE"),
        (Label::AuthenticationType, "Login", "SMTP_USER"),
        (Label::Username, "somebody", "SMTP_USER"),
        (Label::CertificateCheck, "Off", "SMTP_PASS"),
        (Label::PlaintextAuth, "1", "SMTP_PASS"),
    ] {
        let edit = valid.clone().with(label, value);
        let refused = settings.save(&admin, edit, PasswordChange::Keep, None);
        let refusal = refused.await.expect_err("refused");
        assert_eq!(refusal.kind, Kind::Invalid);
        let fields: Vec<&str> = refusal.fields.keys().map(String::as_str).collect();
        assert_eq!(fields, [label.as_str()]);
        assert!(refusal.text().contains(variable), "{label:?}: {refusal}");
    }
    let other = env.sealed("another").await;
    for change in [PasswordChange::Clear, other] {
        let refused = settings.save(&admin, valid.clone(), change, None);
        let refusal = refused.await.expect_err("refused");
        let fields: Vec<&str> = refusal.fields.keys().map(String::as_str).collect();
        assert_eq!(fields, ["smtp_password"]);
        assert!(refusal.text().contains("SMTP_PASS"), "{refusal}");
    }
    let named = valid.with(Label::FromName, "Alerts");
    let saved = settings.save(&admin, named, PasswordChange::Keep, None);
    let saved = saved.await.expect("other fields are saved");
    assert_eq!(saved.form.get(Label::FromName), "Alerts");
    assert_eq!(saved.form.get(Label::Host), "relay.example");
    assert_eq!(saved.password, PasswordState::Environment);
}

async fn the_password_of_the_environment_goes_nowhere_else(env: TestEnv) {
    let postern = env.started_with(WITH_PASSWORD).await;
    let admin = env.admin().await;
    assert!(!first(&postern).await.has_password(), "no From address yet");
    let from = (Label::FromAddress, Some("a@example.org".to_owned()));
    let authority = testkit::pki::PrivateAuthority::new().pem();
    let trusting = [
        from.clone(),
        (Label::CertificateCheck, Some("Trusted".to_owned())),
        (Label::TrustedCertificates, Some(authority)),
    ];
    let settings = env.postern.settings();
    let trusting = Edit(trusting.into());
    let refused = settings.save(&admin, trusting, PasswordChange::Keep, None);
    let refusal = refused.await.expect_err("refused");
    let fields: Vec<&str> = refusal.fields.keys().map(String::as_str).collect();
    assert_eq!(fields, ["smtp_password"], "nobody trusts it with this");
    let from = Edit([from].into());
    let saved = settings.save(&admin, from, PasswordChange::Keep, None);
    let view = saved.await.expect("saved");
    assert_eq!(view.password, PasswordState::Environment);
    assert_eq!(view.lock(Label::Password), Some("SMTP_PASS"));
    assert!(first(&postern).await.has_password());
    let diagnosis = env.postern.diagnosis();
    for (label, value) in [
        (Label::Host, "evil.example"),
        (Label::Port, "25"),
        (Label::ConnectionType, "None"),
        (Label::CertificateCheck, "Off"),
        (Label::PlaintextAuth, "1"),
    ] {
        let edit = view.form.clone().with(label, value);
        let tested = diagnosis.test(
            &admin,
            Some(edit),
            PasswordChange::Keep,
            "b@example.org".into(),
        );
        let refusal = tested.await.err().expect("refused");
        let fields: Vec<&str> = refusal.fields.keys().map(String::as_str).collect();
        assert_eq!(fields, ["smtp_password"], "{label:?}");
        env.pass(std::time::Duration::from_secs(61));
    }
    // Without the variables it is gone, and nothing else is sent in its place.
    let postern = env.started_with(&[]).await;
    let view = env.settings_of(&postern).await;
    assert_eq!(view.password, PasswordState::None);
    assert!(!first(&postern).await.has_password());
}

async fn variables_alone_set_a_relay_up(env: TestEnv) {
    let mut variables = WITH_PASSWORD.to_vec();
    variables.push(("MAIL_FROM", "Ops <ops@example.org>"));
    for revision in [1, 1] {
        let postern = env.started_with(&variables).await;
        let view = env.settings_of(&postern).await;
        assert_eq!(view.revision, revision, "the same variables change nothing");
        assert_eq!(view.verified, Verification::Never);
        assert!(view.saved.is_none());
        let relay = first(&postern).await;
        assert_eq!(host(&relay).as_deref(), Some("relay.example"));
        assert!(relay.has_password());
        postern.close().await;
    }
    let trail = env.postern.audit().trail(&Actor::local(0), 10).await;
    let rows = trail.expect("readable");
    let row = rows.iter().find(|row| row.detail.contains("environment"));
    let row = row.expect("a row");
    assert_eq!(row.actor, "Postern");
    assert!(row.detail.contains("smtp_host") && row.detail.contains("smtp_password"));
    assert!(!row.detail.contains("relay.example"));

    variables[4] = ("SMTP_PASS", "rotated");
    let postern = env.started_with(&variables).await;
    assert_eq!(env.settings_of(&postern).await.revision, 2);
    let known = postern.settings().environment(&Actor::local(0)).await;
    let known = known.expect("readable");
    let shown = format!("{known:?}");
    assert!(known.len() == 6 && !shown.contains("rotated"), "{shown}");
    let user = env.sign_in("user@example.org", Role::User).await;
    let refused = postern.settings().environment(&user).await;
    assert_eq!(refused.expect_err("refused").kind, Kind::Forbidden);
}

async fn the_history_says_when_the_environment_changes_the_password(env: TestEnv) {
    use RevisionPassword::{Forgotten, Kept};
    let admin = env.admin().await;
    let settings = env.postern.settings();
    let saved = settings.save(&admin, form(), env.sealed("saved").await, None);
    saved.await.expect("saved");
    let rotated = [&WITH_PASSWORD[..4], &[("SMTP_PASS", "rotated")]].concat();
    for variables in [WITH_PASSWORD, &rotated, &[]] {
        env.started_with(variables).await.close().await;
    }
    let revisions = settings.revisions(&admin).await.expect("a list");
    let passwords: Vec<_> = revisions.iter().map(|one| one.password).collect();
    assert_eq!(passwords, [Kept, Forgotten, Forgotten, Kept]);
    let only_password = revisions[1].changes.as_ref().expect("known");
    let labels: Vec<Label> = only_password.iter().map(|one| one.label).collect();
    assert_eq!(labels, [Label::Password], "it was rotated");
    assert!(!format!("{revisions:?}").contains("rotated"));

    // What the environment set comes back without its password, and the saved one is kept.
    let keep = settings.restore(&admin, 3, PasswordChange::Keep, None);
    let refusal = keep.await.expect_err("it was never saved");
    assert!(refusal.fields.contains_key("smtp_password"), "{refusal}");
    let without = settings.restore(&admin, 3, PasswordChange::Clear, None);
    assert_eq!(
        without.await.expect("restored").password,
        PasswordState::None
    );
    let saved = settings
        .restore(&admin, 1, PasswordChange::Keep, None)
        .await;
    let saved = saved.expect("restored");
    assert_eq!((saved.form, saved.password), (form(), PasswordState::Saved));

    // What the environment locks is not brought back otherwise.
    let postern = env.started_with(&[("SMTP_HOST", "other.example")]).await;
    let before = env.settings_of(&postern).await;
    let locked = settings.restore(&admin, 1, PasswordChange::Keep, None);
    let refusal = locked.await.expect_err("locked");
    assert!(
        refusal.fields["smtp_host"].contains("SMTP_HOST"),
        "{refusal}"
    );
    assert_eq!(env.settings_of(&postern).await, before, "nothing is stored");
    let shown = settings.revision(&admin, 1).await.expect("is kept");
    let host = (Label::Host, "SMTP_HOST".to_owned());
    assert!(shown.locks.contains(&host), "{:?}", shown.locks);
    postern.close().await;

    // Under the environment its password stays, whatever is brought back.
    let named = [("SMTP_HOST", "smtp.example.org"), ("SMTP_PORT", "587")];
    let secrets = [("SMTP_TLS", "true"), ("SMTP_PASS", "of the environment")];
    let postern = env.started_with(&[named, secrets].concat()).await;
    let edit = Edit([(Label::FromName, Some("Alarms".to_owned()))].into());
    let renamed = settings.save(&admin, edit, PasswordChange::Keep, None);
    let renamed = renamed.await.expect("saved").revision;
    let shown = settings.revision(&admin, 1).await.expect("is kept");
    let labels: Vec<Label> = shown.changes.iter().map(|one| one.label).collect();
    assert!(
        shown.environment_password && labels == [Label::FromName],
        "{labels:?}"
    );
    assert!(shown.locks.is_empty(), "{:?}", shown.locks);
    let restored = settings
        .restore(&admin, 1, PasswordChange::Keep, None)
        .await;
    let restored = restored.expect("restored");
    assert_eq!(restored.revision, renamed + 1);
    assert_eq!(restored.password, PasswordState::Environment);
    postern.close().await;
    let postern = env.started_with(&[]).await;
    assert_eq!(
        env.settings_of(&postern).await.password,
        PasswordState::Saved
    );
    let revisions = settings.revisions(&admin).await.expect("a list");
    assert_eq!(revisions[0].password, Kept, "the saved one is in use again");
}

async fn an_environment_that_changes_often_leaves_a_hundred_revisions(env: TestEnv) {
    let admin = env.admin().await;
    let settings = env.postern.settings();
    let plain = form().with(Label::AuthenticationType, "None");
    let saved = settings.save(&admin, plain, PasswordChange::Keep, None);
    saved.await.expect("saved");
    env.tamper(
        "INSERT INTO revision (scope, number, saved_at, saved_by, form) \
         SELECT scope, 101, saved_at, saved_by, form FROM revision",
    )
    .await;
    let postern = env.started_with(&[("MAIL_FROM_NAME", "Alarms")]).await;
    let revisions = postern.settings().revisions(&admin).await;
    let revisions = revisions.expect("a list").into_iter();
    let numbers: Vec<i64> = revisions.map(|revision| revision.number).collect();
    assert_eq!(numbers, [102, 101]);
}

async fn skip_email_send_holds_mail(env: TestEnv) {
    let admin = env.admin().await;
    let plain = form().with(Label::AuthenticationType, "None");
    let saved = env.postern.settings();
    let saved = saved.save(&admin, plain, PasswordChange::Keep, None);
    saved.await.expect("saved");
    for (value, state) in [
        ("true", RecipientState::Held),
        ("false", RecipientState::Queued),
    ] {
        let postern = env.started_with(&[("SKIP_EMAIL_SEND", value)]).await;
        let id = env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
        let message = env.postern.outbox().message(&admin, &id).await;
        assert_eq!(message.expect("there").recipients[0].state, state);
        postern.close().await;
    }
}

async fn other_relays_have_no_environment(env: TestEnv) {
    let admin = env.admin().await;
    let new = domain::settings::relay::RelayChange {
        name: Some("Backup".to_owned()),
        ..Default::default()
    };
    let relay = env
        .postern
        .relays()
        .create(&admin, new)
        .await
        .expect("added");
    let postern = env.started_with(WITH_PASSWORD).await;
    let settings = postern.settings().of_relay(&relay.id).expect("an id");
    let view = settings.view(&admin).await.expect("readable");
    assert_eq!((view.form, view.locks.len()), (Form::default(), 0));
    let variables = settings.environment(&admin).await.expect("readable");
    assert!(variables.is_empty());
}

stories! {
    both {
        variables_prevail_over_saved_settings_and_leave_them;
        the_saved_password_goes_with_variables_that_name_its_relay;
        a_locked_field_is_not_saved_otherwise;
        the_password_of_the_environment_goes_nowhere_else;
        variables_alone_set_a_relay_up;
        the_history_says_when_the_environment_changes_the_password;
        an_environment_that_changes_often_leaves_a_hundred_revisions;
        skip_email_send_holds_mail;
        other_relays_have_no_environment;
    }
}
