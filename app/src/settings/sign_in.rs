//! The link to sign in again after the session has ended.

use leptos::prelude::*;

use crate::entrance::LOGIN;
use crate::reactive::Flag;

/// Opens the login in a new tab, so that the edits on this page are kept.
#[component]
pub fn SignInLink(hidden: Flag) -> impl IntoView {
    view! {
        <a class="button button-link" href=LOGIN target="_blank" hidden=hidden>
            "Sign in in a new tab"
        </a>
    }
}
