//! The page that asks a person for the second factor or the password again, before certain acts.

use domain::account::session::CONFIRMATION_LIFETIME;
use domain::timestamp::in_words;
use engine::{Actor, FactorChoices, Postern};

use super::CONFIRM_IDENTITY;
use crate::components::{ErrorNotice, FormField, PasskeyForm};
use crate::layout::console_page;
use crate::request::{fault, local_path, other_fault, query, with_query};
use crate::server_prelude::*;

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
        let postern = expect_context::<Postern>();
        let forms = Suspend::new(async move {
            if !actor.has_second_factor() {
                return code_form(password_field(&actor), &waiting);
            }
            let choices = postern.accounts().confirmation_choices(&actor).await;
            // Without choices the code remains: the post of the form says that the database fails.
            let choices = choices.unwrap_or(FactorChoices {
                has_app: true,
                passkey: None,
            });
            let passkey = choices
                .passkey
                .map(|options| passkey_form(options, &waiting));
            view! {
                {passkey}
                {code_form(code_field(choices.has_app), &waiting)}
            }
            .into_any()
        });
        view! {
            <div class="page">
                <header class="page-head">
                    <h1>"Confirm that it is you"</h1>
                    <p>
                        "This needs a sign-in or a confirmation within the last "
                        {in_words(CONFIRMATION_LIFETIME)}
                        ", so that nobody does it at a screen you left."
                    </p>
                </header>
                {other_fault(&[CONFIRMATION]).map(|text| view! { <ErrorNotice text /> })}
                <section class="card">
                    <Suspense>{forms}</Suspense>
                </section>
            </div>
        }
    })
}

/// The form for a code or the password, which posts the waiting form with it.
fn code_form(field: AnyView, waiting: &WaitingForm) -> AnyView {
    view! {
        <form class="card-body" method="post" action=waiting.action.clone()>
            {hidden(waiting)}
            <div class="narrow">{field}</div>
            <div class="buttons">
                <button class="button button-primary" type="submit">
                    "Continue"
                </button>
            </div>
        </form>
    }
    .into_any()
}

/// The form for a passkey, which posts the waiting form with it.
fn passkey_form(options: String, waiting: &WaitingForm) -> AnyView {
    view! {
        <PasskeyForm
            class="card-body"
            action=waiting.action.clone()
            options
            name=CONFIRMATION
            button="Use a passkey"
            fields=hidden(waiting)
        />
    }
    .into_any()
}

fn code_field(has_app: bool) -> AnyView {
    let (label, hint) = match has_app {
        true => (
            "Code",
            "The 6 digits that your authenticator app shows, or a recovery code.",
        ),
        false => (
            "Recovery code",
            "One of the codes that you kept at the set-up. Each works once.",
        ),
    };
    view! {
        <FormField
            name=CONFIRMATION
            label
            autocomplete="one-time-code"
            inputmode="text"
            hint
            fault=fault(CONFIRMATION)
            first=true
        />
    }
    .into_any()
}

fn password_field(actor: &Actor) -> AnyView {
    view! {
        // Shows a password manager whose password is asked for. It has no name and is not posted.
        <input type="text" autocomplete="username" value=actor.name().to_owned() hidden />
        <FormField
            name=CONFIRMATION
            label="Password"
            autocomplete="current-password"
            fault=fault(CONFIRMATION)
            first=true
        />
    }
    .into_any()
}

fn hidden(waiting: &WaitingForm) -> AnyView {
    let fields = waiting.fields.clone().into_iter();
    fields
        .map(|(name, value)| view! { <input type="hidden" name=name value=value /> })
        .collect_view()
        .into_any()
}

/// The page to continue to, as a query.
fn own_query() -> Option<(&'static str, String)> {
    let next = query("next").filter(|next| local_path(next).is_some());
    next.map(|next| ("next", next))
}
