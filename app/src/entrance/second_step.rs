//! The page of the second step of a sign-in, HTML forms.

use engine::{FactorChoices, Postern};

use super::{EntranceCard, LOGIN, SECOND_STEP};
use crate::components::{ErrorNotice, FormField, PasskeyForm};
use crate::request::{actor, fault, local_path, other_fault, query, redirect, with_query};
use crate::server_prelude::*;

/// The form.
#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecondStepForm {
    /// A code, or what the browser answers to the options of a passkey.
    pub code: String,
}

/// What the cookie of the second step holds; empty without one. The server crate provides it as context of
/// the page.
#[derive(Clone, Default)]
pub struct PendingSignIn(pub String);

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
    let PendingSignIn(secret) = use_context().unwrap_or_default();
    let postern = expect_context::<Postern>();
    let forms = Suspend::new(async move {
        let choices = postern.accounts().second_step_choices(&secret).await;
        // Without choices the code remains: the post of the form says that the sign-in has ended, or that
        // the database fails.
        let choices = choices.ok().flatten().unwrap_or(FactorChoices {
            has_app: true,
            passkey: None,
        });
        forms(choices, with_recovery_code, next.as_deref())
    });
    view! {
        <EntranceCard
            title="Second factor"
            intro="Your password is right. This account needs a second factor as well."
        >
            {other_fault(&["code"]).map(|text| view! { <ErrorNotice text /> })}
            <Suspense>{forms}</Suspense>
        </EntranceCard>
    }
    .into_any()
}

/// The form for a code, the one for a passkey, and the links to the others.
fn forms(choices: FactorChoices, with_recovery_code: bool, next: Option<&str>) -> AnyView {
    let path = |recovery: bool| {
        let next = next.map(|next| ("next", next));
        let recovery = recovery.then_some(("recovery", "1"));
        with_query(SECOND_STEP, next.into_iter().chain(recovery))
    };
    let with_app = choices.has_app && !with_recovery_code;
    let field = match with_app {
        true => view! {
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
        false => view! {
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
    };
    let passkey = choices.passkey.map(|options| {
        view! { <PasskeyForm action=path(!with_app) options name="code" button="Use a passkey" /> }
    });
    let other = choices.has_app.then(|| {
        let text = match with_app {
            true => "Use a recovery code",
            false => "Use the authenticator app",
        };
        view! {
            <a href=path(with_app)>{text}</a>
            " · "
        }
    });
    view! {
        {passkey}
        <form method="post" action=path(!with_app)>
            {field}
            <button class="button button-primary" type="submit">
                "Sign in"
            </button>
        </form>
        <p>{other} <a href=LOGIN>"Start again"</a></p>
    }
    .into_any()
}
