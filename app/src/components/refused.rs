//! Error pages: not found, forbidden, unavailable.

use domain::{Kind, Refusal};

use crate::entrance::EntranceCard;
use crate::request::{refuse, set_status};
use crate::server_prelude::*;

/// No page has this path.
#[component]
pub fn NotFound() -> impl IntoView {
    set_status(Kind::NotFound);
    view! {
        <EntranceCard title="There is no such page" intro="No page of this console has this address. It may be mistyped, or the page has moved.">
            <a class="button button-primary" href="/">
                "Go to the console"
            </a>
        </EntranceCard>
    }
}

/// The content of a refused page: the reason, without any content of the page itself.
pub fn refused(refusal: &Refusal) -> AnyView {
    refuse(refusal);
    let title = match refusal.kind {
        Kind::Forbidden => "This page is for administrators",
        Kind::NotFound => "Not found",
        Kind::Unavailable => "Not available at the moment",
        _ => "This request was refused",
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
