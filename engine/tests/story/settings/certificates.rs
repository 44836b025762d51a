//! Trusted certificates: adding, saving, and their effect on the saved password.

use domain::account::Role;
use domain::crypto::pem;
use domain::settings::{PasswordChange, PasswordState};
use domain::{Form, Kind, Label};
use engine::NewToken;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};

use crate::environment::{TestEnv, form};

const FIELD: &str = "smtp_trusted_certificates";

fn certificate(subject: &str, authority: bool) -> String {
    let mut params = CertificateParams::new(["relay.test".to_owned()]).expect("names");
    params.distinguished_name.push(DnType::CommonName, subject);
    if authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    let key = KeyPair::generate().expect("a key");
    params.self_signed(&key).expect("a certificate").pem()
}

fn trusting(certificates: &str) -> Form {
    form()
        .with(Label::CertificateCheck, "Trusted")
        .with(Label::TrustedCertificates, certificates)
}

fn subjects(text: &str) -> Vec<&str> {
    let blocks = pem::blocks(text).unwrap_or_default().into_iter();
    let first = blocks.map(|block| block.preamble.trim_start().lines().next());
    first
        .map(|line| {
            line.and_then(|line| line.rsplit('=').next())
                .expect("a name")
        })
        .collect()
}

async fn only_a_ca_is_pasted_and_any_certificate_trusted_from_a_test(env: TestEnv) {
    let admin = env.admin().await;
    let (house, relay) = (certificate("House", true), certificate("Relay", false));
    let add = |listed: String, added: String, authorities| {
        let (postern, admin) = (&env.postern, &admin);
        async move {
            postern
                .settings()
                .add_certificates(admin, &listed, &added, authorities)
                .await
        }
    };
    let listed = add(String::new(), house.clone(), true)
        .await
        .expect("added");
    assert_eq!(subjects(&listed), ["House"]);
    let refusal = add(listed.clone(), relay.clone(), true)
        .await
        .expect_err("no authority");
    assert!(refusal.fields[FIELD].contains("not a CA certificate"));
    let chain = add(String::new(), format!("{relay}{house}"), true)
        .await
        .expect("a chain is added whole");
    assert_eq!(subjects(&chain), ["Relay", "House"]);
    let each = pem::blocks(&chain).expect("certificates");
    assert!(each[0].preamble.contains("Trusted as: this exact"));
    assert!(each[1].preamble.contains("Trusted as: CA"));
    let both = add(listed, relay, false).await.expect("added");
    assert_eq!(subjects(&both), ["House", "Relay"]);
    let same = add(both.clone(), house, true).await.expect("there already");
    assert_eq!(same, both);

    let view = env.postern.settings().view(&admin).await.expect("readable");
    assert_eq!(view.revision, 0, "nothing is saved");
    let user = env.sign_in("user@example.org", Role::User).await;
    let settings = env.postern.settings();
    let added = settings.add_certificates(&user, "", &both, false).await;
    added.expect("for a relay of one's own");
    let sends = NewToken {
        scopes: vec!["send".to_owned()],
        ..NewToken::new("user@example.org", "app")
    };
    let token = env.postern.accounts().create_token(&user, sends).await;
    let sender = env.holder(&token.expect("made")).await.expect("valid");
    let refusal = settings.add_certificates(&sender, "", &both, false).await;
    assert_eq!(refusal.expect_err("refused").kind, Kind::Forbidden);
}

async fn certificates_are_saved_with_their_description(env: TestEnv) {
    let admin = env.admin().await;
    let save = |form: Form| {
        let (postern, admin) = (&env.postern, &admin);
        async move {
            postern
                .settings()
                .save(admin, form, PasswordChange::Keep, None)
                .await
        }
    };
    let pasted = format!(
        "Subject: CN=forged\r\n{}",
        certificate("Relay", false).replace('\n', "\r\n")
    );
    let saved = save(trusting(&pasted)).await.expect("saved");
    let text = saved.form.get(Label::TrustedCertificates);
    assert_eq!(subjects(text), ["Relay"]);
    assert!(text.contains("\nSHA-256: ") && text.contains("\nValid until: "));
    assert_eq!(
        save(trusting(&pasted)).await.expect("the same").revision,
        saved.revision
    );
    let trail = env
        .postern
        .audit()
        .trail(&admin, 10)
        .await
        .expect("readable");
    assert!(trail.iter().any(|entry| entry.detail.contains(FIELD)));
    assert!(!trail.iter().any(|entry| entry.detail.contains("BEGIN")));

    let off = trusting(&pasted).with(Label::CertificateCheck, "Off");
    let kept = save(off).await.expect("saved").form;
    assert_eq!(subjects(kept.get(Label::TrustedCertificates)), ["Relay"]);
}

async fn an_invalid_certificate_is_refused_and_not_echoed(env: TestEnv) {
    let admin = env.admin().await;
    let key = KeyPair::generate().expect("a key").serialize_pem();
    let secret = key.lines().nth(1).expect("a line").to_owned();
    let save = |form: Form, from| {
        let (postern, admin) = (&env.postern, &admin);
        async move {
            postern
                .settings()
                .save(admin, form, PasswordChange::Keep, from)
                .await
        }
    };
    let request = certificate("Relay", false).replace("CERTIFICATE-", "CERTIFICATE REQUEST-");
    for (text, word) in [
        (String::new(), "Add a certificate to trust"),
        (key.clone(), "private key"),
        (request, "request"),
    ] {
        let refusal = save(trusting(&text), None).await.expect_err("refused");
        assert_eq!(refusal.fields.keys().collect::<Vec<_>>(), [FIELD]);
        assert!(refusal.fields[FIELD].contains(word), "{refusal}");
        assert!(!refusal.to_string().contains(&secret));
    }
    save(form(), None).await.expect("saved");
    let refusal = save(trusting(&key), Some(0)).await.expect_err("a conflict");
    assert_eq!(refusal.kind, Kind::Conflict);
    assert!(!refusal.to_string().contains(&secret), "{refusal}");
}

async fn trusting_more_requires_the_password(env: TestEnv) {
    let admin = env.admin().await;
    let (one, other) = (certificate("one", true), certificate("other", false));
    let both = format!("{other}{one}");
    let save = |form: Form, password| {
        let (postern, admin) = (&env.postern, &admin);
        async move { postern.settings().save(admin, form, password, None).await }
    };
    save(form(), env.sealed("hunter2 it is").await)
        .await
        .expect("saved");
    let refused = |refusal: domain::Refusal| {
        assert_eq!(
            refusal.fields.keys().collect::<Vec<_>>(),
            ["smtp_password"],
            "{refusal}"
        );
    };
    let keep = PasswordChange::Keep;
    refused(
        save(trusting(&one), keep.clone())
            .await
            .expect_err("weaker"),
    );
    save(trusting(&one), env.sealed("hunter2 it is").await)
        .await
        .expect("typed again");
    refused(
        save(trusting(&both), keep.clone())
            .await
            .expect_err("weaker"),
    );
    save(trusting(&both), env.sealed("hunter2 it is").await)
        .await
        .expect("typed again");
    for form in [trusting(&one), form()] {
        let saved = save(form, keep.clone()).await.expect("no weaker");
        assert_eq!(saved.password, PasswordState::Saved);
    }
}

stories! {
    both {
        only_a_ca_is_pasted_and_any_certificate_trusted_from_a_test;
        certificates_are_saved_with_their_description;
        an_invalid_certificate_is_refused_and_not_echoed;
        trusting_more_requires_the_password;
    }
}
