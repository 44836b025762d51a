//! The states of checks and keys as badges.

use domain::mail::dkim::DkimKeyState;
use domain::mail::domain_check::CheckState;

use crate::server_prelude::*;

/// A state of a check, after the name of what was checked where that is not beside it.
#[component]
pub fn CheckBadge(state: CheckState, #[prop(optional)] about: &'static str) -> AnyView {
    let (class, text) = match state {
        CheckState::Ok => ("badge badge-good", "as it should be"),
        CheckState::Warning => ("badge badge-warn", "look at it"),
        CheckState::Fault => ("badge badge-bad", "wrong"),
    };
    let text = match about {
        "" => text.to_owned(),
        about => format!("{about}: {text}"),
    };
    view! { <span class=class>{text}</span> }.into_any()
}

/// The state of a key.
#[component]
pub fn KeyBadge(state: DkimKeyState, usable: bool) -> AnyView {
    let (class, text) = match state {
        DkimKeyState::Retiring => ("badge badge-warn", "Replaced"),
        _ if !usable => ("badge badge-bad", "Cannot be opened"),
        DkimKeyState::Pending => ("badge badge-plain", "Not active yet"),
        DkimKeyState::Active => ("badge badge-good", "Signs"),
    };
    view! { <span class=class>{text}</span> }.into_any()
}
