//! The addresses that a relay said there are none: mail to them is not sent until they are removed.

use domain::outbox::Suppression;
use engine::Postern;
use leptos::prelude::*;

use super::refused::refused;
use crate::frame::framed;
use crate::moment::Moment;
use crate::parts::{Bad, Good};
use crate::request::{beside, query};

/// As many as the engine lists.
const MOST: usize = 200;

#[component]
pub fn SuppressionList() -> impl IntoView {
    framed("Suppression list", |actor| {
        let postern = expect_context::<Postern>();
        let prefix = query("prefix").unwrap_or_default();
        let removed = query("removed").filter(|removed| !removed.is_empty());
        let refusal = beside(&[]);
        Suspend::new(async move {
            let listed = match postern.outbox().suppressions(&actor, &prefix).await {
                Ok(listed) => listed,
                Err(refusal) => return refused(&refusal),
            };
            let removed = removed.map(|address| {
                let text = format!("{address} is no longer skipped. Retry what failed for it.");
                view! { <Good text /> }
            });
            view! {
                <div class="page">
                    <header class="page-head">
                        <a class="page-up" href="/outbox">
                            "Outbox"
                        </a>
                        <h1>"Suppression list"</h1>
                        <p>
                            "A relay said that there is no such address. Mail to it fails without being sent, until you remove the address here."
                        </p>
                    </header>
                    {refusal.map(|text| view! { <Bad text /> })}
                    {removed}
                    <Find prefix=prefix.clone() />
                    <Listed listed prefix />
                </div>
            }
            .into_any()
        })
    })
}

#[component]
fn Find(prefix: String) -> impl IntoView {
    let any = !prefix.is_empty();
    view! {
        <form class="card searching" method="get" role="search" aria-label="Addresses">
            <div class="searching-line">
                <div class="field">
                    <label for="prefix">"Address begins with"</label>
                    <input
                        class="control"
                        id="prefix"
                        name="prefix"
                        type="search"
                        autocomplete="off"
                        autocapitalize="none"
                        spellcheck="false"
                        value=prefix
                    />
                </div>
                <div class="buttons">
                    <button class="button button-primary" type="submit">
                        "Search"
                    </button>
                    {any
                        .then(|| {
                            view! { <a class="button button-quiet" href="/suppressions">"Clear"</a> }
                        })}
                </div>
            </div>
        </form>
    }
}

#[component]
fn Listed(listed: Vec<Suppression>, prefix: String) -> impl IntoView {
    if listed.is_empty() {
        let text = match prefix.as_str() {
            "" => "No address is listed.",
            _ => "No listed address begins so.",
        };
        return view! { <p class="card mail-none">{text}</p> }.into_any();
    }
    let more = (listed.len() >= MOST).then(|| {
        view! { <p class="field-hint">"These are the first 200; search to see others."</p> }
    });
    let rows = listed
        .into_iter()
        .map(|listed| view! { <Row listed prefix=prefix.clone() /> });
    view! {
        <ul class="card undeliverable">{rows.collect_view()}</ul>
        {more}
    }
    .into_any()
}

#[component]
fn Row(listed: Suppression, prefix: String) -> impl IntoView {
    let Suppression {
        address,
        reply,
        listed,
        id,
    } = listed;
    view! {
        <li>
            <div class="undeliverable-what">
                <strong>{address.clone()}</strong>
                <span class="happening-said">{reply}</span>
                <span class="mail-more">
                    "Since " <Moment at=listed /> ", reply to "
                    <a href=format!("/outbox/{id}")>"this message"</a>
                </span>
            </div>
            <form method="post" action="/suppressions/remove">
                <input type="hidden" name="address" value=address.clone() />
                <input type="hidden" name="prefix" value=prefix />
                <button
                    class="button button-secondary button-small"
                    type="submit"
                    aria-label=format!("Remove {address}")
                >
                    "Remove"
                </button>
            </form>
        </li>
    }
}
