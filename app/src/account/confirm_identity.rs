//! The page that asks a person for the second factor or the password again, before certain acts.

use leptos::prelude::*;

use super::CONFIRM_IDENTITY;
use crate::components::{ErrorNotice, FormField};
use crate::layout::console_page;
use crate::request::{fault, local_path, other_fault, query, with_query};

/// The field of the answer.
pub const CONFIRMATION: &str = "confirmation";

/// A posted form that waits for the confirmation. The server crate provides it as context of the page,
/// which posts its fields again together with the answer.
#[derive(Clone, Debug)]
pub struct WaitingForm {
    /// The path it was posted to.
    pub action: String,
    /// Its fields, without secrets.
    pub fields: Vec<(String, String)>,
}

/// The form of the page itself.
#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConfirmIdentityForm {
    pub confirmation: String,
}

#[component]
pub fn ConfirmIdentityPage() -> impl IntoView {
    console_page("Confirm that it is you", |actor| {
        let waiting = use_context::<WaitingForm>().unwrap_or_else(|| WaitingForm {
            action: with_query(CONFIRM_IDENTITY, own_query()),
            fields: Vec::new(),
        });
        let hidden = waiting
            .fields
            .into_iter()
            .map(|(name, value)| view! { <input type="hidden" name=name value=value /> })
            .collect_view();
        let name = actor.name().to_owned();
        let field = match actor.has_second_factor() {
            true => view! {
                <FormField
                    name=CONFIRMATION
                    label="Code"
                    autocomplete="one-time-code"
                    inputmode="text"
                    hint="The 6 digits that your authenticator app shows, or a recovery code."
                    fault=fault(CONFIRMATION)
                    first=true
                />
            }
            .into_any(),
            false => view! {
                // Shows a password manager whose password is asked for. It has no name and is not posted.
                <input type="text" autocomplete="username" value=name hidden />
                <FormField
                    name=CONFIRMATION
                    label="Password"
                    autocomplete="current-password"
                    fault=fault(CONFIRMATION)
                    first=true
                />
            }
            .into_any(),
        };
        view! {
            <div class="page">
                <header class="page-head">
                    <h1>"Confirm that it is you"</h1>
                    <p>
                        "This needs a sign-in or a confirmation within the last 10 minutes, so that nobody does it at a screen you left."
                    </p>
                </header>
                {other_fault(&[CONFIRMATION]).map(|text| view! { <ErrorNotice text /> })}
                <section class="card">
                    <form class="card-body" method="post" action=waiting.action>
                        {hidden}
                        <div class="narrow">{field}</div>
                        <div class="buttons">
                            <button class="button button-primary" type="submit">
                                "Continue"
                            </button>
                        </div>
                    </form>
                </section>
            </div>
        }
    })
}

/// The page to continue to, as a query.
fn own_query() -> Option<(&'static str, String)> {
    let next = query("next").filter(|next| local_path(next).is_some());
    next.map(|next| ("next", next))
}
