//! How the last act ended, told beside the buttons.

use domain::view::SettingsView;
use domain::{Kind, Refusal};
use leptos::prelude::*;
use leptos::tachys::reactive_graph::SharedReactiveFunction;

use super::editor::Editor;
use super::faults::told_beside;
use crate::dom;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Saved,
    Undone,
    TookTheirs,
    KeptMine,
    /// A certificate was added on the form.
    Trusting,
    /// Another administrator was faster: what that one saved.
    Conflict(Box<SettingsView>),
    /// The form itself has faults.
    Faulty,
    /// The server said no.
    Refused(Refusal),
}

impl Outcome {
    fn class(&self) -> &'static str {
        match self {
            Self::Saved => "notice notice-good",
            Self::Faulty | Self::Refused(_) => "notice notice-bad",
            Self::Undone | Self::TookTheirs | Self::KeptMine | Self::Trusting => {
                "notice notice-info"
            }
            Self::Conflict(_) => "",
        }
    }

    fn text(&self) -> Option<String> {
        let text = match self {
            Self::Saved => "Saved. Send a test email to see that it works.",
            Self::Undone => "The form shows what is saved. Nothing was written.",
            Self::TookTheirs => "The form shows what the other administrator saved.",
            Self::KeptMine => "The next Submit replaces what the other administrator saved.",
            Self::Trusting => {
                "The certificate is listed. It counts for tests now, and for mail once you submit; a saved password has to be typed again."
            }
            // Told at length, in a part of the page of its own.
            Self::Conflict(_) => return None,
            Self::Faulty => FAULTY,
            Self::Refused(refusal) => {
                return Some(told_beside(refusal).unwrap_or_else(|| FAULTY.to_owned()));
            }
        };
        Some(text.to_owned())
    }

    fn is_signed_out(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.kind == Kind::Unauthenticated)
    }
}

const FAULTY: &str = "Nothing was saved yet: correct the marked fields and submit again.";

#[component]
pub fn Told(editor: Editor) -> impl IntoView {
    let outcome = move || editor.get(|state| state.outcome.clone());
    view! {
        <div class="told" role="status">
            <p class=dom::text(move || outcome().map_or("", |outcome| outcome.class()))>
                {dom::maybe(move || outcome()?.text())}
            </p>
            <SignIn hidden=dom::flag(move || {
                !outcome().is_some_and(|outcome| outcome.is_signed_out())
            }) />
        </div>
    }
}

/// In a page of its own, so that nothing typed in this one is lost.
#[component]
pub fn SignIn(hidden: SharedReactiveFunction<bool>) -> impl IntoView {
    view! {
        <a class="button button-link" href="/login" target="_blank" hidden=hidden>
            "Sign in in a new tab"
        </a>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Label;

    #[test]
    fn a_refusal_of_fields_points_to_them_and_another_speaks_for_itself() {
        for (refusal, text) in [
            (Refusal::field(Label::Port, "no"), FAULTY),
            (Refusal::new(Kind::Unavailable, "Try again."), "Try again."),
        ] {
            assert_eq!(Outcome::Refused(refusal).text().as_deref(), Some(text));
        }
    }
}
