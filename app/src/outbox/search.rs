//! The search form, a GET form whose result can be bookmarked.

use domain::Timestamp;
use domain::outbox::{RecipientState, Search};
use leptos::prelude::*;

use super::paths::OUTBOX;

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

#[component]
fn SearchField(name: &'static str, label: &'static str, value: String) -> AnyView {
    let id = format!("search-{name}");
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            <input
                class="control"
                id=id
                name=name
                type="search"
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                value=value
            />
        </div>
    }
    .into_any()
}

#[component]
fn TimeField(name: &'static str, label: &'static str, value: Option<Timestamp>) -> AnyView {
    let id = format!("search-{name}");
    // The format of datetime-local: to the second, without a zone.
    let value = value.map(|at| at.rfc3339().trim_end_matches('Z').to_owned());
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            <input class="control" id=id name=name type="datetime-local" step="1" value=value />
        </div>
    }
    .into_any()
}
