//! The page to sign in at. The form is posted to the server as it is.

use leptos::prelude::*;

use super::entrance::Entrance;
use crate::parts::{Bad, Field};
use crate::request::{actor, beside, fault, local_path, login_path, query, redirect, typed_email};

const FIELDS: [&str; 2] = ["email", "password"];

#[component]
pub fn Login() -> impl IntoView {
    let next = query("next").filter(|next| local_path(next).is_some());
    if actor().is_some() {
        redirect(next.as_deref().unwrap_or("/"));
        return ().into_any();
    }
    let action = match next {
        Some(next) => login_path(&next),
        None => "/login".to_owned(),
    };
    let email = typed_email();
    let known = email.is_some();
    view! {
        <Entrance title="Sign in" intro="With the account an administrator gave you.">
            {beside(&FIELDS).map(|text| view! { <Bad text /> })}
            <form method="post" action=action>
                <Field
                    name="email"
                    label="Email address"
                    autocomplete="username"
                    value=email.unwrap_or_default()
                    fault=fault("email")
                    first=!known
                />
                <Field
                    name="password"
                    label="Password"
                    autocomplete="current-password"
                    fault=fault("password")
                    first=known
                />
                <button class="button button-primary" type="submit">
                    "Sign in"
                </button>
            </form>
        </Entrance>
    }
    .into_any()
}
