//! Tests of the form's state.

use domain::settings::{PasswordState, SettingsView, Verification};
use domain::{Form, Kind, Label, Refusal};

use super::form::FormState;
use super::initial::InitialState;
use super::outcome::FormOutcome;
use super::password_plan::{PasswordChoice, PasswordPlan};

fn saved(host: &str, revision: i64) -> SettingsView {
    SettingsView {
        form: Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::Host, host)
            .with(Label::Port, "587")
            .with(Label::AuthenticationType, "Plain"),
        password: PasswordState::Saved,
        revision,
        saved: None,
        verified: Verification::Never,
        earlier: Vec::new(),
        locks: Vec::new(),
    }
}

pub fn state() -> FormState {
    FormState::new(InitialState {
        saved: saved("smtp.example.org", 1),
        me: "mara@example.org".to_owned(),
        relay: None,
        title: String::new(),
    })
}

#[test]
fn the_form_is_dirty_exactly_while_it_differs_from_what_is_saved() {
    let mut state = state();
    assert!(!state.is_dirty());
    for (label, text, dirty) in [
        (Label::Port, "25", true),
        (Label::Port, "587", false),
        (Label::ConnectTimeout, "", false),
        (Label::ConnectTimeout, "9", true),
    ] {
        state.edit(label, text.to_owned());
        assert_eq!(state.is_dirty(), dirty, "{label:?} = {text}");
    }
    state.adopt(saved("smtp.example.org", 2));
    state.choose(PasswordChoice::Clear);
    assert!(state.is_dirty());
    state.choose(PasswordChoice::Keep);
    assert!(!state.is_dirty());
}

#[test]
fn a_field_keeps_what_is_typed_even_where_the_form_has_a_default() {
    let mut state = state();
    state.edit(Label::CommandTimeout, String::new());
    assert_eq!(state.text(Label::CommandTimeout), "");
    assert_eq!(state.form().get(Label::CommandTimeout), "15");
}

#[test]
fn faults_are_shown_after_a_pause_or_a_save() {
    let mut state = state();
    state.edit(Label::Port, "x".to_owned());
    assert_eq!(state.fault(Label::Port), None, "still typing");
    state.reveal(Label::Port);
    assert!(state.fault(Label::Port).is_some());
    state.edit(Label::Port, "587".to_owned());
    assert_eq!(state.fault(Label::Port), None, "mended");
    state.edit(Label::Host, "a b".to_owned());
    assert_eq!(state.reveal_all(), Some(Label::Host));
    assert!(state.fault(Label::Host).is_some());
}

#[test]
fn a_fault_of_the_server_goes_with_the_next_edit_of_its_field() {
    let mut state = state();
    let first = state.refused(&Refusal::field(Label::Host, "not allowed"));
    assert_eq!(first, Some(Label::Host));
    state.edit(Label::Port, "25".to_owned());
    assert_eq!(state.fault(Label::Host).as_deref(), Some("not allowed"));
    state.edit(Label::Host, "smtp.example.net".to_owned());
    assert_eq!(state.fault(Label::Host), None);
}

#[test]
fn adopting_settings_clears_the_typed_password() {
    let mut state = state();
    state.edit_password("hunter2".to_owned());
    assert_eq!(state.password_plan(), PasswordPlan::Typed);
    state.adopt(saved("smtp.example.org", 2));
    assert!(state.typed.is_empty());
    assert_eq!(state.password_plan(), PasswordPlan::Kept);
}

#[test]
fn a_conflict_is_resolved_by_theirs_or_mine() {
    let theirs = saved("relay.example.net", 2);
    let conflict = |state: &mut FormState| {
        state.edit(Label::FromName, "Mine".to_owned());
        state.outcome = Some(FormOutcome::Conflict(Box::new(theirs.clone())));
        state.edit(Label::Port, "25".to_owned());
        assert_eq!(state.theirs(), Some(&theirs), "typing decides nothing");
    };

    let mut taking = state();
    conflict(&mut taking);
    taking.take_theirs();
    assert_eq!(taking.form(), theirs.form);
    assert!(!taking.is_dirty());

    let mut keeping = state();
    conflict(&mut keeping);
    keeping.keep_mine();
    assert_eq!(keeping.form().get(Label::FromName), "Mine");
    assert_eq!(keeping.form().get(Label::Host), "smtp.example.org");
    assert_eq!(keeping.saved.revision, 2, "the next save begins there");
    assert_eq!(keeping.theirs(), None);
}

#[test]
fn an_outcome_goes_with_the_next_edit() {
    let mut state = state();
    state.outcome = Some(FormOutcome::Refused(Refusal::new(Kind::Internal, "no")));
    state.edit(Label::Port, "25".to_owned());
    assert_eq!(state.outcome, None);
}

#[test]
fn certificates_are_added_and_removed() {
    let block = |body: &str, subject: &str| {
        format!(
            "Subject: {subject}\n-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----"
        )
    };
    let (one, other) = (block("AA", "one"), block("BB", "other"));
    let mut state = state();
    state.trust(format!("{one}\n{other}"));
    assert_eq!(state.text(Label::CertificateCheck), "Trusted");
    assert_eq!(state.fault(Label::TrustedCertificates), None);
    assert_eq!(state.password_plan(), PasswordPlan::OtherRelay);
    state.distrust(0);
    assert_eq!(state.text(Label::TrustedCertificates).trim(), other);
    state.distrust(0);
    assert_eq!(state.text(Label::TrustedCertificates), "");
}

#[test]
fn a_missing_password_is_a_warning_only_once_its_field_was_left() {
    let mut state = FormState::new(InitialState {
        saved: SettingsView {
            password: PasswordState::None,
            ..saved("smtp.example.org", 1)
        },
        me: "mara@example.org".to_owned(),
        relay: None,
        title: String::new(),
    });
    state.edit(Label::AuthenticationType, "None".to_owned());
    state.edit(Label::Username, String::new());
    assert_eq!(state.warnings(Label::AuthenticationType).count(), 0);
    state.edit(Label::AuthenticationType, "Plain".to_owned());
    state.edit(Label::Username, "alerts".to_owned());
    assert_eq!(state.warnings(Label::AuthenticationType).count(), 0);
    state.reveal(Label::Password);
    let warning = state.warnings(Label::AuthenticationType).next();
    assert!(
        warning
            .expect("a warning")
            .text
            .contains("needs a password")
    );
    state.edit_password("hunter2".to_owned());
    assert_eq!(state.warnings(Label::AuthenticationType).count(), 0);
}

#[test]
fn a_form_without_authentication_needs_no_password() {
    let mut state = state();
    state.edit(Label::Host, "smtp.example.net".to_owned());
    assert_eq!(state.password_plan(), PasswordPlan::OtherRelay);
    assert_eq!(state.reveal_all(), Some(Label::Password));
    state.edit(Label::AuthenticationType, "None".to_owned());
    assert_eq!(state.password_plan(), PasswordPlan::NotSaved);
    assert_eq!(state.reveal_all(), None);
    assert!(state.is_dirty());
}

#[test]
fn a_field_that_the_environment_sets_is_not_edited() {
    let mut state = state();
    state.saved.locks = vec![(Label::Host, "SMTP_HOST".to_owned())];
    state.edit(Label::Host, "other.example".to_owned());
    assert!(!state.is_dirty());
    state.edit(Label::FromName, "Alerts".to_owned());
    assert_eq!(state.text(Label::Host), "smtp.example.org");
    assert_eq!(state.text(Label::FromName), "Alerts");
}
