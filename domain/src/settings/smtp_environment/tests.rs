//! Tables of variables and the settings that follow from them.

use super::*;
use crate::SecretString;

const SAVED: [(Label, &str); 5] = [
    (Label::FromAddress, "saved@example.org"),
    (Label::Host, "saved.example.org"),
    (Label::Port, "2525"),
    (Label::Username, "saved"),
    (Label::AuthenticationType, "Login"),
];

fn saved() -> Form {
    SAVED
        .into_iter()
        .fold(Form::default(), |form, (label, text)| {
            form.with(label, text)
        })
}

/// Variables as `NAME=value`, separated by white space.
fn found(text: &str) -> Vec<FoundVariable> {
    let each = text
        .split_whitespace()
        .filter_map(|each| each.split_once('='));
    each.map(|(name, value)| FoundVariable::new(name, value))
        .collect()
}

fn environment(text: &str) -> ReadEnvironment {
    read(found(text), false).expect("readable")
}

/// The locked fields in the order of the form, as `label=value`.
fn locked(effective: &EffectiveSettings) -> Vec<String> {
    let is_locked = |label| effective.locks.iter().any(|(locked, _)| *locked == label);
    let shown = Label::SHOWN.into_iter().filter(|label| is_locked(*label));
    shown
        .map(|label| format!("{}={}", label.as_str(), effective.form.get(label)))
        .collect()
}

#[test]
fn the_connection_type_follows_from_switches_and_port() {
    for (variables, port, connection) in [
        ("SMTP_HOST=a.example", "587", "None"),
        ("SMTP_HOST=a.example SMTP_PORT=25", "25", "None"),
        ("SMTP_HOST=a.example SMTP_PORT=465", "465", "SSL"),
        (
            "SMTP_HOST=a.example SMTP_PORT=465 SMTP_SECURE=true",
            "465",
            "SSL",
        ),
        (
            "SMTP_HOST=a.example SMTP_PORT=587 SMTP_SECURE=true",
            "587",
            "TLS",
        ),
        ("SMTP_HOST=a.example SMTP_PORT=25 SMTP_TLS=1", "25", "TLS"),
        ("SMTP_HOST=a.example SMTP_TLS=yes", "465", "SSL"),
        (
            "SMTP_HOST=a.example SMTP_PORT=465 SMTP_TLS=true",
            "465",
            "SSL",
        ),
        (
            "SMTP_HOST=a.example SMTP_SECURE=false SMTP_REQUIRE_TLS=true",
            "587",
            "TLS",
        ),
        (
            "SMTP_HOST=a.example SMTP_PORT=25 SMTP_REQUIRE_TLS=true",
            "25",
            "TLS",
        ),
        (
            "SMTP_HOST=a.example SMTP_SECURE=false SMTP_REQUIRE_TLS=false",
            "587",
            "None",
        ),
        (
            "SMTP_HOST=a.example SMTP_PORT=465 SMTP_SECURE=off",
            "465",
            "None",
        ),
        ("SMTP_REQUIRE_TLS=on", "2525", "TLS"),
        ("SMTP_TLS=TRUE", "2525", "TLS"),
        ("SMTP_PORT=465", "465", "SSL"),
    ] {
        let effective = environment(variables).settings.over(&saved());
        let form = &effective.form;
        assert_eq!(form.get(Label::Port), port, "{variables}");
        assert_eq!(form.get(Label::ConnectionType), connection, "{variables}");
    }
}

#[test]
fn only_fields_with_a_variable_are_locked() {
    for (variables, fields) in [
        ("", &[][..]),
        ("SMTP_PORT=", &[]),
        ("SMTP_PORT=tcp://10.0.0.11:25", &[]),
        ("DATABASE_URL=x", &[]),
        (
            "MAIL_FROM=alerts@example.net",
            &["from_address=alerts@example.net"],
        ),
        ("MAIL_FROM_NAME=Alerts", &["smtp_from_name=Alerts"]),
        (
            "MAIL_FROM=Ops<alerts@example.net>",
            &["from_address=alerts@example.net", "smtp_from_name=Ops"],
        ),
        (
            "MAIL_FROM=Ops<alerts@example.net> MAIL_FROM_NAME=Desk",
            &["from_address=alerts@example.net", "smtp_from_name=Desk"],
        ),
        (
            "EMAIL_TIMEOUT=15000",
            &["smtp_connect_timeout=15", "smtp_command_timeout=15"],
        ),
        (
            "EMAIL_TIMEOUT=1001",
            &["smtp_connect_timeout=2", "smtp_command_timeout=2"],
        ),
        (
            "EMAIL_TIMEOUT=900000",
            &["smtp_connect_timeout=120", "smtp_command_timeout=120"],
        ),
        (
            "SMTP_USER=alerts",
            &["smtp_username=alerts", "smtp_authentication_type=Plain"],
        ),
        (
            "SMTP_USER=alerts SMTP_AUTH=LOGIN",
            &["smtp_username=alerts", "smtp_authentication_type=Login"],
        ),
        ("SMTP_AUTH=cram_md5", &["smtp_authentication_type=Cram_MD5"]),
        ("SMTP_AUTH=true", &["smtp_authentication_type=Plain"]),
        ("SMTP_AUTH=false", &["smtp_authentication_type=None"]),
        ("SMTP_PASS=secret", &[]),
        ("EMAIL_ALLOW_INSECURE=true", &[]),
        ("SKIP_EMAIL_SEND=true", &[]),
        (
            "SMTP_HOST=Mail.Example.NET. SMTP_PASSWORD=secret",
            &[
                "smtp_host=mail.example.net",
                "smtp_port=587",
                "smtp_connection_type=None",
                "smtp_authentication_type=Plain",
                "smtp_plaintext_auth=0",
            ],
        ),
    ] {
        let effective = environment(variables).settings.over(&saved());
        assert_eq!(locked(&effective), fields, "{variables}");
        for (label, text) in SAVED {
            let is_locked = effective.locks.iter().any(|(locked, _)| *locked == label);
            assert!(
                is_locked || effective.form.get(label) == text,
                "{variables} changes {label:?}"
            );
        }
    }
}

#[test]
fn a_lock_names_the_variable_that_decides() {
    let variables = "SMTP_HOST=a.example SMTP_TLS=true SMTP_USER=alerts SMTP_PASS=x";
    let effective = environment(variables).settings.over(&saved());
    let variable = |label| {
        let lock = effective.locks.iter().find(|(locked, _)| *locked == label);
        lock.map(|(_, variable)| variable.as_str())
    };
    for (label, expected) in [
        (Label::Host, "SMTP_HOST"),
        (Label::Port, "SMTP_HOST"),
        (Label::ConnectionType, "SMTP_TLS"),
        (Label::AuthenticationType, "SMTP_USER"),
        (Label::PlaintextAuth, "SMTP_PASS"),
    ] {
        assert_eq!(variable(label), Some(expected), "{label:?}");
    }
    let mut from_file = FoundVariable::new("SMTP_PASS", " x y \n");
    from_file.is_file = true;
    let host = FoundVariable::new("SMTP_HOST", "a.example\n");
    let read = read([from_file, host], false).expect("readable");
    let password = read.password.expect("a password");
    assert_eq!(password.expose(), " x y ");
    assert_eq!(read.settings.password_variable(), Some("SMTP_PASS_FILE"));
}

#[test]
fn a_password_goes_only_with_the_host_it_came_with() {
    for (variables, password) in [
        ("SMTP_HOST=a.example SMTP_PASS=one", Some("one")),
        ("SMTP_HOST=a.example SMTP_PASSWORD=two", Some("two")),
        (
            "SMTP_HOST=a.example SMTP_PASS=one SMTP_PASSWORD=one",
            Some("one"),
        ),
        ("SMTP_USER=alerts SMTP_PASS=one", None),
        ("SMTP_HOST=a.example SMTP_AUTH=false SMTP_PASS=one", None),
    ] {
        let read = environment(variables);
        let found = read.password.as_ref().map(SecretString::expose);
        assert_eq!(found, password, "{variables}");
        assert_eq!(
            read.settings.password_variable().is_some(),
            password.is_some()
        );
        let shown = serde_json::to_string(&read.settings).expect("serialises");
        assert!(!shown.contains("\"one\"") && !shown.contains("\"two\""));
    }
}

#[test]
fn a_password_of_the_environment_is_not_weakened_by_saved_settings() {
    let weak = saved()
        .with(Label::CertificateCheck, "Off")
        .with(Label::PlaintextAuth, "1");
    let variables = found("SMTP_HOST=a.example SMTP_PASS=x EMAIL_ALLOW_INSECURE=true");
    for (allowed, check, unencrypted) in [(false, "Verify", "0"), (true, "Off", "1")] {
        let read = read(variables.clone(), allowed).expect("readable");
        for form in [&weak, &saved()] {
            let effective = read.settings.over(form);
            assert_eq!(effective.form.get(Label::CertificateCheck), check);
            assert_eq!(effective.form.get(Label::PlaintextAuth), unencrypted);
        }
        let insecure = read
            .settings
            .variables
            .iter()
            .find(|variable| variable.variable == "EMAIL_ALLOW_INSECURE");
        assert_eq!(insecure.expect("is shown").is_followed, allowed);
    }
    let without = environment("SMTP_HOST=a.example").settings.over(&weak);
    assert_eq!(without.form.get(Label::CertificateCheck), "Off");
}

#[test]
fn a_user_name_that_is_an_address_is_the_from_address_where_there_is_none() {
    let read = environment("SMTP_HOST=a.example SMTP_USER=alerts@example.net");
    let effective = read.settings.over(&Form::default());
    assert_eq!(effective.form.get(Label::FromAddress), "alerts@example.net");
    assert!(
        effective
            .locks
            .iter()
            .all(|(label, _)| *label != Label::FromAddress)
    );
    let over_saved = read.settings.over(&saved());
    assert_eq!(over_saved.form.get(Label::FromAddress), "saved@example.org");
}

#[test]
fn faults_are_reported_together_by_variable_without_the_password() {
    for (variables, faulty) in [
        ("SMTP_PORT=0", &["SMTP_PORT"][..]),
        (
            "SMTP_PORT=smtp SMTP_HOST=a_b@c",
            &["SMTP_HOST", "SMTP_PORT"],
        ),
        ("SMTP_HOST=mail.example.org:587", &["SMTP_HOST"]),
        ("SMTP_SECURE=maybe", &["SMTP_SECURE"]),
        ("SMTP_SECURE=true SMTP_TLS=false", &["SMTP_TLS"]),
        ("SMTP_AUTH=NTLM", &["SMTP_AUTH"]),
        ("MAIL_FROM=nobody", &["MAIL_FROM"]),
        ("EMAIL_TIMEOUT=15s", &["EMAIL_TIMEOUT"]),
        ("EMAIL_TIMEOUT=0", &["EMAIL_TIMEOUT"]),
        ("SKIP_EMAIL_SEND=2", &["SKIP_EMAIL_SEND"]),
        (
            "SMTP_HOST=a.example SMTP_PASS=hunter2 SMTP_PASSWORD=hunter3",
            &["SMTP_PASSWORD"],
        ),
    ] {
        let refusal = read(found(variables), false).expect_err(variables);
        let fields: Vec<&str> = refusal.fields.keys().map(String::as_str).collect();
        assert_eq!(fields, faulty, "{variables}");
        assert!(!refusal.to_string().contains("hunter"), "{refusal}");
    }
}

#[test]
fn every_variable_about_mail_is_explained_and_no_other() {
    let variables = "SMTP_HOST=a.example SMTP_PORT=587 SMTP_PASS=hunter2 SMTP_POOL=5 MAIL_TO=x \
                     SMTP_FROM=a@example.org DEBUG=1 LOG_LEVEL=info SKIP_EMAIL_SEND=yes \
                     DATABASE_URL=hunter3";
    let read = environment(variables);
    assert!(read.settings.holds_mail);
    let explained: Vec<(&str, bool)> = read
        .settings
        .variables
        .iter()
        .map(|variable| (variable.variable.as_str(), variable.is_followed))
        .collect();
    assert_eq!(
        explained,
        [
            ("SMTP_HOST", true),
            ("SMTP_PORT", true),
            ("SMTP_PASS", true),
            ("SKIP_EMAIL_SEND", true),
            ("DEBUG", false),
            ("LOG_LEVEL", false),
            ("MAIL_TO", false),
            ("SMTP_FROM", false),
            ("SMTP_POOL", false),
        ]
    );
    let shown = format!("{:?}", read.settings.variables);
    assert!(!shown.contains("hunter"), "{shown}");
    assert!(
        read.settings
            .variables
            .iter()
            .all(|variable| variable.meaning.ends_with('.'))
    );
    assert!(environment("DATABASE_URL=x").settings.is_empty());
}

#[test]
fn it_is_stored_and_read_again() {
    let read = environment("SMTP_HOST=a.example SMTP_TLS=true SMTP_USER=u SMTP_PASS=x");
    let text = serde_json::to_string(&read.settings).expect("serialises");
    let again: SmtpEnvironment = serde_json::from_str(&text).expect("readable");
    assert_eq!(again, read.settings);
    let empty: SmtpEnvironment = serde_json::from_str("{}").expect("readable");
    assert_eq!(empty, SmtpEnvironment::default());
    assert_eq!(empty.over(&saved()).form, saved());
}
