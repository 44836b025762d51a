//! The page of the suppression list.

use domain::outbox::Suppression;
use engine::Postern;
use leptos::prelude::*;

use super::{REMOVE, SUPPRESSIONS};
use crate::components::{ErrorNotice, SuccessNotice, Time, refused};
use crate::layout::console_page;
use crate::outbox::{OUTBOX, message_path};
use crate::request::{other_fault, query};

/// The length of the list that the engine returns at most.
const LISTED_MAX: usize = 200;

#[component]
pub fn SuppressionsPage() -> impl IntoView {
    console_page("Suppression list", |actor| {
        let postern = expect_context::<Postern>();
        let prefix = query("prefix").unwrap_or_default();
        let removed = query("removed").filter(|removed| !removed.is_empty());
        let refusal = other_fault(&[]);
        Suspend::new(async move {
            let listed = match postern.outbox().suppressions(&actor, &prefix).await {
                Ok(listed) => listed,
                Err(refusal) => return refused(&refusal),
            };
            let removed = removed.map(|address| {
                let text = format!(
                    "{address} is no longer suppressed. Retry its failed messages to send them."
                );
                view! { <SuccessNotice text /> }
            });
            view! {
                <div class="page">
                    <header class="page-head">
                        <a class="page-back" href=OUTBOX>
                            "Outbox"
                        </a>
                        <h1>"Suppression list"</h1>
                        <p>
                            "Addresses that a relay rejected as unknown. A message to one of them fails without an attempt until you remove the address here."
                        </p>
                    </header>
                    {refusal.map(|text| view! { <ErrorNotice text /> })}
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
fn Find(prefix: String) -> AnyView {
    let any = !prefix.is_empty();
    view! {
        <form class="card search-form" method="get" role="search" aria-label="Addresses">
            <div class="search-line">
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
                            view! { <a class="button button-quiet" href=SUPPRESSIONS>"Clear"</a> }
                        })}
                </div>
            </div>
        </form>
    }
    .into_any()
}

#[component]
fn Listed(listed: Vec<Suppression>, prefix: String) -> impl IntoView {
    if listed.is_empty() {
        let text = match prefix.as_str() {
            "" => "No address is listed.",
            _ => "No listed address begins with this.",
        };
        return view! { <p class="card mail-empty">{text}</p> }.into_any();
    }
    let more = (listed.len() >= LISTED_MAX).then(|| {
        view! { <p class="field-hint">"These are the first 200; search to see others."</p> }
    });
    let rows = listed
        .into_iter()
        .map(|listed| view! { <Row listed prefix=prefix.clone() /> });
    view! {
        <ul class="card suppressions">{rows.collect_view()}</ul>
        {more}
    }
    .into_any()
}

#[component]
fn Row(listed: Suppression, prefix: String) -> AnyView {
    let Suppression {
        address,
        reply,
        listed,
        id,
    } = listed;
    view! {
        <li>
            <div class="suppression-info">
                <strong>{address.clone()}</strong>
                <span class="event-reply">{reply}</span>
                <span class="mail-detail">
                    "Since " <Time at=listed /> ", reply to "
                    <a href=message_path(&id)>"this message"</a>
                </span>
            </div>
            <form method="post" action=REMOVE>
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
    .into_any()
}
