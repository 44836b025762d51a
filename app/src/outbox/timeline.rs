//! What happened to a mail for one recipient, oldest first, and what happens next.

use domain::Timestamp;
use domain::outbox::{DeliveryEvent, EventKind, RecipientState, RecipientView};
use leptos::prelude::*;

use super::Viewer;
use super::format::{ahead, took};

#[component]
pub fn Timeline(recipient: RecipientView, accepted: Timestamp, viewer: Viewer) -> impl IntoView {
    let admin = viewer.admin;
    let next = next(&recipient, viewer.now);
    let events = recipient
        .timeline
        .into_iter()
        .map(|event| view! { <DeliveryEventRow event admin /> });
    view! {
        <ol class="timeline">
            <li class="event happening-plain">
                <Exact at=accepted />
                <div class="happening-what">
                    <p>
                        <strong>"Accepted"</strong>
                    </p>
                </div>
            </li>
            {events.collect_view()}
            {next
                .map(|(at, words)| {
                    view! {
                        <li class="event happening-ahead">
                            {at.map(|at| view! { <Exact at /> })}
                            <div class="happening-what">
                                <p>{words}</p>
                            </div>
                        </li>
                    }
                })}
        </ol>
    }
}

/// When, and what: nothing where nothing follows by itself.
fn next(recipient: &RecipientView, now: Timestamp) -> Option<(Option<Timestamp>, String)> {
    match (recipient.state, recipient.due) {
        _ if recipient.leased => Some((None, "Being sent at this moment.".to_owned())),
        (RecipientState::Held, _) => Some((None, "Held until somebody releases it.".to_owned())),
        (RecipientState::Failed, _) => {
            Some((None, "Not tried again unless somebody says so.".to_owned()))
        }
        (RecipientState::Queued | RecipientState::Deferred, Some(due)) if due > now => {
            Some((Some(due), format!("Next attempt {}.", ahead(due, now))))
        }
        (RecipientState::Queued | RecipientState::Deferred, _) => {
            Some((None, "Waits for its turn.".to_owned()))
        }
        (RecipientState::Delivered | RecipientState::Cancelled, _) => None,
    }
}

#[component]
fn DeliveryEventRow(event: DeliveryEvent, admin: bool) -> impl IntoView {
    let DeliveryEvent {
        at,
        kind,
        by,
        reply,
        took: lasted,
        may_have_arrived,
    } = event;
    let (class, title, attempt) = match kind {
        EventKind::Delivered => ("happening-good", "Delivered", true),
        EventKind::Deferred => ("happening-warn", "Attempt failed", true),
        EventKind::Failed => ("happening-bad", "Failed", true),
        EventKind::Retried => ("happening-plain", "Retried", false),
        EventKind::Cancelled => ("happening-plain", "Cancelled", false),
        EventKind::Held => ("happening-held", "Held", false),
        EventKind::Released => ("happening-plain", "Released", false),
    };
    // Where mail leaves by, and who runs Postern, is for administrators.
    let by = (admin && !by.is_empty()).then_some(by);
    let by = by.map(|by| match attempt {
        true => format!(" through {by}"),
        false => format!(" by {by}"),
    });
    let lasted = lasted.map(|lasted| format!(" in {}", took(lasted)));
    let reply = (!reply.is_empty()).then(|| view! { <p class="happening-said">{reply}</p> });
    let arrived = may_have_arrived.then(|| {
        view! {
            <p class="happening-more">
                "It may have arrived: the relay had the whole mail, and its answer never came."
            </p>
        }
    });
    view! {
        <li class=format!("event {class}")>
            <Exact at />
            <div class="happening-what">
                <p>
                    <strong>{title}</strong>
                    <span class="happening-more">{by} {lasted}</span>
                </p>
                {reply} {arrived}
            </div>
        </li>
    }
}

/// To the second: attempts may be that close.
#[component]
fn Exact(at: Timestamp) -> impl IntoView {
    let rfc3339 = at.rfc3339();
    let text = rfc3339.replace('T', " ").replace('Z', " UTC");
    view! {
        <time class="happening-at" datetime=rfc3339>
            {text}
        </time>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_is_told_only_where_something_does() {
        let now = Timestamp(1_795_151_610_000);
        let soon = Some(Timestamp(now.0 + 240_000));
        for (state, leased, due, expected) in [
            (
                RecipientState::Queued,
                false,
                Some(now),
                Some("Waits for its turn."),
            ),
            (
                RecipientState::Queued,
                true,
                soon,
                Some("Being sent at this moment."),
            ),
            (
                RecipientState::Deferred,
                false,
                soon,
                Some("Next attempt in 4 min."),
            ),
            (RecipientState::Delivered, false, None, None),
            (RecipientState::Cancelled, false, None, None),
        ] {
            let recipient = RecipientView {
                position: 0,
                address: "a@example.org".to_owned(),
                state,
                leased,
                attempts: 0,
                due,
                timeline: Vec::new(),
            };
            let told = next(&recipient, now).map(|(_, words)| words);
            assert_eq!(told.as_deref(), expected);
        }
    }
}
