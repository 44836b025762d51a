//! A message: its envelope, and a timeline for each recipient.

mod content;
mod timeline;
mod waiting;

use domain::Timestamp;
use domain::outbox::{Cursor, MessageOpens, MessageView, RecipientState, RecipientView, Selection};

use super::action::{BulkActions, RecipientActions};
use super::format::{counted, size};
use super::overview::StateBadge;
use super::viewer::Viewer;
use crate::components::Time;
use crate::server_prelude::*;
pub use content::Content;
use timeline::Timeline;
use waiting::Waiting;

/// The id of the view, which snapshots replace.
const ID: &str = "message";

/// The heading of its page.
pub fn title(message: &MessageView) -> String {
    match message.subject.as_str() {
        "" => "(no subject)".to_owned(),
        subject => subject.to_owned(),
    }
}

#[component]
pub fn Message(message: MessageView, viewer: Viewer) -> AnyView {
    let accepted = message.accepted;
    let id = message.id.clone();
    let many = message.recipients.len() > 1;
    let mut states: Vec<RecipientState> = message.recipients.iter().map(|r| r.state).collect();
    states.sort_unstable();
    states.dedup();
    let of_all = counted(count(&message.recipients), "recipient");
    let acts = (viewer.admin && many).then(|| {
        let selection = Selection::Message(id.clone());
        view! { <BulkActions selection states of=format!("For all {of_all}") /> }
    });
    let relays = message.waits_for.clone();
    let waiting = view! { <Waiting relays viewer=viewer.clone() /> };
    let recipients = message.recipients.clone().into_iter().map(|recipient| {
        let viewer = viewer.clone();
        view! { <Recipient id=id.clone() recipient accepted viewer /> }
    });
    view! {
        <div id=ID class="message">
            <Envelope message />
            {waiting} {acts}
            {recipients.collect_view()}
        </div>
    }
    .into_any()
}

fn count(recipients: &[RecipientView]) -> i64 {
    i64::try_from(recipients.len()).unwrap_or(i64::MAX)
}

#[component]
fn Envelope(message: MessageView) -> AnyView {
    let by = match message.by.as_str() {
        "" => "this machine".to_owned(),
        by => by.to_owned(),
    };
    let gone = (!message.kept).then(|| {
        view! {
            <dt>"Source"</dt>
            <dd>"No longer kept: it is removed some days after the last delivery."</dd>
        }
    });
    let opens = message.opens.map(|opens| {
        view! {
            <dt>"Opened"</dt>
            <dd>
                <Opens opens />
            </dd>
        }
    });
    view! {
        <section class="card" aria-label="Envelope">
            <dl class="facts envelope">
                <dt>"From"</dt>
                <dd>{message.from}</dd>
                <dt>"Accepted"</dt>
                <dd>"By " {by} ", " <Time at=message.accepted /></dd>
                <dt>"Priority"</dt>
                <dd>{message.priority.title()}</dd>
                <dt>"Size"</dt>
                <dd>{size(message.size)}</dd>
                <dt>"Message-ID"</dt>
                <dd class="fingerprint">{message.message_id}</dd>
                <dt>"Id"</dt>
                <dd class="fingerprint">{message.id}</dd>
                {opens}
                {gone}
            </dl>
        </section>
    }
    .into_any()
}

/// Loads of the image of a message.
#[component]
fn Opens(opens: MessageOpens) -> AnyView {
    match (opens.first, opens.last) {
        (Some(first), Some(last)) => view! {
            {counted(opens.opens, "time")}
            ", first "
            <Time at=first />
            ", last "
            <Time at=last />
        }
        .into_any(),
        _ => "Not yet, or by a mail program that blocks images.".into_any(),
    }
}

#[component]
fn Recipient(id: String, recipient: RecipientView, accepted: Timestamp, viewer: Viewer) -> AnyView {
    let (position, state, leased) = (recipient.position, recipient.state, recipient.leased);
    let address = recipient.address.clone();
    let anchor = format!("recipient-{position}");
    let titled = format!("{anchor}-title");
    let titles = titled.clone();
    let acts = (viewer.admin && !leased).then(|| {
        let selection = Selection::One(Cursor { id, position });
        let of = format!("the mail to {address}");
        view! { <RecipientActions selection states=vec![state] of /> }
    });
    view! {
        <section class="card recipient" id=anchor aria-labelledby=titles>
            <header class="recipient-head">
                <h2 id=titled>{address}</h2>
                <StateBadge state leased />
            </header>
            <Timeline recipient accepted viewer />
            {acts}
        </section>
    }
    .into_any()
}
