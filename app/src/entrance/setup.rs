//! The page of the one-time link printed at first start: it creates the first administrator.

use domain::Kind;
use engine::Postern;

use super::set_password::new_password_hint;
use super::{EntranceCard, LOGIN, SETUP};
use crate::components::{ErrorNotice, FormField};
use crate::request::{fault, other_fault, query, set_status, typed_email};
use crate::server_prelude::*;

const FIELDS: [&str; 2] = ["email", "password"];

#[component]
pub fn SetupPage() -> impl IntoView {
    let Some(token) = query("token") else {
        return view! {
            <EntranceCard title="Use the link" intro="At its first start Postern prints a one-time link. Open that link to create the first administrator.">
                <a class="button button-secondary" href=LOGIN>
                    "Sign in instead"
                </a>
            </EntranceCard>
        }
        .into_any();
    };
    let postern = expect_context::<Postern>();
    Suspend::new(async move {
        // A database error is reported by the post of the form.
        match postern.accounts().is_setup_token(&token).await {
            Ok(false) => used().into_any(),
            Ok(true) | Err(_) => form(token).into_any(),
        }
    })
    .into_any()
}

/// The content of the page for a link that is no longer valid.
fn used() -> AnyView {
    set_status(Kind::Forbidden);
    view! {
        <EntranceCard title="This link no longer works" intro="It has been used, has expired or is not the newest. The command postern setup-link prints a new one while there is no account.">
            <a class="button button-secondary" href=LOGIN>
                "Sign in"
            </a>
        </EntranceCard>
    }
    .into_any()
}

fn form(token: String) -> AnyView {
    view! {
        <EntranceCard title="Welcome to Postern" intro="Create the first administrator, who creates the other accounts.">
            {other_fault(&FIELDS).map(|text| view! { <ErrorNotice text /> })}
            <form method="post" action=SETUP>
                <input type="hidden" name="token" value=token />
                <FormField
                    name="email"
                    label="Your email address"
                    autocomplete="username"
                    value=typed_email().unwrap_or_default()
                    fault=fault("email")
                    first=true
                />
                <FormField
                    name="password"
                    label="Password"
                    autocomplete="new-password"
                    hint=new_password_hint()
                    fault=fault("password")
                />
                <button class="button button-primary" type="submit">
                    "Create administrator"
                </button>
            </form>
        </EntranceCard>
    }
    .into_any()
}
