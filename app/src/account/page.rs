//! The account page.

use domain::account::password::password_rule;
use engine::{Actor, Postern};

use super::second_factor::SecondFactorSection;
use super::session_list::SessionList;
use super::{CHANGE_PASSWORD, END_OTHER_SESSIONS, END_SESSION, TOKENS};
use crate::components::{ErrorNotice, FormField, SuccessNotice, refused};
use crate::flash::{Flash, flash};
use crate::layout::console_page;
use crate::limits::OwnLimitsSection;
use crate::request::{fault, other_fault};
use crate::senders::SENDERS;
use crate::server_prelude::*;
use crate::webhooks::OWN_WEBHOOKS;

const FIELDS: [&str; 2] = ["current", "new"];

#[component]
pub fn AccountPage() -> impl IntoView {
    console_page("Account", |actor| {
        let name = actor.name().to_owned();
        let done = flash().and_then(done);
        view! {
            <div class="page">
                <header class="page-head">
                    <h1>"Account"</h1>
                    <p>"You are signed in as " {name.clone()} "."</p>
                </header>
                {done.map(|text| view! { <SuccessNotice text /> })}
                {other_fault(&FIELDS).map(|text| view! { <ErrorNotice text /> })}
                <Password name />
                <SecondFactorSection actor=actor.clone() />
                <Managed
                    id="senders"
                    title="Sender addresses"
                    text="The From addresses that your mail may name."
                    href=SENDERS
                    link="Manage sender addresses"
                />
                <Managed
                    id="tokens"
                    title="API tokens"
                    text="What applications send and read mail with, as you."
                    href=TOKENS
                    link="Manage API tokens"
                />
                <Managed
                    id="webhooks"
                    title="Message webhooks"
                    text="Report to applications whether the mail that they submit was delivered, deferred or failed."
                    href=OWN_WEBHOOKS
                    link="Manage message webhooks"
                />
                <Sessions actor=actor.clone() />
                <OwnLimitsSection actor />
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
        Flash::SessionsEnded(_) => Some("Your other sessions are ended."),
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
                        hint=format!("{}.", password_rule())
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

/// A section that leads to a page of its own.
#[component]
fn Managed(
    id: &'static str,
    title: &'static str,
    text: &'static str,
    href: &'static str,
    link: &'static str,
) -> AnyView {
    let id = format!("{id}-title");
    let labelled_by = id.clone();
    view! {
        <section class="card" aria-labelledby=labelled_by>
            <header class="card-head">
                <h2 id=id>{title}</h2>
                <p>{text}</p>
            </header>
            <div class="card-body">
                <div class="buttons">
                    <a class="button button-secondary" href=href>
                        {link}
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
            Ok(sessions) => {
                let others = (sessions.len() > 1).then(|| {
                    view! {
                        <form class="card-body" method="post" action=END_OTHER_SESSIONS>
                            <div class="buttons">
                                <button class="button button-secondary" type="submit">
                                    "End all others"
                                </button>
                            </div>
                        </form>
                    }
                });
                view! {
                    <SessionList sessions action=END_SESSION />
                    {others}
                }
                .into_any()
            }
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
