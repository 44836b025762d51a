//! The sign-in page, an HTML form.

use super::{EntranceCard, LOGIN, RESET, login_path};
use crate::components::{ErrorNotice, FormField, SuccessNotice};
use crate::flash::{Flash, flash};
use crate::request::{actor, fault, local_path, other_fault, query, redirect, typed_email};
use crate::server_prelude::*;

const FIELDS: [&str; 2] = ["email", "password"];

#[component]
pub fn LoginPage() -> impl IntoView {
    let next = query("next").filter(|next| local_path(next).is_some());
    if actor().is_some() {
        redirect(next.as_deref().unwrap_or("/"));
        return ().into_any();
    }
    let action = match next {
        Some(next) => login_path(&next),
        None => LOGIN.to_owned(),
    };
    let set = match flash() {
        Some(Flash::PasswordSet(email)) => Some(email),
        _ => None,
    };
    let done = set
        .is_some()
        .then_some("Your password is set. Sign in with it.");
    let email = typed_email().or(set);
    let known = email.is_some();
    view! {
        <EntranceCard title="Sign in" intro="With the account an administrator created for you.">
            {other_fault(&FIELDS).map(|text| view! { <ErrorNotice text /> })}
            {done.map(|text| view! { <SuccessNotice text /> })}
            <form method="post" action=action>
                <FormField
                    name="email"
                    label="Email address"
                    autocomplete="username"
                    value=email.unwrap_or_default()
                    fault=fault("email")
                    first=!known
                />
                <FormField
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
            <p class="entrance-more">
                <a href=RESET>"Forgotten your password?"</a>
            </p>
        </EntranceCard>
    }
    .into_any()
}
