//! The search: a plain form whose answer is an address to keep.

use domain::Timestamp;
use domain::outbox::{RecipientState, Search};
use leptos::prelude::*;

use super::address::LIST;

#[component]
pub fn SearchForm(search: Search) -> impl IntoView {
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
        <form class="card searching" method="get" action=LIST role="search" aria-label="Mail">
            <div class="searching-line">
                <Sought name="address" label="Recipient begins with" value=search.address />
                <Sought name="subject" label="Subject contains" value=search.subject />
                <div class="field">
                    <label for="sought-state">"State"</label>
                    <select class="control" id="sought-state" name="state">
                        <option value="">"Any"</option>
                        {states.collect_view()}
                    </select>
                </div>
                <div class="buttons">
                    <button class="button button-primary" type="submit">
                        "Search"
                    </button>
                    {any.then(|| view! { <a class="button button-quiet" href=LIST>"Clear"</a> })}
                </div>
            </div>
            <details class="searching-more" open=rare>
                <summary>"By time or id"</summary>
                <div class="searching-line">
                    <Time name="since" label="Accepted from (UTC)" value=search.since />
                    <Time name="until" label="Accepted before (UTC)" value=search.until />
                    <Sought name="id" label="Id" value=search.id />
                </div>
            </details>
        </form>
    }
}

#[component]
fn Sought(name: &'static str, label: &'static str, value: String) -> impl IntoView {
    let id = format!("sought-{name}");
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
}

#[component]
fn Time(name: &'static str, label: &'static str, value: Option<Timestamp>) -> impl IntoView {
    let id = format!("sought-{name}");
    // As the control has it: without a zone, to the second.
    let value = value.map(|at| at.rfc3339().trim_end_matches('Z').to_owned());
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            <input class="control" id=id name=name type="datetime-local" step="1" value=value />
        </div>
    }
}
