//! The button that pauses and resumes delivery.

use domain::outbox::{MessageAction, Overview, RecipientState, Search, Selection};
use leptos::prelude::*;

use super::action_request::ActionRequest;
use super::format::counted;
use super::paths::PAUSE;

/// The form of the button.
#[derive(serde::Deserialize)]
pub struct PauseForm {
    /// `1` pauses delivery, anything else resumes it.
    pause: String,
}

impl PauseForm {
    /// Whether to pause delivery.
    pub fn pauses(&self) -> bool {
        self.pause == "1"
    }
}

/// For administrators. There is no button where `--hold-mail` pauses delivery.
#[component]
pub fn PauseControl(overview: Overview) -> impl IntoView {
    let held = overview
        .counts
        .iter()
        .find(|count| count.state == RecipientState::Held)
        .map_or(0, |count| count.number);
    let release = (held > 0).then(|| {
        let held_mail = Search {
            state: Some(RecipientState::Held),
            ..Search::default()
        };
        let request = ActionRequest {
            action: MessageAction::Release,
            selection: Selection::Matching(held_mail),
            confirmed: None,
        };
        view! {
            <a class="button button-secondary button-small" href=request.confirm_url()>
                {format!("Release {}", counted(held, "held mail"))}
            </a>
        }
    });
    let switch = match overview.pause {
        None => Some((
            "1",
            "Pause delivery",
            "Messages are accepted, and none is sent.",
        )),
        Some(pause) if pause.since.is_some() => Some((
            "0",
            "Resume delivery",
            "Queued messages are sent again; held ones stay held until they are released.",
        )),
        Some(_) => None,
    };
    let switch = switch.map(|(value, verb, effect)| {
        view! {
            <form method="post" action=PAUSE>
                <input type="hidden" name="pause" value=value />
                <button
                    class="button button-secondary button-small"
                    type="submit"
                    aria-describedby="pause-effect"
                >
                    {verb}
                </button>
            </form>
            {release}
            <p class="field-hint" id="pause-effect">
                {effect}
            </p>
        }
    });
    switch.map(|switch| view! { <div class="pause-control">{switch}</div> })
}
