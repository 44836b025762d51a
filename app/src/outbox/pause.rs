//! The switch that pauses and resumes delivery.

use domain::outbox::{MessageAction, Overview, RecipientState, Search, Selection};
use leptos::prelude::*;

use super::address::Errand;
use super::format::counted;

/// For administrators. No switch is shown where `--hold-mail` pauses delivery.
#[component]
pub fn Holding(overview: Overview) -> impl IntoView {
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
        let errand = Errand {
            act: MessageAction::Release,
            selection: Selection::Matching(held_mail),
            said: None,
        };
        view! {
            <a class="button button-secondary button-small" href=errand.question()>
                {format!("Release {}", counted(held, "held mail"))}
            </a>
        }
    });
    let switch = match overview.pause {
        None => Some((
            "1",
            "Pause delivery",
            "Mail is still accepted, and none goes out.",
        )),
        Some(pause) if pause.since.is_some() => Some((
            "0",
            "Resume delivery",
            "What waits goes out again; what is held stays held until it is released.",
        )),
        Some(_) => None,
    };
    let switch = switch.map(|(value, verb, promise)| {
        view! {
            <form method="post" action="/outbox/pause">
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
                {promise}
            </p>
        }
    });
    switch.map(|switch| view! { <div class="holding">{switch}</div> })
}
