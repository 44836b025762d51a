//! The result of the last form of the outbox, shown above its pages.

use domain::outbox::MessageAction;
use leptos::prelude::*;

use super::format::done;
use super::paths::OUTBOX;
use crate::components::{ErrorNotice, SuccessNotice};
use crate::request::{other_fault, query, with_query};

/// The values of the query parameter `done` after the pause form.
const PAUSED: &str = "paused";
const RESUMED: &str = "resumed";

/// The list with the confirmation that delivery was paused or resumed.
pub fn pause_done_url(paused: bool) -> String {
    let done = if paused { PAUSED } else { RESUMED };
    with_query(OUTBOX, [("done", done)])
}

/// The notice about the last form, if the page follows one.
pub fn form_result() -> Option<AnyView> {
    if let Some(text) = other_fault(&[]) {
        return Some(view! { <ErrorNotice text /> }.into_any());
    }
    let text = match query("done")?.as_str() {
        PAUSED => "Delivery is paused.".to_owned(),
        RESUMED => "Delivery is running again.".to_owned(),
        action => {
            let action: MessageAction = action.parse().ok()?;
            done(action, query("number")?.parse().ok()?)
        }
    };
    Some(view! { <SuccessNotice text /> }.into_any())
}
