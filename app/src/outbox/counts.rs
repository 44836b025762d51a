//! How much is in each state, and since when: each a link to what it counts.

use domain::outbox::{Count, RecipientState, Search};
use leptos::prelude::*;

use super::Viewer;
use super::address::list;
use super::format::{age, grouped};

#[component]
pub fn Counts(counts: Vec<Count>, shown: Option<RecipientState>, viewer: Viewer) -> impl IntoView {
    let counts = counts.into_iter().map(|count| {
        let here = shown == Some(count.state);
        let more = match (count.state, count.oldest) {
            (RecipientState::Delivered | RecipientState::Cancelled, _) => {
                Some("in 24 h".to_owned())
            }
            (_, Some(oldest)) => Some(format!("oldest {}", age(oldest, viewer.now))),
            (_, None) => None,
        };
        // What is shown already leads back to everything.
        let search = Search {
            state: (!here).then_some(count.state),
            ..Search::default()
        };
        let empty = count.number == 0;
        view! {
            <li>
                <a
                    class=format!("count {}", tone(count.state))
                    class:count-none=empty
                    href=list(&search, None)
                    aria-current=here.then_some("true")
                >
                    <span class="count-title">{count.state.title()}</span>
                    <strong class="count-number">{grouped(count.number)}</strong>
                    <span class="count-more">{more}</span>
                </a>
            </li>
        }
    });
    view! {
        <nav aria-label="Mail by state">
            <ul class="counts">{counts.collect_view()}</ul>
        </nav>
    }
}

/// The tone of a state, as a class of a badge has it.
pub const fn tone(state: RecipientState) -> &'static str {
    match state {
        RecipientState::Queued | RecipientState::Cancelled => "badge-plain",
        RecipientState::Deferred => "badge-warn",
        RecipientState::Held => "badge-held",
        RecipientState::Delivered => "badge-good",
        RecipientState::Failed => "badge-bad",
    }
}

/// A state in its tone.
#[component]
pub fn StateBadge(state: RecipientState, leased: bool) -> impl IntoView {
    let (class, title) = match leased {
        true => ("badge-now", "Being sent"),
        false => (tone(state), state.title()),
    };
    view! { <span class=format!("badge {class}")>{title}</span> }
}
