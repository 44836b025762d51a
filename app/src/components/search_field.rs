//! Fields of search forms.

use domain::Timestamp;

use crate::server_prelude::*;

/// A text of a search form.
#[component]
pub fn SearchField(name: &'static str, label: &'static str, value: String) -> AnyView {
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

/// A time of a search form, in UTC.
#[component]
pub fn TimeField(name: &'static str, label: &'static str, value: Option<Timestamp>) -> AnyView {
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
