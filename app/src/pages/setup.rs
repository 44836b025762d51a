//! The page that makes the first administrator, reached by the link Postern prints at first start.

use domain::Kind;
use engine::Postern;
use leptos::prelude::*;

use super::entrance::Entrance;
use crate::parts::{Bad, Field};
use crate::request::{beside, fault, query, set_status, typed_email};

const FIELDS: [&str; 2] = ["email", "password"];

#[component]
pub fn Setup() -> impl IntoView {
    let Some(token) = query("token") else {
        return view! {
            <Entrance title="Use the link" intro="Postern prints a link when it starts for the first time; open that one. It works once.">
                <a class="button button-secondary" href="/login">
                    "Sign in instead"
                </a>
            </Entrance>
        }
        .into_any();
    };
    let postern = expect_context::<Postern>();
    Suspend::new(async move {
        // A database that does not answer is reported by the form's own post.
        match postern.accounts().is_setup_token(&token).await {
            Ok(false) => used().into_any(),
            Ok(true) | Err(_) => form(token).into_any(),
        }
    })
    .into_any()
}

/// What a link shows that no longer works.
fn used() -> impl IntoView {
    set_status(Kind::Forbidden);
    view! {
        <Entrance title="This link no longer works" intro="It has been used or is not the newest. Restart Postern for a new one, or sign in.">
            <a class="button button-secondary" href="/login">
                "Sign in"
            </a>
        </Entrance>
    }
}

fn form(token: String) -> impl IntoView {
    view! {
        <Entrance title="Welcome to Postern" intro="Create the first administrator. Everybody else is let in by you.">
            {beside(&FIELDS).map(|text| view! { <Bad text /> })}
            <form method="post" action="/setup">
                <input type="hidden" name="token" value=token />
                <Field
                    name="email"
                    label="Your email address"
                    autocomplete="username"
                    value=typed_email().unwrap_or_default()
                    fault=fault("email")
                    first=true
                />
                <Field
                    name="password"
                    label="Password"
                    autocomplete="new-password"
                    hint="12 to 128 characters. A sentence is easier to remember than symbols."
                    fault=fault("password")
                />
                <button class="button button-primary" type="submit">
                    "Create administrator"
                </button>
            </form>
        </Entrance>
    }
}
