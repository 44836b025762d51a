//! What is left of limits, on the pages of accounts and in the lists of tokens.

use domain::limits::rate_window::Period;
use domain::limits::sending::LimitUse;
use domain::{SendingQuota, Timestamp};
use engine::{Actor, Postern};

use super::fields::LABELS;
use crate::components::{exact, refused};
use crate::server_prelude::*;

/// A limit with what is left of it.
struct Remaining {
    name: &'static str,
    text: AnyView,
}

/// The limits in the order of the periods, and that of recipients.
fn remaining(quota: &SendingQuota, now: Timestamp) -> Vec<Remaining> {
    let [of_periods @ .., of_recipients] = LABELS;
    let messages = quota.uses(now).into_iter().filter_map(|used| {
        let at = Period::ALL
            .iter()
            .position(|period| *period == used.period)?;
        Some(Remaining {
            name: of_periods[at],
            text: left(used),
        })
    });
    let recipients = quota.limits.max_recipients.map(|most| Remaining {
        name: of_recipients,
        text: format!("at most {most}").into_any(),
    });
    messages.chain(recipients).collect()
}

fn left(used: LimitUse) -> AnyView {
    let time = |at: Timestamp| view! { <time datetime=at.rfc3339()>{exact(at)}</time> };
    let again = match (used.next_at, used.resets_at) {
        (Some(at), _) => view! { ", the next at " {time(at)} }.into_any(),
        (None, Some(at)) => view! { ", all again at " {time(at)} }.into_any(),
        (None, None) => ().into_any(),
    };
    let number = format!("{} of {} left", used.left, used.limit);
    view! {
        {number}
        {again}
    }
    .into_any()
}

/// A list of the limits.
#[component]
pub fn LimitFacts(quota: SendingQuota, now: Timestamp) -> AnyView {
    let facts = remaining(&quota, now).into_iter().map(|limit| {
        view! {
            <dt>{limit.name}</dt>
            <dd>{limit.text}</dd>
        }
    });
    view! { <dl class="facts">{facts.collect_view()}</dl> }.into_any()
}

/// A line for each limit of a token.
#[component]
pub fn LimitLines(quota: SendingQuota, now: Timestamp) -> AnyView {
    let lines = remaining(&quota, now).into_iter().map(|limit| {
        view! { <span>{limit.name} ": " {limit.text}</span> }
    });
    lines.collect_view().into_any()
}

/// The section of the account page about the limits of the own account; nothing where it has none.
#[component]
pub fn OwnLimitsSection(actor: Actor) -> AnyView {
    let postern = expect_context::<Postern>();
    let section = Suspend::new(async move {
        let limits = postern.limits();
        match limits.own(&actor).await {
            Ok(own) if own.account.limits.is_empty() => ().into_any(),
            Ok(own) => view! {
                <section class="card" aria-labelledby="limits-title">
                    <header class="card-head">
                        <h2 id="limits-title">"Limits"</h2>
                        <p>
                            "What this account may send, with all its tokens together. An administrator sets it."
                        </p>
                    </header>
                    <div class="card-body">
                        <LimitFacts quota=own.account now=limits.now() />
                    </div>
                </section>
            }
            .into_any(),
            Err(refusal) => refused(&refusal),
        }
    });
    view! { <Suspense>{section}</Suspense> }.into_any()
}
