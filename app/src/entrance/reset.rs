//! The pages of a forgotten password: the request of a link, and the new password.

use domain::Kind;
use domain::account::mailed_link::RESET_LIFETIME;
use domain::timestamp::in_words;
use engine::Postern;

use super::set_password::SetPassword;
use super::{EntranceCard, LOGIN, RESET, SET_BY_RESET};
use crate::components::{ErrorNotice, FormField};
use crate::flash::{Flash, flash};
use crate::request::{fault, other_fault, query, refuse, set_status, typed_email};
use crate::server_prelude::*;

#[component]
pub fn ResetPage() -> impl IntoView {
    match query("token") {
        Some(token) => new_password(token),
        None if matches!(flash(), Some(Flash::ResetRequested)) => requested(),
        None => request(),
    }
}

/// The form with an address, or what to do while mail is down.
fn request() -> AnyView {
    let postern = expect_context::<Postern>();
    let (fault, other) = (fault("email"), other_fault(&["email"]));
    let email = typed_email().unwrap_or_default();
    Suspend::new(async move {
        match postern.account_mail().outage().await {
            Ok(None) => view! {
                <EntranceCard
                    title="Forgotten your password?"
                    intro=format!(
                        "A link that sets a new one is mailed to you. It works once, within {}.",
                        in_words(RESET_LIFETIME),
                    )
                >
                    {other.map(|text| view! { <ErrorNotice text /> })}
                    <form method="post" action=RESET>
                        <FormField
                            name="email"
                            label="Email address"
                            autocomplete="username"
                            value=email
                            fault=fault
                            first=true
                        />
                        <button class="button button-primary" type="submit">
                            "Mail me a link"
                        </button>
                    </form>
                    <SignIn />
                </EntranceCard>
            }
            .into_any(),
            Ok(Some(_)) => view! {
                <EntranceCard title="Mail is down" intro="No link can be mailed to you now. An administrator can set your password on the machine that Postern runs on:">
                    {other.map(|text| view! { <ErrorNotice text /> })}
                    <pre class="mail-example">"postern account passwd ADDRESS"</pre>
                    <SignIn />
                </EntranceCard>
            }
            .into_any(),
            Err(refusal) => {
                refuse(&refusal);
                view! {
                    <EntranceCard title="Not available at the moment" intro="The database does not answer.">
                        <ErrorNotice text=refusal.text().to_owned() />
                    </EntranceCard>
                }
                .into_any()
            }
        }
    })
    .into_any()
}

/// The answer to every request, whether or not there is such an account.
fn requested() -> AnyView {
    let lifetime = in_words(RESET_LIFETIME);
    let intro = format!(
        "If there is an account with this address, a link is on its way to it. It works once, within \
         {lifetime}; a newer one ends the one before. After three of them no more are mailed until \
         {lifetime} are over: use the newest."
    );
    view! {
        <EntranceCard title="Check your mail" intro>
            <SignIn />
        </EntranceCard>
    }
    .into_any()
}

#[component]
fn SignIn() -> AnyView {
    view! {
        <a class="button button-secondary" href=LOGIN>
            "Sign in"
        </a>
    }
    .into_any()
}

fn new_password(token: String) -> AnyView {
    let postern = expect_context::<Postern>();
    Suspend::new(async move {
        // A database error is reported by the post of the form.
        match postern.accounts().resettable(&token).await {
            Ok(None) => used(),
            Ok(Some(email)) => form(token, email),
            Err(_) => form(token, String::new()),
        }
    })
    .into_any()
}

/// The content of the page for a link that is no longer valid.
fn used() -> AnyView {
    set_status(Kind::Forbidden);
    view! {
        <EntranceCard title="This link no longer works" intro="It has been used, has expired or is not the newest.">
            <a class="button button-primary" href=RESET>
                "Request a new one"
            </a>
        </EntranceCard>
    }
    .into_any()
}

fn form(token: String, email: String) -> AnyView {
    view! {
        <EntranceCard title="Set a new password" intro="All sessions of your account end.">
            <SetPassword action=SET_BY_RESET token email />
        </EntranceCard>
    }
    .into_any()
}
