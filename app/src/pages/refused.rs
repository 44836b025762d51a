//! Pages that say no: not found, not allowed, not possible at the moment.

use domain::{Kind, Refusal};
use leptos::prelude::*;

use super::entrance::Entrance;
use crate::request::{refuse, set_status};

/// No page has this address.
#[component]
pub fn NotFound() -> impl IntoView {
    set_status(Kind::NotFound);
    view! {
        <Entrance title="There is no such page" intro="The address leads nowhere. Perhaps it was mistyped, or the page has moved.">
            <a class="button button-primary" href="/">
                "Go to the console"
            </a>
        </Entrance>
    }
}

/// In the frame: why the page is not shown, and nothing of what it holds.
pub fn refused(refusal: &Refusal) -> AnyView {
    refuse(refusal);
    let title = match refusal.kind {
        Kind::Forbidden => "This page is for administrators",
        Kind::NotFound => "There is no such thing",
        Kind::Unavailable => "Not available at the moment",
        _ => "This did not work",
    };
    let text = refusal.text().to_owned();
    view! {
        <div class="page">
            <header class="page-head">
                <h1>{title}</h1>
                <p>{text}</p>
            </header>
        </div>
    }
    .into_any()
}
