//! A list of API tokens with a button that revokes each, of the own account or of another.

use domain::Timestamp;
use domain::figures::FigureSubject;
use engine::{NewestTokens, Token};

use crate::components::{HiddenFields, Time};
use crate::figures::figures_path;
use crate::limits::{LimitLines, LimitsTarget};
use crate::server_prelude::*;

/// `action` is the form that revokes one; `fields` are sent with its id. With `changes_limits` each has a
/// link to the page that changes its limits. Tokens that expire before `now` are marked.
#[component]
pub fn TokenList(
    newest: NewestTokens,
    now: Timestamp,
    action: &'static str,
    #[prop(optional)] changes_limits: bool,
    #[prop(optional)] fields: Vec<(&'static str, String)>,
) -> AnyView {
    let number = count(&newest);
    if newest.tokens.is_empty() {
        return view! { <p class="card-body">{number}</p> }.into_any();
    }
    let rows = newest
        .tokens
        .into_iter()
        .map(|token| view! { <Row token now action changes_limits fields=fields.clone() /> });
    view! {
        <p class="card-body">{number}</p>
        <ul class="card-body sessions">{rows.collect_view()}</ul>
    }
    .into_any()
}

/// The number of tokens, and of those that are shown where they are not all.
fn count(newest: &NewestTokens) -> String {
    let shown = newest.tokens.len();
    match newest.number {
        1 => "1 token".to_owned(),
        number if i64::try_from(shown) == Ok(number) => format!("{number} tokens"),
        number => format!("{number} tokens, of which the newest {shown} are shown"),
    }
}

#[component]
fn Row(
    token: Token,
    now: Timestamp,
    action: &'static str,
    changes_limits: bool,
    fields: Vec<(&'static str, String)>,
) -> AnyView {
    let mut fields = fields;
    let limits = changes_limits.then(|| {
        let href = LimitsTarget::Token(token.id.clone()).path();
        view! {
            <a
                class="button button-secondary button-small"
                href=href
                aria-label=format!("Limits of {}", token.name)
            >
                "Limits"
            </a>
        }
    });
    let figures = figures_path(&FigureSubject::Token(token.id.clone()));
    fields.push(("id", token.id.clone()));
    let scopes: Vec<&str> = token.scopes.iter().map(Into::into).collect();
    let is_expired = token.is_expired(now);
    let from = match token.any_sender {
        _ if !token.senders.is_empty() => token.senders.join(", "),
        true => "any address".to_owned(),
        false => "the sender addresses of the account".to_owned(),
    };
    let priority = token.priorities.default.as_str();
    let highest = match token.priorities.is_limited() {
        true => format!(" up to {}", token.priorities.highest.as_str()),
        false => String::new(),
    };
    let last_used = match token.last_used_at {
        Some(at) => view! { ", last used " <Time at /> }.into_any(),
        None => ", not used yet".into_any(),
    };
    view! {
        <li class="session">
            <div class="session-info">
                <strong>
                    {token.name.clone()}
                    {is_expired.then(|| view! { <span class="badge badge-bad">"Expired"</span> })}
                </strong>
                <span>{scopes.join(", ")} "; from " {from} "; priority " {priority} {highest}</span>
                <span>
                    "Created " <Time at=token.created_at /> {last_used}
                    {token.expires_at.map(|at| view! { ", expires " <Time at /> })}
                </span>
                <LimitLines quota=token.quota now />
            </div>
            <a
                class="button button-secondary button-small"
                href=figures
                aria-label=format!("Figures of {}", token.name)
            >
                "Figures"
            </a>
            {limits}
            <form method="post" action=action>
                <HiddenFields fields />
                <button
                    class="button button-danger button-small"
                    type="submit"
                    aria-label=format!("Revoke {}", token.name)
                >
                    "Revoke"
                </button>
            </form>
        </li>
    }
    .into_any()
}
