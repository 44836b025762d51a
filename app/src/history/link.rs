//! The link from the settings of a relay to their history.

use super::history_path;
use crate::server_prelude::*;

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
