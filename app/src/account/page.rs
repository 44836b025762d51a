//! The account page.

use engine::{Actor, Postern};
use leptos::prelude::*;

use super::second_factor::SecondFactorSection;
use super::session_list::SessionList;
use super::tokens::{self, Tokens};
use super::{CHANGE_PASSWORD, END_SESSION};
use crate::components::{ErrorNotice, FormField, SuccessNotice, refused};
use crate::flash::{Flash, flash};
use crate::layout::console_page;
use crate::limits::OwnLimitsSection;
use crate::request::{fault, other_fault};
use crate::senders::SENDERS;

const FIELDS: [&str; 2] = ["current", "new"];

#[component]
pub fn AccountPage() -> impl IntoView {
    console_page("Account", |actor| {
        let name = actor.name().to_owned();
        let fields = [&FIELDS[..], &tokens::FIELDS].concat();
        let done = flash().and_then(done);
        view! {
            <div class="page">
                <header class="page-head">
                    <h1>"Account"</h1>
                    <p>"You are signed in as " {name.clone()} "."</p>
                </header>
                {done.map(|text| view! { <SuccessNotice text /> })}
                {other_fault(&fields).map(|text| view! { <ErrorNotice text /> })}
                <Password name />
                <SecondFactorSection actor=actor.clone() />
                <Senders />
                <Sessions actor=actor.clone() />
                <OwnLimitsSection actor=actor.clone() />
                <Tokens actor />
            </div>
        }
    })
}

/// What the form before this page did, if it is one of this page.
fn done(flash: Flash) -> Option<&'static str> {
    match flash {
        Flash::PasswordChanged => Some("Your password is changed."),
        Flash::SecondFactorRemoved => Some("The second factor is removed."),
        Flash::SessionEnded => Some("The session is ended."),
        Flash::TokenRevoked => Some("The token is revoked."),
        _ => None,
    }
}

#[component]
fn Password(name: String) -> AnyView {
    view! {
        <section class="card" aria-labelledby="password-title">
            <header class="card-head">
                <h2 id="password-title">"Password"</h2>
                <p>"The password you sign in to Postern with."</p>
            </header>
            <form class="card-body" method="post" action=CHANGE_PASSWORD>
                // Shows a password manager which account's password changes.
                <input type="text" name="username" autocomplete="username" value=name hidden />
                <div class="narrow">
                    <FormField
                        name="current"
                        label="Current password"
                        autocomplete="current-password"
                        fault=fault("current")
                    />
                </div>
                <div class="narrow">
                    <FormField
                        name="new"
                        label="New password"
                        autocomplete="new-password"
                        hint="12 to 128 characters."
                        fault=fault("new")
                    />
                </div>
                <div class="buttons">
                    <button class="button button-primary" type="submit">
                        "Change password"
                    </button>
                </div>
            </form>
        </section>
    }
    .into_any()
}

#[component]
fn Senders() -> AnyView {
    view! {
        <section class="card" aria-labelledby="senders-title">
            <header class="card-head">
                <h2 id="senders-title">"Sender addresses"</h2>
                <p>"The From addresses that your mail may name."</p>
            </header>
            <div class="card-body">
                <div class="buttons">
                    <a class="button button-secondary" href=SENDERS>
                        "Manage sender addresses"
                    </a>
                </div>
            </div>
        </section>
    }
    .into_any()
}

#[component]
fn Sessions(actor: Actor) -> AnyView {
    let postern = expect_context::<Postern>();
    let list = Suspend::new(async move {
        match postern.accounts().sessions(&actor).await {
            Ok(sessions) => view! { <SessionList sessions action=END_SESSION /> }.into_any(),
            Err(refusal) => refused(&refusal),
        }
    });
    view! {
        <section class="card" aria-labelledby="sessions-title">
            <header class="card-head">
                <h2 id="sessions-title">"Sessions"</h2>
                <p>"Where you are signed in. End a session that you do not recognise, then change your password."</p>
            </header>
            <Suspense>{list}</Suspense>
        </section>
    }
    .into_any()
}
