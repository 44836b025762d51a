//! Passwords that browsers sealed: bound to their first use, and opened at a limited rate.

use std::time::Duration;

use domain::settings::PasswordChange;
use domain::{Form, Kind, Label};
use engine::Actor;

use crate::environment::{TestEnv, form};

impl TestEnv {
    async fn save_with(
        &self,
        admin: &Actor,
        form: Form,
        password: &PasswordChange,
    ) -> Result<(), Kind> {
        let settings = self.postern.settings();
        let saved = settings.save(admin, form, password.clone(), None).await;
        saved.map(drop).map_err(|refusal| {
            let is_bound = refusal.kind == Kind::Invalid;
            assert!(!is_bound || refusal.fields["smtp_password"].contains("another relay"));
            refusal.kind
        })
    }
}

async fn a_sealed_password_is_bound_to_its_first_use(env: TestEnv) {
    let admin = env.admin().await;
    let sealed = env.sealed("hunter2").await;
    assert_eq!(env.save_with(&admin, form(), &sealed).await, Ok(()));
    for (label, value) in [
        (Label::Host, "smtp.attacker.example"),
        (Label::Port, "2525"),
        (Label::Username, "somebody"),
        (Label::ConnectionType, "SSL"),
        (Label::AuthenticationType, "Login"),
        (Label::CertificateCheck, "Off"),
        (Label::PlaintextAuth, "1"),
    ] {
        let other = form().with(label, value);
        let saved = env.save_with(&admin, other.clone(), &sealed).await;
        assert_eq!(saved, Err(Kind::Invalid), "{label:?}");
        // An account sends six tests a minute.
        env.pass(Duration::from_secs(10));
        let diagnosis = env.postern.diagnosis();
        let to = "desk@example.net".to_owned();
        let test = diagnosis
            .test(&admin, Some(other), sealed.clone(), to)
            .await;
        let refusal = test.err().expect("bound to another relay");
        assert!(refusal.fields.contains_key("smtp_password"), "{label:?}");
    }
    // A session without a sign-in sends no password, and so asks for none.
    let none = form().with(Label::AuthenticationType, "None");
    let elsewhere = none.clone().with(Label::Host, "smtp.attacker.example");
    for (without, password) in [
        (&none, &PasswordChange::Keep),
        (&elsewhere, &PasswordChange::Keep),
        (&elsewhere, &sealed),
    ] {
        env.pass(Duration::from_secs(10));
        let to = "desk@example.net".to_owned();
        let diagnosis = env.postern.diagnosis();
        let test = diagnosis.test(&admin, Some(without.clone()), password.clone(), to);
        drop(test.await.expect("begins"));
    }
    let same = form().with(Label::FromName, "Alerts");
    assert_eq!(env.save_with(&admin, same, &sealed).await, Ok(()));
    let anew = env.sealed("hunter2").await;
    let other = form().with(Label::Host, "smtp.example.net");
    assert_eq!(env.save_with(&admin, other, &anew).await, Ok(()));
}

async fn a_test_and_the_save_after_it_are_one_use(env: TestEnv) {
    let admin = env.admin().await;
    let sealed = env.sealed("hunter2").await;
    let to = "desk@example.net".to_owned();
    let diagnosis = env.postern.diagnosis();
    let test = diagnosis.test(&admin, Some(form()), sealed.clone(), to);
    drop(test.await.expect("begins"));
    let other = form().with(Label::Host, "smtp.attacker.example");
    assert_eq!(
        env.save_with(&admin, other, &sealed).await,
        Err(Kind::Invalid)
    );
    assert_eq!(env.save_with(&admin, form(), &sealed).await, Ok(()));
}

async fn a_sealed_password_of_the_organisation_opens_for_no_account(env: TestEnv) {
    let (admin, user) = (env.admin().await, env.user().await);
    let sealed = env.sealed("hunter2").await;
    assert_eq!(env.save_with(&admin, form(), &sealed).await, Ok(()));
    let own = form().with(Label::FromAddress, "ann@example.org");
    let saved = env.save_own(&user, own.clone(), sealed).await;
    let refusal = saved.expect_err("the same relay, by another account");
    assert!(refusal.fields.contains_key("smtp_password"), "{refusal}");
    let anew = env.sealed("hunter2").await;
    assert_eq!(env.save_own(&user, own, anew).await, Ok(1));
}

async fn a_refused_save_is_no_use(env: TestEnv) {
    let admin = env.admin().await;
    let sealed = env.sealed("hunter2").await;
    let settings = env.postern.settings();
    let wrong = form().with(Label::Port, "0");
    let refused = settings.save(&admin, wrong, sealed.clone(), None).await;
    assert!(
        refused
            .expect_err("no port")
            .fields
            .contains_key("smtp_port")
    );
    let stale = settings.save(&admin, form(), sealed.clone(), Some(7)).await;
    assert_eq!(stale.expect_err("no such revision").kind, Kind::Conflict);
    let other = form().with(Label::Host, "smtp.example.net");
    assert_eq!(env.save_with(&admin, other, &sealed).await, Ok(()));
}

async fn uses_are_kept_until_their_pair_expires(env: TestEnv) {
    let admin = env.admin().await;
    let sealed = env.sealed("hunter2").await;
    assert_eq!(env.save_with(&admin, form(), &sealed).await, Ok(()));
    let mut connection = env.connection().await;
    let mut kept = async || {
        let count = sqlx::query_as("SELECT COUNT(*) FROM sealed_value");
        let (kept,): (i64,) = count.fetch_one(&mut connection).await.expect("a number");
        kept
    };
    assert_eq!(kept().await, 1);
    env.pass(Duration::from_hours(25));
    env.postern
        .keys()
        .browser_key()
        .await
        .expect("another pair");
    assert_eq!(kept().await, 0);
}

async fn sealed_passwords_are_opened_at_a_limited_rate(env: TestEnv) {
    let admin = env.admin().await;
    let settings = env.postern.settings();
    let save = async || {
        let damaged = PasswordChange::Sealed("a.b.c.d.e".to_owned());
        let saved = settings.save(&admin, form(), damaged, None).await;
        saved.expect_err("damaged").kind
    };
    for _ in 0..60 {
        assert_eq!(save().await, Kind::Invalid);
    }
    assert_eq!(save().await, Kind::TooMany);
    assert_eq!(
        env.save_with(&admin, form(), &PasswordChange::Keep).await,
        Ok(())
    );
    env.pass(Duration::from_secs(61));
    assert_eq!(save().await, Kind::Invalid);
}

stories! {
    both {
        a_sealed_password_is_bound_to_its_first_use;
        a_test_and_the_save_after_it_are_one_use;
        a_sealed_password_of_the_organisation_opens_for_no_account;
        a_refused_save_is_no_use;
        uses_are_kept_until_their_pair_expires;
        sealed_passwords_are_opened_at_a_limited_rate;
    }
}
