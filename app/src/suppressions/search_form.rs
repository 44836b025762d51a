//! The search form of the suppression list, a GET form.

use domain::outbox::SuppressionSearch;

use super::SUPPRESSIONS;
use crate::components::{SearchField, TimeField};
use crate::server_prelude::*;

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
            <details class="search-filters" open=search.since.is_some()>
                <summary>"By time"</summary>
                <div class="search-line">
                    <TimeField name="since" label="Listed from (UTC)" value=search.since />
                </div>
            </details>
        </form>
    }
    .into_any()
}
