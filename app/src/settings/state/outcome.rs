//! How the last save or undo of the form ended.

use domain::settings::SettingsView;
use domain::{Kind, Refusal};

use super::faults::of_no_field;

/// How the last save or undo ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormOutcome {
    Saved,
    Undone,
    TookTheirs,
    KeptMine,
    /// A certificate was added to the form.
    Trusting,
    /// Other changes were saved first: their settings.
    Conflict(Box<SettingsView>),
    /// The form has faults.
    Faulty,
    /// The server refused the form.
    Refused(Refusal),
}

impl FormOutcome {
    /// The classes of its notice.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Saved => "notice notice-good",
            Self::Faulty | Self::Refused(_) => "notice notice-bad",
            Self::Undone | Self::TookTheirs | Self::KeptMine | Self::Trusting => {
                "notice notice-info"
            }
            Self::Conflict(_) => "",
        }
    }

    /// The text of its notice.
    pub fn text(&self) -> Option<String> {
        let text = match self {
            Self::Saved => "Saved. Send a test email to see that it works.",
            Self::Undone => "The form shows what is saved. Nothing was written.",
            Self::TookTheirs => "The form shows what the other administrator saved.",
            Self::KeptMine => "The next Submit replaces what the other administrator saved.",
            Self::Trusting => {
                "The certificate is listed. It counts for tests now, and for mail once you submit; a saved password has to be typed again."
            }
            // Shown in a section of its own.
            Self::Conflict(_) => return None,
            Self::Faulty => FAULTY,
            Self::Refused(refusal) => {
                return Some(of_no_field(refusal).unwrap_or_else(|| FAULTY.to_owned()));
            }
        };
        Some(text.to_owned())
    }

    /// Whether the session has ended.
    pub fn is_signed_out(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.kind == Kind::Unauthenticated)
    }
}

const FAULTY: &str = "Nothing was saved yet: correct the marked fields and submit again.";

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Label;

    #[test]
    fn a_refusal_of_fields_points_to_them() {
        for (refusal, text) in [
            (Refusal::field(Label::Port, "no"), FAULTY),
            (Refusal::new(Kind::Unavailable, "Try again."), "Try again."),
        ] {
            assert_eq!(FormOutcome::Refused(refusal).text().as_deref(), Some(text));
        }
    }
}
