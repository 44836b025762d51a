//! Message counts per state with the age of the oldest, each a link to the messages.

use domain::outbox::{Count, RecipientState, Search};

use crate::outbox::format::{age, grouped};
use crate::outbox::paths::list_url;
use crate::outbox::viewer::Viewer;
use crate::server_prelude::*;

#[component]
pub fn Counts(counts: Vec<Count>, shown: Option<RecipientState>, viewer: Viewer) -> AnyView {
    let counts = counts.into_iter().map(|count| {
        let here = shown == Some(count.state);
        let more = match (count.state, count.oldest) {
            (RecipientState::Delivered | RecipientState::Cancelled, _) => {
                Some("in 24 h".to_owned())
            }
            (_, Some(oldest)) => Some(format!("oldest {}", age(oldest, viewer.now))),
            (_, None) => None,
        };
        // The count of the shown state links back to all messages.
        let search = Search {
            state: (!here).then_some(count.state),
            ..Search::default()
        };
        let empty = count.number == 0;
        view! {
            <li>
                <a
                    class=format!("count {}", tone(count.state))
                    class:count-zero=empty
                    href=list_url(&search, None)
                    aria-current=here.then_some("true")
                >
                    <span class="count-title">{count.state.title()}</span>
                    <strong class="count-number">{grouped(count.number)}</strong>
                    <span class="count-detail">{more}</span>
                </a>
            </li>
        }
    });
    view! {
        <nav aria-label="Mail by state">
            <ul class="counts">{counts.collect_view()}</ul>
        </nav>
    }
    .into_any()
}

/// The badge class of a state.
pub const fn tone(state: RecipientState) -> &'static str {
    match state {
        RecipientState::Queued | RecipientState::Cancelled => "badge-plain",
        RecipientState::Deferred => "badge-warn",
        RecipientState::Held => "badge-held",
        RecipientState::Delivered => "badge-good",
        RecipientState::Failed => "badge-bad",
    }
}

/// A state as a badge.
#[component]
pub fn StateBadge(state: RecipientState, leased: bool) -> AnyView {
    let (class, title) = match leased {
        true => ("badge-now", "Being sent"),
        false => (tone(state), state.title()),
    };
    view! { <span class=format!("badge {class}")>{title}</span> }.into_any()
}
