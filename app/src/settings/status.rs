//! The heading of the page, with the verification of the saved settings.

use domain::settings::{SettingsView, Stamp, Verification};
use leptos::prelude::*;

use super::state::{Editor, FormState};
use crate::components::Time;
use crate::reactive;

#[component]
pub fn Header(editor: Editor) -> impl IntoView {
    let badge = move || {
        let VerificationBadge {
            tone,
            name,
            lead,
            stamp,
        } = editor.get(|state| badge(&state.saved));
        view! {
            <span class=format!("badge {tone}")>{name}</span>
            {stamp
                .map(|stamp| {
                    view! {
                        <span class="status-time">
                            {lead} <Time at=stamp.at /> " by " {stamp.by}
                        </span>
                    }
                })}
        }
    };
    view! {
        <header class="page-head email-head">
            <h1>{editor.peek(|state| state.title.clone())}</h1>
            <div class="status" role="status">
                {badge}
                <span class="badge badge-warn" hidden=reactive::flag(move || !editor.get(FormState::is_dirty))>
                    "Unsaved changes"
                </span>
            </div>
        </header>
    }
}

/// The badge, with the time and account of the verification or of the save.
#[derive(Clone, Debug, PartialEq, Eq)]
struct VerificationBadge {
    tone: &'static str,
    name: &'static str,
    lead: &'static str,
    stamp: Option<Stamp>,
}

fn badge(view: &SettingsView) -> VerificationBadge {
    let (tone, name, lead, stamp) = match (&view.verified, &view.saved) {
        (Verification::Verified(stamp), _) => ("badge-good", "Verified", "", Some(stamp)),
        (Verification::Changed(stamp), _) => {
            ("badge-warn", "Changed since", "verified ", Some(stamp))
        }
        (Verification::Never, Some(stamp)) => {
            ("badge-plain", "Never tested", "saved ", Some(stamp))
        }
        (Verification::Never, None) => ("badge-plain", "Not set up yet", "", None),
    };
    VerificationBadge {
        tone,
        name,
        lead,
        stamp: stamp.cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::settings::PasswordState;
    use domain::{Form, Timestamp};

    #[test]
    fn the_badge_has_the_time_that_belongs_to_it() {
        let stamp = |at| Stamp {
            at: Timestamp(at),
            by: "mara@example.org".to_owned(),
        };
        for (verified, saved, name, at) in [
            (Verification::Never, None, "Not set up yet", None),
            (Verification::Never, Some(stamp(1)), "Never tested", Some(1)),
            (
                Verification::Verified(stamp(2)),
                Some(stamp(1)),
                "Verified",
                Some(2),
            ),
            (
                Verification::Changed(stamp(2)),
                Some(stamp(3)),
                "Changed since",
                Some(2),
            ),
        ] {
            let badge = badge(&SettingsView {
                form: Form::default(),
                password: PasswordState::None,
                revision: 1,
                saved,
                verified,
                earlier: Vec::new(),
                locks: Vec::new(),
            });
            assert_eq!(badge.name, name);
            assert_eq!(badge.stamp.map(|stamp| stamp.at.0), at, "{name}");
        }
    }
}
