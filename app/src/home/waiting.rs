//! What waits: the mail that is queued, deferred and held, with the age of the oldest.

use domain::Timestamp;
use domain::outbox::{Count, RecipientState, Search};

use crate::outbox::{age, grouped, list_url};
use crate::server_prelude::*;

#[component]
pub fn WaitingMail(counts: Vec<Count>, now: Timestamp) -> AnyView {
    let waits = |count: &Count| {
        let waiting = matches!(
            count.state,
            RecipientState::Queued | RecipientState::Deferred | RecipientState::Held
        );
        waiting && count.number > 0
    };
    let waiting: Vec<Count> = counts.into_iter().filter(waits).collect();
    let shown = match waiting.is_empty() {
        true => view! { <p>"No mail waits."</p> }.into_any(),
        false => {
            let items = waiting.into_iter().map(|count| {
                let search = Search {
                    state: Some(count.state),
                    ..Search::default()
                };
                let oldest = count.oldest.map(|at| format!("oldest {}", age(at, now)));
                view! {
                    <li>
                        <a href=list_url(&search, None)>
                            <strong>{grouped(count.number)}</strong>
                            " "
                            {count.state.title().to_lowercase()}
                        </a>
                        <span class="mail-detail">{oldest}</span>
                    </li>
                }
            });
            view! { <ul class="home-waiting">{items.collect_view()}</ul> }.into_any()
        }
    };
    view! {
        <section class="home-section" aria-labelledby="home-waiting">
            <h2 id="home-waiting">"Waiting"</h2>
            {shown}
        </section>
    }
    .into_any()
}
