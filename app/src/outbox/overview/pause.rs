//! The button that pauses and resumes delivery.

use domain::outbox::{MessageAction, Overview, RecipientState, Search, Selection};
use domain::{Fields, Refusal};

use crate::outbox::action::ActionRequest;
use crate::outbox::format::for_recipients;
use crate::outbox::paths::PAUSE;
use crate::server_prelude::*;

/// The values of the form's field.
const PAUSE_ON: &str = "1";
const PAUSE_OFF: &str = "0";

/// Parses the form of the button: whether to pause delivery.
///
/// # Errors
/// [`Kind::Invalid`](domain::Kind::Invalid) under `pause` unless it is `1` or `0`, and for other names.
pub fn pauses(pairs: &[(String, String)]) -> Result<bool, Refusal> {
    Fields::of(pairs).read(|fields| match fields.take("pause") {
        Some(PAUSE_ON) => true,
        Some(PAUSE_OFF) => false,
        _ => {
            fields.add("pause", "This must be 1 or 0.");
            false
        }
    })
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
                {for_recipients(MessageAction::Release, held)}
            </a>
        }
    });
    let switch = match overview.pause {
        None => Some((
            PAUSE_ON,
            "Pause delivery",
            "Messages are accepted and held until they are released; none is sent.",
        )),
        Some(pause) if pause.since.is_some() => Some((
            PAUSE_OFF,
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
