//! The password plan: which password a save of the form would leave.

use domain::settings::{PasswordState, SettingsView};
use domain::{AuthenticationType, Form, Label};
use serde::{Deserialize, Serialize};

/// A choice of the password; a typed one overrides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PasswordChoice {
    Keep,
    Clear,
    /// The password of this revision.
    Earlier(i64),
}

/// The password that a save would leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordPlan {
    /// The typed one.
    Typed,
    /// None: the saved one is cleared.
    Cleared,
    /// The password of this revision.
    Earlier(i64),
    /// The saved one.
    Kept,
    /// Missing: the saved one belongs to another relay and is not sent to this one.
    OtherRelay,
    /// Missing: the key of the saved one is lost.
    Unreadable,
    /// That of the environment of Postern.
    Environment,
    /// None, as before.
    None,
    /// None: without a sign-in no password is saved.
    NotSaved,
}

impl PasswordPlan {
    /// Whether a save would change the password.
    pub fn is_change(self) -> bool {
        matches!(
            self,
            Self::Typed | Self::Cleared | Self::Earlier(_) | Self::NotSaved
        )
    }

    /// Whether there is a password for the form. One that must be typed again counts, because a save
    /// requires it, and one that is not saved, because it is not used.
    pub fn is_there(self) -> bool {
        matches!(
            self,
            Self::Typed
                | Self::Earlier(_)
                | Self::Kept
                | Self::OtherRelay
                | Self::Environment
                | Self::NotSaved
        )
    }
}

/// The plan for `form`, where `typed` is whether a password was typed.
pub fn password_plan(
    saved: &SettingsView,
    form: &Form,
    typed: bool,
    choice: PasswordChoice,
) -> PasswordPlan {
    let authentication = form.get(Label::AuthenticationType).parse();
    if authentication.is_ok_and(|kind: AuthenticationType| !kind.keeps_password()) {
        let is_there = typed || saved.password != PasswordState::None;
        return match choice {
            PasswordChoice::Keep | PasswordChoice::Clear if !is_there => PasswordPlan::None,
            _ => PasswordPlan::NotSaved,
        };
    }
    match (choice, saved.password) {
        _ if typed => PasswordPlan::Typed,
        (PasswordChoice::Clear, _) => PasswordPlan::Cleared,
        (PasswordChoice::Earlier(revision), _) => PasswordPlan::Earlier(revision),
        (PasswordChoice::Keep, PasswordState::None) => PasswordPlan::None,
        (PasswordChoice::Keep, PasswordState::ReEnter) => PasswordPlan::Unreadable,
        (PasswordChoice::Keep, PasswordState::Saved) if stays(&saved.form, form) => {
            PasswordPlan::Kept
        }
        (PasswordChoice::Keep, PasswordState::Environment) if stays(&saved.form, form) => {
            PasswordPlan::Environment
        }
        (PasswordChoice::Keep, _) => PasswordPlan::OtherRelay,
    }
}

/// Whether the saved password may be used with `form`. A field that is not valid counts as unchanged,
/// so that the plan does not change with every key.
fn stays(saved: &Form, form: &Form) -> bool {
    let valid = Label::SHOWN
        .into_iter()
        .filter(|label| form.fault(*label).is_none());
    let next = valid.fold(saved.clone(), |next, label| {
        next.with(label, form.get(label))
    });
    match (saved.parse(), next.parse()) {
        (Ok(saved), Ok(next)) => saved.password_stays(&next),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::settings::Verification;

    fn saved(password: PasswordState) -> SettingsView {
        SettingsView {
            form: Form::default()
                .with(Label::FromAddress, "alerts@example.org")
                .with(Label::Username, "alerts")
                .with(Label::Host, "smtp.example.org")
                .with(Label::Port, "587")
                .with(Label::AuthenticationType, "Plain"),
            password,
            revision: 3,
            saved: None,
            verified: Verification::Never,
            earlier: Vec::new(),
            locks: Vec::new(),
        }
    }

    #[test]
    fn a_typed_password_overrides_a_choice_and_a_choice_the_saved_one() {
        use PasswordState::{None, ReEnter, Saved};
        for (state, typed, choice, expected) in [
            (Saved, false, PasswordChoice::Keep, PasswordPlan::Kept),
            (None, false, PasswordChoice::Keep, PasswordPlan::None),
            (
                ReEnter,
                false,
                PasswordChoice::Keep,
                PasswordPlan::Unreadable,
            ),
            (Saved, false, PasswordChoice::Clear, PasswordPlan::Cleared),
            (
                Saved,
                false,
                PasswordChoice::Earlier(2),
                PasswordPlan::Earlier(2),
            ),
            (
                ReEnter,
                false,
                PasswordChoice::Earlier(2),
                PasswordPlan::Earlier(2),
            ),
            (Saved, true, PasswordChoice::Clear, PasswordPlan::Typed),
            (None, true, PasswordChoice::Earlier(2), PasswordPlan::Typed),
            (ReEnter, true, PasswordChoice::Keep, PasswordPlan::Typed),
        ] {
            let saved = saved(state);
            let found = password_plan(&saved, &saved.form, typed, choice);
            assert_eq!(found, expected, "{state:?} {typed} {choice:?}");
        }
    }

    #[test]
    fn the_password_of_the_environment_is_typed_again_for_weaker_settings() {
        let saved = saved(PasswordState::Environment);
        let weaker = saved.form.clone().with(Label::CertificateCheck, "Off");
        for (form, typed, expected) in [
            (&saved.form, false, PasswordPlan::Environment),
            (&weaker, false, PasswordPlan::OtherRelay),
            (&weaker, true, PasswordPlan::Typed),
        ] {
            let found = password_plan(&saved, form, typed, PasswordChoice::Keep);
            assert_eq!(found, expected, "{typed}");
        }
        assert!(PasswordPlan::Environment.is_there() && !PasswordPlan::Environment.is_change());
    }

    #[test]
    fn a_password_saved_for_another_relay_than_the_environment_names_is_typed_again() {
        let saved = saved(PasswordState::OtherRelay);
        for (typed, choice, expected) in [
            (false, PasswordChoice::Keep, PasswordPlan::OtherRelay),
            (false, PasswordChoice::Clear, PasswordPlan::Cleared),
            (true, PasswordChoice::Keep, PasswordPlan::Typed),
        ] {
            let found = password_plan(&saved, &saved.form, typed, choice);
            assert_eq!(found, expected, "{typed} {choice:?}");
        }
    }

    #[test]
    fn without_a_sign_in_no_password_is_saved() {
        use PasswordState::{None, ReEnter, Saved};
        for (state, typed, choice, expected) in [
            (Saved, false, PasswordChoice::Keep, PasswordPlan::NotSaved),
            (Saved, false, PasswordChoice::Clear, PasswordPlan::NotSaved),
            (ReEnter, false, PasswordChoice::Keep, PasswordPlan::NotSaved),
            (None, true, PasswordChoice::Keep, PasswordPlan::NotSaved),
            (
                None,
                false,
                PasswordChoice::Earlier(2),
                PasswordPlan::NotSaved,
            ),
            (None, false, PasswordChoice::Keep, PasswordPlan::None),
        ] {
            let saved = saved(state);
            let form = saved.form.clone();
            let form = form
                .with(Label::AuthenticationType, "None")
                .with(Label::Host, "smtp.example.net");
            let found = password_plan(&saved, &form, typed, choice);
            assert_eq!(found, expected, "{state:?} {typed} {choice:?}");
        }
    }

    #[test]
    fn the_saved_password_is_not_kept_for_another_relay() {
        let saved = saved(PasswordState::Saved);
        for (label, text, expected) in [
            (Label::Host, "SMTP.example.org", PasswordPlan::Kept),
            (Label::Host, "smtp.example.net", PasswordPlan::OtherRelay),
            (Label::Host, "smtp.example.", PasswordPlan::OtherRelay),
            (Label::Host, "smtp..", PasswordPlan::Kept),
            (Label::Host, "", PasswordPlan::Kept),
            (Label::Port, "5870", PasswordPlan::OtherRelay),
            (Label::Port, "58700000", PasswordPlan::Kept),
            (Label::CertificateCheck, "Off", PasswordPlan::OtherRelay),
            (Label::FromAddress, "", PasswordPlan::Kept),
        ] {
            let form = saved.form.clone().with(label, text);
            let found = password_plan(&saved, &form, false, PasswordChoice::Keep);
            assert_eq!(found, expected, "{label:?} = {text}");
        }
    }
}
