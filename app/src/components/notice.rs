//! Notices above a page about the form that was just posted.

use crate::server_prelude::*;

/// The form was refused.
#[component]
pub fn ErrorNotice(text: String) -> impl IntoView {
    view! {
        <div class="notice notice-bad" role="alert">
            {text}
        </div>
    }
}

/// The form was carried out.
#[component]
pub fn SuccessNotice(#[prop(into)] text: String) -> impl IntoView {
    view! {
        <div class="notice notice-good" role="status">
            {text}
        </div>
    }
}
