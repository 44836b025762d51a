//! The link from the settings of a relay to their history.

use leptos::prelude::*;

use super::history_path;

/// `id` is that of a relay of the organisation, or stands for the own one.
#[component]
pub fn HistoryLink(id: String) -> AnyView {
    view! {
        <p>
            <a href=history_path(&id)>"History of these settings"</a>
        </p>
    }
    .into_any()
}
