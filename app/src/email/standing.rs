//! What will stand as the password if the form is submitted as it is now.

use domain::view::{PasswordState, SettingsView};
use domain::{Form, Label};

/// What was chosen to become of the saved password. Typing one overrides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Keep,
    Clear,
    /// The one this revision brought.
    Earlier(i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The one that was typed.
    Typed,
    /// None: the saved one goes.
    Cleared,
    /// The one this revision brought.
    Earlier(i64),
    /// The saved one.
    Kept,
    /// None yet: the saved one was given for another relay, and may not go to this one.
    Elsewhere,
    /// None: the saved one cannot be opened any more.
    Unreadable,
    /// None, and none was saved.
    None,
}

impl Standing {
    /// Whether submitting would change what is saved.
    pub fn is_change(self) -> bool {
        matches!(self, Self::Typed | Self::Cleared | Self::Earlier(_))
    }

    /// Whether there will be a password; one that has to be typed again counts, because the form
    /// does not go out without it.
    pub fn is_there(self) -> bool {
        matches!(
            self,
            Self::Typed | Self::Earlier(_) | Self::Kept | Self::Elsewhere
        )
    }
}

pub fn standing(saved: &SettingsView, form: &Form, typed: bool, choice: Choice) -> Standing {
    match (choice, saved.password) {
        _ if typed => Standing::Typed,
        (Choice::Clear, _) => Standing::Cleared,
        (Choice::Earlier(revision), _) => Standing::Earlier(revision),
        (Choice::Keep, PasswordState::None) => Standing::None,
        (Choice::Keep, PasswordState::ReEnter) => Standing::Unreadable,
        (Choice::Keep, PasswordState::Saved) if stays(&saved.form, form) => Standing::Kept,
        (Choice::Keep, PasswordState::Saved) => Standing::Elsewhere,
    }
}

/// Whether the saved password may go with `form`. A field that is not valid yet is left to its own
/// fault and counts as unchanged, so that the answer does not flicker while somebody types.
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
    use domain::view::Verification;

    fn saved(password: PasswordState) -> SettingsView {
        SettingsView {
            form: Form::default()
                .with(Label::FromAddress, "alerts@example.org")
                .with(Label::Username, "alerts")
                .with(Label::Host, "smtp.example.org")
                .with(Label::Port, "587"),
            password,
            revision: 3,
            saved: None,
            verified: Verification::Never,
            earlier: Vec::new(),
        }
    }

    #[test]
    fn typing_overrides_choosing_and_choosing_overrides_what_is_saved() {
        use PasswordState::{None, ReEnter, Saved};
        for (state, typed, choice, expected) in [
            (Saved, false, Choice::Keep, Standing::Kept),
            (None, false, Choice::Keep, Standing::None),
            (ReEnter, false, Choice::Keep, Standing::Unreadable),
            (Saved, false, Choice::Clear, Standing::Cleared),
            (Saved, false, Choice::Earlier(2), Standing::Earlier(2)),
            (ReEnter, false, Choice::Earlier(2), Standing::Earlier(2)),
            (Saved, true, Choice::Clear, Standing::Typed),
            (None, true, Choice::Earlier(2), Standing::Typed),
            (ReEnter, true, Choice::Keep, Standing::Typed),
        ] {
            let saved = saved(state);
            let found = standing(&saved, &saved.form, typed, choice);
            assert_eq!(found, expected, "{state:?} {typed} {choice:?}");
        }
    }

    #[test]
    fn the_saved_password_is_not_kept_for_another_relay() {
        let saved = saved(PasswordState::Saved);
        for (label, text, expected) in [
            (Label::Host, "SMTP.example.org", Standing::Kept),
            (Label::Host, "smtp.example.net", Standing::Elsewhere),
            (Label::Host, "smtp.example.", Standing::Elsewhere),
            (Label::Host, "smtp..", Standing::Kept),
            (Label::Host, "", Standing::Kept),
            (Label::Port, "5870", Standing::Elsewhere),
            (Label::Port, "58700000", Standing::Kept),
            (Label::CertificateCheck, "Off", Standing::Elsewhere),
            (Label::FromAddress, "", Standing::Kept),
        ] {
            let form = saved.form.clone().with(label, text);
            let found = standing(&saved, &form, false, Choice::Keep);
            assert_eq!(found, expected, "{label:?} = {text}");
        }
    }
}
