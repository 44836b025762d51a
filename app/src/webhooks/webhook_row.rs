//! A webhook in the list: its state, its buttons and its last deliveries.

use domain::webhook::{WebhookDelivery, WebhookView};
use engine::WebhookOwner;

use super::WebhookPaths;
use super::format::{answer, attempts, delivery_badge, webhook_badge, webhook_host};
use crate::components::{ActionButton, Time, exact};
use crate::request::with_query;
use crate::server_prelude::*;

#[component]
pub fn WebhookRow(
    owner: WebhookOwner,
    webhook: WebhookView,
    deliveries: Vec<WebhookDelivery>,
) -> AnyView {
    let WebhookPaths {
        change,
        secret,
        test,
        remove,
        ..
    } = WebhookPaths::of(owner);
    let host = webhook_host(&webhook.url).to_owned();
    let badge = webhook_badge(&webhook);
    let gone = webhook.gone_at.filter(|_| !webhook.enabled).map(|at| {
        view! {
            <span class="mail-detail">
                "Switched off " <Time at />
                ": the receiver answered 410, it wants no more events."
            </span>
        }
    });
    let lost = webhook.is_secret_lost.then(|| {
        view! {
            <span class="mail-detail">
                "The key of its secret is lost, and events are not sent. Make a new secret."
            </span>
        }
    });
    let last = webhook.last.as_ref().and_then(|delivery| {
        let at = delivery.attempted_at?;
        Some(view! {
            <span class="mail-detail">
                "Last attempt " <time datetime=at.rfc3339()>{exact(at)}</time> ": " {answer(delivery)}
            </span>
        })
    });
    let waiting = (webhook.queued > 0).then(|| {
        let text = match webhook.queued {
            1 => "1 event waits".to_owned(),
            number => format!("{number} events wait"),
        };
        view! { <span class="mail-detail">{text}</span> }
    });
    let (switch, enabled) = match webhook.enabled {
        true => ("Switch off", "0"),
        false => ("Switch on", "1"),
    };
    let id = ("id", webhook.id.clone());
    let test = webhook.enabled.then(|| {
        view! { <ActionButton action=test text="Send a test event" about=host.clone() fields=vec![id.clone()] /> }
    });
    let change_page = with_query(change, [("id", &webhook.id)]);
    let removal_page = with_query(remove, [("id", &webhook.id)]);
    let named = (owner == WebhookOwner::Account).then(|| {
        view! {
            <span class="mail-detail">
                "Messages name it by its id, " <code>{webhook.id.clone()}</code>
            </span>
        }
    });
    view! {
        <li>
            <div class="suppression-info">
                <strong class="relay-name">
                    {webhook.url} <span class=badge.class>{badge.name}</span>
                </strong>
                <span class="mail-detail">
                    "Added " <Time at=webhook.created_at /> " by " {webhook.created_by}
                </span>
                {named}
                {gone}
                {lost}
                {last}
                {waiting}
            </div>
            <div class="actions">
                {test}
                <ActionButton
                    action=change
                    text=switch
                    about=host.clone()
                    fields=vec![id.clone(), ("enabled", enabled.to_owned())]
                />
                <a
                    class="button button-secondary button-small"
                    href=change_page
                    aria-label=format!("Change URL: {host}")
                >
                    "Change URL"
                </a>
                <ActionButton action=secret text="New secret" about=host.clone() fields=vec![id] />
                <a
                    class="button button-danger button-small"
                    href=removal_page
                    aria-label=format!("Remove: {host}")
                >
                    "Remove"
                </a>
            </div>
            <Deliveries deliveries />
        </li>
    }
    .into_any()
}

#[component]
fn Deliveries(deliveries: Vec<WebhookDelivery>) -> Option<AnyView> {
    if deliveries.is_empty() {
        return None;
    }
    let rows = deliveries
        .into_iter()
        .map(|delivery| view! { <Delivery delivery /> });
    Some(
        view! {
            <details class="webhook-log">
                <summary>"Last deliveries"</summary>
                <ul>{rows.collect_view()}</ul>
            </details>
        }
        .into_any(),
    )
}

#[component]
fn Delivery(delivery: WebhookDelivery) -> AnyView {
    let badge = delivery_badge(&delivery);
    let made = delivery
        .attempted_at
        .map(|at| view! { ", the last " <time datetime=at.rfc3339()>{exact(at)}</time> });
    let next = delivery
        .next_attempt_at
        .filter(|_| delivery.attempts > 0)
        .map(|at| view! { ", the next " <time datetime=at.rfc3339()>{exact(at)}</time> });
    let answer = answer(&delivery);
    view! {
        <li>
            <strong class="relay-name">
                {delivery.event} <span class=badge.class>{badge.name}</span>
            </strong>
            <span class="mail-detail">{delivery.event_id}</span>
            <span class="mail-detail">
                "Created " <time datetime=delivery.created_at.rfc3339()>{exact(delivery.created_at)}</time>
                ", " {attempts(delivery.attempts)} {made} {next}
            </span>
            {(!answer.is_empty()).then(|| view! { <span class="mail-detail">{answer}</span> })}
        </li>
    }
    .into_any()
}
