//! The search form of the suppression list, a GET form.

use domain::outbox::SuppressionSearch;
use leptos::prelude::*;

use super::SUPPRESSIONS;
use crate::components::{SearchField, TimeField};

#[component]
pub fn SearchForm(search: SuppressionSearch) -> AnyView {
    let any = !search.pairs().is_empty();
    view! {
        <form
            class="card search-form"
            method="get"
            action=SUPPRESSIONS
            role="search"
            aria-label="Addresses"
        >
            <div class="search-line">
                <SearchField name="address" label="Address begins with" value=search.address />
                <SearchField name="reply" label="Reply contains" value=search.reply />
                <TimeField name="since" label="Listed from (UTC)" value=search.since />
                <div class="buttons">
                    <button class="button button-primary" type="submit">
                        "Search"
                    </button>
                    {any
                        .then(|| {
                            view! { <a class="button button-quiet" href=SUPPRESSIONS>"Clear"</a> }
                        })}
                </div>
            </div>
        </form>
    }
    .into_any()
}
