//! The list of messages, newest first.

mod empty;
mod search;

use domain::outbox::{Count, Cursor, OutboxRow, OutboxRows, RecipientState, Search, Selection};

use super::action::BulkActions;
use super::format::{ago, ahead, counted, description};
use super::overview::StateBadge;
use super::paths::{list_url, message_path};
use super::viewer::Viewer;
use crate::server_prelude::*;
use empty::Empty;
pub use search::SearchForm;

/// The id of the list, which snapshots replace.
const ID: &str = "mails";

#[component]
pub fn Messages(
    page: OutboxRows,
    search: Search,
    before: Option<Cursor>,
    counts: Vec<Count>,
    viewer: Viewer,
) -> AnyView {
    let description = description(&search);
    let of = match &description {
        Some(_) => "All that match",
        None => "All mail",
    };
    // Without a state in the search, the counts determine which actions apply.
    let states = match search.state {
        Some(state) => vec![state],
        None => {
            let some = counts.iter().filter(|count| count.number > 0);
            some.map(|count| count.state).collect()
        }
    };
    let acts = (viewer.admin && !page.lines.is_empty()).then(|| {
        view! { <BulkActions selection=Selection::Matching(search.clone()) states of /> }
    });
    let now = viewer.now;
    let empty = page.lines.is_empty();
    let rows = page
        .lines
        .into_iter()
        .map(|line| view! { <Row line now /> });
    let newest = before.is_some().then(|| {
        view! { <a class="button button-secondary button-small" href=list_url(&search, None)>"Newest"</a> }
    });
    let older = page.next.as_ref().map(|next| {
        view! { <a class="button button-secondary button-small" href=list_url(&search, Some(next)) rel="next">"Older"</a> }
    });
    let pager = (newest.is_some() || older.is_some())
        .then(|| view! { <nav class="pager" aria-label="Pages">{newest} {older}</nav> });
    let table = (!empty).then(|| {
        view! {
            <table class="mails">
                <thead>
                    <tr>
                        <th scope="col">"State"</th>
                        <th scope="col">"Recipient and subject"</th>
                        <th scope="col">"Accepted"</th>
                        <th scope="col">"Attempts"</th>
                        <th scope="col">"Last reply"</th>
                    </tr>
                </thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        }
    });
    let nothing = empty.then(|| {
        view! { <Empty searched=description.is_some() older=before.is_some() url=viewer.url.clone() /> }
    });
    // An outbox without any message needs no heading.
    let head = (description.is_some() || before.is_some() || !empty).then(|| {
        let title = match description {
            Some(description) => format!("Mail: {description}"),
            None => "All mail, newest first".to_owned(),
        };
        view! {
            <header class="mail-head">
                <p class="mail-filter">{title}</p>
                {acts}
            </header>
        }
    });
    view! {
        <section id=ID class="card mail-card" aria-label="Mail">
            {head} {table} {nothing} {pager}
        </section>
    }
    .into_any()
}

#[component]
fn Row(line: OutboxRow, now: domain::Timestamp) -> AnyView {
    let subject = match line.subject.as_str() {
        "" => "(no subject)".to_owned(),
        subject => subject.to_owned(),
    };
    let tries = match line.attempts {
        0 => "none yet".to_owned(),
        number => counted(number, "attempt"),
    };
    // While it is leased, its due time is the end of the lease.
    let next = line
        .due
        .filter(|due| !line.leased && *due > now && line.state != RecipientState::Held)
        .map(|due| {
            view! {
                <span class="mail-detail">
                    "next " <time datetime=due.rfc3339()>{ahead(due, now)}</time>
                </span>
            }
        });
    view! {
        <tr id=format!("mail-{}-{}", line.id, line.position)>
            <td class="mail-state">
                <StateBadge state=line.state leased=line.leased />
            </td>
            <td class="mail-summary">
                <a href=message_path(&line.id)>{line.to}</a>
                <span class="mail-detail">{subject}</span>
            </td>
            <td class="mail-time">
                <span>{ago(line.accepted, now)}</span>
                <time class="mail-detail" datetime=line.accepted.rfc3339()>
                    {line.accepted.to_string()}
                </time>
            </td>
            <td class="mail-attempts">
                <span>{tries}</span>
                {next}
            </td>
            <td class="mail-reply">{line.reply.map(|reply| view! { <span>{reply}</span> })}</td>
        </tr>
    }
    .into_any()
}
