//! Hidden inputs of a form.

use crate::server_prelude::*;

#[component]
pub fn HiddenFields(fields: Vec<(&'static str, String)>) -> AnyView {
    fields
        .into_iter()
        .map(|(name, value)| view! { <input type="hidden" name=name value=value /> })
        .collect_view()
        .into_any()
}
