//! The timeline of a recipient: its delivery events, oldest first, and what follows.

use domain::Timestamp;
use domain::outbox::{DeliveryEvent, EventKind, RecipientState, RecipientView};

use crate::components::exact;
use crate::outbox::format::{ahead, took};
use crate::outbox::viewer::Viewer;
use crate::server_prelude::*;

#[component]
pub fn Timeline(recipient: RecipientView, accepted: Timestamp, viewer: Viewer) -> AnyView {
    let admin = viewer.admin;
    let next = next(&recipient, viewer.now);
    let events = recipient
        .timeline
        .into_iter()
        .map(|event| view! { <DeliveryEventRow event admin /> });
    view! {
        <ol class="timeline">
            <li class="event event-plain">
                <Exact at=accepted />
                <div class="event-body">
                    <p>
                        <strong>"Accepted"</strong>
                    </p>
                </div>
            </li>
            {events.collect_view()}
            {next
                .map(|(at, text)| {
                    view! {
                        <li class="event event-next">
                            {at.map(|at| view! { <Exact at /> })}
                            <div class="event-body">
                                <p>{text}</p>
                            </div>
                        </li>
                    }
                })}
        </ol>
    }
    .into_any()
}

/// What follows and when; `None` where nothing does.
fn next(recipient: &RecipientView, now: Timestamp) -> Option<(Option<Timestamp>, String)> {
    match (recipient.state, recipient.due) {
        _ if recipient.leased => Some((None, "Being sent.".to_owned())),
        (RecipientState::Held, _) => Some((None, "Held until it is released.".to_owned())),
        (RecipientState::Failed, _) => {
            Some((None, "Not sent again unless it is retried.".to_owned()))
        }
        (RecipientState::Queued | RecipientState::Deferred, Some(due)) if due > now => {
            Some((Some(due), format!("Next attempt {}.", ahead(due, now))))
        }
        (RecipientState::Queued | RecipientState::Deferred, _) => {
            Some((None, "Queued for delivery.".to_owned()))
        }
        (RecipientState::Delivered | RecipientState::Cancelled, _) => None,
    }
}

#[component]
fn DeliveryEventRow(event: DeliveryEvent, admin: bool) -> AnyView {
    let DeliveryEvent {
        at,
        kind,
        by,
        choice,
        reply,
        took: lasted,
        may_have_arrived,
    } = event;
    let (class, title, attempt) = match kind {
        EventKind::Delivered => ("event-good", "Delivered", true),
        EventKind::Deferred => ("event-warn", "Attempt failed", true),
        EventKind::Failed => ("event-bad", "Failed", true),
        EventKind::Unanswered => ("event-held", "Attempt failed, held", true),
        EventKind::Retried => ("event-plain", "Retried", false),
        EventKind::Resent => ("event-plain", "Sent again", false),
        EventKind::Cancelled => ("event-plain", "Cancelled", false),
        EventKind::Held => ("event-held", "Held", false),
        EventKind::Released => ("event-plain", "Released", false),
        EventKind::Reported => ("event-plain", "Report to the sender", false),
    };
    // Relays and people are for administrators only.
    let by = (admin && !by.is_empty()).then_some(by);
    let by = by.map(|by| match attempt {
        true => format!(" through {by}"),
        false => format!(" by {by}"),
    });
    // Other accounts see the relays of the organisation without their names.
    let choice = choice.map(|choice| {
        let text = format!("{} was chosen: {}.", choice.relay, choice.reason(exact));
        view! { <p class="event-detail">{text}</p> }
    });
    let lasted = lasted.map(|lasted| format!(" in {}", took(lasted)));
    let reply = (!reply.is_empty()).then(|| view! { <p class="event-reply">{reply}</p> });
    let arrived = may_have_arrived.then(|| {
        view! {
            <p class="event-detail">
                "It may have arrived: the relay received the whole message, and its reply was lost."
            </p>
        }
    });
    view! {
        <li class=format!("event {class}")>
            <Exact at />
            <div class="event-body">
                <p>
                    <strong>{title}</strong>
                    <span class="event-detail">{by} {lasted}</span>
                </p>
                {choice} {reply} {arrived}
            </div>
        </li>
    }
    .into_any()
}

/// To the second, because attempts may follow each other that closely.
#[component]
fn Exact(at: Timestamp) -> AnyView {
    view! {
        <time class="event-at" datetime=at.rfc3339()>
            {exact(at)}
        </time>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_step_is_shown_only_if_there_is_one() {
        let now = Timestamp(1_795_151_610_000);
        let soon = Some(Timestamp(now.0 + 240_000));
        for (state, leased, due, expected) in [
            (
                RecipientState::Queued,
                false,
                Some(now),
                Some("Queued for delivery."),
            ),
            (RecipientState::Queued, true, soon, Some("Being sent.")),
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
            let text = next(&recipient, now).map(|(_, text)| text);
            assert_eq!(text.as_deref(), expected);
        }
    }
}
