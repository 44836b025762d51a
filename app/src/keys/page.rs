//! The page of the keys of stored secrets and of browsers, with the forms that rotate them.

use domain::crypto::keys::{BrowserKeyView, KeysView, ROTATION_AGE};
use engine::Postern;

use super::key_row::{BrowserKeyRow, SealingKeyRow};
use super::notices::KeyNotices;
use super::{ROTATE_BROWSER_KEY, ROTATE_KEYS};
use crate::components::{ErrorNotice, SuccessNotice, refused};
use crate::flash::{Flash, flash};
use crate::layout::console_page;
use crate::request::other_fault;
use crate::server_prelude::*;

#[component]
pub fn KeysPage() -> impl IntoView {
    console_page("Keys", |actor| {
        let postern = expect_context::<Postern>();
        let fault = other_fault(&[]);
        let done = flash().and_then(done);
        Suspend::new(async move {
            match postern.sealing_keys().list(&actor).await {
                Ok(view) => view! {
                    <div class="page">
                        <header class="page-head">
                            <h1>"Keys"</h1>
                            <p>
                                "Passwords of relays and other secrets are stored sealed. The keys are files in the folder "
                                <code>"keys"</code>
                                " of the data folder. Back them up apart from the data: neither is of use without the other."
                            </p>
                        </header>
                        {fault.map(|text| view! { <ErrorNotice text /> })}
                        {done.map(|text| view! { <SuccessNotice text /> })}
                        <KeyNotices view=view.clone() />
                        <StoredSecrets view=view.clone() />
                        <Browsers keys=view.browser />
                    </div>
                }
                .into_any(),
                Err(refusal) => refused(&refusal),
            }
        })
    })
}

/// What the form before this page did, if it leads here.
fn done(flash: Flash) -> Option<String> {
    match flash {
        Flash::KeyMade => Some(
            "A new key is made. What other keys sealed is sealed anew in the background."
                .to_owned(),
        ),
        Flash::BrowserKeyMade => Some(
            "A new key for browsers is published. Pages that are open save for another hour."
                .to_owned(),
        ),
        Flash::KeyRetired(id) => Some(format!("The key {id} is retired, and its file deleted.")),
        _ => None,
    }
}

/// How far sealing anew has come, as a sentence.
fn progress(view: &KeysView) -> String {
    match (view.number(), view.to_seal_anew()) {
        (number, 0) => format!("Sealed values: {number}. None waits to be sealed anew."),
        (number, left) => format!(
            "Sealed values: {number}. {left} of them are still to be sealed anew; load the page again to see how far that has come."
        ),
    }
}

#[component]
fn StoredSecrets(view: KeysView) -> AnyView {
    let text = progress(&view);
    let days = ROTATION_AGE.as_secs() / (24 * 3600);
    let rows = view
        .sealing
        .into_iter()
        .map(|key| view! { <SealingKeyRow key /> });
    view! {
        <section class="card" aria-labelledby="sealing-title">
            <header class="card-head">
                <h2 id="sealing-title">"Stored secrets"</h2>
                <p>
                    {format!(
                        "The newest key seals. Make a new one every {days} days, and when somebody may have read the files.",
                    )}
                </p>
            </header>
            <ul class="suppressions">{rows.collect_view()}</ul>
            <form class="card-body" method="post" action=ROTATE_KEYS>
                <p>{text}</p>
                <div class="buttons">
                    <button class="button button-primary" type="submit">
                        "Make a new key"
                    </button>
                </div>
            </form>
        </section>
    }
    .into_any()
}

#[component]
fn Browsers(keys: Vec<BrowserKeyView>) -> AnyView {
    let list = match keys.is_empty() {
        true => {
            view! { <p class="card-body">"The first is made when a page needs it."</p> }.into_any()
        }
        false => {
            let rows = keys.into_iter().map(|key| view! { <BrowserKeyRow key /> });
            view! { <ul class="suppressions">{rows.collect_view()}</ul> }.into_any()
        }
    };
    view! {
        <section class="card" aria-labelledby="browsers-title">
            <header class="card-head">
                <h2 id="browsers-title">"Browsers"</h2>
                <p>
                    "Browsers seal typed passwords for the published key. It changes every 24 hours, and the one before is accepted for another hour."
                </p>
            </header>
            {list}
            <form class="card-body" method="post" action=ROTATE_BROWSER_KEY>
                <div class="buttons">
                    <button class="button button-secondary" type="submit">
                        "Make a new key for browsers"
                    </button>
                </div>
            </form>
        </section>
    }
    .into_any()
}
