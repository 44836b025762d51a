//! The search form, a GET form whose result can be bookmarked.

use domain::outbox::{RecipientState, Search};

use crate::components::{SearchField, TimeField};
use crate::outbox::paths::OUTBOX;
use crate::server_prelude::*;

#[component]
pub fn SearchForm(search: Search) -> AnyView {
    let states = RecipientState::ALL.iter().copied().map(|state| {
        let chosen = search.state == Some(state);
        view! {
            <option value=state.as_str() selected=chosen>
                {state.title()}
            </option>
        }
    });
    let rare = !search.id.is_empty() || search.since.is_some() || search.until.is_some();
    let any = !search.pairs().is_empty();
    view! {
        <form class="card search-form" method="get" action=OUTBOX role="search" aria-label="Mail">
            <div class="search-line">
                <SearchField name="address" label="Recipient begins with" value=search.address />
                <SearchField name="subject" label="Subject contains" value=search.subject />
                <div class="field">
                    <label for="search-state">"State"</label>
                    <select class="control" id="search-state" name="state">
                        <option value="">"Any"</option>
                        {states.collect_view()}
                    </select>
                </div>
                <div class="buttons">
                    <button class="button button-primary" type="submit">
                        "Search"
                    </button>
                    {any.then(|| view! { <a class="button button-quiet" href=OUTBOX>"Clear"</a> })}
                </div>
            </div>
            <details class="search-filters" open=rare>
                <summary>"By time or id"</summary>
                <div class="search-line">
                    <TimeField name="since" label="Accepted from (UTC)" value=search.since />
                    <TimeField name="until" label="Accepted before (UTC)" value=search.until />
                    <SearchField name="id" label="Id" value=search.id />
                </div>
            </details>
        </form>
    }
    .into_any()
}
