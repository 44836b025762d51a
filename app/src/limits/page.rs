//! The page with the limits of an account or of a token, a plain form.

use domain::limits::sending::LIMIT_NAMES;
use domain::{Refusal, SendingQuota};
use engine::{Actor, Postern};

use super::{LIMITS, LimitFacts, LimitFields, LimitsTarget, TypedLimits};
use crate::accounts::account_path;
use crate::components::{ErrorNotice, HiddenFields, refused};
use crate::layout::console_page;
use crate::request::{other_fault, queries};
use crate::server_prelude::*;

/// What the page shows.
struct Shown {
    /// The address of the account.
    email: String,
    /// The path of the page of the account.
    back: String,
    /// The name of the token, if the limits are those of one.
    token: Option<String>,
    quota: SendingQuota,
}

impl Shown {
    async fn read(
        postern: &Postern,
        actor: &Actor,
        target: &LimitsTarget,
    ) -> Result<Self, Refusal> {
        let accounts = postern.accounts();
        match target {
            LimitsTarget::Account(id) => {
                let account = accounts.read(actor, id).await?;
                Ok(Self {
                    quota: postern.limits().of_account(actor, id).await?,
                    email: account.email,
                    back: account_path(&account.id),
                    token: None,
                })
            }
            LimitsTarget::Token(id) => {
                let token = accounts.token(actor, id).await?;
                Ok(Self {
                    quota: token.quota,
                    email: token.account.email,
                    back: account_path(&token.account.id),
                    token: Some(token.name),
                })
            }
        }
    }
}

#[component]
pub fn LimitsPage() -> impl IntoView {
    console_page("Limits", |actor| {
        let postern = expect_context::<Postern>();
        let target = LimitsTarget::parse(&queries());
        let fault = other_fault(&LIMIT_NAMES);
        let typed = use_context::<TypedLimits>();
        Suspend::new(async move {
            let target = match target {
                Ok(target) => target,
                Err(refusal) => return refused(&refusal),
            };
            match Shown::read(&postern, &actor, &target).await {
                Ok(shown) => {
                    let now = postern.limits().now();
                    let of = match &shown.token {
                        Some(name) => format!("Limits of the token {name}"),
                        None => format!("Limits of {}", shown.email),
                    };
                    let facts = (!shown.quota.limits.is_empty())
                        .then(|| view! { <LimitFacts quota=shown.quota now /> });
                    let typed = typed.unwrap_or_else(|| TypedLimits::saved(&shown.quota.limits));
                    view! {
                        <div class="page">
                            <header class="page-head outbox-head">
                                <a class="page-back" href=shown.back>
                                    {shown.email.clone()}
                                </a>
                                <h1>{of}</h1>
                            </header>
                            {fault.map(|text| view! { <ErrorNotice text /> })}
                            <Form target typed>{facts}</Form>
                        </div>
                    }
                    .into_any()
                }
                Err(refusal) => refused(&refusal),
            }
        })
    })
}

/// What is left, and the form that changes the limits.
#[component]
fn Form(target: LimitsTarget, typed: TypedLimits, children: Children) -> AnyView {
    let text = match target {
        LimitsTarget::Account(_) => {
            "They hold for all mail of the account, from the next mail on. An empty limit does not apply."
        }
        LimitsTarget::Token(_) => {
            "They hold for the mail of this token, beside those of its account. An empty limit does not apply."
        }
    };
    view! {
        <section class="card" aria-labelledby="limits-title">
            <header class="card-head">
                <h2 id="limits-title">"Limits"</h2>
                <p>{text}</p>
            </header>
            <form class="card-body" method="post" action=LIMITS>
                {children()} <HiddenFields fields=vec![target.field()] />
                <LimitFields values=typed.0 />
                <div class="buttons">
                    <button class="button button-primary" type="submit">
                        "Save limits"
                    </button>
                </div>
            </form>
        </section>
    }
    .into_any()
}
