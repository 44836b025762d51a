//! A form with one button, for an act on an entry of a list.

use super::HiddenFields;
use crate::server_prelude::*;

/// `about` is what the button acts on, for its label.
#[component]
pub fn ActionButton(
    action: &'static str,
    text: &'static str,
    about: String,
    fields: Vec<(&'static str, String)>,
) -> AnyView {
    let label = format!("{text}: {about}");
    view! {
        <form method="post" action=action>
            <HiddenFields fields />
            <button class="button button-secondary button-small" type="submit" aria-label=label>
                {text}
            </button>
        </form>
    }
    .into_any()
}
