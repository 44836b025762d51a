//! The page of one's own API tokens: the list, and the form that creates one.

use domain::account::Role;
use domain::limits::sending::LIMIT_NAMES;
use engine::{Actor, Postern, TokenScope};

use super::priority_field::PriorityField;
use super::token_list::TokenList;
use super::{ACCOUNT, CREATE_TOKEN, CreatedToken, REVOKE_TOKEN, TokenForm};
use crate::components::{ErrorNotice, FormField, SuccessNotice, refused};
use crate::flash::{Flash, flash};
use crate::layout::console_page;
use crate::limits::LimitFields;
use crate::request::{fault, other_fault};
use crate::server_prelude::*;

/// The fields of the form, as refusals name them.
const FIELDS: [&str; 11] = [
    "name",
    "scopes",
    "expires_days",
    "senders",
    "any_sender",
    "default_priority",
    "highest_priority",
    LIMIT_NAMES[0],
    LIMIT_NAMES[1],
    LIMIT_NAMES[2],
    LIMIT_NAMES[3],
];

#[component]
pub fn TokensPage() -> impl IntoView {
    console_page("API tokens", |actor| {
        let admin = actor.role() == Some(Role::Admin);
        let revoked = flash().is_some_and(|done| matches!(done, Flash::TokenRevoked));
        let created = use_context::<CreatedToken>().map(|CreatedToken(secret)| {
            view! {
                <div class="notice notice-good" role="status">
                    "The token is created. Copy it now; it is not shown again."
                    <code class="token-secret">{secret}</code>
                </div>
            }
        });
        view! {
            <div class="page">
                <header class="page-head">
                    <a class="page-back" href=ACCOUNT>
                        "Account"
                    </a>
                    <h1>"API tokens"</h1>
                    <p>"What applications send and read mail with, as you."</p>
                </header>
                {revoked.then(|| view! { <SuccessNotice text="The token is revoked." /> })}
                {created}
                {other_fault(&FIELDS).map(|text| view! { <ErrorNotice text /> })}
                <section class="card" aria-label="Tokens">
                    <Listed actor />
                </section>
                <section class="card" aria-labelledby="create-title">
                    <header class="card-head">
                        <h2 id="create-title">"Create a token"</h2>
                    </header>
                    <Create admin />
                </section>
            </div>
        }
    })
}

#[component]
fn Listed(actor: Actor) -> AnyView {
    let postern = expect_context::<Postern>();
    let list = Suspend::new(async move {
        match postern.accounts().newest_tokens(&actor).await {
            Ok(newest) => {
                let now = postern.accounts().now();
                view! { <TokenList newest now action=REVOKE_TOKEN /> }.into_any()
            }
            Err(refusal) => refused(&refusal),
        }
    });
    view! { <Suspense>{list}</Suspense> }.into_any()
}

#[component]
fn Create(admin: bool) -> AnyView {
    let typed = use_context::<TokenForm>();
    let checked = |scope: TokenScope| match &typed {
        Some(typed) => typed.has(scope),
        None => scope == TokenScope::Send,
    };
    let scopes = [
        (TokenScope::Send, "Send mail"),
        (TokenScope::Read, "Read messages and metrics"),
        (
            TokenScope::Admin,
            match admin {
                true => "Do what administrators do",
                false => "Change my relay",
            },
        ),
    ];
    let scopes = scopes
        .into_iter()
        .map(|(scope, label)| {
            let name: &str = scope.into();
            view! {
                <label class="check">
                    <input type="checkbox" name=name checked=checked(scope) />
                    {label}
                </label>
            }
        })
        .collect_view();
    let typed = typed.unwrap_or_default();
    let any_checked = typed.any_sender.is_some();
    let any_sender = admin.then(|| {
        view! {
            <div class="field">
                <label class="check">
                    <input
                        type="checkbox"
                        name="any_sender"
                        checked=any_checked
                        aria-describedby="any_sender-hint"
                    />
                    "Send from any address"
                </label>
                <p class="field-hint" id="any_sender-hint">
                    "Unchecked, its mail comes from your sender addresses. It ends when you are no administrator any more."
                </p>
                {fault("any_sender").map(|text| view! { <p class="field-fault">{text}</p> })}
            </div>
        }
    });
    let limits = typed.limits();
    view! {
        <form class="card-body" method="post" action=CREATE_TOKEN>
            <div class="narrow">
                <FormField
                    name="name"
                    label="Name of the token"
                    autocomplete="off"
                    inputmode="text"
                    hint="The application that it is for."
                    value=typed.name
                    fault=fault("name")
                />
            </div>
            <fieldset class="field">
                <legend class="label">"The token may"</legend>
                {scopes}
                {fault("scopes").map(|text| view! { <p class="field-fault">{text}</p> })}
            </fieldset>
            <div class="narrow">
                <FormField
                    name="senders"
                    label="Senders"
                    autocomplete="off"
                    hint="The addresses that it may send from, separated by commas. Empty: all your sender addresses."
                    required=false
                    value=typed.senders
                    fault=fault("senders")
                />
            </div>
            {any_sender}
            <div class="narrow">
                <PriorityField
                    name="default_priority"
                    label="Default priority"
                    none="Normal, or the highest"
                    hint="The priority of mail that names none."
                    value=typed.default_priority
                />
            </div>
            <div class="narrow">
                <PriorityField
                    name="highest_priority"
                    label="Highest priority"
                    none="No limit"
                    hint="Mail of a higher priority is refused."
                    value=typed.highest_priority
                />
            </div>
            <div class="narrow">
                <FormField
                    name="expires_days"
                    label="Days until it expires"
                    autocomplete="off"
                    inputmode="numeric"
                    hint="Empty: it does not expire."
                    required=false
                    value=typed.expires_days
                    fault=fault("expires_days")
                />
            </div>
            <fieldset class="field">
                <legend class="label">"The token sends at most"</legend>
                <p class="field-hint">"Empty: as much as you. Your own limits hold as well."</p>
                <LimitFields values=limits />
            </fieldset>
            <div class="buttons">
                <button class="button button-primary" type="submit">
                    "Create token"
                </button>
            </div>
        </form>
    }
    .into_any()
}
