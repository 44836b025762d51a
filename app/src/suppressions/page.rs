//! The page of the suppression list.

use domain::Fields;
use domain::outbox::{Suppression, SuppressionSearch};
use engine::Postern;

use super::REMOVE;
use super::removal::{Removal, RemovalRequest};
use super::search_form::SearchForm;
use crate::components::{ErrorNotice, HiddenFields, SuccessNotice, Time, refused};
use crate::flash::{Flash, flash};
use crate::layout::console_page;
use crate::outbox::{OUTBOX, grouped, message_path};
use crate::request::{other_fault, queries};
use crate::server_prelude::*;

#[component]
pub fn SuppressionsPage() -> impl IntoView {
    console_page("Suppression list", |actor| {
        let postern = expect_context::<Postern>();
        let search = Fields::of(&queries()).read(Fields::decode::<SuppressionSearch>);
        let removed = removed();
        let refusal = other_fault(&[]);
        Suspend::new(async move {
            let search = match search {
                Ok(search) => search,
                Err(refusal) => return refused(&refusal),
            };
            let outbox = postern.outbox();
            let listed = outbox.suppressions(&actor, &search).await;
            let (listed, number) = match (listed, outbox.count_suppressions(&actor, &search).await)
            {
                (Ok(listed), Ok(number)) => (listed, number),
                (Err(refusal), _) | (_, Err(refusal)) => return refused(&refusal),
            };
            view! {
                <div class="page">
                    <header class="page-head">
                        <a class="page-back" href=OUTBOX>
                            "Outbox"
                        </a>
                        <h1>"Suppression list"</h1>
                        <p>
                            "Addresses that a relay rejected as unknown. A message to one of them fails without an attempt until the entry expires or you remove it here. A relay adds at most 5 % of its recipients in 24 hours, or 20 where that is more."
                        </p>
                    </header>
                    {refusal.map(|text| view! { <ErrorNotice text /> })}
                    {removed.map(|text| view! { <SuccessNotice text /> })}
                    <SearchForm search=search.clone() />
                    <RemoveAll number search=search.clone() />
                    <Listed listed search />
                </div>
            }
            .into_any()
        })
    })
}

/// What the last form removed, if the page follows one.
fn removed() -> Option<String> {
    let retry = "Retry the failed messages to send them.";
    match flash()? {
        Flash::SuppressionRemoved(address) => {
            Some(format!("{address} is no longer suppressed. {retry}"))
        }
        Flash::SuppressionsRemoved(number) => {
            let are = if number == 1 { "is" } else { "are" };
            let addresses = addresses(number);
            Some(format!("{addresses} {are} no longer suppressed. {retry}"))
        }
        _ => None,
    }
}

/// As in `1 address` and `1,204 addresses`.
fn addresses(number: i64) -> String {
    match number {
        1 => "1 address".to_owned(),
        _ => format!("{} addresses", grouped(number)),
    }
}

/// The button that removes all that match. There is none for a single address, which has its own.
#[component]
fn RemoveAll(number: i64, search: SuppressionSearch) -> Option<AnyView> {
    if number < 2 {
        return None;
    }
    let of = match search.pairs().is_empty() {
        true => "Remove all",
        false => "Remove all that match:",
    };
    let request = RemovalRequest {
        removal: Removal::All(number),
        search,
    };
    let label = format!("{of} {}", addresses(number));
    Some(
        view! {
            <form method="post" action=REMOVE>
                <HiddenFields fields=request.fields() />
                <button class="button button-danger button-small" type="submit">
                    {label}
                </button>
            </form>
        }
        .into_any(),
    )
}

#[component]
fn Listed(listed: Vec<Suppression>, search: SuppressionSearch) -> impl IntoView {
    if listed.is_empty() {
        let text = match search.pairs().is_empty() {
            true => "No address is listed.",
            false => "No listed address matches.",
        };
        return view! { <p class="card mail-empty">{text}</p> }.into_any();
    }
    let more = (listed.len() >= Suppression::LISTED_MAX).then(|| {
        view! { <p class="field-hint">"These are the first 200; search to see others."</p> }
    });
    let rows = listed
        .into_iter()
        .map(|listed| view! { <Row listed search=search.clone() /> });
    view! {
        <ul class="card suppressions">{rows.collect_view()}</ul>
        {more}
    }
    .into_any()
}

#[component]
fn Row(listed: Suppression, search: SuppressionSearch) -> AnyView {
    let Suppression {
        address,
        relay,
        reply,
        listed,
        expires,
        id,
    } = listed;
    let by = (!relay.is_empty()).then(|| format!(" by {relay}"));
    let request = RemovalRequest {
        removal: Removal::One(address.clone()),
        search,
    };
    view! {
        <li>
            <div class="suppression-info">
                <strong>{address.clone()}</strong>
                <span class="event-reply">{reply}</span>
                <span class="mail-detail">
                    "Since " <Time at=listed /> {by} ", reply to "
                    <a href=message_path(&id)>"this message"</a> ". Expires " <Time at=expires /> "."
                </span>
            </div>
            <form method="post" action=REMOVE>
                <HiddenFields fields=request.fields() />
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
