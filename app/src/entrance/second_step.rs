//! The page of the second step of a sign-in, an HTML form.

use leptos::prelude::*;

use super::{EntranceCard, LOGIN, SECOND_STEP};
use crate::components::{ErrorNotice, FormField};
use crate::request::{actor, fault, local_path, other_fault, query, redirect, with_query};

/// The form.
#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecondStepForm {
    pub code: String,
}

/// The page of the second step that continues to `next` afterwards.
pub fn second_step_path(next: &str) -> String {
    with_query(SECOND_STEP, [("next", next)])
}

#[component]
pub fn SecondStepPage() -> impl IntoView {
    let next = query("next").filter(|next| local_path(next).is_some());
    if actor().is_some() {
        redirect(next.as_deref().unwrap_or("/"));
        return ().into_any();
    }
    let with_recovery_code = query("recovery").is_some();
    let path = move |recovery: bool| {
        let next = next.as_deref().map(|next| ("next", next));
        let recovery = recovery.then_some(("recovery", "1"));
        with_query(SECOND_STEP, next.into_iter().chain(recovery))
    };
    let (field, other) = match with_recovery_code {
        false => (
            view! {
                <FormField
                    name="code"
                    label="Code"
                    autocomplete="one-time-code"
                    inputmode="numeric"
                    hint="The 6 digits that your authenticator app shows."
                    fault=fault("code")
                    first=true
                />
            }
            .into_any(),
            view! { <a href=path(true)>"Use a recovery code"</a> }.into_any(),
        ),
        true => (
            view! {
                <FormField
                    name="code"
                    label="Recovery code"
                    autocomplete="off"
                    inputmode="text"
                    hint="One of the codes that you kept at the set-up. Each works once."
                    fault=fault("code")
                    first=true
                />
            }
            .into_any(),
            view! { <a href=path(false)>"Use the authenticator app"</a> }.into_any(),
        ),
    };
    view! {
        <EntranceCard title="Second factor" intro="Your password is right. This account needs a code as well.">
            {other_fault(&["code"]).map(|text| view! { <ErrorNotice text /> })}
            <form method="post" action=path(with_recovery_code)>
                {field}
                <button class="button button-primary" type="submit">
                    "Sign in"
                </button>
            </form>
            <p>{other} " · " <a href=LOGIN>"Start again"</a></p>
        </EntranceCard>
    }
    .into_any()
}
