//! The page of the addresses that one's own account sends from.

use domain::account::mailed_link::SENDER_LINK_LIFETIME;
use domain::timestamp::in_words;
use engine::{Actor, Postern};

use super::{REMOVE_SENDER, SEND_AGAIN, SENDERS, SenderForm, SenderList};
use crate::account::ACCOUNT;
use crate::components::{ErrorNotice, FormField, SuccessNotice, refused};
use crate::flash::{Flash, flash};
use crate::layout::console_page;
use crate::request::{fault, other_fault};
use crate::server_prelude::*;

#[component]
pub fn SendersPage() -> impl IntoView {
    console_page("Sender addresses", |actor| {
        let done = flash().and_then(done);
        view! {
            <div class="page">
                <header class="page-head outbox-head">
                    <a class="page-back" href=ACCOUNT>
                        "Account"
                    </a>
                    <h1>"Sender addresses"</h1>
                </header>
                {done.map(|text| view! { <SuccessNotice text /> })}
                {other_fault(&["address"]).map(|text| view! { <ErrorNotice text /> })}
                <Listed actor />
                <Add />
            </div>
        }
    })
}

/// What the form before this page did, if it is one of this page.
fn done(flash: Flash) -> Option<String> {
    match flash {
        Flash::SenderAsked(address) => Some(format!(
            "A link is mailed to {address}. It works once, within {}; until it is used, you cannot \
             send from the address.",
            in_words(SENDER_LINK_LIFETIME)
        )),
        Flash::SenderRemoved => Some("The address is removed.".to_owned()),
        _ => None,
    }
}

#[component]
fn Listed(actor: Actor) -> AnyView {
    let postern = expect_context::<Postern>();
    let list = Suspend::new(async move {
        match postern.senders().own(&actor).await {
            Ok(senders) => {
                view! { <SenderList senders action=REMOVE_SENDER again=SEND_AGAIN /> }.into_any()
            }
            Err(refusal) => refused(&refusal),
        }
    });
    view! {
        <section class="card" aria-labelledby="senders-title">
            <header class="card-head">
                <h2 id="senders-title">"You send from"</h2>
                <p>
                    "Mail that names another From address is refused. Mail that names none has the From address of its relay."
                </p>
            </header>
            <Suspense>{list}</Suspense>
        </section>
    }
    .into_any()
}

#[component]
fn Add() -> AnyView {
    let typed = use_context::<SenderForm>().unwrap_or_default();
    view! {
        <section class="card" aria-labelledby="add-title">
            <header class="card-head">
                <h2 id="add-title">"Add an address"</h2>
                <p>
                    "Postern mails a link to the address. You can send from it once its holder confirms it by that link. Only an administrator adds a whole domain."
                </p>
            </header>
            <form class="card-body" method="post" action=SENDERS autocomplete="off">
                <div class="narrow">
                    <FormField
                        name="address"
                        label="Email address"
                        autocomplete="off"
                        value=typed.address
                        fault=fault("address")
                    />
                </div>
                <div class="buttons">
                    <button class="button button-primary" type="submit">
                        "Send the link"
                    </button>
                </div>
            </form>
        </section>
    }
    .into_any()
}
