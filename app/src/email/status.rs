//! The heading, and beside it the state of the configuration, always in view.

use domain::view::{SettingsView, Stamp, Verification};
use leptos::prelude::*;

use super::editor::Editor;
use super::state::State;
use crate::dom;
use crate::moment::Moment;

#[component]
pub fn Header(editor: Editor) -> impl IntoView {
    let known = move || {
        let Known {
            tone,
            name,
            lead,
            stamp,
        } = editor.get(|state| known(&state.saved));
        view! {
            <span class=format!("badge {tone}")>{name}</span>
            {stamp
                .map(|stamp| {
                    view! {
                        <span class="status-when">
                            {lead} <Moment at=stamp.at /> " by " {stamp.by}
                        </span>
                    }
                })}
        }
    };
    view! {
        <header class="page-head email-head">
            <h1>"SMTP settings"</h1>
            <div class="status" role="status">
                {known}
                <span class="badge badge-warn" hidden=dom::flag(move || !editor.get(State::is_dirty))>
                    "Unsaved changes"
                </span>
            </div>
        </header>
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    tone: &'static str,
    name: &'static str,
    lead: &'static str,
    stamp: Option<Stamp>,
}

fn known(view: &SettingsView) -> Known {
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
    Known {
        tone,
        name,
        lead,
        stamp: stamp.cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::view::PasswordState;
    use domain::{Form, Timestamp};

    #[test]
    fn the_state_names_the_moment_that_counts() {
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
            let known = known(&SettingsView {
                form: Form::default(),
                password: PasswordState::None,
                revision: 1,
                saved,
                verified,
                earlier: Vec::new(),
            });
            assert_eq!(known.name, name);
            assert_eq!(known.stamp.map(|stamp| stamp.at.0), at, "{name}");
        }
    }
}
